"""Posts of one transaction on PostgreSQL: one statement loads what they look up, one writes what they add."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from channels_desktop.host import postgres_queries as sql
from channels_desktop.host.batch_rows import BatchRows, Kept
from channels_desktop.host.postgres_known import Known, Seen, State
from channels_desktop.host.postgres_rows import PgRows, channel_of
from channels_desktop.host.postgres_session import Record, Session
from channels_desktop.host.rows import Account, Channel, Posting, Token

_NOTHING: Mapping[Posting, Seen] = MappingProxyType({})
_NOBODY = b""
_NOWHERE = ""
_MESSAGE_COLUMNS = 8
_NUMBER_COLUMNS = 3
_MARK_COLUMNS = 2
# Where what was looked up begins in a row, behind the channel.
_TOKEN = sql.CHANNEL_COLUMNS
_OWNER = _TOKEN + sql.TOKEN_COLUMNS
_ACCOUNT = _OWNER + 1


class PgBatch(BatchRows, PgRows):
    """Rows for the posts of a batch, over one session, under the locks of their accounts."""

    def __init__(self, session: Session, locked: set[int]) -> None:
        PgRows.__init__(self, session, locked)
        BatchRows.__init__(self)

    @classmethod
    async def load(cls, session: Session, postings: Sequence[Posting], *, patient: bool) -> PgBatch:
        """Lock the accounts whose channels are posted to, but for those that others have locked unless `patient`."""
        ids, tokens = _asked(postings)
        lock = "FOR NO KEY UPDATE" if patient else "FOR NO KEY UPDATE SKIP LOCKED"
        accounts = [Account(*row) for row in await session.fetch(f"{sql.LOCK_OF_CHANNELS} {lock}", ids)]
        rows = cls(session, {account.id for account in accounts})
        rows.learn(postings, await session.fetch(sql.LOOK_UP, ids, tokens), accounts)
        return rows

    def learn(self, postings: Sequence[Posting], found: Sequence[Record], accounts: Iterable[Account]) -> None:
        """Know what was looked up: a row for each of `postings`."""
        channels: dict[str, Channel | None] = {}
        tokens: dict[bytes, Token | None] = {}
        owners: dict[bytes, int | None] = {}
        for posting, row in zip(postings, found, strict=True):
            if posting.channel_id not in channels:
                channels[posting.channel_id] = None if row[0] is None else channel_of(row[:_TOKEN])
            if posting.token is not None and posting.token not in tokens:
                tokens[posting.token] = None if row[_TOKEN] is None else Token(*row[_TOKEN:_OWNER])
                owners[posting.token] = row[_OWNER]
        self.know(accounts, channels, tokens, owners)

    def holds(self, posting: Posting) -> bool:
        """Whether a post can run in this transaction: nobody else has its account."""
        channel = self._known_channels[posting.channel_id]
        return channel is None or channel.account in self._known_accounts

    def _values(self, kept: Kept) -> tuple[list[Account], list[Sequence[object]]]:
        """Return accounts, and the columns of messages, channels and accounts to write; accounts count positions on."""
        messages = []
        for channel, account, sequence, received, content_type, payload, expires in kept.added:
            row = self._known_accounts[account]
            self._known_accounts[account] = row = row._replace(position=row.position + 1)
            messages.append((channel, sequence, account, row.position, received, expires, content_type, payload))
        accounts = [self._known_accounts[each] for each in {channel.account for channel in kept.channels}]
        return accounts, [
            *_columns(messages, _MESSAGE_COLUMNS),
            *_columns([(channel.key, channel.head, channel.stored) for channel in kept.channels], _NUMBER_COLUMNS),
            *_columns([(one.id, one.position, one.stored) for one in accounts], _NUMBER_COLUMNS),
        ]

    async def _write(self, kept: Kept) -> None:
        marked = (*_columns(list(kept.marks.items()), _MARK_COLUMNS), *_columns(kept.excepted, _MARK_COLUMNS))
        _, values = self._values(kept)
        await self._session.fetch(sql.WRITE, *values, *marked)

    async def _change(self, statement: str, *values: object, bulk: bool = False) -> list[Record]:
        await self.flush()
        self.forget()
        return await super()._change(statement, *values, bulk=bulk)

    async def _fetch(self, query: str, *values: object, bulk: bool = False) -> list[Record]:
        await self.flush()
        return await super()._fetch(query, *values, bulk=bulk)


class NotQuick(Exception):
    """A post needs more than was looked up: it needs a transaction."""


class PgQuick(PgBatch):
    """Rows for posts that are looked up and written by two statements, with neither a transaction nor a lock between.

    What was looked up, now or before, is written on only where nobody has changed the account meanwhile: `held` says
    whose posts were written. There is nothing else that can be asked.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session, set())
        self._seen: dict[int, State] = {}
        self._sure: set[Posting] = set()
        self.held: set[int] = set()

    @classmethod
    async def look(
        cls, session: Session, postings: Collection[Posting], recalled: Mapping[Posting, Seen] = _NOTHING
    ) -> PgQuick:
        """Look up what posts look up, but for what is recalled."""
        rows = cls(session)
        await rows._look_up([posting for posting in postings if posting not in recalled])
        for posting, seen in recalled.items():
            if rows._seen.setdefault(seen.account.id, seen.state) != seen.state:
                return await cls.look(session, postings)  # at once: what is seen at two times may not fit together
            rows._recall(posting, seen)
        return rows

    async def _look_up(self, postings: Sequence[Posting]) -> None:
        if not postings:
            return
        found = await self._session.fetch(sql.LOOK_UP_ALL, *_asked(postings))
        accounts = {}
        for row in found:
            if row[_ACCOUNT] is not None:
                account = Account(*row[_ACCOUNT : _ACCOUNT + sql.ACCOUNT_COLUMNS])
                accounts[account.id] = account
                self._seen[account.id] = (row[-1], account.position, account.stored)
        self.learn(postings, found, accounts.values())
        self._sure.update(postings)

    def _recall(self, posting: Posting, seen: Seen) -> None:
        token = posting.token
        tokens = {} if token is None else {token: seen.tokens[token]}
        self.know((seen.account,), {posting.channel_id: seen.channels[posting.channel_id]}, tokens, {})

    def is_sure(self, posting: Posting) -> bool:
        """Whether what a post looks up was looked up just now."""
        return posting in self._sure

    def remember(self, posting: Posting, known: Known) -> None:
        """Keep what a post that was written looked up."""
        channel = self._known_channels[posting.channel_id]
        token = None if posting.token is None else self._known_tokens[posting.token]
        if channel is None or (posting.token is not None and (token is None or token.account != channel.account)):
            return  # whoever may write without a token of this account is looked up each time
        before = self._seen[channel.account]
        known.keep(before, self._known_accounts[channel.account], channel, posting.token, token)

    def is_quick(self, posting: Posting) -> bool:
        """Whether a post needs no more than what was looked up: who writes does not read."""
        token = self._known_tokens.get(posting.token) if posting.token is not None else None
        return token is None or not token.can_read

    async def write(self) -> None:
        """Write what is kept, once, and learn whose posts it was."""
        await super().flush()

    async def flush(self) -> None:
        """Raise NotQuick: what comes before the rest would have changed the account."""
        raise NotQuick

    async def _write(self, kept: Kept) -> None:
        accounts, values = self._values(kept)
        seen = _columns([self._seen[account.id] for account in accounts], _NUMBER_COLUMNS)
        self.held = {row[0] for row in await self._session.fetch(sql.WRITE_UNCHANGED, *values, *seen)}

    async def _change(self, statement: str, *values: object, bulk: bool = False) -> list[Record]:
        raise NotQuick

    async def _fetch(self, query: str, *values: object, bulk: bool = False) -> list[Record]:
        raise NotQuick


def _asked(postings: Sequence[Posting]) -> tuple[list[str], list[bytes]]:
    """Return what to look for: no channel has an id that the database would not even take."""
    ids = [
        one.channel_id if one.channel_id.isascii() and one.channel_id.isprintable() else _NOWHERE for one in postings
    ]
    return ids, [one.token or _NOBODY for one in postings]


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> Sequence[Sequence[object]]:
    """Turn rows into columns."""
    return list(zip(*rows, strict=True)) if rows else [()] * width
