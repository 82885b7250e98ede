"""Rows of the host's PostgreSQL database, and every statement on them but those that write many posts at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from channels_desktop.errors import Misuse
from channels_desktop.host import postgres_queries as sql
from channels_desktop.host.messages import HostMessage
from channels_desktop.host.postgres_session import BULK_SECONDS, Record, Session
from channels_desktop.host.rows import (
    LARGEST,
    MESSAGE_OVERHEAD,
    OUTDATED,
    Account,
    Channel,
    Placed,
    Retention,
    Rows,
    Settings,
    Token,
)


class OutOfOrder(Exception):
    """An account has to be locked before one that is locked already: begin again with all of `accounts`."""

    def __init__(self, accounts: set[int]) -> None:
        super().__init__()
        self.accounts = accounts


class PgRows(Rows):
    """Rows over one session.

    Inside a transaction that changes something, whatever is looked up locks its account first and is read under that
    lock: it stays as it was read, positions appear in order, and two transactions never wait for each other in a
    circle. What others have locked is waited for, or where not `patient` an error at once. With `locked` None nothing
    is locked: to look only. `touched` collects the accounts whose listeners have something to look for once the
    transaction is committed, `changes` counts statements that changed something.
    """

    def __init__(self, session: Session, locked: set[int] | None = None, *, patient: bool = True) -> None:
        self._session = session
        self._locked = locked
        self._for_update = "FOR NO KEY UPDATE" if patient else "FOR NO KEY UPDATE NOWAIT"
        self._bumped: set[int] = set()
        self.touched: set[int] = set()
        self.changes = 0

    async def lock(self, accounts: set[int]) -> None:
        """Lock accounts till the end of the transaction; raise OutOfOrder where that could make a circle."""
        if self._locked is None or accounts <= self._locked:
            return
        missing = accounts - self._locked
        if self._locked and min(missing) < max(self._locked):
            raise OutOfOrder(accounts | self._locked)
        await self._fetch(f"{sql.LOCK} {self._for_update}", sorted(missing))
        self._locked |= missing

    # ------------------------------------------------------------------------------------------------------- accounts

    async def add_account(self, account: int, token: bytes, name: str, at: int) -> None:
        """See Rows."""
        await self._change(sql.ADD_ACCOUNT, account, token, name, at)

    async def account_of(self, token: bytes) -> int | None:
        """See Rows."""
        found = await self._settled(sql.ACCOUNT_OF, sql.ACCOUNT_OF, token)
        return found["account"] if found else None

    async def account(self, account: int) -> Account | None:
        """See Rows."""
        found = await self._settled(sql.ACCOUNT, sql.ACCOUNT, account) if abs(account) <= LARGEST else None
        return Account(*found[:6]) if found else None

    async def accounts(self) -> list[Account]:
        """See Rows."""
        return [Account(*row) for row in await self._fetch(sql.ACCOUNTS)]

    async def remove_account(self, account: int) -> None:
        """See Rows."""
        await self.lock({account})
        await self._change(sql.REMOVE_ACCOUNT, account, bulk=True)
        self.touched.add(account)

    # ------------------------------------------------------------------------------------------------------- channels

    async def add_channel(self, account: int, channel_id: str, settings: Settings, at: int) -> int:
        """See Rows."""
        return await self._value(sql.ADD_CHANNEL, channel_id, account, *_columns(settings), at)

    async def channel(self, channel_id: str) -> Channel | None:
        """See Rows."""
        found = await self._settled(sql.CHANNEL, sql.ACCOUNT_OF_CHANNEL, channel_id)
        return channel_of(found) if found else None

    async def channels(self, account: int) -> list[Channel]:
        """See Rows."""
        return [channel_of(row) for row in await self._fetch(sql.CHANNELS, account)]

    async def set_settings(self, channel: Channel, settings: Settings) -> None:
        """See Rows."""
        await self._change(sql.SET_SETTINGS, channel.key, *_columns(settings))
        self.touched.add(channel.account)

    async def set_owner(self, channel: int, reader: int) -> None:
        """See Rows."""
        await self._change(sql.SET_OWNER, channel, reader)

    async def delete_channel(self, channel: Channel) -> None:
        """See Rows."""
        await self._change(sql.DELETE_CHANNEL, channel.key, bulk=True)
        self.touched.add(channel.account)

    # --------------------------------------------------------------------------------------------------------- tokens

    async def add_token(
        self, channel: int, token: bytes, name: str, description: str, *, can_read: bool, can_write: bool, at: int
    ) -> int:
        """See Rows."""
        return await self._value(sql.ADD_TOKEN, channel, token, name, description, can_read, can_write, at)

    async def token(self, token: bytes) -> Token | None:
        """See Rows."""
        found = await self._settled(sql.TOKEN, sql.ACCOUNT_OF_TOKEN, token)
        return Token(*found) if found else None

    async def tokens(self, channel: Channel) -> list[Token]:
        """See Rows."""
        return [Token(*row) for row in await self._fetch(sql.TOKENS, channel.key)]

    async def account_tokens(self, account: int) -> list[Token]:
        """See Rows."""
        return [Token(*row) for row in await self._fetch(sql.ACCOUNT_TOKENS, account)]

    async def remove_token(self, token: Token) -> None:
        """See Rows."""
        if not await self._change(sql.REVOKE_OWNER, token.key):
            await self._change(sql.REMOVE_TOKEN, token.key, bulk=True)
        self.touched.add(token.account)

    # ------------------------------------------------------------------------------------------------------- messages

    async def add_message(self, channel: Channel, at: int, content_type: str, payload: bytes) -> int:
        """See Rows."""
        size, expires = len(payload) + MESSAGE_OVERHEAD, channel.settings.retention.expiry(at)
        values = (channel.key, channel.head, size, channel.account, at, expires, content_type, payload)
        added = await self._change(sql.POST, *values)
        if not added:
            raise Misuse(OUTDATED)
        self.touched.add(channel.account)
        sequence: int = added[0][0]
        return sequence

    async def messages(
        self, channel: Channel, reader: int | None, after: int, *, unread: bool, most: int, space: int
    ) -> tuple[list[HostMessage], bool]:
        """See Rows."""
        if reader is None:
            found = await self._fetch(sql.PAGE_STORED, channel.key, after, most, space)
        else:
            query = sql.PAGE_UNREAD if unread else sql.PAGE_SEEN
            found = await self._fetch(query, channel.key, after, reader, most, space)
        messages = [message_of(row, channel.id) for row in found]
        return messages, is_ended(messages, most, space)

    async def piece(self, channel: Channel, sequence: int, start: int, size: int) -> bytes | None:
        """See Rows."""
        found = await self._fetch(sql.PIECE, channel.key, sequence, start + 1, size)
        piece: bytes | None = found[0][0] if found else None
        return piece

    async def account_messages(self, account: int, after: int, *, most: int, space: int) -> tuple[list[Placed], bool]:
        """See Rows."""
        if not after:
            first = await self._one(sql.ACCOUNT_START, account)
            if first is None:
                return [], False
            after = first - 1
        found = await self._fetch(sql.PAGE_ACCOUNT, account, after, most, space)
        placed = [(row["position"], message_of(row, row["channel_id"])) for row in found]
        return placed, is_ended((message for _, message in placed), most, space)

    async def youngest(self, channel: Channel, low: int, high: int) -> int | None:
        """See Rows."""
        return await self._one(sql.YOUNGEST, channel.key, low, high)

    # ----------------------------------------------------------------------------------------------------- read marks

    async def watermark(self, reader: int) -> int:
        """See Rows."""
        return await self._one(sql.WATERMARK, reader) or 0

    async def set_watermark(self, reader: int, sequence: int) -> None:
        """See Rows."""
        await self._change(sql.SET_WATERMARK, reader, sequence)

    async def first_unread(self, channel: Channel, reader: int, after: int) -> int | None:
        """See Rows."""
        return await self._one(sql.FIRST_UNREAD, channel.key, after, reader)

    async def has_unread(self, channel: Channel, reader: int) -> bool:
        """See Rows."""
        return bool(await self._one(sql.HAS_UNREAD, channel.key, 0, reader))

    async def add_exceptions(self, channel: Channel, reader: int, low: int, high: int) -> None:
        """See Rows."""
        await self._change(sql.ADD_EXCEPTIONS, reader, channel.key, low, high, bulk=True)
        self.touched.add(channel.account)

    async def clear_exceptions(self, reader: int, low: int, high: int) -> None:
        """See Rows."""
        await self._change(sql.CLEAR_EXCEPTIONS, reader, low, high, bulk=True)

    async def first_exception(self, reader: int, low: int, high: int) -> int | None:
        """See Rows."""
        return await self._one(sql.FIRST_EXCEPTION, reader, low, high)

    async def hide(self, channel: Channel, reader: int, low: int, high: int) -> None:
        """See Rows."""
        await self._change(sql.HIDE, reader, channel.key, low, high, bulk=True)

    async def touch(self) -> None:
        """See Rows."""
        await self._change(sql.TOUCH)

    # -------------------------------------------------------------------------------------------------------- freeing

    async def free(self, channel: Channel, low: int, high: int, *, read: bool) -> None:
        """See Rows."""
        if (await self._change(sql.FREE, channel.key, low, high, read, bulk=True))[0][0]:
            self.touched.add(channel.account)

    async def prune(self, at: int, most: int) -> int:
        """See Rows."""
        due = await self._fetch(sql.DUE, at, most)
        if not due:
            return 0
        accounts = {row["account"] for row in due}
        await self.lock(accounts)
        self.touched |= accounts
        return await self._value(sql.PRUNE, at, most, sorted(accounts))

    # --------------------------------------------------------------------------------------------------------- inside

    async def _settled(self, query: str, account: str, key: object) -> Record | None:
        """Return a row as it is under the lock of its account, which another query finds by the same key."""
        if self._locked is not None and not self._locked:
            first = await self._fetch(f"{account} {self._for_update}", key)
            self._locked |= {row["account"] for row in first}
            if account == query or not first:
                return first[0] if first else None
        found = await self._fetch(query, key)
        if found and self._locked is not None and found[0]["account"] not in self._locked:
            await self.lock({found[0]["account"]})
            found = await self._fetch(query, key)
        return found[0] if found else None

    async def _one(self, query: str, *values: object) -> int | None:
        """Return the number that a query finds, None for no row or no value."""
        found = await self._fetch(query, *values)
        number: int | None = found[0][0] if found else None
        return number

    async def _value(self, statement: str, *values: object) -> int:
        """Make a change and return the number that it gives back."""
        number: int = (await self._change(statement, *values))[0][0]
        return number

    async def _change(self, statement: str, *values: object, bulk: bool = False) -> list[Record]:
        self.changes += 1
        changed = (self._locked or set()) - self._bumped
        if changed:
            self._bumped |= changed
            await self._fetch(sql.BUMP, sorted(changed))
        return await self._fetch(statement, *values, bulk=bulk)

    async def _fetch(self, query: str, *values: object, bulk: bool = False) -> list[Record]:
        return await self._session.fetch(query, *values, timeout=BULK_SECONDS if bulk else None)


def channel_of(row: Iterable[Any]) -> Channel:
    """Read the columns of CHANNEL."""
    key, channel_id, account, *flags, low, high, prunes, owner, head, stored = row
    public_read, public_write, sequenced, locked, auto_delete, opens = flags
    retention = Retention(low, high, prunes)
    settings = Settings(public_read, public_write, sequenced, locked, auto_delete, opens, retention)
    return Channel(key, channel_id, account, settings, owner, head, stored)


def _columns(settings: Settings) -> tuple[object, ...]:
    kept = settings.retention
    flags = (settings.public_read, settings.public_write, settings.sequenced, settings.locked, settings.auto_delete)
    return (*flags, settings.opens, kept.min_age_days, kept.max_age_days, kept.auto_prune)


def message_of(row: Record, channel_id: str) -> HostMessage:
    """Read the columns of a message."""
    return HostMessage(
        sequence=row["sequence"],
        received=row["received"],
        content_type=row["content_type"],
        channel_id=channel_id,
        payload=row["payload"],
    )


def is_ended(messages: Iterable[HostMessage], most: int, space: int) -> bool:
    """Whether a bound ended a list of messages."""
    sizes = [len(message.payload) for message in messages]
    return len(sizes) >= most or sum(sizes) >= space
