"""One line to our host for the whole account: mail in, stored, decided, and only then marked as read."""

from __future__ import annotations

import logging
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

from channels_desktop.engine.inbound import receive, set_aside
from channels_desktop.engine.inbox import Inbox
from channels_desktop.engine.ports import Delivery, Listening
from channels_desktop.engine.rows import Link
from channels_desktop.errors import Cause, StoreError, TransportError, WalletLocked

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from channels_desktop.engine.ports import Account, Clock, Keys, PeerChannels
    from channels_desktop.engine.turn import Turn

log = logging.getLogger(__name__)

SECOND = 10**9
LONGEST_PAUSE = 60


def receive_all(batch: list[Delivery], turn: Turn) -> None:
    """Take in a batch of deliveries in one transaction."""
    for delivery in batch:
        receive(turn, delivery)


class Listener:
    """Keeps the line open and takes in what comes, a batch in one transaction."""

    def __init__(
        self,
        *,
        account: Account,
        channels: PeerChannels,
        clock: Clock,
        keys: Keys,
        run_turn: Callable[[Callable[[Turn], None]], Awaitable[None]],
        link_changed: Callable[[Link, int, int, Cause | None], None],
    ) -> None:
        self._account = account
        self._channels = channels
        self._clock = clock
        self._keys = keys
        self._run_turn = run_turn
        self._link_changed = link_changed
        self._inbox = Inbox()

    async def listen(self) -> None:
        """Hold the line: connect, hand on what comes, and connect again 1 to 60 seconds after it broke."""
        attempt = 0
        while True:
            self._link_changed(Link.CONNECTING, attempt, 0, None)
            heard_at, not_before = 0, 0
            try:
                async with aclosing(self._channels.listen(self._account)) as line:
                    async for item in line:
                        if isinstance(item, Listening):
                            heard_at = self._clock.now()
                            self._link_changed(Link.LISTENING, 0, 0, None)
                        else:
                            await self._inbox.put(item)
                cause = Cause.BROKEN
            except TransportError as error:
                cause, not_before = error.cause, error.retry_at or 0
                log.info("the line is down: %s", error)
            now = self._clock.now()
            # A host that answers and hangs up at once is called less and less often, as one that does not answer.
            held = heard_at and now - heard_at >= LONGEST_PAUSE * SECOND
            attempt = 1 if held else attempt + 1
            retry_at = max(now + self._pause(attempt), not_before)
            self._link_changed(Link.WAITING, attempt, retry_at, cause)
            await self._clock.sleep_until(retry_at)

    async def take_in(self) -> None:
        """Take deliveries off the queue for good: store and decide in one transaction, then mark them as read."""
        while True:
            batch = await self._inbox.take()
            try:
                await self._run_turn(partial(receive_all, batch))
            except (StoreError, WalletLocked):
                raise
            except Exception:  # noqa: BLE001 - one delivery that our code fails on must not stop the others
                await self._take_in_singly(batch)
            await self._mark_read(batch)

    async def _take_in_singly(self, batch: list[Delivery]) -> None:
        """Take in what can be taken in, and keep the rest with the name of the error."""
        for delivery in batch:
            try:
                await self._run_turn(partial(receive_all, [delivery]))
            except (StoreError, WalletLocked):
                raise
            except Exception as error:
                log.exception("a delivery could not be used")
                reason = type(error).__name__
                await self._run_turn(partial(set_aside, delivery=delivery, reason=reason))

    async def _mark_read(self, batch: list[Delivery]) -> None:
        # The last of each, not the highest: a host that was restored from a backup counts from an older number on.
        last = {item.channel_id: item.sequence for item in batch}
        for channel_id, sequence in last.items():
            try:
                await self._channels.mark_read(self._account, channel_id, sequence)
            except TransportError as error:
                # Unmarked mail comes again after the next connection, and is recognised.
                log.info("could not mark as read: %s", error)

    def _pause(self, attempt: int) -> int:
        """Return how long to wait, in nanoseconds: doubling from a second to a minute, less up to a third."""
        whole = min(LONGEST_PAUSE, 1 << min(attempt - 1, 10)) * SECOND
        return whole - int.from_bytes(self._keys.random(2), "big") * whole // (3 * 65536)
