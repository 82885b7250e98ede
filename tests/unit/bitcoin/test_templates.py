"""Scripts and addresses against the reference's vectors."""

from __future__ import annotations

from typing import Any

import bitcoinx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.bitcoin.networks import network_rules
from channels_desktop.bitcoin.templates import (
    address_of,
    decode_address,
    is_data_script,
    p2pk,
    p2pkh,
    p2pkh_hash,
    p2pkh_to,
    p2pkh_unlocking,
    read_address,
    read_p2pkh_unlocking,
)
from channels_desktop.errors import Misuse, WireError
from tests.vectors import load

Case = dict[str, Any]
VECTORS = load("keys")


@pytest.mark.parametrize("case", VECTORS["keys"], ids=lambda case: case["private_key"][:8])
def test_scripts_and_addresses_of_keys(case: Case) -> None:
    script = p2pkh_to(bytes.fromhex(case["public_key"]))
    assert script.hex() == case["p2pkh_locking_script"]
    assert p2pkh_hash(script) == bytes.fromhex(case["hash160"])
    assert address_of(script, "main") == case["address_mainnet"]
    assert address_of(script, "test") == address_of(script, "regtest") == case["address_testnet"]
    assert read_address(case["address_mainnet"], "main") == script
    assert read_address(case["address_testnet"], "regtest") == script
    assert p2pk(bytes.fromhex(case["public_key"])).hex() == case["p2pk_locking_script"]


@pytest.mark.parametrize("case", VECTORS["address_reading"], ids=lambda case: case["text"][:8] or "none")
def test_addresses_are_read_as_the_reference_reads_them(case: Case) -> None:
    if not case["ok"]:
        with pytest.raises(WireError, match="bad_address"):
            decode_address(case["text"])
        return
    address = decode_address(case["text"])
    assert (address.version, f"{address.network}net") == (case["type_byte"], case["network"])
    assert address.locking_script.hex() == case["locking_script"]


@pytest.mark.parametrize("case", VECTORS["address_reading"], ids=lambda case: case["text"][:8] or "none")
def test_only_addresses_of_keys_on_this_network_are_paid_to(case: Case) -> None:
    network, other = ("test", "main") if case.get("network") == "testnet" else ("main", "test")
    if case["ok"] and case["type_byte"] in (0, 111):
        assert read_address(case["text"], network).hex() == case["locking_script"]
    else:
        with pytest.raises(WireError, match="bad_address"):
            read_address(case["text"], network)
    with pytest.raises(WireError, match="bad_address"):
        read_address(case["text"], other)


def address_text(version: int, content: bytes) -> str:
    return str(bitcoinx.base58_encode_check(bytes((version,)) + content))


@pytest.mark.parametrize(
    ("version", "network", "script"),
    [(5, "main", "a914{}87"), (196, "test", "a914{}87"), (111, "test", "76a914{}88ac")],
)
def test_addresses_of_scripts_are_read_but_not_paid_to(version: int, network: str, script: str) -> None:
    text = address_text(version, bytes(20))
    address = decode_address(text)
    assert (address.version, address.network) == (version, network)
    assert address.locking_script.hex() == script.format(bytes(20).hex())


@pytest.mark.parametrize(
    ("version", "content"), [(0, bytes(19)), (0, bytes(21)), (0, b""), (6, bytes(33)), (7, bytes(20)), (1, bytes(20))]
)
def test_other_contents_are_no_addresses(version: int, content: bytes) -> None:
    with pytest.raises(WireError, match="bad_address"):
        decode_address(address_text(version, content))
    with pytest.raises(WireError, match="bad_address"):
        decode_address(65 * "1")


@given(st.text(max_size=70))
def test_any_text_is_an_address_or_a_wire_error(text: str) -> None:
    with pytest.raises(WireError, match="bad_address"):
        read_address(text, "main")


@pytest.mark.parametrize(
    ("script", "is_data"),
    [("", False), ("6a", False), ("6a00", True), ("006a", True), ("00", False), ("0000", False), ("516a", False)],
)
def test_data_scripts(script: str, is_data: bool) -> None:  # noqa: FBT001 - a table
    assert is_data_script(bytes.fromhex(script)) is is_data


def test_other_scripts_have_no_address() -> None:
    assert address_of(b"\x51", "main") is None
    assert address_of(p2pkh(bytes(20))[:-1] + b"\xad", "main") is None


def test_unlocking_scripts_are_two_pushes() -> None:
    signature, public = b"\x30" * 71 + b"\x41", b"\x02" * 33
    script = p2pkh_unlocking(signature, public)
    assert read_p2pkh_unlocking(script) == (signature, public)
    for other in (b"", b"\x00", script[:-1], script + b"\x51", b"\x4c" + script, b"\x00" + script[73:]):
        assert read_p2pkh_unlocking(other) is None


def test_values_of_the_wrong_size_are_our_own_mistake() -> None:
    with pytest.raises(Misuse):
        p2pkh(bytes(19))
    with pytest.raises(Misuse):
        p2pkh_unlocking(bytes(74), bytes(33))
    with pytest.raises(Misuse):
        network_rules("mainnet")
