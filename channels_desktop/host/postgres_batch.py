"""Posts of one transaction on PostgreSQL: one statement locks and loads what they look up, one writes what they add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from channels_desktop.host import postgres_queries as sql
from channels_desktop.host.batch_rows import Added, BatchRows
from channels_desktop.host.postgres_rows import PgRows, channel_of
from channels_desktop.host.postgres_session import Record, Session
from channels_desktop.host.rows import Account, Channel, Posting, Token

_NOBODY = b""
_NOWHERE = ""
_MESSAGE_COLUMNS = 8
_CHANNEL_COLUMNS = 3
_ACCOUNT_COLUMNS = 3
_MARK_COLUMNS = 2


class PgBatch(BatchRows, PgRows):
    """Rows for the posts of a batch, over one session."""

    def __init__(self, session: Session, locked: set[int]) -> None:
        PgRows.__init__(self, session, locked)
        BatchRows.__init__(self)

    @classmethod
    async def load(cls, session: Session, postings: Sequence[Posting], *, patient: bool) -> PgBatch:
        """Lock the accounts whose channels are posted to, but for those that others have locked unless `patient`."""
        ids = [_findable(posting.channel_id) for posting in postings]
        lock = "FOR NO KEY UPDATE" if patient else "FOR NO KEY UPDATE SKIP LOCKED"
        accounts = [Account(*row) for row in await session.fetch(f"{sql.LOCK_OF_CHANNELS} {lock}", ids)]
        found = await session.fetch(sql.LOOK_UP, ids, [posting.token or _NOBODY for posting in postings])
        channels: dict[str, Channel | None] = {}
        tokens: dict[bytes, Token | None] = {}
        owners: dict[bytes, int | None] = {}
        for posting, row in zip(postings, found, strict=True):
            if posting.channel_id not in channels:
                channels[posting.channel_id] = None if row[0] is None else channel_of(row[: sql.CHANNEL_COLUMNS])
            if posting.token is not None and posting.token not in tokens:
                token = row[sql.CHANNEL_COLUMNS : sql.CHANNEL_COLUMNS + sql.TOKEN_COLUMNS]
                tokens[posting.token] = None if token[0] is None else Token(*token)
                owners[posting.token] = row[-1]
        rows = cls(session, {account.id for account in accounts})
        rows.know(accounts, channels, tokens, owners)
        return rows

    def holds(self, posting: Posting) -> bool:
        """Whether a post can run in this transaction: nobody else has its account."""
        channel = self._known_channels[posting.channel_id]
        return channel is None or channel.account in self._known_accounts

    async def _write(
        self,
        added: Sequence[Added],
        channels: Sequence[Channel],
        marks: Mapping[int, int],
        excepted: Sequence[tuple[int, int]],
    ) -> None:
        """See BatchRows; positions are counted on for each account."""
        messages = []
        for channel, account, sequence, received, content_type, payload, expires in added:
            row = self._known_accounts[account]
            position = row.position + 1
            self._known_accounts[account] = row._replace(position=position)
            messages.append((channel, sequence, account, position, received, expires, content_type, payload))
        accounts = [self._known_accounts[each] for each in {channel.account for channel in channels}]
        values = (
            *_columns(messages, _MESSAGE_COLUMNS),
            *_columns([(channel.key, channel.head, channel.stored) for channel in channels], _CHANNEL_COLUMNS),
            *_columns([(account.id, account.position, account.stored) for account in accounts], _ACCOUNT_COLUMNS),
            *_columns(list(marks.items()), _MARK_COLUMNS),
            *_columns(excepted, _MARK_COLUMNS),
        )
        await self._session.fetch(sql.WRITE, *values)

    async def _change(self, statement: str, *values: object, bulk: bool = False) -> list[Record]:
        await self.flush()
        self.forget()
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
