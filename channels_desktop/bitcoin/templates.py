"""Locking and unlocking scripts this wallet writes, the ones it recognises, and addresses."""

from __future__ import annotations

from dataclasses import dataclass

import bitcoinx

from channels_desktop.bitcoin.keys import PUBLIC_KEY_SIZE, check_public, hash160
from channels_desktop.bitcoin.networks import network_rules
from channels_desktop.errors import Misuse, WireError

KEY_HASH_SIZE = 20
_LONG_KEY_SIZE = 65  # a public key with both coordinates
_P2PKH_START = bytes.fromhex("76a914")  # OP_DUP OP_HASH160 push of 20
_P2PKH_END = bytes.fromhex("88ac")  # OP_EQUALVERIFY OP_CHECKSIG
_P2PKH_SIZE = 25
_P2SH_START = bytes.fromhex("a914")  # OP_HASH160 push of 20
_P2SH_END = bytes.fromhex("87")  # OP_EQUAL
_CHECKSIG = bytes.fromhex("ac")
_LONGEST_BASE58 = 64  # decoding costs the square of the length
_P2PK_VERSIONS = (b"\x06", b"\x07")
_LONGEST_SIGNATURE = 73  # DER of at most 72 bytes and the signature hash type


def p2pkh(key_hash: bytes) -> bytes:
    """Return the locking script that pays to a 20 byte key hash."""
    if len(key_hash) != KEY_HASH_SIZE:
        raise Misuse("a key hash has 20 bytes")
    return _P2PKH_START + key_hash + _P2PKH_END


def p2pkh_to(public: bytes) -> bytes:
    """Return the locking script that pays to a public key by its hash; bad keys raise WireError."""
    return p2pkh(hash160(check_public(public)))


def p2pk(public: bytes) -> bytes:
    """Return the locking script that pays to a public key itself; bad keys raise WireError."""
    return bytes((PUBLIC_KEY_SIZE,)) + check_public(public) + _CHECKSIG


def p2pkh_hash(locking_script: bytes) -> bytes | None:
    """Return the key hash a P2PKH script pays to, or None if it is another kind of script."""
    is_p2pkh = (
        len(locking_script) == _P2PKH_SIZE
        and locking_script.startswith(_P2PKH_START)
        and locking_script.endswith(_P2PKH_END)
    )
    return locking_script[3:23] if is_p2pkh else None


def pays_to_key(locking_script: bytes) -> bool:
    """Return whether a script pays to one key: by its hash (P2PKH) or by itself (P2PK, either form of the key)."""
    sizes = (PUBLIC_KEY_SIZE, _LONG_KEY_SIZE)
    is_p2pk = any(len(locking_script) == size + 2 and locking_script[0] == size for size in sizes)
    return p2pkh_hash(locking_script) is not None or (is_p2pk and locking_script.endswith(_CHECKSIG))


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
    address = decode_address(text)
    if address.version != network_rules(network).P2PKH_verbyte:
        raise WireError("bad_address")
    return address.locking_script


@dataclass(frozen=True, slots=True)
class Address:
    """What an address text says, whether or not it is one to pay to: `version` is the byte in front."""

    version: int
    network: str
    locking_script: bytes


def decode_address(text: str) -> Address:
    """Read an address of a key hash, a script hash, or a public key (versions 06 and 07, the reference's own).

    Nobody is paid through this: use `read_address`. Raises WireError("bad_address"). All test networks are "test";
    so is version 06, as in the reference.
    """
    decoded = decode_base58(text)
    version, content = decoded[:1], decoded[1:]
    if version in _P2PK_VERSIONS:
        try:
            return Address(decoded[0], "test", p2pk(content))
        except WireError:
            raise WireError("bad_address") from None
    for network in ("main", "test") if len(content) == KEY_HASH_SIZE else ():
        rules = network_rules(network)
        if decoded[0] == rules.P2PKH_verbyte:
            return Address(decoded[0], network, p2pkh(content))
        if decoded[0] == rules.P2SH_verbyte:
            return Address(decoded[0], network, _P2SH_START + content + _P2SH_END)
    raise WireError("bad_address")


def decode_base58(text: str) -> bytes:
    """Return the bytes of a base58 text whose check sum fits, or none where it is no such text."""
    if len(text) > _LONGEST_BASE58:
        return b""
    try:
        return bytes(bitcoinx.base58_decode_check(text))
    except (bitcoinx.Base58Error, ValueError, TypeError, IndexError):
        return b""
