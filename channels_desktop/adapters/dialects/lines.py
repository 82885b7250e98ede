"""One stream of mail out of what a host offers: messages over a socket, notifications over many, or only polling.

A `Line` serves one call of `listen`. A dialect's `hear` keeps the sockets and tells the line what it hears: whole
messages (`deliver`), or that there is something to read (`look`). The line reads what is unread then, and passes on
each message once. What is read already but not yet marked as read comes again in every answer of a host, and may hide
more behind it; so the line looks again when the engine has marked something (`marked`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import NoReturn, Protocol

from channels_desktop.adapters.host_requests import TooMuch
from channels_desktop.bitcoin.keys import sha256
from channels_desktop.engine.ports import Account, Delivery, Listening
from channels_desktop.errors import TransportError

POLL_SECONDS = 60
SELDOM = 10
"""After so many times the pause between polls, everything is looked at also where sockets are open: notifications are
hints, and hosts may lose them."""

_AT_ONCE = 8
_AHEAD = 8
_REMEMBERED = 512
"""Messages of a channel that are known to have been passed on: more than can be on their way to being marked as read,
so that no answer of the host holds an older one. Were there one, the store would know it for a repeat."""


class Reading(Protocol):
    """What a line asks of the host."""

    async def mailboxes(self, account: Account) -> tuple[str, ...]:
        """Return the ids of the account's channels."""
        ...

    async def page(self, account: Account, channel_id: str) -> tuple[Delivery, ...]:
        """Return unread messages from the oldest on, as many as come in one answer."""
        ...


Hear = Callable[["Line"], Awaitable[NoReturn]]
"""Listens until that fails, and tells the line what is heard."""


class Line:
    """What is heard and read for one account, until it breaks."""

    def __init__(self, account: Account, reading: Reading, poll_seconds: float) -> None:
        self.account = account
        self.poll_seconds = poll_seconds
        self._reading = reading
        self._heard: asyncio.Queue[Listening | Delivery | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(_AHEAD)
        self._passed: dict[str, dict[int, bytes]] = {}
        self._due: dict[str, None] = {}
        self._half_read: set[str] = set()
        self._something_due = asyncio.Event()
        self._mailboxes_changed = asyncio.Event()
        self._opened = False

    def open(self) -> None:
        """Say that the host serves this account."""
        if not self._opened:
            self._opened = True
            self._heard.put_nowait(Listening())

    async def deliver(self, delivery: Delivery) -> None:
        """Pass on a message, unless it has been; wait while too much is waiting.

        It is known by number and bytes: a host that was restored from a backup gives used numbers to new mail.
        """
        passed, digest = self._passed.setdefault(delivery.channel_id, {}), sha256(delivery.payload)
        if passed.get(delivery.sequence) == digest:
            return
        passed[delivery.sequence] = digest
        if len(passed) > _REMEMBERED:
            del passed[next(iter(passed))]
        await self._room.acquire()
        self._heard.put_nowait(delivery)

    def look(self, channel_id: str, sequence: int | None = None) -> None:
        """Read a channel soon; nothing to do where message `sequence` was the last that was passed on."""
        if sequence is None or sequence != next(reversed(self._passed.get(channel_id, {})), None):
            self._due[channel_id] = None
            self._something_due.set()

    async def look_at_all(self) -> None:
        """Read all channels of the account soon."""
        for channel_id in await self._reading.mailboxes(self.account):
            self.look(channel_id)

    def marked(self, channel_id: str) -> None:
        """Look for what was behind messages that are marked as read now."""
        if channel_id in self._half_read:
            self.look(channel_id)

    def mailboxes_changed(self) -> None:
        """End a pause: there is a new channel to hear, or one less."""
        self._mailboxes_changed.set()

    async def pause(self) -> None:
        """Wait until it is time to ask again, or until `mailboxes_changed`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.poll_seconds):
                await self._mailboxes_changed.wait()
        self._mailboxes_changed.clear()

    async def items(self, hear: Hear) -> AsyncGenerator[Listening | Delivery, None]:
        """Yield what is heard until the line breaks, which is a TransportError."""
        broken: list[Exception] = []
        async with asyncio.TaskGroup() as group:
            work = group.create_task(self._work(hear, broken))
            try:
                while (item := await self._heard.get()) is not None:
                    if isinstance(item, Delivery):
                        self._room.release()
                    yield item
            except GeneratorExit:
                return  # nobody listens any more; a task group would make an error of it
            finally:
                work.cancel()
        raise broken[0]

    async def _work(self, hear: Hear, broken: list[Exception]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read_what_is_due())
                await hear(self)
        except Exception as error:  # noqa: BLE001 - raised again by `items`, to whoever listens
            broken.append(_first(error))
            self._heard.put_nowait(None)

    async def _read_what_is_due(self) -> None:
        loop = asyncio.get_running_loop()
        all_due_at = loop.time() + SELDOM * self.poll_seconds
        while True:
            if loop.time() >= all_due_at:
                await self.look_at_all()
                all_due_at = loop.time() + SELDOM * self.poll_seconds
            if not self._due:
                await self._wait_for_something(all_due_at)
            batch = [*self._due][:_AT_ONCE]
            for channel_id in batch:
                del self._due[channel_id]
            async with asyncio.TaskGroup() as group:
                pages = [group.create_task(self._read(channel_id)) for channel_id in batch]
            for page in pages:
                for delivery in page.result():
                    await self.deliver(delivery)

    async def _wait_for_something(self, until: float) -> None:
        self._something_due.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._something_due.wait()

    async def _read(self, channel_id: str) -> tuple[Delivery, ...]:
        try:
            page = await self._reading.page(self.account, channel_id)
        except TransportError as error:
            # A channel that was deleted meanwhile, or in which somebody left more than we take, stops no other. Whether
            # the account itself is no more, its list of channels tells.
            if not (error.gone or isinstance(error, TooMuch)):
                raise
            page = ()
        if page:
            self._half_read.add(channel_id)
        else:
            self._half_read.discard(channel_id)
        return page


class Lines:
    """The lines that are open at a host, so that they hear what else is done there."""

    def __init__(self, poll_seconds: float = POLL_SECONDS) -> None:
        self._poll_seconds = poll_seconds
        self._open: dict[Account, list[Line]] = {}

    async def listen(
        self, account: Account, reading: Reading, hear: Hear
    ) -> AsyncGenerator[Listening | Delivery, None]:
        """Yield what one new line gives."""
        line = Line(account, reading, self._poll_seconds)
        self._open.setdefault(account, []).append(line)
        try:
            async with contextlib.aclosing(line.items(hear)) as items:
                async for item in items:
                    yield item
        finally:
            self._open[account].remove(line)
            if not self._open[account]:
                del self._open[account]

    def of(self, account: Account) -> Iterator[Line]:
        """Yield the account's open lines."""
        yield from self._open.get(account, ())


def _first(error: Exception) -> Exception:
    """Return what a task group failed on first."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
