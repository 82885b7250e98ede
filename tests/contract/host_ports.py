"""The host's stores behind one suite, each with the rules over it and a clock that only tests move."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import TypeVar

from channels_desktop.errors import Misuse
from channels_desktop.host.limits import Limits, Rates
from channels_desktop.host.mailboxes import Mailboxes
from channels_desktop.host.management import ChannelView, posting
from channels_desktop.host.messages import HostMessage
from channels_desktop.host.postgres import PostgresStore
from channels_desktop.host.rows import MESSAGE_OVERHEAD, NOTHING_FRESH, Account, Fresh, Placed, Rows, Settings, Store
from channels_desktop.host.sqlite import SqliteStore
from tests import postgres

T = TypeVar("T")

STORES = ("sqlite", "postgres")
START = 1_800_000_000_000_000_000
DAY = 86_400 * 10**9
ONE = MESSAGE_OVERHEAD + 1
"""What a message of one byte takes of a mailbox."""


class Place:
    """A store, what it has said of changes, and the rules as they are applied to it."""

    def __init__(self) -> None:
        self.store: Store
        self.limits = Limits()
        self.rates: Rates | None = None
        self.now = START
        self.changed: set[int] = set()
        self.fresh: dict[int, list[Placed]] = {}

    def hear(self, accounts: Iterable[int], fresh: Fresh = NOTHING_FRESH) -> None:
        """Keep what a store tells of its commits."""
        self.changed.update(accounts)
        for account, messages in fresh.items():
            self.fresh.setdefault(account, []).extend(messages)

    async def change(self, work: Callable[[Mailboxes], Awaitable[T]]) -> T:
        """Apply rules in a transaction."""
        return await self.store.transact(lambda rows: work(self.rules(rows)))

    async def look(self, work: Callable[[Mailboxes], Awaitable[T]]) -> T:
        """Apply rules that change nothing."""
        return await self.store.query(lambda rows: work(self.rules(rows)))

    def rules(self, rows: Rows) -> Mailboxes:
        """Return the rules over some rows."""
        return Mailboxes(rows, self.limits, lambda: self.now, self.rates)

    async def account(self) -> str:
        """Open an account and return its token."""
        return (await self.change(lambda rules: rules.create_account()))[1]

    async def channel(self, token: str, settings: Settings | None = None, *, one_owner: bool = False) -> ChannelView:
        """Create a channel."""
        chosen = settings or Settings()
        return await self.change(lambda rules: rules.create_channel(token, chosen, one_owner=one_owner))

    async def post(self, token: str, channel: ChannelView, payload: bytes = b"x") -> HostMessage:
        """Post as the host does: with the hint of what will be looked up."""
        hint = posting(channel.id, token)
        return await self.store.transact(
            lambda rows: self.rules(rows).post(token, channel.id, "text/plain", payload), post=hint
        )

    async def sequences(self, token: str, channel: ChannelView, *, unread: bool = True) -> list[int]:
        """Return the sequence numbers that a token reads."""
        _, found = await self.look(lambda rules: rules.read(token, channel.id, 0, unread=unread))
        return [message.sequence for message in found]

    async def mark(self, token: str, channel: ChannelView, sequence: int, *, read: bool = True, older: bool) -> None:
        """Mark messages."""
        await self.change(lambda rules: rules.mark(token, channel.id, sequence, read=read, older=older))

    async def delete(self, token: str, channel: ChannelView, sequence: int, *, older: bool) -> None:
        """Delete messages."""
        await self.change(lambda rules: rules.delete(token, channel.id, sequence, older=older))

    async def counts(self, token: str) -> Account:
        """Return an account's row."""

        async def work(rules: Mailboxes) -> Account:
            number = await rules.account(token)
            return next(account for account in await rules.accounts() if account.id == number)

        return await self.look(work)

    async def stored(self, token: str, channel: ChannelView) -> int:
        """Return the bytes that a channel is said to hold."""
        known = await self.look(lambda rules: rules.metadata(token, channel.id))
        assert known.stored is not None
        return known.stored


def text(channel: ChannelView, name: str) -> str:
    """Return the text of a channel's token."""
    return next(token.token for token in channel.tokens if token.name == name)


@contextlib.asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[Place]:
    """Open a store of one of the `STORES`, empty or not: a test counts what is its own."""
    place = Place()
    async with contextlib.AsyncExitStack() as undo:
        if kind == "sqlite":
            place.store = await SqliteStore.open(folder, place.hear)
        elif kind == "postgres":
            url = await undo.enter_async_context(postgres.database())
            place.store = await PostgresStore.open(url, place.hear)
        else:
            raise Misuse(kind)
        undo.push_async_callback(place.store.close)
        yield place
