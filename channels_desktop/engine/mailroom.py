"""Keeps a few empty mailboxes ready, so that inviting and accepting never wait for the network."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from channels_desktop.engine.tasks import Bell, each
from channels_desktop.errors import TransportError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from channels_desktop.engine.ports import Account, Clock, Mailbox, PeerChannels, Store
    from channels_desktop.engine.tasks import Health
    from channels_desktop.engine.turn import Turn

READY = 4


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
        self._run_turn = run_turn
        self._bell = Bell(clock)
        self._made: list[Mailbox] = []  # by the host, and not kept yet: making others meanwhile would fill the host

    def ring(self) -> None:
        """Look again."""
        self._bell.ring()

    async def run(self, health: Health) -> None:
        """Keep the stock up for ever."""
        while True:
            closing = await self._store.query(lambda reader: reader.mailboxes.closing())
            await each((self._stock_up, *(partial(self._delete, mailbox) for mailbox in closing)))
            health.well()
            await self._bell.wait()

    async def _stock_up(self) -> None:
        await self._keep()
        missing = READY - await self._store.query(lambda reader: reader.mailboxes.spares())
        for _ in range(missing):
            self._made.append(await self._make())
            await self._keep()

    async def _make(self) -> Mailbox:
        """Let the host make a mailbox; raise TransportError where it is none that could be used."""
        made = await self._channels.create_mailbox(self._account)
        try:
            for text in (made.base_url, made.channel_id, made.read_token, made.write_token):
                text.encode()
        except UnicodeEncodeError:
            raise TransportError("the host made a mailbox whose name is no text") from None
        if await self._store.query(lambda reader: reader.mailboxes.owner(made.base_url, made.channel_id)) is not None:
            raise TransportError("the host gave out one mailbox twice")
        return made

    async def _keep(self) -> None:
        while self._made:
            await self._run_turn(partial(_add_spare, self._made[0]))
            del self._made[0]

    async def _delete(self, mailbox: Mailbox) -> None:
        await self._channels.delete_mailbox(self._account, mailbox.channel_id)
        await self._run_turn(lambda turn: turn.tx.mailboxes.forget(mailbox))


def _add_spare(mailbox: Mailbox, turn: Turn) -> None:
    if turn.tx.mailboxes.owner(mailbox.base_url, mailbox.channel_id) is None:
        turn.tx.mailboxes.add_spare(mailbox, turn.at)
        turn.status = True
