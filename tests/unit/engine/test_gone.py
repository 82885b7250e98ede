"""Mail to mailboxes that are no more: kept and told, and not waited for where nobody is a contact (channels.md 5.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from channels_desktop.engine import commands as ask
from channels_desktop.engine import contacts, outbox, payments, texts
from channels_desktop.engine.advance import begin
from channels_desktop.engine.outbound import promise
from channels_desktop.engine.projection import conversation_row, entry_row
from channels_desktop.engine.records import StoredMessage
from channels_desktop.engine.rows import ContactState, NeedRow, PaymentRow, TextRow, TextState
from channels_desktop.engine.turn import Turn
from channels_desktop.errors import Refused, TransportError
from channels_desktop.protocols import effects as do
from channels_desktop.protocols.invoices.messages import InvoiceItem, Price, PurchaseOrder
from channels_desktop.protocols.text import TextReceipt
from tests.unit.engine.desk import AT, SECOND, desk
from tests.unit.engine.test_outbox import ONE, TWO, running

DAY = 86_400 * SECOND


def lost() -> list[Exception]:
    return [TransportError("status 404", gone=True) for _ in range(99)]


async def test_a_message_to_a_mailbox_that_is_gone_is_kept_and_told() -> None:
    async with running(ONE, TWO) as post:
        post.channels.fail = {"1": lost(), "2": lost()}
        entry = await post.send("hello")
        await post.postponed(1)
        contact = await post.desk.contact()
        assert contact.gone_since == AT
        assert await post.desk.notices() == ["mailbox_gone"]
        row = await post.desk.store.query(lambda reader: entry_row(reader, reader.entries.get(entry)))
        assert isinstance(row, TextRow)
        assert (row.state, row.reason) == (TextState.WAITING, "gone")
        assert await post.desk.store.query(lambda reader: reader.contacts.gone()) == 1
        for later, needs in ((DAY - 1, ()), (DAY, (NeedRow("mailbox_gone"),))):
            line = await post.desk.store.query(lambda r, at=AT + later: conversation_row(r, contact, at))
            assert (line.gone, line.needs) == (True, needs)
        post.clock.advance(300 * SECOND)
        await post.postponed(2)
        assert (await post.desk.contact()).gone_since == AT, "since the first time"
        assert await post.desk.notices() == ["mailbox_gone"], "and told once"
        post.channels.fail = {}
        post.outbox.ring(eager=True)
        await post.until("posted")
        assert (await post.desk.contact()).gone_since == 0
        assert [row.state for row in await post.desk.entries() if row.kind == "text"] == ["stored"]


async def test_a_payment_to_a_mailbox_that_is_gone_says_so() -> None:
    async with running(ONE) as post:
        post.channels.fail = {"1": lost()}
        order = PurchaseOrder(items=(InvoiceItem(id=b"x", price=Price(quantity=5)),))
        await post.desk.turn(lambda turn: begin(turn, post.desk.peer, b"\x01" * 16, do.Asked(order, 0, AT)))
        post.outbox.ring()
        await post.postponed(1)
        (card, _) = await post.desk.entries()
        row = await post.desk.store.query(lambda reader: entry_row(reader, card))
        assert isinstance(row, PaymentRow)
        assert (row.sending, row.gone) == (True, True)


async def test_where_one_mailbox_is_gone_the_other_decides() -> None:
    async with running(ONE, TWO) as post:
        post.channels.fail = {"1": lost(), "2": [TransportError("away"), Refused("too_large")]}
        await post.send("hello")
        await post.postponed(1)
        assert (await post.desk.contact()).gone_since == 0
        post.clock.advance(SECOND)
        await post.until("failed")


@pytest.mark.parametrize("state", [ContactState.TERMINATED, ContactState.REJECTED])
async def test_who_is_no_contact_any_more_is_not_waited_for(state: ContactState) -> None:
    async with running(ONE) as post:
        post.channels.fail = {"1": lost()}
        await post.send("hello")
        await post.postponed(1)

        def end(turn: Turn) -> None:
            turn.tx.contacts.move(replace(turn.tx.contacts.get(post.desk.peer), since=AT), state)

        await post.desk.turn(end)
        post.outbox.ring(eager=True)
        await post.until("failed")
        assert [row.reason for row in await post.desk.entries() if row.kind == "text"] == ["gone"]


async def test_to_whom_was_removed_before_there_was_a_connection_nothing_goes_out() -> None:
    async with running(ONE) as post:
        post.channels.fail = {"1": [TransportError("away")]}
        await post.desk.turn(
            lambda turn: turn.tx.contacts.move(turn.tx.contacts.get(post.desk.peer), ContactState.SENT)
        )
        await post.desk.turn(lambda turn: promise(turn, post.desk.peer, TextReceipt()))
        post.outbox.ring()
        await post.postponed(1)
        await post.desk.turn(lambda turn: contacts.remove(turn, ask.RemoveContact(post.desk.peer)))
        post.outbox.ring(eager=True)
        await post.until("failed")
        assert post.channels.posted == []


@pytest.mark.parametrize(("why", "state"), [(lost, "waiting"), (lambda: [Refused("bad_request")], "failed")])
async def test_an_invite_whose_mailbox_takes_nothing_says_so(why: Callable[[], list[Exception]], state: str) -> None:
    async with running(ONE) as post:
        post.channels.fail = {"1": why()}
        await post.desk.turn(
            lambda turn: turn.tx.contacts.move(turn.tx.contacts.get(post.desk.peer), ContactState.SENT)
        )
        await post.desk.turn(lambda turn: promise(turn, post.desk.peer, TextReceipt()))
        post.outbox.ring()
        async with asyncio.timeout(60):
            while not (contact := await post.desk.contact()).gone_since:
                post.changed.clear()
                await post.changed.wait()
        row = await post.desk.store.query(lambda reader: conversation_row(reader, contact, AT))
        assert (row.state, row.gone, row.needs) == (ContactState.SENT, True, ())
        assert [message.state for message in await post.desk.outbox()] == [state]
        assert await post.desk.entries() == (), "nobody to write to yet"


async def test_a_mailbox_that_is_gone_shows_in_all_that_waits() -> None:
    async with desk() as it:
        waiting = [await it.turn(partial(texts.send, command=ask.SendText(it.peer, words))) for words in ("one", "two")]
        thread = await it.turn(lambda turn: payments.offer(turn, ask.OfferPayment(it.peer, "lunch", 5)))
        card = await it.store.query(lambda reader: reader.threads.get(bytes.fromhex(thread)).entry)  # type: ignore[union-attr]  # it is there
        first = (await it.outbox())[0]
        shown: list[int] = []

        def turn(turn: Turn, step: Callable[[Turn, StoredMessage], None]) -> None:
            step(turn, first)
            shown.extend(turn.entries)

        for step in (outbox.unreachable, outbox.posted):
            shown.clear()
            await it.turn(partial(turn, step=step))
            assert {*waiting[1:], card} <= set(shown), step
