"""Mail in, stored, decided, and only then marked as read; and nothing lost where our own code fails."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from channels_desktop.adapters.memory import ManualClock, MemoryKeys
from channels_desktop.adapters.memory_channels import MemoryHost, MemoryPeerChannels
from channels_desktop.bitcoin.keys import PrivateKey
from channels_desktop.engine.listener import Listener
from channels_desktop.engine.ports import Account, Delivery, Listening, Mailbox
from channels_desktop.engine.rows import Link
from channels_desktop.engine.tasks import Tasks
from channels_desktop.engine.troubles import Obstacle, Task, TroubleRow
from channels_desktop.engine.turn import Turn
from channels_desktop.errors import Cause, StoreError, TransportError, WalletLocked
from tests.unit.engine.desk import AT, SECOND, Desk, desk, text


class Brittle(MemoryKeys):
    """Keys with a mistake of ours in them: every `nth` use fails."""

    failing = 0

    def relationship_key(self, index: int) -> PrivateKey:
        if self.failing:
            self.failing -= 1
            raise RuntimeError("a mistake of ours")
        return super().relationship_key(index)


class HangingUp(MemoryPeerChannels):
    """A host that answers and, `hang_ups` times, hangs up at once; it may say when it wants to be called again."""

    hang_ups = 0
    not_before = 0

    async def listen(self, account: Account) -> AsyncGenerator[Listening | Delivery, None]:
        if self.hang_ups:
            self.hang_ups -= 1
            yield Listening()
            raise TransportError("hung up", retry_at=self.not_before or None)
        async with contextlib.aclosing(super().listen(account)) as line:
            async for item in line:
                yield item


class Line:
    """A desk that listens at a real host in memory."""

    def __init__(self, it: Desk, host: MemoryHost) -> None:
        self.desk = it
        self.host = host
        self.clock = ManualClock(AT)
        self.channels = HangingUp(host)
        self.links: list[tuple[Link, int, int]] = []
        self.changed = asyncio.Event()
        self.fail: Exception | None = None
        self.troubles: list[TroubleRow | None] = []

    async def open(self) -> None:
        self.account = await self.channels.create_account(self.host.base_url, self.host.operator_token)
        self.box: Mailbox = await self.channels.create_mailbox(self.account)

        def work(turn: Turn) -> None:
            turn.tx.mailboxes.add_spare(self.box, AT)
            turn.tx.mailboxes.take_spare(self.desk.peer)

        await self.desk.turn(work)
        self.listener = Listener(
            account=self.account,
            channels=self.channels,
            clock=self.clock,
            run_turn=self.turn,
            link_changed=self.link,
        )

    async def turn(self, work: Callable[[Turn], None]) -> None:
        if self.fail is not None:
            raise self.fail
        await self.desk.turn(work)
        self.changed.set()

    def link(self, link: Link, attempt: int, retry_at: int, cause: Cause | None) -> None:
        self.links.append((link, attempt, retry_at))
        self.changed.set()

    def start(self) -> None:
        self.tasks = Tasks(self.clock, self.told)
        self.tasks.keep(Task.LISTEN, self.listener.listen)
        self.tasks.keep(Task.TAKE_IN, self.listener.take_in)
        self.tasks.keep(Task.MARK, self.listener.mark)

    def told(self, trouble: TroubleRow | None) -> None:
        self.troubles.append(trouble)
        self.changed.set()

    async def until(self, look: Callable[[], Any]) -> None:
        """Wait until the coroutine function `look` finds something."""
        async with asyncio.timeout(60):
            while not await look():
                self.changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.changed.wait(), 0.05)

    async def unread(self) -> int:
        return len(await self.channels.unread(self.account, self.box.channel_id, 99))


@asynccontextmanager
async def listening() -> AsyncIterator[Line]:
    host = MemoryHost()
    async with desk() as it:
        it.keys = Brittle(bytes(15) + b"\x07")
        line = Line(it, host)
        await line.open()
        line.start()
        try:
            yield line
        finally:
            await line.tasks.stop()
    host.close()


async def test_mail_is_marked_as_read_once_it_is_stored() -> None:
    async with listening() as line:
        for number in (1, 2, 3):
            await line.channels.post(line.box.address, text(number, f"text {number}"))

        async def read() -> bool:
            return await line.unread() == 0 and len(await line.desk.texts()) == 3

        await line.until(read)
        assert line.links[:2] == [(Link.CONNECTING, 0, 0), (Link.LISTENING, 0, 0)]


async def test_a_delivery_our_code_fails_on_is_kept_and_stops_nothing(
    warnings_logged: list[logging.LogRecord],
) -> None:
    async with listening() as line:
        line.desk.keys.failing = 2  # the batch, then the delivery by itself
        await line.channels.post(line.box.address, text(1, "one"))

        async def kept() -> bool:
            return await line.unread() == 0

        await line.until(kept)
        assert await line.desk.outcomes() == [("failed", True)]
        await line.channels.post(line.box.address, text(2, "two"))
        await line.channels.post(line.box.address, text(1, "one"))

        async def both() -> bool:
            return await line.desk.texts() == ["one", "two"]

        await line.until(both)
        assert line.troubles == []
    assert "could not be used" in warnings_logged.pop().getMessage()


@pytest.mark.parametrize(
    ("error", "obstacle"),
    [
        (StoreError("the disk is full"), Obstacle.STORE),
        (WalletLocked(), Obstacle.LOCKED),
        (RuntimeError("a mistake of ours"), Obstacle.BUG),
    ],
)
async def test_mail_that_cannot_be_stored_stays_unread_and_is_taken_in_later(
    error: Exception, obstacle: Obstacle, warnings_logged: list[logging.LogRecord]
) -> None:
    async with listening() as line:
        line.fail = error
        await line.channels.post(line.box.address, text(1, "one"))

        async def told() -> bool:
            return bool(line.troubles)

        await line.until(told)
        assert line.troubles == [TroubleRow(Task.TAKE_IN, obstacle, AT)] == [*line.tasks.troubles]
        assert await line.unread() == 1
        line.fail = None

        async def read() -> bool:
            line.clock.advance(SECOND)
            return await line.unread() == 0

        await line.until(read)
        assert await line.desk.texts() == ["one"]
        assert await line.desk.outcomes() == [("processed", False)]
        assert line.troubles[1:] == [None]
        assert line.tasks.troubles == ()
    assert [record.getMessage() for record in warnings_logged] == ["background task take_in failed"] * (
        obstacle is Obstacle.BUG
    )
    warnings_logged.clear()


async def test_a_broken_line_is_tried_again_ever_later() -> None:
    async with listening() as line:

        async def up() -> bool:
            return bool(line.links) and line.links[-1][0] is Link.LISTENING

        await line.until(up)
        line.host.go_offline()
        for attempt in (1, 2, 3):

            async def down(attempt: int = attempt) -> bool:
                return line.links[-1][:2] == (Link.WAITING, attempt)

            await line.until(down)
            wait = line.links[-1][2] - line.clock.elapsed()
            longest = (1 << (attempt - 1)) * SECOND
            assert 2 * longest // 3 <= wait <= longest
            line.clock.advance(wait)
        line.host.come_back()
        await line.until(lambda: _advance(line))


async def test_a_host_that_hangs_up_at_once_is_called_less_and_less_often() -> None:
    async with listening() as line:
        line.channels.hang_ups = 99
        line.host.go_offline()
        await line.until(lambda: _waits(line, 1))
        line.host.come_back()
        for attempt in (2, 3, 4, 5):
            line.channels.not_before = 0 if attempt < 5 else line.clock.now() + 600 * SECOND
            line.clock.advance(60 * SECOND)
            await line.until(lambda attempt=attempt: _waits(line, attempt))
        wait = line.links[-1][2] - line.clock.elapsed()
        assert wait == line.channels.not_before - line.clock.now(), "the host said when"


async def test_a_line_that_held_for_a_minute_begins_anew() -> None:
    async with listening() as line:
        line.host.go_offline()
        for attempt in (1, 2):
            await line.until(lambda attempt=attempt: _waits(line, attempt))
            line.clock.advance(60 * SECOND)
        line.host.come_back()
        await line.until(lambda: _advance(line))
        line.clock.advance(60 * SECOND)
        line.host.go_offline()
        await line.until(lambda: _waits(line, 1))


async def _waits(line: Line, attempt: int) -> bool:
    return bool(line.links) and line.links[-1][:2] == (Link.WAITING, attempt)


async def _advance(line: Line) -> bool:
    line.clock.advance(60 * SECOND)
    return line.links[-1][0] is Link.LISTENING


async def test_what_could_not_be_marked_as_read_comes_again_and_is_recognised() -> None:
    class Forgetful(MemoryPeerChannels):
        lost = 1

        async def mark_read(self, account: Account, channel_id: str, sequence: int) -> None:
            if self.lost:
                self.lost -= 1
                raise TransportError("away")
            await super().mark_read(account, channel_id, sequence)

    host = MemoryHost()
    async with desk() as it:
        line = Line(it, host)
        line.channels = Forgetful(host)
        await line.open()
        await line.channels.post(line.box.address, text(1, "one"))
        for _ in range(2):
            line.start()
            left = line.channels.lost

            async def taken(left: int = left) -> bool:
                return line.channels.lost == 0 if left else await line.unread() == 0

            await line.until(taken)
            await line.tasks.stop()
        assert await it.texts() == ["one"]
    host.close()


async def test_of_a_batch_the_newest_of_each_mailbox_is_marked_though_its_number_is_lower() -> None:
    class Slow(MemoryPeerChannels):
        def __init__(self, host: MemoryHost) -> None:
            super().__init__(host)
            self.marked: list[tuple[str, int]] = []

        async def mark_read(self, account: Account, channel_id: str, sequence: int) -> None:
            self.marked.append((channel_id, sequence))

        async def listen(self, account: Account) -> AsyncGenerator[Listening | Delivery, None]:
            for channel_id, sequence in (("a", 9), ("b", 4), ("a", 10), ("a", 5), ("a", 6)):
                yield Delivery(account.base_url, channel_id, sequence, AT, "text/plain", bytes((sequence,)))
            await asyncio.Event().wait()

    host = MemoryHost()
    async with desk() as it:
        line = Line(it, host)
        line.channels = Slow(host)
        await line.open()
        line.start()

        async def marked() -> bool:
            return len(line.channels.marked) == 2

        await line.until(marked)
        await line.tasks.stop()
        assert line.channels.marked == [("a", 6), ("b", 4)]
    host.close()


class Unmarking(MemoryPeerChannels):
    """A host that does not mark as read as long as `fail` has errors."""

    def __init__(self, *hosts: MemoryHost) -> None:
        super().__init__(*hosts)
        self.fail: list[Exception] = []

    async def mark_read(self, account: Account, channel_id: str, sequence: int) -> None:
        if self.fail:
            raise self.fail.pop(0)
        await super().mark_read(account, channel_id, sequence)


@asynccontextmanager
async def unmarking(error: Exception) -> AsyncIterator[Line]:
    """Run a line at a host that has failed to mark the first message as read, and will fail once more."""
    host = MemoryHost()
    async with desk() as it:
        line = Line(it, host)
        line.channels = Unmarking(host)
        line.channels.fail = [error, error]
        await line.open()
        line.start()
        await line.channels.post(line.box.address, text(1, "one"))

        async def tried() -> bool:
            return len(line.channels.fail) == 1

        await line.until(tried)
        try:
            yield line
        finally:
            await line.tasks.stop()
    host.close()


@pytest.mark.parametrize("error", [TransportError("away"), StoreError("full")])
async def test_what_could_not_be_marked_is_marked_later_on_the_same_line(error: Exception) -> None:
    async with unmarking(error) as line:
        await line.channels.post(line.box.address, text(2, "two"))

        async def read() -> bool:
            line.clock.advance(SECOND)
            return await line.unread() == 0

        await line.until(read)
        assert await line.desk.texts() == ["one", "two"]
        assert [trouble.task for trouble in line.troubles if trouble] == [Task.MARK]
        assert line.troubles[-1] is None
        assert line.links[-1][0] is Link.LISTENING


async def test_a_mailbox_that_is_gone_is_marked_no_more() -> None:
    async with unmarking(TransportError("gone", gone=True)) as line:
        line.clock.advance(3600 * SECOND)
        await line.channels.post(line.box.address, text(2, "two"))

        async def tried() -> bool:
            return not line.channels.fail

        await line.until(tried)
        await line.channels.post(line.box.address, text(3, "three"))

        async def read() -> bool:
            return await line.unread() == 0

        await line.until(read)
        assert line.troubles == []
