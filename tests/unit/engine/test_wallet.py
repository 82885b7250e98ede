"""The wallet's part in a payment (channels.md 4.5 to 4.7, 6.5, 6.6)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from channels_desktop.bitcoin.expanded_tx import AncestorTx, ExpandedTx, SpentOutput
from channels_desktop.bitcoin.merkle import MerkleProof
from channels_desktop.bitcoin.templates import p2pkh_to
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput, sign_input
from channels_desktop.engine import wallet
from channels_desktop.engine.records import OwnCoin, Thread
from channels_desktop.engine.turn import Turn
from channels_desktop.errors import InsufficientFunds, Misuse, WireError
from channels_desktop.protocols import effects as do
from channels_desktop.protocols.invoices.messages import InvoiceCode
from tests.unit.engine.desk import AT, Desk, desk
from tests.unit.protocols.samples import COINS, FEES, PAYER_KEY, paid, request_tx

ASKED = ExpandedTx(tx=request_tx())


async def add_coins(it: Desk, *satoshis: int) -> list[Outpoint]:
    """Give the wallet a safe coin for each amount."""

    def work(turn: Turn) -> list[Outpoint]:
        context = turn.keys.receive_context()
        outputs = tuple(TxOutput(each, wallet.receive_script(turn)) for each in satoshis)
        source = Tx(1, (TxInput(Outpoint(b"\x31" * 32, 0)),), outputs)
        turn.tx.chain.add_tx(source.txid, source.to_bytes(), AT)
        for index, output in enumerate(outputs):
            place = Outpoint(source.txid, index)
            turn.tx.coins.add(OwnCoin(place, output.satoshis, output.locking_script, context, index, "safe", AT))
        return [Outpoint(source.txid, index) for index in range(len(outputs))]

    return await it.turn(work)


def thread(it: Desk) -> Thread:
    return Thread(b"\x05" * 16, it.peer, 0, 2, b"", 1, AT)


async def fund(it: Desk, request: ExpandedTx = ASKED) -> do.Funded:
    return await it.turn(lambda turn: wallet.fund(turn, thread(it), request, FEES))


async def check(it: Desk, transfer: ExpandedTx, request: ExpandedTx = ASKED) -> do.TransferGood | do.TransferBad:
    return await it.turn(lambda turn: wallet.check_transfer(turn, thread(it), request, FEES, transfer))


async def test_a_completed_request_passes_the_checks_of_who_made_it() -> None:
    async with desk() as payer, desk() as payee:
        await add_coins(payer, 30_000, 40_000)
        funded = await fund(payer)
        tx = funded.tx.tx
        assert tx.outputs[:2] == ASKED.tx.outputs
        assert len(tx.inputs) == 2
        assert funded.held == 50_000 + funded.fee
        assert sum(o.satoshis for o in tx.outputs) == 70_000 - funded.fee
        assert await check(payee, funded.tx) == do.TransferGood(fee=funded.fee, at=AT)


async def test_a_coin_is_promised_once() -> None:
    async with desk() as it:
        await add_coins(it, 60_000)
        await fund(it)
        with pytest.raises(InsufficientFunds):
            await fund(it)


async def test_a_request_that_lists_a_coin_of_ours_is_not_completed() -> None:
    async with desk() as it:
        (coin, _) = await add_coins(it, 60_000, 70_000)
        trick = ExpandedTx(tx=replace(ASKED.tx, inputs=(TxInput(coin),)), spent_outputs=(SpentOutput(value=60_000),))
        with pytest.raises(WireError, match="own_input"):
            await fund(it, trick)
        unknown = ExpandedTx(tx=replace(ASKED.tx, inputs=(TxInput(Outpoint(b"\x01" * 32, 0)),)))
        with pytest.raises(WireError, match="missing_input"):
            await fund(it, unknown)


def resigned(tx: Tx) -> ExpandedTx:
    signed = sign_input(tx, len(tx.inputs) - 1, PAYER_KEY, COINS.outputs[0])
    return ExpandedTx(tx=signed, ancestors=(AncestorTx(tx=COINS),))


GOOD = paid(request_tx())
TX = GOOD.tx


def with_change(satoshis: int) -> ExpandedTx:
    return resigned(replace(TX, outputs=(*TX.outputs[:2], TxOutput(satoshis, TX.outputs[2].locking_script))))


WRONG_PROOF = MerkleProof(0, COINS.txid, (b"\x01" * 32,), merkle_root=b"\x02" * 32)
BAD = {
    "no value of an input": (ExpandedTx(tx=TX), InvoiceCode.TX_MISSING_INPUT),
    "no inputs": (ExpandedTx(tx=replace(TX, inputs=())), InvoiceCode.TX_NOT_VALID),
    "an input twice": (replace(GOOD, tx=replace(TX, inputs=TX.inputs * 2)), InvoiceCode.TX_NOT_VALID),
    "a broken signature": (
        replace(GOOD, tx=replace(TX, outputs=(*TX.outputs[:2], replace(TX.outputs[2], satoshis=1)))),
        InvoiceCode.TX_NOT_VALID,
    ),
    "no signature": (replace(GOOD, tx=TX.with_unlocking(0, b"")), InvoiceCode.TX_NOT_VALID),
    "a claim that the signature does not cover": (
        ExpandedTx(tx=TX, spent_outputs=(SpentOutput(value=90_000, locking_script=p2pkh_to(PAYER_KEY.public)),)),
        InvoiceCode.TX_NOT_VALID,
    ),
    "too little fee": (with_change(29_990), InvoiceCode.TX_FEE_TOO_LOW),
    "more out than in": (with_change(30_001), InvoiceCode.TX_FEE_TOO_LOW),
    "far too much fee": (with_change(20_000), InvoiceCode.TX_NOT_VALID),
    "a proof of an ancestor that is wrong": (
        replace(GOOD, ancestors=(AncestorTx(tx=COINS, merkle_proofs=(WRONG_PROOF,)),)),
        InvoiceCode.TX_NOT_VALID,
    ),
    "a proof of something else": (
        replace(GOOD, ancestors=(AncestorTx(tx=COINS), AncestorTx(merkle_proofs=(WRONG_PROOF,)))),
        InvoiceCode.TX_NOT_VALID,
    ),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_transfer_is_refused_for(name: str) -> None:
    transfer, code = BAD[name]
    async with desk() as it:
        answer = await check(it, transfer)
        assert isinstance(answer, do.TransferBad)
        assert answer.code == code


async def test_the_sample_that_the_bad_ones_are_made_from_is_good() -> None:
    async with desk() as it:
        assert isinstance(await check(it, with_change(29_900)), do.TransferGood)


async def test_a_transfer_may_not_spend_a_coin_of_ours_that_we_did_not_offer() -> None:
    async with desk() as it:
        script = COINS.outputs[0].locking_script
        coin = OwnCoin(Outpoint(COINS.txid, 0), 80_000, script, b"\x01" * 32, 0, "safe", AT)
        await it.turn(lambda turn: turn.tx.coins.add(coin))
        answer = await check(it, with_change(29_900))
        assert isinstance(answer, do.TransferBad)
        assert "ours" in answer.note


async def test_ancestors_go_back_to_what_is_proven() -> None:
    async with desk() as it:
        await add_coins(it, 60_000)
        funded = await fund(it)
        (known,) = funded.tx.ancestors
        assert known.tx.txid == funded.tx.tx.inputs[0].outpoint.txid
        assert known.merkle_proofs == ()


async def test_a_plain_coin_needs_a_proof_in_our_headers() -> None:
    async with desk() as it:
        proof = MerkleProof(0, COINS.txid, (b"\x01" * 32,), block_hash=b"\x02" * 32)
        with pytest.raises(WireError, match="bad_proof"):
            await it.turn(lambda turn: wallet.import_coin(turn, COINS, proof))


async def test_a_request_without_a_transaction_is_our_own_mistake() -> None:
    async with desk() as it:
        with pytest.raises(Misuse):
            await fund(it, ExpandedTx())
