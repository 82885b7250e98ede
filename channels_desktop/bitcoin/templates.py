"""Locking and unlocking scripts this wallet writes, the ones it recognises, and addresses."""

from __future__ import annotations

import bitcoinx

from channels_desktop.bitcoin.keys import HASH_SIZE, PUBLIC_KEY_SIZE, check_public, hash160
from channels_desktop.bitcoin.networks import network_rules
from channels_desktop.errors import Misuse, WireError

KEY_HASH_SIZE = 20
_P2PKH_START = bytes.fromhex("76a914")  # OP_DUP OP_HASH160 push of 20
_P2PKH_END = bytes.fromhex("88ac")  # OP_EQUALVERIFY OP_CHECKSIG
_P2PKH_SIZE = 25
_LONGEST_SIGNATURE = 73  # DER of at most 72 bytes and the signature hash type


def p2pkh(key_hash: bytes) -> bytes:
    """Return the locking script that pays to a 20 byte key hash."""
    if len(key_hash) != KEY_HASH_SIZE:
        raise Misuse("a key hash has 20 bytes")
    return _P2PKH_START + key_hash + _P2PKH_END


def p2pkh_to(public: bytes) -> bytes:
    """Return the locking script that pays to a public key by its hash; bad keys raise WireError."""
    return p2pkh(hash160(check_public(public)))


def p2pkh_hash(locking_script: bytes) -> bytes | None:
    """Return the key hash a P2PKH script pays to, or None if it is another kind of script."""
    is_p2pkh = (
        len(locking_script) == _P2PKH_SIZE
        and locking_script.startswith(_P2PKH_START)
        and locking_script.endswith(_P2PKH_END)
    )
    return locking_script[3:23] if is_p2pkh else None


def p2pkh_unlocking(signature: bytes, public: bytes) -> bytes:
    """Return the unlocking script of a P2PKH output; `signature` is DER with the signature hash type after it."""
    if len(signature) > _LONGEST_SIGNATURE:
        raise Misuse("no such signature")
    return bytes((len(signature),)) + signature + bytes((len(public),)) + public


def read_p2pkh_unlocking(script: bytes) -> tuple[bytes, bytes] | None:
    """Return (signature with its type byte, compressed public key) if the script is two direct pushes of those."""
    at = 1 + script[0] if script and script[0] <= _LONGEST_SIGNATURE else 0
    if at < 2 or len(script) != at + 1 + PUBLIC_KEY_SIZE or script[at] != PUBLIC_KEY_SIZE:  # noqa: PLR2004 - two pushes
        return None
    return script[1:at], script[at + 1 :]


def is_data_script(locking_script: bytes) -> bool:
    """Return whether an output only carries data: two bytes or more, beginning 6a or 00 6a (wire-format 9)."""
    return len(locking_script) > 1 and locking_script.startswith((b"\x6a", b"\x00\x6a"))


def address_of(locking_script: bytes, network: str) -> str | None:
    """Return the address text of a P2PKH script on a network, or None for other scripts."""
    key_hash = p2pkh_hash(locking_script)
    if key_hash is None:
        return None
    return str(bitcoinx.base58_encode_check(bytes((network_rules(network).P2PKH_verbyte,)) + key_hash))


def read_address(text: str, network: str) -> bytes:
    """Return the P2PKH locking script of an address text.

    Raises WireError("bad_address") for anything else: other kinds of address, other networks, typing errors.
    """
    if len(text) > HASH_SIZE * 2:  # base58 costs the square of the length
        raise WireError("bad_address")
    try:
        decoded = bytes(bitcoinx.base58_decode_check(text))
    except (bitcoinx.Base58Error, ValueError, TypeError, IndexError):
        raise WireError("bad_address") from None
    if len(decoded) != 1 + KEY_HASH_SIZE or decoded[0] != network_rules(network).P2PKH_verbyte:
        raise WireError("bad_address")
    return p2pkh(decoded[1:])
