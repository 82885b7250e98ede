"""Rows for many posts in one transaction: what they look up is loaded at once, what they add is written at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from channels_desktop.errors import Misuse
from channels_desktop.host import postgres_queries as sql
from channels_desktop.host.postgres_rows import OUTDATED, PgRows, channel_of
from channels_desktop.host.postgres_session import Record, Session
from channels_desktop.host.rows import Account, Channel, Posting, Token

BYTES_AT_ONCE = 8 * 1024 * 1024
_NOBODY = b""
_NOWHERE = ""

_Added = tuple[int, int, int, int, int, int | None, str, bytes]
_ADDED_COLUMNS = 8


class BatchRows(PgRows):
    """Rows that know what the posts of a batch look up and keep what they add until `flush`.

    Everything else is asked of the database, after what was kept has been written; what is changed there besides makes
    these rows forget what they know.
    """

    def __init__(self, session: Session, accounts: Iterable[Account], found: Iterable[tuple[Posting, Record]]) -> None:
        self._accounts = {account.id: account for account in accounts}
        super().__init__(session, set(self._accounts))
        self._channels: dict[str, Channel | None] = {}
        self._tokens: dict[bytes, Token | None] = {}
        self._owners: dict[bytes, int | None] = {}
        self._readers: dict[int, bytes] = {}
        for posting, row in found:
            self._know(posting, row)
        self._added: list[_Added] = []
        self._bytes = 0
        self._grown: set[str] = set()
        self._marks: dict[int, int] = {}
        self._excepted: list[tuple[int, int]] = []

    @classmethod
    async def load(cls, session: Session, postings: Sequence[Posting], *, patient: bool) -> BatchRows:
        """Lock the accounts whose channels are posted to, but for those that others have locked unless `patient`."""
        ids = [_findable(posting.channel_id) for posting in postings]
        lock = "FOR NO KEY UPDATE" if patient else "FOR NO KEY UPDATE SKIP LOCKED"
        accounts = [Account(*row) for row in await session.fetch(f"{sql.LOCK_OF_CHANNELS} {lock}", ids)]
        found = await session.fetch(sql.LOOK_UP, ids, [posting.token or _NOBODY for posting in postings])
        return cls(session, accounts, zip(postings, found, strict=True))

    def holds(self, posting: Posting) -> bool:
        """Whether a post can run in this transaction: nobody else has its account."""
        channel = self._channels[posting.channel_id]
        return channel is None or channel.account in self._accounts

    async def flush(self) -> None:
        """Write what is kept."""
        if not (self._added or self._marks):
            return
        channels = [channel for each in self._grown if (channel := self._channels[each])]
        accounts = [self._accounts[each] for each in {channel.account for channel in channels}]
        values = (
            *_columns(self._added, _ADDED_COLUMNS),
            *_columns([(channel.key, channel.head, channel.stored) for channel in channels], 3),
            *_columns([(account.id, account.position, account.stored) for account in accounts], 3),
            *_columns(list(self._marks.items()), 2),
            *_columns(self._excepted, 2),
        )
        self._added, self._bytes, self._grown, self._marks, self._excepted = [], 0, set(), {}, []
        await self._session.fetch(sql.WRITE, *values)

    # ------------------------------------------------------------------------------------------------ what is known

    async def account_of(self, token: bytes) -> int | None:
        """See Rows."""
        return self._owners[token] if token in self._owners else await super().account_of(token)

    async def account(self, account: int) -> Account | None:
        """See Rows."""
        return self._accounts[account] if account in self._accounts else await super().account(account)

    async def channel(self, channel_id: str) -> Channel | None:
        """See Rows."""
        return self._channels[channel_id] if channel_id in self._channels else await super().channel(channel_id)

    async def token(self, token: bytes) -> Token | None:
        """See Rows."""
        return self._tokens[token] if token in self._tokens else await super().token(token)

    async def watermark(self, reader: int) -> int:
        """See Rows."""
        token = self._reader(reader)
        return token.watermark if token else await super().watermark(reader)

    # ------------------------------------------------------------------------------------------------- what is kept

    async def add_message(self, channel: Channel, at: int, content_type: str, payload: bytes) -> int:
        """See Rows."""
        known, account = self._channels.get(channel.id), self._accounts.get(channel.account)
        if known is None or account is None:
            return await super().add_message(channel, at, content_type, payload)
        if known.head != channel.head:
            raise Misuse(OUTDATED)
        if self._bytes >= BYTES_AT_ONCE:
            await self.flush()
        self.changes += 1
        self.touched.add(account.id)
        size, sequence, position = len(payload), known.head + 1, account.position + 1
        self._channels[channel.id] = replace(known, head=sequence, stored=known.stored + size)
        self._accounts[account.id] = replace(account, position=position, stored=account.stored + size)
        expires = known.settings.retention.expiry(at)
        self._added.append((known.key, sequence, account.id, position, at, expires, content_type, payload))
        self._grown.add(channel.id)
        self._bytes += size
        return sequence

    async def set_watermark(self, reader: int, sequence: int) -> None:
        """See Rows."""
        token = self._reader(reader)
        if token is None or any(reader == excepted for excepted, _ in self._excepted):
            await super().set_watermark(reader, sequence)
            return
        self.changes += 1
        self._tokens[self._readers[reader]] = replace(token, watermark=sequence)
        self._marks[reader] = sequence

    async def add_exceptions(self, channel: Channel, reader: int, low: int, high: int) -> None:
        """See Rows."""
        if not (low == high and self._added and self._added[-1][:2] == (channel.key, low)):
            await super().add_exceptions(channel, reader, low, high)
            return
        self.changes += 1
        self._excepted.append((reader, low))

    # -------------------------------------------------------------------------------------------------------- inside

    def _know(self, posting: Posting, row: Record) -> None:
        if posting.channel_id not in self._channels:
            self._channels[posting.channel_id] = None if row[0] is None else channel_of(row[: sql.CHANNEL_COLUMNS])
        if posting.token is None or posting.token in self._tokens:
            return
        self._owners[posting.token] = row[-1]
        token = row[sql.CHANNEL_COLUMNS : sql.CHANNEL_COLUMNS + sql.TOKEN_COLUMNS]
        self._tokens[posting.token] = None if token[0] is None else Token(*token)
        if token[0] is not None:
            self._readers[token[0]] = posting.token

    def _reader(self, reader: int) -> Token | None:
        """Return the token of a reader where it is known."""
        return self._tokens[self._readers[reader]] if reader in self._readers else None

    async def _change(self, statement: str, *values: object, bulk: bool = False) -> list[Record]:
        await self.flush()
        for known in (self._accounts, self._channels, self._tokens, self._owners, self._readers):
            known.clear()
        return await super()._change(statement, *values, bulk=bulk)

    async def _fetch(self, query: str, *values: object, bulk: bool = False) -> list[Record]:
        await self.flush()
        return await super()._fetch(query, *values, bulk=bulk)


def _findable(channel_id: str) -> str:
    """Return the id to look for: no channel has one that the database would not even take."""
    return channel_id if channel_id.isascii() and channel_id.isprintable() else _NOWHERE


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> Sequence[Sequence[object]]:
    """Turn rows into columns."""
    return list(zip(*rows, strict=True)) if rows else [()] * width
