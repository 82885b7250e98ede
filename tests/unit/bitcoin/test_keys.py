"""Keys against the reference's vectors, and the seed's paths against sums made here by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import coincurve
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.bitcoin.keys import (
    CURVE_ORDER,
    PrivateKey,
    Seed,
    check_public,
    derive_public,
    hash160,
    hash256,
    parse_der,
    sha256,
    verify,
    write_der,
)
from channels_desktop.bitcoin.tx import txid_text
from channels_desktop.errors import Misuse, WireError
from channels_desktop.wire.script import push
from tests.vectors import load

Case = dict[str, Any]
VECTORS = load("keys")
KEY = PrivateKey(sha256(b"a test key"))
WORDS = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"


def hexed(case: Case, name: str) -> bytes:
    return bytes.fromhex(case[name])


@pytest.mark.parametrize("case", VECTORS["keys"], ids=lambda case: case["private_key"][:8])
def test_public_keys_and_their_hashes(case: Case) -> None:
    key = PrivateKey(hexed(case, "private_key"))
    assert key.public == hexed(case, "public_key")
    assert key.to_bytes() == hexed(case, "private_key")
    assert hash160(key.public) == hexed(case, "hash160")
    assert push(key.public) == hexed(case, "pushed_public_key_script")


@pytest.mark.parametrize("case", VECTORS["derivations"], ids=lambda case: case["hash"][:8])
def test_derivation(case: Case) -> None:
    base, h = PrivateKey(hexed(case, "private_key")), hexed(case, "hash")
    if "private_error" in case:
        with pytest.raises(WireError, match=case["private_error"]["error_class"]):
            base.derive(h)
        with pytest.raises(WireError, match=case["public_error"]["error_class"]):
            derive_public(base.public, h)
        return
    key = base.derive(h)
    assert base.derive(hexed(case, "subtract_gives_hash")) == key  # the hash again, less the order where it is above
    assert key.to_bytes() == hexed(case, "derived_private_key")
    assert key.public == derive_public(hexed(case, "public_key"), hexed(case, "hash"))
    assert key.public == hexed(case, "derived_public_key")


@pytest.mark.parametrize("case", VECTORS["chains"], ids=lambda case: case["seed"][:8])
def test_hash_chains(case: Case) -> None:
    h, base = hexed(case, "seed"), PrivateKey(hexed(case, "base_private_key"))
    assert base.public == hexed(case, "base_public_key")
    for step in case["steps"]:
        h = sha256(h)
        assert h == hexed(step, "hash")
        assert base.derive(h).to_bytes() == hexed(step, "private_key")
        assert derive_public(base.public, h) == hexed(step, "public_key")


@pytest.mark.parametrize("case", VECTORS["hashes"], ids=lambda case: case["a"][:8])
def test_hashes(case: Case) -> None:
    a = hexed(case, "a")
    assert (sha256(a), hash256(a)) == (hexed(case, "sha256_of_a"), hexed(case, "double_sha256_of_a"))
    assert hash160(a) == hexed(case, "hash160_of_a")
    assert PrivateKey(a).derive(hexed(case, "b")).to_bytes() == hexed(case, "sum")
    assert txid_text(a) == case["a_as_text"]


@pytest.mark.parametrize("case", VECTORS["signatures"], ids=lambda case: case["hash"][:8])
def test_signatures_are_those_of_the_reference(case: Case) -> None:
    key, digest, der = PrivateKey(hexed(case, "private_key")), hexed(case, "hash"), hexed(case, "signature")
    assert key.public == hexed(case, "public_key")
    assert key.sign(digest) == der
    r, s = parse_der(der)
    assert (r, s) == (int(case["r"], 16), int(case["s"], 16))
    assert base64.b64encode(b"\x20" + r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode() == case["compact_base64"]
    assert verify(key.public, digest, der) is case["verify"]
    assert verify(key.public, sha256(digest), der) is case["verify_other_hash"]
    assert verify(KEY.public, digest, der) is case["verify_other_key"]


@pytest.mark.parametrize("case", VECTORS["der_reading"], ids=lambda case: case["name"])
def test_signature_bytes_are_read_as_the_reference_does(case: Case) -> None:
    context, der = VECTORS["der_reading_context"], hexed(case, "der")
    verified = verify(hexed(context, "public_key"), hexed(context, "hash"), der)
    assert verified is case.get("verify", False)
    if case["ok"]:
        assert write_der(*parse_der(der)) == hexed(case, "written_again")
        return
    with pytest.raises(WireError) as caught:
        parse_der(der)
    assert caught.value.kind == case["error_class"]


@pytest.mark.parametrize("case", VECTORS["public_key_reading"], ids=lambda case: case["bytes"][:6])
def test_only_points_of_the_curve_are_public_keys(case: Case) -> None:
    data = hexed(case, "bytes")
    in_field = data[1:] < b"\xff" * 32
    if case["ok"] and case["on_curve"] and data[0] in (2, 3) and in_field:
        assert check_public(data) == data == hexed(case, "written_again")
        x, y = coincurve.PublicKey(data).point()
        assert (x, y) == (int(case["x"], 16), int(case["y"], 16))
        return
    with pytest.raises(WireError) as caught:
        check_public(data)
    assert caught.value.kind == case.get("error_class", "invalid_key")  # stricter than the reference: wire-format 8


@given(st.binary(max_size=80))
def test_any_bytes_are_a_signature_or_a_wire_error(data: bytes) -> None:
    try:
        r, s = parse_der(data)
    except WireError as error:
        assert error.kind == "bad_signature_encoding"  # noqa: PT017 - either outcome is fine
    else:
        assert 0 < r < CURVE_ORDER
        assert 0 < s < CURVE_ORDER


def test_a_hash_above_the_order_counts_modulo_the_order() -> None:
    assert KEY.derive((CURVE_ORDER + 5).to_bytes(32, "big")) == KEY.derive((5).to_bytes(32, "big"))
    assert KEY.derive(CURVE_ORDER.to_bytes(32, "big")) == KEY
    assert derive_public(KEY.public, CURVE_ORDER.to_bytes(32, "big")) == KEY.public


@pytest.mark.parametrize("secret", [bytes(32), b"\xff" * 32, b"\x01" * 31], ids=["zero", "too large", "short"])
def test_some_values_are_no_private_key(secret: bytes) -> None:
    with pytest.raises(WireError, match="invalid_key"):
        PrivateKey(secret)


@pytest.mark.parametrize("call", [lambda: KEY.sign(b""), lambda: KEY.derive(b""), lambda: verify(KEY.public, b"", b"")])
def test_hashes_of_another_size_are_our_own_mistake(call: Callable[[], object]) -> None:
    with pytest.raises(Misuse):
        call()


def test_secrets_are_not_shown() -> None:
    assert KEY.to_bytes().hex() not in repr(KEY)
    assert repr(Seed(b"\x01" * 16)) == "Seed(hidden)"
    with pytest.raises(WireError) as caught:
        Seed.from_words(WORDS.replace("about", "abuot"))
    assert "abuot" not in str(caught.value)
    assert "number 12" in str(caught.value)


# ------------------------------------------------------------------------------------------------------------- the seed


def halves(key: bytes, message: bytes) -> tuple[bytes, bytes]:
    digest = hmac.new(key, message, hashlib.sha512).digest()
    return digest[:32], digest[32:]


@pytest.fixture(name="chain_secret")
def _chain_secret() -> tuple[bytes, bytes]:
    seed = hashlib.pbkdf2_hmac("sha512", WORDS.encode(), b"mnemonic", 2048)
    assert seed.hex().startswith("5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc1")
    return halves(b"channels/seed/0", seed)


def test_words_and_entropy_belong_together() -> None:
    assert Seed(bytes(16)).words == WORDS
    assert Seed.from_words(f"  {WORDS.upper()} ").entropy == bytes(16)
    assert Seed(b"\xff" * 16).words == "zoo " * 11 + "wrong"


@given(st.binary(min_size=16, max_size=16))
def test_words_bring_the_entropy_back(entropy: bytes) -> None:
    assert Seed.from_words(Seed(entropy).words).entropy == entropy


@pytest.mark.parametrize("words", ["", "abandon", WORDS + " abandon", "abandon " * 12, "über " * 12])
def test_other_words_are_no_seed(words: str) -> None:
    with pytest.raises(WireError, match="bad_seed"):
        Seed.from_words(words)


def test_other_sizes_of_entropy_are_no_seed() -> None:
    with pytest.raises(WireError, match="bad_seed"):
        Seed(bytes(32))


def test_the_paths_of_the_seed(chain_secret: tuple[bytes, bytes]) -> None:
    base, secret = chain_secret
    seed = Seed(bytes(16))
    assert seed.relationship_key(7).to_bytes() == halves(secret, b"rel-key/0" + b"\x07\0\0\0")[0]
    assert seed.relationship_context(258) == halves(secret, b"rel/0" + b"\x02\x01\0\0")[0]
    assert seed.receive_context() == halves(secret, b"recv/0")[0]
    context = seed.receive_context()
    h = int.from_bytes(halves(secret, b"wallet/0" + context + b"\x03\0\0\0")[0], "big")
    expected = (int.from_bytes(base, "big") + h) % CURVE_ORDER
    assert seed.coin_key(context, 3).to_bytes() == expected.to_bytes(32, "big")


def test_key_numbers_have_32_bits() -> None:
    with pytest.raises(Misuse):
        Seed(bytes(16)).relationship_key(1 << 32)
