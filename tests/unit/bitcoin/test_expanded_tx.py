"""Transactions with their ancestors: what is known of their inputs, against the reference's vectors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from channels_desktop.bitcoin.expanded_tx import AncestorTx, ExpandedTx, MinerResponse, SpentOutput
from channels_desktop.bitcoin.keys import parse_der
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput
from channels_desktop.errors import WireError
from tests.unit.bitcoin.described import Case, expanded_of, hexed
from tests.vectors import load

CASES = load("txs")["expanded_txs"]
SIGNATURES = load("keys")["der_reading"]
PARENT = Tx(1, (TxInput(Outpoint(bytes(32), 7)),), (TxOutput(1000, b"\x51"), TxOutput(2000, b"\x52")))
SIGNED_PARENT = replace(PARENT, inputs=(TxInput(Outpoint(bytes(32), 7), b"\x51"),))


def spending(*outpoints: Outpoint, **more: Any) -> ExpandedTx:
    tx = Tx(1, tuple(map(TxInput, outpoints)), (TxOutput(900, b"\x51"),))
    return ExpandedTx(tx=tx, **more)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["fields"]["tx"][10:18])
def test_what_is_known_is_what_the_reference_says(case: Case) -> None:
    expanded = expanded_of(case["fields"])
    again = ExpandedTx.from_bytes(expanded.to_bytes())
    assert (again, again.to_bytes()) == (expanded, expanded.to_bytes())
    assert expanded.has_spent_outputs is case["verify_inputs"]
    assert expanded.has_parents is case["verify_ancestors"]
    assert expanded.tx is not None
    assert expanded.tx.is_signed is case["fully_signed"]
    assert expanded.tx.has_signatures is case["has_signatures"]
    if "fee" in case:
        assert expanded.fee() == case["fee"]
    else:
        assert "Missing Input" in case["fee_error"]
        with pytest.raises(WireError, match="missing_input: what input 0 spends"):
            expanded.fee()


def test_a_parent_is_found_by_either_txid() -> None:
    assert SIGNED_PARENT.unsigned_txid == PARENT.txid != SIGNED_PARENT.txid
    ancestors = (None, AncestorTx(), AncestorTx(tx=SIGNED_PARENT))
    for txid in (SIGNED_PARENT.txid, PARENT.txid):
        expanded = spending(Outpoint(txid, 1), ancestors=ancestors)
        assert expanded.spent(0) == PARENT.outputs[1]
        assert expanded.has_parents
        assert expanded.fee() == 1100


def test_a_parent_tells_more_than_a_claim() -> None:
    claimed = (SpentOutput(value=5, locking_script=b"\x53"),)
    known = spending(Outpoint(PARENT.txid, 0), ancestors=(AncestorTx(tx=PARENT),), spent_outputs=claimed)
    assert known.spent(0) == PARENT.outputs[0]
    assert spending(Outpoint(PARENT.txid, 0), spent_outputs=claimed).spent(0) == TxOutput(5, b"\x53")
    assert spending(Outpoint(PARENT.txid, 0), spent_outputs=(None,)).spent(0) is None
    beyond = spending(Outpoint(PARENT.txid, 2), ancestors=(AncestorTx(tx=PARENT),), spent_outputs=claimed)
    assert beyond.spent(0) is None
    assert not beyond.has_parents
    assert not beyond.has_spent_outputs


def test_a_fee_may_be_below_zero_while_inputs_are_missing() -> None:
    assert spending().fee() == -900


def test_without_a_transaction_nothing_is_known() -> None:
    nothing = ExpandedTx()
    assert nothing.spent(0) is None
    assert not nothing.has_spent_outputs
    assert not nothing.has_parents
    with pytest.raises(WireError, match="missing_input"):
        nothing.fee()


@pytest.mark.parametrize("case", SIGNATURES, ids=lambda case: case["name"])
def test_miners_signatures_follow_the_rules_of_all_signatures(case: Case) -> None:
    data = MinerResponse(payload="{}", signature=hexed(case["der"])).to_bytes()
    if not case["ok"]:
        with pytest.raises(WireError, match="bad_signature_encoding"):
            MinerResponse.from_bytes(data)
        return
    read = MinerResponse.from_bytes(data)
    assert read.signature == hexed(case["written_again"])
    assert parse_der(read.signature or b"") == parse_der(hexed(case["written_again"]))


MESSAGES = [case for case in load("channels_messages")["cases"] if case["type"] == "expanded_tx.ExpandedTxMessage"]


@pytest.mark.parametrize("case", MESSAGES, ids=lambda case: case["name"])
def test_messages_are_written_and_read_as_the_reference_does(case: Case) -> None:
    inner = case["layers_outer_first"][-1]["fields"]
    expanded = expanded_of(inner)
    data = expanded.to_bytes()
    assert case["wire_hex"].endswith(data.hex())
    read = inner if case["read_back"]["equal"] else case["read_back"]["layers"][-1]["fields"]
    assert ExpandedTx.from_bytes(data) == expanded_of(read)
