"""One line to our host for the whole account: mail in, stored, decided, and only then marked as read."""

from __future__ import annotations

import logging
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

from channels_desktop.bitcoin.keys import sha256
from channels_desktop.engine.inbound import receive, set_aside
from channels_desktop.engine.inbox import Inbox
from channels_desktop.engine.ports import Delivery, Listening
from channels_desktop.engine.rows import Link
from channels_desktop.engine.tasks import LONGEST_PAUSE, PASSING, SECOND, Bell, asked_pause, each, pause
from channels_desktop.errors import Cause, TransportError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from channels_desktop.engine.ports import Account, Clock, PeerChannels
    from channels_desktop.engine.tasks import Health
    from channels_desktop.engine.turn import Turn

log = logging.getLogger(__name__)


def _countable(delivery: Delivery) -> bool:
    """Say whether a delivery has a number that a host can count to: of another it knows nothing to mark."""
    return 0 <= delivery.sequence < 1 << 63


def receive_all(batch: tuple[Delivery, ...], turn: Turn) -> None:
    """Take in a batch of deliveries in one transaction."""
    for delivery in batch:
        receive(turn, delivery)


class Listener:
    """Keeps the line open, takes in what comes, a batch in one transaction, and marks as read what is stored.

    These are three tasks, so that none of them waits for what another fails on.
    """

    def __init__(
        self,
        *,
        account: Account,
        channels: PeerChannels,
        clock: Clock,
        run_turn: Callable[[Callable[[Turn], None]], Awaitable[None]],
        link_changed: Callable[[Link, int, int, Cause | None], None],
    ) -> None:
        self._account = account
        self._channels = channels
        self._clock = clock
        self._run_turn = run_turn
        self._link_changed = link_changed
        self._inbox = Inbox()
        self._taken: list[Delivery] = []  # off the inbox and not stored yet: nothing but a commit takes them away
        self._unmarked: dict[str, int] = {}
        self._stored = Bell(clock)

    async def listen(self, health: Health) -> None:
        """Hold the line: connect, hand on what comes, and connect again 1 to 60 seconds after it broke."""
        attempt = 0
        while True:
            self._link_changed(Link.CONNECTING, attempt, 0, None)
            heard_at, asked = 0, 0
            try:
                async with aclosing(self._channels.listen(self._account)) as line:
                    async for item in line:
                        if isinstance(item, Listening):
                            heard_at = self._clock.elapsed()
                            health.well()
                            self._link_changed(Link.LISTENING, 0, 0, None)
                        else:
                            await self._inbox.put(item)
                cause = Cause.BROKEN
            except TransportError as error:
                cause, asked = error.cause, asked_pause(error, self._clock)
                log.info("the line is down: %s", error)
            except Exception as error:  # noqa: BLE001 - the line is gone, whosever fault it was
                cause = Cause.BROKEN
                health.ill(error)
            now = self._clock.elapsed()
            # A host that answers and hangs up at once is called less and less often, as one that does not answer.
            held = heard_at and now - heard_at >= LONGEST_PAUSE * SECOND
            attempt = 1 if held else attempt + 1
            retry_at = now + max(self._pause(attempt), asked)
            self._link_changed(Link.WAITING, attempt, retry_at, cause)
            await self._clock.wait_until(retry_at)

    async def take_in(self, health: Health) -> None:
        """Take mail out of the inbox for good: store and decide in one transaction, then have it marked as read.

        What cannot be stored now is tried again: a host that believes it delivered does not deliver again.
        """
        while True:
            if not self._taken:
                self._taken.extend(await self._inbox.take())
            batch = tuple(self._taken)
            try:
                await self._run_turn(partial(receive_all, batch))
            except PASSING:
                raise
            except Exception:  # noqa: BLE001 - one delivery that our code fails on must not stop the others
                await self._take_in_singly(batch)
            self._taken.clear()
            # The last of each, not the highest: a host that was restored from a backup counts from an older number on.
            for delivery in filter(_countable, batch):
                self._unmarked[delivery.channel_id] = delivery.sequence
            self._stored.ring()
            health.well()

    async def _take_in_singly(self, batch: tuple[Delivery, ...]) -> None:
        """Take in what can be taken in, and keep the rest with the name of the error."""
        for delivery in batch:
            try:
                await self._run_turn(partial(receive_all, (delivery,)))
            except PASSING:
                raise
            except Exception as error:
                # Where nothing at all can be stored, setting it aside fails too, and the whole batch is tried again.
                await self._run_turn(partial(set_aside, delivery=delivery, reason=type(error).__name__))
                log.exception("a delivery could not be used")

    async def mark(self, health: Health) -> None:
        """Mark as read what is stored. Unmarked mail comes again after the next connection, and is recognised."""
        while True:
            await each([partial(self._mark_read, *place) for place in self._unmarked.items()])
            health.well()
            await self._stored.wait()

    async def _mark_read(self, channel_id: str, sequence: int) -> None:
        try:
            await self._channels.mark_read(self._account, channel_id, sequence)
        except TransportError as error:
            if not error.gone:
                raise
            log.info("nothing to mark as read: %s", error)
        if self._unmarked[channel_id] == sequence:
            del self._unmarked[channel_id]

    def _pause(self, attempt: int) -> int:
        """Return how long to wait, in nanoseconds: doubling from a second to a minute, less up to a third.

        How much less depends on the account, so that a host that comes back is not called by all at once.
        """
        whole = pause(attempt)
        spread = sha256(f"{self._account.account_id} {self._account.token} {attempt}".encode("utf-8", "replace"))
        return whole - int.from_bytes(spread[:2], "big") * whole // (3 * 65536)
