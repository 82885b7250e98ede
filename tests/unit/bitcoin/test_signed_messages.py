"""Signed texts, as bitcoinx (and with it ElectrumSV and bitcoind) makes them."""

from __future__ import annotations

import bitcoinx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.bitcoin.signed_messages import is_signed_message

SECRET = bytes(range(1, 33))
KEYS = [bitcoinx.PrivateKey(SECRET, compressed) for compressed in (True, False)]
PUBLIC = KEYS[0].public_key.to_bytes()


@pytest.mark.parametrize("key", KEYS, ids=["compressed", "not compressed"])
@pytest.mark.parametrize("size", [0, 1, 252, 253, 65536])
def test_what_others_sign_is_signed(key: bitcoinx.PrivateKey, size: int) -> None:
    message = b"m" * size
    signature = key.sign_message(message)
    assert is_signed_message(PUBLIC, signature, message)
    assert not is_signed_message(PUBLIC, signature, message + b"m")
    assert not is_signed_message(bytes(33), signature, message)


def test_a_signature_with_another_form_of_head_still_counts_as_its_signer() -> None:
    signature = KEYS[0].sign_message(b"m")
    heads = [head for head in range(256) if is_signed_message(PUBLIC, bytes((head,)) + signature[1:], b"m")]
    assert heads == [signature[0] - 4, signature[0]]


@given(st.binary(max_size=70), st.binary(max_size=70))
def test_nothing_else_is(signature: bytes, message: bytes) -> None:
    assert not is_signed_message(PUBLIC, signature, message)
    assert not is_signed_message(PUBLIC, signature[:64].rjust(65, b"\x1f"), message)
