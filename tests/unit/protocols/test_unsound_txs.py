"""Transactions that can not be, wherever a message of others holds one: refused before anything counts with them."""

from __future__ import annotations

import pytest

from channels_desktop.bitcoin.expanded_tx import AncestorTx, ExpandedTx, SpentOutput
from channels_desktop.bitcoin.merkle import MerkleProof
from channels_desktop.bitcoin.tx import MOST_SATOSHIS, Outpoint, Tx, TxInput, TxOutput
from channels_desktop.errors import ProtocolError
from channels_desktop.protocols.invoices.messages import Transfer, TransferAccept, TransferRequest
from channels_desktop.protocols.merkle_proofs import ProofMessage
from channels_desktop.protocols.policy import check_limits
from channels_desktop.protocols.response import Status
from channels_desktop.wire.bsor import Message

SPENT = (TxInput(Outpoint(bytes(32), 0)),)


def paying(*amounts: int) -> Tx:
    return Tx(1, SPENT, tuple(TxOutput(amount, b"\x51") for amount in amounts))


def of_size(size: int) -> Tx:
    """Return a transaction whose one output's script makes it so large."""
    tx = Tx(1, SPENT, (TxOutput(1, bytes(size - Tx(1, SPENT, (TxOutput(1, b""),)).size)),))
    assert tx.size == size
    return tx


def proof(tx: Tx) -> MerkleProof:
    return MerkleProof(0, tx.txid, (b"\x02" * 32,), block_hash=b"\x03" * 32, tx=tx)


def holding(tx: Tx) -> list[Message]:
    """Return messages that hold a transaction, in each place there is for one."""
    sound = paying(1)
    return [
        TransferRequest(tx=ExpandedTx(tx=tx)),
        Transfer(tx=ExpandedTx(tx=tx)),
        TransferAccept(tx=ExpandedTx(tx=tx)),
        Transfer(tx=ExpandedTx(tx=sound, ancestors=(None, AncestorTx(tx=tx)))),
        Transfer(tx=ExpandedTx(tx=sound, ancestors=(AncestorTx(merkle_proofs=(proof(tx),)),))),
        Transfer(tx=ExpandedTx(tx=sound, merkle_proofs=(None, proof(tx)))),
        ProofMessage(merkle_proof=proof(tx)),
    ]


@pytest.mark.parametrize(
    ("unsound", "sound", "words"),
    [
        (paying(MOST_SATOSHIS + 1), paying(MOST_SATOSHIS), "bad_amount"),
        (paying(MOST_SATOSHIS, 1), paying(MOST_SATOSHIS, 0), "bad_amount"),
        (paying(2**64 - 1), paying(0), "bad_amount"),
        (paying(*(2**63,) * 3), paying(), "bad_amount"),
        (of_size(64), of_size(63), "bad_size"),
        (of_size(64), of_size(65), "bad_size"),
    ],
)
def test_they_are_refused_in_every_place(unsound: Tx, sound: Tx, words: str) -> None:
    check_limits(holding(sound))
    for message in holding(unsound):
        with pytest.raises(ProtocolError, match=words) as caught:
            check_limits([message])
        assert (caught.value.code, caught.value.status) == (0, Status.INVALID)


def test_what_an_input_is_said_to_spend_has_the_same_bound() -> None:
    for value, good in ((MOST_SATOSHIS, True), (MOST_SATOSHIS + 1, False), (2**63 - 1, False)):
        message = Transfer(tx=ExpandedTx(tx=paying(1), spent_outputs=(None, SpentOutput(value=value))))
        if good:
            check_limits([message])
            continue
        with pytest.raises(ProtocolError, match="bad_amount"):
            check_limits([message])
