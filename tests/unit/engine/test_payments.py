"""From commands and messages to the events of a payment: what is refused before any machine sees it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from channels_desktop.engine import commands as ask
from channels_desktop.engine import payments
from channels_desktop.engine.advance import MACHINE, thaw
from channels_desktop.engine.payment_rows import payment_row
from channels_desktop.engine.records import Thread
from channels_desktop.engine.rows import Action, ContactState, PaymentState, Verification
from channels_desktop.engine.timers import next_due
from channels_desktop.engine.turn import Turn
from channels_desktop.errors import InsufficientFunds, Misuse, Refused
from channels_desktop.protocols.fee_requirements import FeeRequirement
from channels_desktop.protocols.ids import Uuid
from channels_desktop.protocols.invoices import deal as states
from channels_desktop.protocols.invoices.messages import Transfer, TransferAccept
from channels_desktop.protocols.response import Response, Status
from channels_desktop.wire import limits
from tests.unit.engine.desk import AT, STRANGER, Desk, desk, wake_due, write
from tests.unit.protocols.samples import EXPIRY, NO, OK, ORDER, PAYMENT, REQUEST, SAMPLES

UUID = b"\x0b" * 16


async def newest(it: Desk) -> Thread:
    return (await it.store.query(lambda reader: reader.threads.of(it.peer, tuple(states.STATES))))[0]


async def act(it: Desk, action: Action, *, version: int | None = None, note: str = "") -> None:
    thread = await newest(it)
    command = ask.Act(thread.uuid.hex(), action, thread.version if version is None else version, note)
    await it.turn(lambda turn: payments.act(turn, command))


async def request(it: Desk, **more: object) -> None:
    await it.receive(write((await it.contact()).next_in, Uuid(uuid=UUID), replace(REQUEST, **more)))


@pytest.mark.parametrize(
    ("what", "satoshis", "note", "reason"),
    [
        ("lunch", 0, "", "bad_amount"),
        ("lunch", -5, "", "bad_amount"),
        ("lunch", 21_000_001 * 10**8, "", "bad_amount"),
        (" ", 5, "", "bad_words"),
        ("\u200b\u3164", 5, "", "bad_words"),
        ("x" * 257, 5, "", "bad_words"),
        ("lunch", 5, "\xe9" * 2049, "bad_words"),
    ],
)
async def test_what_nobody_can_mean_is_refused(what: str, satoshis: int, note: str, reason: str) -> None:
    async with desk() as it:
        for command, work in (
            (ask.OfferPayment(it.peer, what, satoshis, note), payments.offer),
            (ask.RequestPayment(it.peer, what, satoshis, note), payments.request),
        ):
            with pytest.raises(Refused, match=reason):
                await it.turn(lambda turn, work=work, command=command: work(turn, command))
        assert await it.sent() == []


async def test_only_contacts_are_paid_or_asked() -> None:
    async with desk(ContactState.TERMINATED) as it:
        with pytest.raises(Refused, match="not_connected"):
            await it.turn(lambda turn: payments.offer(turn, ask.OfferPayment(it.peer, "lunch", 5)))


async def test_words_that_are_half_letters_are_made_whole() -> None:
    async with desk() as it:
        await it.turn(lambda turn: payments.offer(turn, ask.OfferPayment(it.peer, "a\ud800", 5, "b\ud800")))
        order = thaw(await newest(it)).deal.order
        assert (order.items[0].id, order.notes) == (b"a?", "b?")
        await it.receive(write(1, Uuid(uuid=UUID), ORDER))
        await act(it, Action.DECLINE, note="\ud800" + "\xe9" * 4000)
        assert len(thaw(await newest(it)).note.encode()) <= limits.NOTE_BYTES


async def test_a_stale_or_unknown_card_is_refused() -> None:
    async with desk() as it:
        await request(it)
        with pytest.raises(Refused, match="stale"):
            await act(it, Action.DECLINE, version=9)
        with pytest.raises(Refused, match="stale"):
            await act(it, Action.WITHDRAW)
        with pytest.raises(Refused, match="stale"):
            await it.turn(lambda turn: payments.act(turn, ask.Act("00" * 16, Action.PAY, 1)))
        with pytest.raises(Misuse):
            await act(it, Action.ORDER_AGAIN)


async def test_what_must_not_be_paid_is_not_signed() -> None:
    async with desk() as it:
        await request(it)
        with pytest.raises(InsufficientFunds):
            await act(it, Action.PAY)
        dear = FeeRequirement(fee_type=0, satoshis=1001, bytes=1000)
        await request(it, fees=(dear,))
        with pytest.raises(InsufficientFunds):
            await act(it, Action.PAY)
        it.at = EXPIRY
        with pytest.raises(Refused, match="expired"):
            await act(it, Action.PAY)
        await it.turn(lambda turn: _save(turn, it.peer, verification=Verification.MISMATCH))
        with pytest.raises(Refused, match="mismatch"):
            await act(it, Action.PAY)
        assert await it.answers() == []
        await it.turn(lambda turn: _move(turn, it.peer))
        with pytest.raises(Refused, match="not_connected"):
            await act(it, Action.DECLINE)


def _save(turn: Turn, number: int, **parts: object) -> None:
    turn.tx.contacts.save(replace(turn.tx.contacts.get(number), **parts))


def _move(turn: Turn, number: int) -> None:
    turn.tx.contacts.move(turn.tx.contacts.get(number), ContactState.TERMINATED)


@pytest.mark.parametrize(
    ("protocol", "code", "reason"),
    [(b"I", 3, "I:3"), (b"RS", 1, "RS:1"), (b"TXT", 0, "TXT:0"), (b"", 4, "I:4"), (b"", 0, ""), (b"I", 0, "")],
)
async def test_a_refusal_s_code_is_shown_with_the_protocol_it_is_a_code_of(
    protocol: bytes, code: int, reason: str
) -> None:
    async with desk() as it:
        await request(it)
        no = Response(status=Status.UNWANTED, protocol_id=protocol, code=code)
        await it.receive(write((await it.contact()).next_in, Uuid(uuid=UUID), no))
        thread = await newest(it)
        row = await it.store.query(lambda reader: payment_row(reader, thread))
        assert (row.state, row.reason) == (PaymentState.DECLINED, reason)


async def test_a_refused_payment_s_code_keeps_its_protocol_too() -> None:
    async with desk() as it:
        await request(it)
        thread = await newest(it)
        for protocol, reason in ((b"S", "S:2"), (b"", "I:2")):
            state = replace(SAMPLES["PaymentRefused"], code=2, protocol=protocol)
            kept = replace(thread, state_number=MACHINE.number_of(state), state=state.to_bytes())
            row = await it.store.query(lambda reader, kept=kept: payment_row(reader, kept))
            assert (row.state, row.reason) == (PaymentState.REFUSED, reason)


@pytest.mark.parametrize(
    ("layers", "answer"),
    [
        ((Uuid(uuid=UUID), OK, PAYMENT), (1, "I", 9)),
        ((PAYMENT,), (1, "I", 10)),
        ((Uuid(uuid=UUID), OK, TransferAccept()), (2, "RE", 1)),
        ((Uuid(uuid=UUID), OK, REQUEST), (2, "RE", 1)),
        ((Uuid(uuid=UUID), Transfer()), (1, "I", 9)),
    ],
)
async def test_an_answer_to_nothing_is_told_so(layers: tuple[Any, ...], answer: tuple[int, str, int]) -> None:
    async with desk() as it:
        await it.receive(write(1, *layers))
        assert await it.answers() == [answer]
        assert await it.notices() == ["out_of_turn"]


async def test_a_dialogue_with_somebody_else_is_none_of_theirs() -> None:
    async with desk() as it:
        await request(it)
        first = it.peer
        it.peer = await it.add_contact(their_key=STRANGER.public)
        await it.receive(write(1, Uuid(uuid=UUID), REQUEST, key=STRANGER))
        await it.receive(write(2, Uuid(uuid=UUID), NO, key=STRANGER))
        assert await it.answers() == [(1, "I", 9)]
        assert await it.notices() == ["out_of_turn"] * 2
        it.peer = first
        assert isinstance(thaw(await newest(it)), states.Reviewing)


async def test_a_refusal_of_our_order_closes_it() -> None:
    async with desk() as it:
        await it.turn(lambda turn: payments.offer(turn, ask.OfferPayment(it.peer, "lunch", 5)))
        thread = await newest(it)
        await it.receive(write(1, Uuid(uuid=thread.uuid), Response(status=5, protocol_id=b"I", note="no")))
        closed = thaw(await newest(it))
        assert (closed.end, closed.note) == (states.End.DECLINED, "no")


@pytest.mark.parametrize(("body", "named"), [(TransferAccept(), False), (PAYMENT, True)])
async def test_a_complaint_names_no_dialogue_in_which_money_is_open_but_that_of_a_payment(
    body: Any, *, named: bool
) -> None:
    async with desk() as it:
        await request(it)
        await it.receive(write(2, Uuid(uuid=UUID), OK, body))
        assert await it.notices() == ["out_of_turn"]
        (complaint,) = [stack for stack in await it.sent() if stack.find(Response) is not None]
        found = complaint.find(Uuid)
        assert (found.uuid if found else b"") == (UUID if named else b"")


async def test_an_alarm_that_no_longer_matters_is_taken_out() -> None:
    async with desk() as it:
        await it.turn(lambda turn: payments.offer(turn, ask.OfferPayment(it.peer, "lunch", 5)))
        thread = await newest(it)
        await it.turn(lambda turn: turn.tx.threads.set_wake(thread.uuid, AT))
        assert await it.store.query(next_due) == AT
        await it.turn(wake_due)
        assert await it.store.query(next_due) == 0
        assert (await newest(it)).version == thread.version


async def test_an_alarm_that_comes_early_is_set_again() -> None:
    async with desk() as it:
        await request(it)
        await it.turn(lambda turn: turn.tx.threads.set_wake(UUID, AT))
        await it.turn(wake_due)
        assert await it.store.query(next_due) == EXPIRY
        assert (await newest(it)).state_number == MACHINE.number_of(states.Reviewing(deal=states.Deal()))
