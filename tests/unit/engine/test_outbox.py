"""Final bytes go out in order, each until a host has stored it (channels.md 3.4)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from channels_desktop.adapters.memory import ManualClock
from channels_desktop.adapters.memory_channels import MemoryHost, MemoryPeerChannels
from channels_desktop.engine import commands as ask
from channels_desktop.engine import outbox, texts
from channels_desktop.engine.advance import begin
from channels_desktop.engine.outbox import AGAIN_AT_ONCE, AT_ONCE, Outbox
from channels_desktop.engine.ports import MailboxAddress
from channels_desktop.engine.tasks import Tasks
from channels_desktop.engine.troubles import Obstacle, Task, TroubleRow
from channels_desktop.engine.turn import Turn
from channels_desktop.errors import Refused, StoreError, TransportError
from channels_desktop.protocols import effects as do
from channels_desktop.protocols.invoices.messages import InvoiceItem, Price, PurchaseOrder
from channels_desktop.protocols.text import TextReceipt
from tests.unit.engine.desk import AT, SECOND, Desk, desk, text, write

YEAR = 365 * 86_400 * SECOND
ONE, TWO = MailboxAddress("memory://one", "1", "t"), MailboxAddress("memory://two", "2", "t")


class Channels(MemoryPeerChannels):
    """Peer channels whose posts fail as told: `fail` says how for each mailbox, once or for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.tried: list[str] = []
        self.posted: list[tuple[str, bytes]] = []
        self.fail: dict[str, list[Exception]] = {}
        self.hang: dict[str, asyncio.Event] = {}
        self.told = asyncio.Event()

    async def post(self, to: MailboxAddress, payload: bytes) -> None:
        self.tried.append(to.channel_id)
        if to.channel_id in self.hang:
            await self.hang[to.channel_id].wait()
        plan = self.fail.get(to.channel_id, [])
        if plan:
            raise plan.pop(0)
        self.posted.append((to.channel_id, payload))
        self.told.set()


class Post:
    """A desk with a running outbox."""

    def __init__(self, it: Desk) -> None:
        self.desk = it
        self.clock = ManualClock(AT)
        self.channels = Channels()
        self.outbox = Outbox(store=it.store, channels=self.channels, clock=self.clock, run_turn=self.turn)
        self.changed = asyncio.Event()
        self.troubles: list[TroubleRow | None] = []
        self.fail: Exception | None = None

    async def turn(self, work: Callable[[Turn], None]) -> None:
        if self.fail is not None:
            raise self.fail
        await self.desk.turn(work)
        self.changed.set()

    def tell(self, trouble: TroubleRow | None) -> None:
        self.troubles.append(trouble)
        self.changed.set()

    async def told(self, newest: TroubleRow | None) -> None:
        """Wait for the outbox to tell how it is."""
        async with asyncio.timeout(60):
            while self.troubles[-1:] != [newest]:
                self.changed.clear()
                await self.changed.wait()

    async def send(self, words: str) -> int:
        entry = await self.desk.turn(lambda turn: texts.send(turn, ask.SendText(self.desk.peer, words)))
        self.outbox.ring()
        return entry

    async def until(self, *states: str) -> None:
        """Wait for our messages to be in these states."""
        async with asyncio.timeout(60):
            while [message.state for message in await self.desk.outbox()] != list(states):
                self.changed.clear()
                await self.changed.wait()

    async def postponed(self, attempts: int) -> None:
        """Wait for the newest message to have failed so often."""
        async with asyncio.timeout(60):
            while (await self.desk.outbox())[-1].attempts != attempts:
                self.changed.clear()
                await self.changed.wait()

    async def waits(self, nanoseconds: int) -> None:
        """See that the outbox posts nothing before so long has gone by, and let it go by."""
        tried = len(self.channels.tried)
        self.clock.advance(nanoseconds - 1)
        self.clock.set(self.clock.now() + YEAR)  # the date has nothing to do with it
        self.outbox.ring()
        for _ in range(20):
            await self.desk.outbox()
        assert len(self.channels.tried) == tried
        self.clock.set(AT - YEAR)
        self.clock.advance(1)


@asynccontextmanager
async def running(*addresses: MailboxAddress) -> AsyncIterator[Post]:
    async with desk(outgoing=addresses) as it:
        post = Post(it)
        tasks = Tasks(post.clock, post.tell)
        tasks.keep(Task.OUTBOX, post.outbox.run)
        try:
            yield post
        finally:
            await tasks.stop()
    assert post.troubles == []


async def test_messages_go_out_in_order_to_every_mailbox() -> None:
    async with running(ONE, TWO) as post:
        await post.send("one")
        await post.send("two")
        await post.until("posted", "posted")
        first, second = [message.script for message in await post.desk.outbox()]
        assert post.channels.posted == [("1", first), ("2", first), ("1", second), ("2", second)]
        assert [entry.state for entry in await post.desk.entries()] == ["stored", "stored"]


async def test_stored_by_one_mailbox_is_enough() -> None:
    async with running(ONE, TWO) as post:
        post.channels.fail = {"1": [TransportError("away")], "2": []}
        await post.send("hello")
        await post.until("posted")
        assert [to for to, _ in post.channels.posted] == ["2"]


async def test_what_fails_is_tried_again_ever_later_and_nothing_overtakes_it() -> None:
    async with running(ONE) as post:
        post.channels.fail = {"1": [TransportError("away") for _ in range(3)]}
        await post.send("one")
        await post.postponed(1)
        await post.waits(SECOND)
        await post.postponed(2)
        await post.waits(2 * SECOND)
        await post.postponed(3)
        await post.send("two")
        assert post.channels.posted == []
        await post.waits(4 * SECOND)
        await post.until("posted", "posted")
        assert [payload for _, payload in post.channels.posted] == [m.script for m in await post.desk.outbox()]


async def test_the_host_s_own_time_is_kept_to() -> None:
    async with running(ONE) as post:
        post.channels.fail = {"1": [TransportError("busy", retry_at=AT + 90 * SECOND)]}
        await post.send("hello")
        await post.postponed(1)
        await post.waits(90 * SECOND)
        await post.until("posted")


async def test_once_the_line_is_back_nothing_waits_for_its_time() -> None:
    async with running(ONE) as post:
        post.channels.fail = {"1": [TransportError("away")]}
        await post.send("hello")
        await post.postponed(1)
        post.outbox.ring(eager=True)
        await post.until("posted")


async def test_what_every_host_refuses_for_good_is_not_sent() -> None:
    async with running(ONE, TWO) as post:
        post.channels.fail = {"1": [Refused("too_large")], "2": [Refused("too_large")]}
        await post.send("hello")
        await post.until("failed")
        (entry,) = await post.desk.entries()
        assert (entry.state, entry.reason) == ("not_sent", "too_large")


async def test_a_refusal_waits_for_the_word_of_a_host_that_is_away() -> None:
    async with running(ONE, TWO) as post:
        post.channels.fail = {"1": [Refused("too_large")], "2": [TransportError("away")]}
        await post.send("hello")
        await post.postponed(1)


async def test_a_contact_without_a_mailbox_is_waited_for() -> None:
    async with running() as post:
        await post.send("hello")
        await post.postponed(1)
        await post.waits(SECOND)
        await post.postponed(2)


async def test_an_order_s_card_is_shown_anew_when_it_is_stored() -> None:
    async with desk() as it:
        order = PurchaseOrder(items=(InvoiceItem(id=b"x", price=Price(quantity=5)),))
        await it.turn(lambda turn: begin(turn, it.peer, b"\x01" * 16, do.Asked(order, 0, AT)))
        (message,) = await it.outbox()

        def work(turn: Turn) -> list[int]:
            outbox.posted(turn, message)
            return list(turn.entries)

        assert await it.turn(work) == [(await it.entries())[0].number]


async def test_a_message_of_no_text_and_no_dialogue_shows_nothing() -> None:
    async with desk() as it:
        await it.receive(text(1, "hello"))
        (receipt,) = await it.outbox()

        def work(turn: Turn) -> list[int]:
            outbox.posted(turn, receipt)
            outbox.posted(turn, replace(receipt, state="posted", uuid=b"\x01" * 16))
            return list(turn.entries)

        assert await it.turn(work) == []


async def test_a_text_that_is_received_before_its_post_returns_stays_received() -> None:
    async with desk() as it:
        await it.turn(lambda turn: texts.send(turn, ask.SendText(it.peer, "hello")))
        (message,) = await it.outbox()
        await it.receive(write(1, TextReceipt(kind=1, up_to=1)))
        await it.turn(lambda turn: outbox.posted(turn, message))
        assert [entry.state for entry in await it.entries()] == ["received"]


async def test_attempts_that_count_anew_meanwhile_do_no_harm() -> None:
    """The other side asks for everything again while a post is under way."""
    async with desk() as it:
        await it.turn(lambda turn: texts.send(turn, ask.SendText(it.peer, "hello")))
        (first,) = await it.outbox()
        await it.turn(lambda turn: outbox.postponed(turn, first))
        (before,) = await it.outbox()
        await it.turn(lambda turn: turn.tx.messages.resend_from(it.peer, 1))
        await it.turn(lambda turn: outbox.postponed(turn, before))
        (after,) = await it.outbox()
        assert after.attempts == 1
        await it.turn(lambda turn: outbox.posted(turn, after))
        await it.turn(lambda turn: outbox.postponed(turn, after))
        assert (await it.outbox())[0].attempts == 1


async def test_relationships_do_not_wait_for_each_other() -> None:
    async with running(ONE) as post:
        others = [await post.desk.add_contact(outgoing=(TWO,)) for _ in range(3)]
        post.channels.fail = {"1": [TransportError("away")]}
        await post.send("hello")
        for other in others:
            await post.desk.turn(lambda turn, to=other: texts.send(turn, ask.SendText(to, "hello")))
        post.outbox.ring()
        await post.postponed(1)
        async with asyncio.timeout(60):
            while len(post.channels.posted) < len(others):
                post.changed.clear()
                await post.changed.wait()
        assert {to for to, _ in post.channels.posted} == {"2"}


async def test_a_host_that_does_not_answer_holds_up_nobody_else() -> None:
    async with running(ONE) as post:
        other = await post.desk.add_contact(outgoing=(TWO,))
        answer = asyncio.Event()
        post.channels.hang = {"1": answer}
        await post.send("hello")
        for words in ("one", "two", "three"):
            await post.desk.turn(lambda turn, words=words: texts.send(turn, ask.SendText(other, words)))
            post.outbox.ring()
        async with asyncio.timeout(60):
            while len(post.channels.posted) < 3:
                post.changed.clear()
                await post.changed.wait()
        assert [to for to, _ in post.channels.posted] == ["2", "2", "2"]
        answer.set()
        await post.until("posted")


async def test_silent_mailboxes_of_many_contacts_hold_up_nobody_else() -> None:
    silent = AT_ONCE + AGAIN_AT_ONCE
    async with running(ONE) as post:
        post.channels.fail = {"1": [TransportError("away") for _ in range(silent)]}
        for number in range(silent):
            peer = post.desk.peer if not number else await post.desk.add_contact(outgoing=(ONE,))
            await post.desk.turn(lambda turn, to=peer: texts.send(turn, ask.SendText(to, "hello")))
        post.outbox.ring()
        async with asyncio.timeout(60):
            while post.channels.fail["1"]:
                post.changed.clear()
                await post.changed.wait()
        answer = asyncio.Event()
        post.channels.hang = {"1": answer}
        post.outbox.ring(eager=True)
        other = await post.desk.add_contact(outgoing=(TWO,))
        await post.desk.turn(lambda turn: texts.send(turn, ask.SendText(other, "still here")))
        post.outbox.ring()
        async with asyncio.timeout(60):
            await post.channels.told.wait()
        assert [to for to, _ in post.channels.posted] == ["2"]
        answer.set()


async def test_one_silent_mailbox_does_not_keep_the_other_waiting() -> None:
    async with running(ONE, TWO) as post:
        answer = asyncio.Event()
        post.channels.hang = {"1": answer}
        await post.send("hello")
        async with asyncio.timeout(60):
            await post.channels.told.wait()
        assert [to for to, _ in post.channels.posted] == ["2"]
        answer.set()
        await post.until("posted")


async def test_a_post_that_is_done_and_cannot_be_noted_is_noted_later_and_not_posted_again() -> None:
    async with running(ONE) as post:
        post.fail = StoreError("the disk is full")
        await post.send("hello")
        await post.told(TroubleRow(Task.OUTBOX, Obstacle.STORE, AT))
        assert len(post.channels.posted) == 1
        post.fail = None
        post.clock.advance(SECOND)
        await post.until("posted")
        await post.told(None)
        assert len(post.channels.posted) == 1
        post.troubles.clear()


async def test_a_message_our_code_fails_on_stops_nobody_else_and_is_tried_again(
    warnings_logged: list[logging.LogRecord],
) -> None:
    async with running(ONE) as post:
        other = await post.desk.add_contact(outgoing=(TWO,))
        post.channels.fail = {"1": [RuntimeError("a mistake of ours")]}
        await post.send("hello")
        await post.told(TroubleRow(Task.OUTBOX, Obstacle.BUG, AT))
        for words in ("one", "two"):
            await post.desk.turn(lambda turn, words=words: texts.send(turn, ask.SendText(other, words)))
            post.outbox.ring()
        async with asyncio.timeout(60):
            while len(post.channels.posted) < 2:
                post.changed.clear()
                await post.changed.wait()
        assert post.troubles == [TroubleRow(Task.OUTBOX, Obstacle.BUG, AT)], "it is still not well"
        post.clock.advance(SECOND)
        await post.until("posted")
        await post.told(None)
        post.troubles.clear()
    assert "outbox" in warnings_logged.pop().getMessage()


async def test_a_message_that_waits_no_more_troubles_no_more(warnings_logged: list[logging.LogRecord]) -> None:
    async with running(ONE) as post:
        post.channels.fail = {"1": [RuntimeError("a mistake of ours")]}
        await post.send("hello")
        await post.told(TroubleRow(Task.OUTBOX, Obstacle.BUG, AT))
        (message,) = await post.desk.outbox()
        await post.desk.turn(lambda turn: outbox.failed(turn, message, "too_large"))
        post.outbox.ring()
        await post.told(None)
        post.troubles.clear()
    assert "outbox" in warnings_logged.pop().getMessage()


async def test_a_real_host_stores_what_is_posted() -> None:
    host = MemoryHost()
    channels = MemoryPeerChannels(host)
    account = await channels.create_account(host.base_url, host.operator_token)
    mailbox = await channels.create_mailbox(account)
    async with desk(outgoing=(mailbox.address,)) as it:
        done = asyncio.Event()

        async def turn(work: Callable[[Turn], None]) -> None:
            await it.turn(work)
            done.set()

        await it.turn(lambda turn: texts.send(turn, ask.SendText(it.peer, "hello")))
        clock = ManualClock(AT)
        tasks = Tasks(clock, lambda _: None)
        tasks.keep(Task.OUTBOX, Outbox(store=it.store, channels=channels, clock=clock, run_turn=turn).run)
        async with asyncio.timeout(60):
            await done.wait()
        await tasks.stop()
        (stored,) = await channels.unread(account, mailbox.channel_id, 9)
        assert stored.payload == (await it.outbox())[0].script
    host.close()
