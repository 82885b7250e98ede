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
    signature_preimage,
    txid_bytes,
    txid_text,
)
from channels_desktop.bitcoin.verify import verify_input
from channels_desktop.errors import Misuse, WireError
from tests.vectors import load

Case = dict[str, Any]
VECTORS = load("txs")
KEY = PrivateKey(sha256(b"key"))


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
    assert tx.unsigned_txid == unsigned.txid == hexed(case, "unsigned_txid")
    assert tx.to_json() == case["hex"]
    assert sum(o.size for o in tx.outputs) == sum(len(o.to_bytes()) for o in tx.outputs)


@pytest.mark.parametrize("name", ["version", "inputs", "outputs", "locktime"])
def test_any_field_may_be_asked_for_first(name: str) -> None:
    for case in VECTORS["txs"]:
        assert getattr(Tx.from_bytes(hexed(case, "hex")), name) == getattr(built(case), name)
    with pytest.raises(AttributeError, match="colour"):
        _ = Tx.from_bytes(hexed(case, "hex")).colour  # type: ignore[attr-defined]


@given(st.binary(max_size=300), st.integers(0, 8), st.binary(max_size=3))
def test_changed_transactions_are_read_as_a_whole_or_not_at_all(rest: bytes, which: int, change: bytes) -> None:
    raw = hexed(VECTORS["txs"][which], "hex")
    at = len(rest) * len(raw) // 300
    data = raw[:at] + change + raw[at + len(change) :] + rest
    try:
        tx = Tx.from_bytes(data, strict=False)
    except WireError:
        return
    assert replace(tx).to_bytes() == tx.to_bytes() == data[: tx.size]


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
    tx, index, sighash = Tx.from_bytes(hexed(case, "tx")), case["input"], case["sig_hash_type"]
    spent = TxOutput(case["value"], hexed(case, "locking_script"))
    covered = (tx, index, spent.satoshis, spent.locking_script, sighash)
    assert signature_hash(*covered) == hexed(case, "sig_hash")
    if "preimage_error" in case:
        with pytest.raises(Misuse):
            signature_preimage(*covered)
    else:
        assert signature_preimage(*covered) == hexed(case, "preimage")
        assert hash256(hexed(case, "preimage")) == hexed(case, "double_sha256_of_preimage")
    if "unlock_error" in case:
        with pytest.raises(Misuse):
            sign_input(tx, index, KEY, spent, sighash)
    if "unlocks" in case:
        signed = sign_input(tx, index, PrivateKey(hexed(case, "private_key")), spent, sighash)
        assert signed.inputs[index].unlocking_script == hexed(case, "unlocking_script")
        assert case["unlocks"]
        verify_input(signed, index, spent)


def test_signing_keeps_what_signatures_share() -> None:
    spent = TxOutput(1000, p2pkh_to(KEY.public))
    tx = Tx(1, (TxInput(Outpoint(bytes(32), 0)), TxInput(Outpoint(bytes(32), 1))), (TxOutput(1, b"\x51"),))
    signed = sign_input(sign_input(tx, 0, KEY, spent), 1, KEY, spent)
    assert signed.shared_hashes == Tx.from_bytes(signed.to_bytes()).shared_hashes
    assert signed.inputs[0].unlocking_script
    assert tx.inputs[0].unlocking_script == b""
    assert signed.txid != tx.txid


@pytest.mark.parametrize(
    ("scripts", "has_signatures", "is_signed"),
    [
        ((), False, False),
        (("",), False, False),
        (("006a02bd01",), False, False),
        (("51",), True, True),
        (("51", ""), True, False),
        (("51", "006a"), True, False),
        (("51", "00"), True, True),
    ],
)
def test_masks_are_no_signatures(scripts: tuple[str, ...], has_signatures: bool, is_signed: bool) -> None:  # noqa: FBT001 - a table
    tx = Tx(1, tuple(TxInput(Outpoint(bytes(32), 0), bytes.fromhex(script)) for script in scripts), ())
    assert (tx.has_signatures, tx.is_signed) == (has_signatures, is_signed)


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
