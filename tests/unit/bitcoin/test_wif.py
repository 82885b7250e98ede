"""Private keys as text, against the reference's vectors."""

from __future__ import annotations

from typing import Any

import bitcoinx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.bitcoin.keys import CURVE_ORDER, PrivateKey
from channels_desktop.bitcoin.wif import read_binary_key, read_wif, write_binary_key, write_wif
from channels_desktop.errors import Misuse, WireError
from tests.vectors import load

Case = dict[str, Any]
VECTORS = load("keys")
NETWORKS = {"main": "mainnet", "test": "testnet"}


def unmarked(key: PrivateKey, prefix: int) -> str:
    """Return the text that the reference writes: no mark, and no zeros in front."""
    return str(bitcoinx.base58_encode_check(bytes((prefix,)) + key.to_bytes().lstrip(b"\0")))


@pytest.mark.parametrize("case", VECTORS["keys"], ids=lambda case: case["private_key"][:8])
def test_keys_are_written_as_all_wallets_read_them(case: Case) -> None:
    key = PrivateKey(bytes.fromhex(case["private_key"]))
    for network, name in NETWORKS.items():
        assert write_wif(key, network) == case[f"wif_compressed_{name}"]
        assert read_wif(case[f"wif_compressed_{name}"]) == (key, network)
    assert write_wif(key, "regtest") == case["wif_compressed_testnet"]
    assert write_binary_key(key).hex() == case["key_binary"]
    assert read_binary_key(bytes.fromhex(case["key_binary"])) == key


@pytest.mark.parametrize("case", VECTORS["keys"], ids=lambda case: case["private_key"][:8])
def test_what_the_reference_writes_is_read_where_it_can_be(case: Case) -> None:
    key, again = PrivateKey(bytes.fromhex(case["private_key"])), case["wif_mainnet_read_back"]
    texts = {"main": case["wif_mainnet"], "test": case["wif_testnet"]}
    assert texts == {"main": unmarked(key, 0x80), "test": unmarked(key, 0xEF)}
    for network, text in texts.items():
        if again["ok"]:
            assert again["private_key"] == case["private_key"]
            assert read_wif(text) == (key, network)
        else:
            assert key.to_bytes()[0] == 0
            with pytest.raises(WireError, match="bad_wif"):
                read_wif(text)


@pytest.mark.parametrize("case", VECTORS["wif_reading"], ids=lambda case: case["text"][-8:] or "none")
def test_texts_are_read_as_the_reference_reads_them(case: Case) -> None:
    if not case["ok"]:
        with pytest.raises(WireError) as caught:
            read_wif(case["text"])
        assert caught.value.kind in {"bad_wif", "invalid_key"}
        return
    key, network = read_wif(case["text"])
    assert (key.to_bytes().hex(), NETWORKS[network]) == (case["private_key"], case["network"])


@pytest.mark.parametrize("secret", [bytes(32), CURVE_ORDER.to_bytes(32, "big"), b"\xff" * 32])
def test_values_out_of_range_are_no_keys(secret: bytes) -> None:
    for mark in (b"", b"\x01"):
        with pytest.raises(WireError, match="invalid_key"):
            read_wif(bitcoinx.base58_encode_check(b"\x80" + secret + mark))
    with pytest.raises(WireError, match="invalid_key"):
        read_binary_key(b"\x40" + secret)


@pytest.mark.parametrize("data", [b"", b"\x40", b"\x41" + b"\x01" * 32, b"\x40" + b"\x01" * 31, b"\x40" + b"\x01" * 33])
def test_other_bytes_are_no_keys(data: bytes) -> None:
    with pytest.raises(WireError, match="invalid_key"):
        read_binary_key(data)


@given(st.text(max_size=70))
def test_any_text_is_a_key_or_a_wire_error(text: str) -> None:
    with pytest.raises(WireError, match="bad_wif"):
        read_wif(text)


def test_errors_show_nothing_of_a_key() -> None:
    text = VECTORS["keys"][5]["wif_compressed_mainnet"]
    for mistyped in (text[:-1], text + "1", text[:-1] + ("b" if text.endswith("a") else "a")):
        with pytest.raises(WireError) as caught:
            read_wif(mistyped)
        assert str(caught.value) == "bad_wif: not a private key in wallet import format"
        assert caught.value.__context__ is None


def test_networks_have_names() -> None:
    with pytest.raises(Misuse):
        write_wif(PrivateKey(b"\x01" * 32), "mainnet")
