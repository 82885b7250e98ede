"""Private keys as text (the wallet import format) and as the reference stores them (wire-format 10).

Whoever holds such a text or these bytes holds the coins: nothing of them stands in an error.
"""

from __future__ import annotations

import bitcoinx

from channels_desktop.bitcoin.keys import HASH_SIZE, PrivateKey
from channels_desktop.bitcoin.networks import network_rules
from channels_desktop.bitcoin.templates import decode_base58
from channels_desktop.errors import WireError

_COMPRESSED = b"\x01"
_BINARY_KEY = b"\x40"


def write_wif(key: PrivateKey, network: str) -> str:
    """Return the text of a key, marked as one with a compressed public key, which is how all wallets read it.

    The reference leaves out the mark and zeros in front; one key in 256 it cannot read again.
    """
    return str(bitcoinx.base58_encode_check(_prefix(network) + key.to_bytes() + _COMPRESSED))


def read_wif(text: str) -> tuple[PrivateKey, str]:
    """Return a key and its network, "main" or "test" (which stands for all test networks).

    The mark of a compressed public key may be missing: such keys are used with it all the same. Raises WireError:
    "bad_wif" for other texts, "invalid_key" for a value that is no key.
    """
    payload = decode_base58(text)
    secret, mark = payload[1 : 1 + HASH_SIZE], payload[1 + HASH_SIZE :]
    if len(secret) == HASH_SIZE and mark in (b"", _COMPRESSED):
        for network in ("main", "test"):
            if payload.startswith(_prefix(network)):
                return PrivateKey(secret), network
    raise WireError("bad_wif", "not a private key in wallet import format")


def write_binary_key(key: PrivateKey) -> bytes:
    """Return the reference's binary form: 40 and the 32 bytes, big endian. It names no network."""
    return _BINARY_KEY + key.to_bytes()


def read_binary_key(data: bytes) -> PrivateKey:
    """Read what `write_binary_key` writes; raise WireError("invalid_key") otherwise."""
    if not data.startswith(_BINARY_KEY):
        raise WireError("invalid_key")
    return PrivateKey(data[1:])


def _prefix(network: str) -> bytes:
    return bytes((network_rules(network).WIF_byte,))
