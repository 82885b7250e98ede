"""One event through one negotiation: stepped until quiet, frozen once, and every effect done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from channels_desktop.bitcoin.expanded_tx import ExpandedTx
from channels_desktop.engine.advance import MACHINE, MOST_WATCHED, _perform, advance, begin, thaw
from channels_desktop.engine.outbound import promise
from channels_desktop.engine.records import OwnCoin, Thread
from channels_desktop.engine.turn import Turn
from channels_desktop.errors import InsufficientFunds, Misuse, ProtocolError
from channels_desktop.protocols import effects as do
from channels_desktop.protocols.invoices import deal as states
from channels_desktop.protocols.invoices.messages import Transfer, TransferAccept, TransferRequest
from channels_desktop.protocols.invoices.payee import GRACE
from channels_desktop.protocols.merkle_proofs import ProofMessage
from channels_desktop.wire.bsor import Message
from tests.unit.engine.desk import Desk, desk
from tests.unit.protocols.samples import (
    AT,
    COINS,
    EVENTS,
    EXPIRY,
    NO,
    OK,
    ORDER,
    PAID,
    PAYMENT,
    PROOF,
    REQUEST,
    SAMPLES,
    paid,
    received,
    request_tx,
)

UUID = b"\x05" * 16


async def put(it: Desk, state: Message) -> Thread:
    """Add a negotiation that is in `state`; return it."""

    def work(turn: Turn) -> Thread:
        begin(turn, it.peer, UUID, received(ORDER))
        kept = turn.tx.threads.get(UUID)
        turn.tx.threads.save(
            replace(kept, state_number=MACHINE.number_of(state), state=state.to_bytes(), version=kept.version + 1)
        )
        return turn.tx.threads.get(UUID)

    return await it.turn(work)


async def take(it: Desk, event: do.Event) -> Thread:
    def work(turn: Turn) -> Thread:
        advance(turn, turn.tx.threads.get(UUID), event)
        return turn.tx.threads.get(UUID)

    return await it.turn(work)


async def test_what_an_effect_answers_is_stepped_in_the_same_transaction() -> None:
    async with desk() as it:
        await put(it, SAMPLES["OrderReceived"])
        thread = await take(it, EVENTS["approved"])
        assert isinstance(thaw(thread), states.Requested), "drafting is never at rest"
        assert thread.wake > 0
        (sent,) = await it.sent()
        assert sent.find(TransferRequest).tx.tx.outputs[0].satoshis == 50_000


async def test_an_event_out_of_turn_leaves_nothing_behind() -> None:
    async with desk() as it:
        with pytest.raises(ProtocolError):
            await it.turn(lambda turn: begin(turn, it.peer, UUID, EVENTS["seen"]))
        assert await it.entries() == ()
        before = await put(it, SAMPLES["OrderReceived"])
        with pytest.raises(ProtocolError):
            await take(it, EVENTS["funded"])
        assert await it.store.query(lambda reader: reader.threads.get(UUID)) == before


async def test_what_changes_nothing_makes_no_new_version() -> None:
    async with desk() as it:
        before = await put(it, SAMPLES["Accepted"])
        assert (await take(it, EVENTS["seen"])).version == before.version


async def test_too_little_money_rolls_everything_back() -> None:
    async with desk() as it:
        before = await put(it, SAMPLES["Reviewing"])
        with pytest.raises(InsufficientFunds):
            await take(it, EVENTS["approved"])
        assert await it.store.query(lambda reader: reader.threads.get(UUID)) == before
        assert await it.sent() == []


async def test_paying_signs_commits_sends_and_watches_at_once() -> None:
    async with desk() as it:
        await put(it, SAMPLES["Reviewing"])
        context = it.keys.receive_context()

        def fund(turn: Turn) -> None:
            from channels_desktop.engine.wallet import receive_script  # noqa: PLC0415

            script = receive_script(turn)
            coin = COINS.outputs[0]
            outpoint = PAID.tx.inputs[0].outpoint
            turn.tx.chain.add_tx(COINS.txid, COINS.to_bytes(), AT)
            turn.tx.coins.add(OwnCoin(outpoint, coin.satoshis, script, context, 0, "safe", AT))

        await it.turn(fund)
        thread = await take(it, EVENTS["approved"])
        state = thaw(thread)
        assert isinstance(state, states.PaymentSent)
        (sent,) = await it.sent()
        assert sent.find(Transfer) == Transfer(tx=state.tx)
        txid = state.tx.tx.txid
        watch = await it.store.query(lambda reader: reader.chain.watch_of(txid))
        assert (watch.uuid, watch.raw, watch.to_broadcast) == (UUID, state.tx.tx.to_bytes(), False)
        free, held, change, _ = await it.store.query(lambda reader: reader.coins.sums())
        assert (free, held) == (0, 80_000)
        assert held - change == state.held == 50_000 + state.fee
        (line,) = await it.store.query(lambda reader: reader.chain.history())
        assert (line.satoshis, line.fee, line.seen) == (-50_000 - state.fee, state.fee, False)


async def test_a_good_transfer_is_kept_watched_and_handed_out() -> None:
    async with desk() as it:
        await put(it, SAMPLES["Checking"])
        thread = await take(it, EVENTS["good"])
        assert (isinstance(thaw(thread), states.Broadcasting), thread.wake) == (True, 0)
        watch = await it.store.query(lambda reader: reader.chain.watch_of(PAID.tx.txid))
        assert watch.to_broadcast
        await take(it, do.Proven(PAID.tx, PROOF, 7, AT))
        bodies = [stack.messages[-1] for stack in await it.sent()]
        assert bodies == [TransferAccept(), ProofMessage(merkle_proof=PROOF)]


async def test_sending_again_lets_the_same_bytes_wait_once_more() -> None:
    async with desk() as it:
        await put(it, SAMPLES["PaymentSent"])

        def again(turn: Turn) -> None:
            promise(turn, it.peer, PAYMENT, uuid=UUID, response=OK)
            promise(turn, it.peer, None, uuid=UUID, response=NO)
            for number in (1, 2):
                turn.tx.messages.settle(turn.tx.messages.get(it.peer, number, outgoing=True), "posted")
            for _ in range(2):
                advance(turn, turn.tx.threads.get(UUID), EVENTS["resent"])

        await it.turn(again)
        payment, complaint = await it.outbox()
        assert (payment.state, payment.kind) == ("waiting", "Transfer")
        assert complaint.state == "posted", "what was said after the payment is not said again"


async def test_a_few_transactions_are_watched_for_one_negotiation_and_no_more() -> None:
    async with desk() as it:
        await put(it, SAMPLES["Requested"])
        for number in range(MOST_WATCHED + 5):
            tx = paid(request_tx()).tx.with_unlocking(0, bytes((number,)))
            await take(it, received(Transfer(tx=ExpandedTx(tx=tx)), OK, at=EXPIRY + GRACE + 1))
        watched = await it.store.query(lambda reader: reader.chain.watches_of(UUID))
        assert len(watched) == MOST_WATCHED


async def test_our_own_mistakes_are_told_as_such() -> None:
    async with desk() as it:
        await put(it, SAMPLES["PaymentSent"])
        with pytest.raises(Misuse, match="nothing of the kind"):
            await take(it, EVENTS["resent"])
        with pytest.raises(Misuse, match="gone"):
            await it.turn(
                lambda turn: advance(turn, replace(turn.tx.threads.get(UUID), uuid=b"\x06" * 16), EVENTS["woken"])
            )
        with pytest.raises(Misuse, match="nothing to broadcast"):
            await it.turn(lambda turn: _perform(turn, turn.tx.threads.get(UUID), do.Broadcast(ExpandedTx())))


async def test_a_request_is_shown_with_its_expiry_as_alarm() -> None:
    async with desk() as it:
        await it.turn(lambda turn: begin(turn, it.peer, UUID, received(REQUEST)))
        thread = await it.store.query(lambda reader: reader.threads.get(UUID))
        assert thread.wake == thaw(thread).deal.invoice.expiration
        assert await it.sent() == []
