"""S: the signature around a message, by a key derived for that message alone (channels.md 2.6).

1. The bytes signed are the ids after S, joined, and the items after the signature object; their SHA-256 is the digest.
2. The derivation hash is SHA-256("channels/S/1/derive" || base public key || digest || SHA-256(the same ids and items
   as a canonical envelope)). Nobody can choose it, and it alone says where one id ends and the next begins.
3. Whoever receives accepts as authenticated only that hash. Another that verifies proves no sender, since anyone can
   solve the equation for it, and none at all proves no boundaries: both are `LEGACY`.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Annotated

from channels_desktop.bitcoin.keys import (
    derive_public,
    low_s_der,
    sha256,
    verify,
    verify_derived,
)
from channels_desktop.errors import WireError
from channels_desktop.protocols.protocol import Protocol
from channels_desktop.wire.bsor import Message, field
from channels_desktop.wire.kinds import Coded, Hash32, Key33

if TYPE_CHECKING:
    from channels_desktop.bitcoin.keys import PrivateKey
    from channels_desktop.protocols.stack import Inside

_DOMAIN = b"channels/S/1/derive"


class SignatureCode(IntEnum):
    """Response codes of S."""

    PARSE = 0
    REQUIRED = 1
    INVALID = 2
    WRONG_PUBLIC_KEY = 3


Der = Annotated[bytes, Coded(bytes, low_s_der, zero=b"")]
"""Read with low s and without what follows it (wire-format 7)."""


class Signature(Message):
    """An ECDSA signature in DER; the public key, when given, is the base key."""

    signature: Der = field(1)
    public_key: Key33 | None = field(2)
    derivation_hash: Hash32 | None = field(3)


class SignatureStatus(Enum):
    """What a signature proves."""

    VALID = "valid"
    LEGACY = "legacy"
    INVALID = "invalid"
    KEY_MISSING = "key_missing"


def derivation_hash(base_public: bytes, inside: Inside) -> bytes:
    """Return the one derivation hash that a message around `inside` may be signed with (channels.md 2.6)."""
    return sha256(_DOMAIN + base_public + sha256(inside.joined) + sha256(inside.script))


def sign(base: PrivateKey, inside: Inside) -> Signature:
    """Return the signature layer around `inside` (see `Registry.write`)."""
    derivation = derivation_hash(base.public, inside)
    return Signature(signature=base.derive(derivation).sign(sha256(inside.joined)), derivation_hash=derivation)


def check(signature: Signature, inside: Inside, base_public: bytes | None) -> SignatureStatus:
    """Return what `signature` around `inside` proves, given the base key that is known from elsewhere."""
    base = base_public or signature.public_key
    if base is None:
        return SignatureStatus.KEY_MISSING
    digest, h = sha256(inside.joined), signature.derivation_hash
    try:
        if h is None:
            good, status = verify(base, digest, signature.signature), SignatureStatus.LEGACY
        elif h == derivation_hash(base, inside):
            good, status = verify_derived(base, h, digest, signature.signature), SignatureStatus.VALID
        else:
            good, status = verify(derive_public(base, h), digest, signature.signature), SignatureStatus.LEGACY
    except WireError:
        return SignatureStatus.INVALID
    return status if good else SignatureStatus.INVALID


PROTOCOL = Protocol(id=b"S", package="channels", messages={None: Signature}, wraps=True, codes=SignatureCode)
