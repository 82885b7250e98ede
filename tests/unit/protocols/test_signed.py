"""Signatures by derived keys: the short way to check one says what the long way says."""

from __future__ import annotations

import coincurve
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.bitcoin.keys import (
    CURVE_ORDER,
    PrivateKey,
    derive_public,
    parse_der,
    sha256,
    verify,
    verify_derived,
)
from channels_desktop.errors import Misuse, WireError
from channels_desktop.protocols.signed import Signature, SignatureStatus, check, sign
from channels_desktop.protocols.stack import Inside

KEYS = st.integers(1, CURVE_ORDER - 1).map(lambda number: PrivateKey(number.to_bytes(32, "big")))
HASHES = st.binary(min_size=32, max_size=32)
KEY = PrivateKey(sha256(b"alice base"))
TEXT = Inside(b"text", b"the text with its boundaries")


@given(KEYS, HASHES, HASHES, st.integers(0, 255))
def test_a_derived_key_need_not_be_worked_out(key: PrivateKey, h: bytes, digest: bytes, bit: int) -> None:
    signature = key.derive(h).sign(digest)
    assert verify_derived(key.public, h, digest, signature)
    assert verify(derive_public(key.public, h), digest, signature)
    other = (int.from_bytes(digest, "big") ^ 1 << bit).to_bytes(32, "big")
    assert not verify_derived(key.public, h, other, signature)
    assert not verify_derived(key.public, sha256(h), digest, signature)


@given(KEYS, st.binary(max_size=200), st.binary(max_size=200))
def test_what_is_signed_is_valid_and_changed_bytes_are_not(key: PrivateKey, joined: bytes, script: bytes) -> None:
    inside = Inside(joined, script)
    signature = sign(key, inside)
    assert check(signature, inside, key.public) is SignatureStatus.VALID
    assert check(signature, Inside(joined + b"\x00", script), key.public) is SignatureStatus.INVALID
    assert check(signature, Inside(joined, script + b"\x00"), key.public) is SignatureStatus.LEGACY
    assert check(signature, inside, None) is SignatureStatus.KEY_MISSING
    plain = Signature(signature=key.sign(sha256(joined)))
    assert check(plain, inside, key.public) is SignatureStatus.LEGACY


def test_the_rule_of_before_that_knew_no_boundaries_is_not_accepted() -> None:
    digest = sha256(TEXT.joined)
    h = sha256(b"channels/S/0/derive" + KEY.public + digest)
    older = Signature(signature=KEY.derive(h).sign(digest), derivation_hash=h)
    assert check(older, TEXT, KEY.public) is SignatureStatus.LEGACY


@given(KEYS, HASHES)
def test_signatures_are_those_of_a_key_made_the_usual_way(key: PrivateKey, digest: bytes) -> None:
    usual = coincurve.PrivateKey(key.to_bytes())
    assert key.sign(digest) == usual.sign(digest, hasher=None)
    assert key.public == usual.public_key.format()


def test_a_signature_is_kept_with_its_low_s_and_nothing_after_it() -> None:
    signature = sign(KEY, TEXT)
    r, s = parse_der(signature.signature)
    high = (CURVE_ORDER - s).to_bytes(33, "big")
    first = b"\x02" + bytes((r.bit_length() // 8 + 1,)) + r.to_bytes(r.bit_length() // 8 + 1, "big")
    second = b"\x02\x21" + high
    der = b"\x30" + bytes((len(first + second),)) + first + second
    for odd in (der, der + b"\x41", signature.signature + b"\x41"):
        written = Signature(signature=odd, derivation_hash=signature.derivation_hash).to_bytes()
        assert Signature.from_bytes(written) == signature
        assert verify_derived(KEY.public, signature.derivation_hash or b"", sha256(b"text"), odd)


def test_a_derivation_without_a_point_is_invalid_and_a_bad_key_too() -> None:
    minus = (CURVE_ORDER - int.from_bytes(KEY.to_bytes(), "big")).to_bytes(32, "big")
    signature = Signature(signature=KEY.sign(sha256(b"x")), derivation_hash=minus)
    assert check(signature, Inside(b"x", b"x"), KEY.public) is SignatureStatus.INVALID
    assert check(signature, Inside(b"x", b"x"), b"\x02" + bytes(32)) is SignatureStatus.INVALID
    with pytest.raises(WireError, match="invalid_key"):
        KEY.derive(minus)
    with pytest.raises(Misuse):
        verify_derived(KEY.public, bytes(32), b"short", KEY.sign(sha256(b"x")))
    with pytest.raises(WireError):
        verify(b"\x02" + bytes(32), sha256(b"x"), KEY.sign(sha256(b"x")))
