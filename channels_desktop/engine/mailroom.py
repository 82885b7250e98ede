"""Keeps a few empty mailboxes ready, so that inviting and accepting never wait for the network."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from channels_desktop.engine.tasks import Bell
from channels_desktop.errors import TransportError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from channels_desktop.engine.ports import Account, Clock, Mailbox, PeerChannels, Store
    from channels_desktop.engine.turn import Turn

log = logging.getLogger(__name__)

READY = 4
PAUSE = 10 * 10**9


class Mailroom:
    """Creates mailboxes ahead of need and deletes those that are done with."""

    def __init__(
        self,
        *,
        account: Account,
        store: Store,
        channels: PeerChannels,
        clock: Clock,
        run_turn: Callable[[Callable[[Turn], None]], Awaitable[None]],
    ) -> None:
        self._account = account
        self._store = store
        self._channels = channels
        self._clock = clock
        self._run_turn = run_turn
        self._bell = Bell(clock)

    def ring(self) -> None:
        """Look again."""
        self._bell.ring()

    async def run(self) -> None:
        """Keep the stock up for ever."""
        while True:
            try:
                await self._tidy()
                await self._bell.wait()
            except TransportError as error:
                log.info("mailboxes wait: %s", error)
                await self._bell.wait(self._clock.now() + PAUSE)

    async def _tidy(self) -> None:
        missing = READY - await self._store.query(lambda reader: reader.mailboxes.spares())
        for _ in range(missing):
            mailbox = await self._channels.create_mailbox(self._account)
            await self._keep(mailbox)
        for mailbox in await self._store.query(lambda reader: reader.mailboxes.closing()):
            await self._channels.delete_mailbox(self._account, mailbox.channel_id)
            await self._forget(mailbox)

    async def _keep(self, mailbox: Mailbox) -> None:
        def work(turn: Turn) -> None:
            turn.tx.mailboxes.add_spare(mailbox, turn.at)
            turn.status = True

        await self._run_turn(work)

    async def _forget(self, mailbox: Mailbox) -> None:
        await self._run_turn(lambda turn: turn.tx.mailboxes.forget(mailbox))
