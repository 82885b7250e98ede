"""Transactions and signature hashes against the reference's vectors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.bitcoin.keys import PrivateKey, hash256, sha256
from channels_desktop.bitcoin.templates import p2pkh_to
from channels_desktop.bitcoin.tx import (
    Outpoint,
    Tx,
    TxInput,
    TxOutput,
    sign_input,
    signature_hash,
    txid_bytes,
    txid_text,
)
from channels_desktop.errors import Misuse, WireError
from channels_desktop.wire.varints import read_varint, varint_size, write_varint
from tests.vectors import load

Case = dict[str, Any]
VECTORS = load("txs")


def hexed(case: Case, name: str) -> bytes:
    return bytes.fromhex(case[name])


def built(case: Case) -> Tx:
    inputs = tuple(
        TxInput(Outpoint(hexed(i, "previous_txid"), i["previous_index"]), hexed(i, "unlocking_script"), i["sequence"])
        for i in case["inputs"]
    )
    outputs = tuple(TxOutput(o["value"], hexed(o, "locking_script")) for o in case["outputs"])
    return Tx(case["version"], inputs, outputs, case["lock_time"])


@pytest.mark.parametrize("case", VECTORS["txs"], ids=lambda case: case["txid_text"][:8])
def test_transactions_are_written_and_read_as_the_reference_does(case: Case) -> None:
    tx = built(case)
    assert tx.to_bytes() == hexed(case, "hex")
    assert Tx.from_bytes(hexed(case, "hex")) == tx
    assert (tx.size, tx.txid, txid_text(tx.txid)) == (case["size"], hexed(case, "txid"), case["txid_text"])
    assert txid_bytes(case["txid_text"]) == tx.txid
    unsigned = replace(tx, inputs=tuple(replace(i, unlocking_script=b"") for i in tx.inputs))
    assert unsigned.to_bytes() == hexed(case, "unsigned_hex")
    assert unsigned.txid == hexed(case, "unsigned_txid")
    assert sum(o.size for o in tx.outputs) == sum(len(o.to_bytes()) for o in tx.outputs)


@pytest.mark.parametrize("case", VECTORS["tx_reading"], ids=lambda case: case["name"])
def test_bytes_are_read_as_the_reference_does(case: Case) -> None:
    if case["ok"]:
        tx = Tx.from_bytes(hexed(case, "hex"), strict=False)
        assert tx.to_bytes().hex() == case.get("written_again", case["hex"])
        return
    with pytest.raises(WireError) as caught:
        Tx.from_bytes(hexed(case, "hex"), strict=False)
    assert caught.value.kind == case["error_class"]


def test_nothing_may_follow_where_one_transaction_is_meant() -> None:
    raw = hexed(VECTORS["txs"][0], "hex")
    with pytest.raises(WireError, match="trailing_bytes"):
        Tx.from_bytes(raw + b"\0")


@given(st.binary(max_size=120))
def test_any_bytes_are_a_transaction_or_a_wire_error(data: bytes) -> None:
    try:
        tx = Tx.from_bytes(data, strict=False)
    except WireError:
        return
    assert data.startswith(tx.to_bytes())


@pytest.mark.parametrize("case", VECTORS["signature_hashes"], ids=lambda case: f"{case['sig_hash'][:8]}")
def test_signature_hashes_are_those_of_the_reference(case: Case) -> None:
    tx = Tx.from_bytes(hexed(case, "tx"))
    spent = (case["value"], hexed(case, "locking_script"))
    digest = signature_hash(tx, case["input"], *spent, case["sig_hash_type"])
    assert digest == hexed(case, "sig_hash")
    if "preimage" in case:
        assert digest == hash256(hexed(case, "preimage"))
    if case.get("unlocks") and case["sig_hash_type"] == 0x41:
        signed = sign_input(tx, case["input"], PrivateKey(hexed(case, "private_key")), TxOutput(*spent))
        assert signed.inputs[case["input"]].unlocking_script == hexed(case, "unlocking_script")


def test_signing_keeps_what_signatures_share() -> None:
    key = PrivateKey(sha256(b"key"))
    spent = TxOutput(1000, p2pkh_to(key.public))
    tx = Tx(1, (TxInput(Outpoint(bytes(32), 0)), TxInput(Outpoint(bytes(32), 1))), (TxOutput(1, b"\x51"),))
    signed = sign_input(sign_input(tx, 0, key, spent), 1, key, spent)
    assert signed.shared_hashes == Tx.from_bytes(signed.to_bytes()).shared_hashes
    assert signed.inputs[0].unlocking_script
    assert tx.inputs[0].unlocking_script == b""
    assert signed.txid != tx.txid


def test_only_inputs_that_exist_are_signed() -> None:
    with pytest.raises(Misuse):
        signature_hash(Tx(1, (), ()), 0, 0, b"")


def test_outpoints_have_36_bytes() -> None:
    outpoint = Outpoint(bytes(range(32)), 258)
    assert bytes(outpoint) == bytes(range(32)) + b"\x02\x01\0\0"
    assert Outpoint.from_bytes(bytes(outpoint)) == outpoint
    assert str(outpoint) == bytes(range(32))[::-1].hex() + ":258"
    with pytest.raises(WireError, match="wrong_size"):
        Outpoint.from_bytes(bytes(35))


@pytest.mark.parametrize("text", ["", "zz", "ab" * 31, "ab" * 33, "ä" * 64])
def test_other_texts_are_no_txid(text: str) -> None:
    with pytest.raises(WireError, match="invalid_txid"):
        txid_bytes(text)


@given(st.integers(0, (1 << 64) - 1))
def test_varints_come_back(value: int) -> None:
    assert read_varint(write_varint(value), 0) == (value, varint_size(value))


@pytest.mark.parametrize("text", ["fd0100", "fdfc00", "feffff0000", "ffffffffff00000000"])
def test_longer_varints_than_needed_are_refused(text: str) -> None:
    with pytest.raises(WireError, match="bad_varint"):
        read_varint(bytes.fromhex(text), 0)


def test_varints_have_64_bits() -> None:
    with pytest.raises(WireError, match="bad_varint"):
        write_varint(1 << 64)
    with pytest.raises(WireError, match="bad_varint"):
        write_varint(-1)
