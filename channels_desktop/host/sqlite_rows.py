"""Every statement on the tables of the host's SQLite database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain
from typing import Any

from channels_desktop.errors import Misuse
from channels_desktop.host.messages import HostMessage
from channels_desktop.host.rows import (
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
from channels_desktop.host.sqlite_schema import VERSIONS

_Message = tuple[int, int, str, str, bytes]

ACCOUNT = "a.id, a.name, a.created, a.channels, a.stored, a.position"
CHANNEL = """c.key, c.id, c.account, c.owner, c.head, c.stored, c.public_read, c.public_write, c.sequenced, c.locked,
    c.auto_delete, c.opens, c.min_age_days, c.max_age_days, c.auto_prune"""
TOKEN = "t.key, t.channel, c.id, c.account, t.name, t.description, t.can_read, t.can_write, t.watermark"
_ACCOUNTS = f"SELECT {ACCOUNT} FROM account a"
_CHANNELS = f"SELECT {CHANNEL} FROM channel c"
_AMEND = """UPDATE channel SET public_read = ?, public_write = ?, sequenced = ?, locked = ?, auto_delete = ?,
    opens = ?, min_age_days = ?, max_age_days = ?, auto_prune = ? WHERE key = ?"""
_ADD_CHANNEL = """INSERT INTO channel (public_read, public_write, sequenced, locked, auto_delete, opens,
    min_age_days, max_age_days, auto_prune, id, account, created)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING key"""
_LET_IN = """INSERT INTO token (channel, token, name, description, can_read, can_write, created)
    VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING key"""
_TOKENS = f"SELECT {TOKEN} FROM token t CROSS JOIN channel c ON c.key = t.channel"
_ACCOUNT_TOKENS = f"""SELECT {TOKEN} FROM channel c CROSS JOIN token t ON t.channel = c.key
    WHERE c.account = ? AND NOT t.revoked ORDER BY t.key"""
_POST = """INSERT INTO message (channel, account, sequence, received, content_type, payload, expires)
    VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING position"""


# Messages: ?1 is the reader, ?2 the channel's key and ?3 its id, ?4 where to begin and ?5 the watermark.
_ALL = """SELECT m.sequence, m.received, m.content_type, ?3, m.payload FROM message m
    WHERE m.channel = ?2 AND m.sequence > ?4 AND ?1 IS NULL ORDER BY m.sequence"""
_SEEN = """SELECT m.sequence, m.received, m.content_type, ?3, m.payload FROM message m
    WHERE m.channel = ?2 AND m.sequence > ?4
    AND NOT EXISTS (SELECT 1 FROM hidden h WHERE h.reader = ?1 AND h.sequence = m.sequence) ORDER BY m.sequence"""
_UNREAD_ABOVE = """SELECT m.sequence, m.received, m.content_type, ?3, m.payload FROM message m
    WHERE m.channel = ?2 AND m.sequence > max(?4, ?5)
    AND NOT EXISTS (SELECT 1 FROM exception e WHERE e.reader = ?1 AND e.sequence = m.sequence)
    AND NOT EXISTS (SELECT 1 FROM hidden h WHERE h.reader = ?1 AND h.sequence = m.sequence) ORDER BY m.sequence"""
_UNREAD_BELOW = """SELECT m.sequence, m.received, m.content_type, ?3, m.payload
    FROM exception e CROSS JOIN message m ON m.channel = ?2 AND m.sequence = e.sequence
    WHERE e.reader = ?1 AND e.sequence > ?4 AND e.sequence <= ?5
    AND NOT EXISTS (SELECT 1 FROM hidden h WHERE h.reader = ?1 AND h.sequence = m.sequence) ORDER BY e.sequence"""
_HAS_UNREAD = """SELECT EXISTS (SELECT 1 FROM message m WHERE m.channel = ?2 AND m.sequence > t.watermark
        AND NOT EXISTS (SELECT 1 FROM exception e WHERE e.reader = ?1 AND e.sequence = m.sequence)
        AND NOT EXISTS (SELECT 1 FROM hidden h WHERE h.reader = ?1 AND h.sequence = m.sequence))
    OR EXISTS (SELECT 1 FROM exception e CROSS JOIN message m ON m.channel = ?2 AND m.sequence = e.sequence
        WHERE e.reader = ?1 AND e.sequence <= t.watermark
        AND NOT EXISTS (SELECT 1 FROM hidden h WHERE h.reader = ?1 AND h.sequence = m.sequence))
    FROM token t WHERE t.key = ?1"""
_FIRST_UNREAD = """SELECT m.sequence FROM message m WHERE m.channel = ?2 AND m.sequence > ?3
    AND NOT EXISTS (SELECT 1 FROM exception e WHERE e.reader = ?1 AND e.sequence = m.sequence)
    ORDER BY m.sequence LIMIT 1"""
_ACCOUNT_UNREAD = """SELECT m.position, m.sequence, m.received, m.content_type, c.id, m.payload
    FROM message m INDEXED BY message_account CROSS JOIN channel c ON c.key = m.channel
    CROSS JOIN token t ON t.key = c.owner
    WHERE m.account = ? AND m.position > ? AND (m.sequence > t.watermark) <> EXISTS (
        SELECT 1 FROM exception e WHERE e.reader = t.key AND e.sequence = m.sequence)
    AND NOT EXISTS (SELECT 1 FROM hidden h WHERE h.reader = t.key AND h.sequence = m.sequence)
    ORDER BY m.position"""
# Old mail that has been read is passed over once for each channel, and not once for each message.
_ACCOUNT_START = """SELECT min(first) FROM (
    SELECT (SELECT m.position FROM message m WHERE m.channel = c.key AND m.sequence > t.watermark
        ORDER BY m.sequence LIMIT 1) AS first
    FROM channel c CROSS JOIN token t ON t.key = c.owner WHERE c.account = ?1 AND c.head > t.watermark
    UNION ALL SELECT m.position FROM channel c CROSS JOIN token t ON t.key = c.owner
    CROSS JOIN exception e ON e.reader = t.key AND e.sequence <= t.watermark
    CROSS JOIN message m ON m.channel = c.key AND m.sequence = e.sequence WHERE c.account = ?1)"""

_PIECE = "SELECT substr(payload, ?, ?) FROM message WHERE channel = ? AND sequence = ?"
_YOUNGEST = """SELECT received FROM message WHERE channel = ? AND sequence BETWEEN ? AND ?
    ORDER BY sequence DESC LIMIT 1"""
DROP_PASSED = """DELETE FROM exception WHERE reader = ?1 AND sequence <= ?2
    AND sequence > (SELECT watermark FROM token WHERE key = ?1)"""
RAISE_WATERMARK = "UPDATE token SET watermark = ?2 WHERE key = ?1"
_EXCEPT = """INSERT OR IGNORE INTO exception (reader, sequence)
    SELECT ?, sequence FROM message WHERE channel = ? AND sequence BETWEEN ? AND ?"""
_HIDE = """INSERT OR IGNORE INTO hidden (reader, sequence)
    SELECT ?, sequence FROM message WHERE channel = ? AND sequence BETWEEN ? AND ?"""
_GONE = f"RETURNING channel, account, sequence, length(payload) + {MESSAGE_OVERHEAD}"
_FREE = f"""DELETE FROM message WHERE channel = ?1 AND sequence BETWEEN ?2 AND ?3 AND NOT EXISTS (
    SELECT 1 FROM token t WHERE t.channel = ?1 AND t.can_read
    AND NOT EXISTS (SELECT 1 FROM hidden h WHERE h.reader = t.key AND h.sequence = message.sequence)
    AND NOT (?4 AND (message.sequence <= t.watermark) <> EXISTS (
        SELECT 1 FROM exception e WHERE e.reader = t.key AND e.sequence = message.sequence)))
    {_GONE}"""
_PRUNE = f"""DELETE FROM message WHERE position IN (SELECT position FROM message INDEXED BY message_expires
    WHERE expires <= ? ORDER BY expires LIMIT ?) {_GONE}"""
_FORGET = """DELETE FROM {0} WHERE reader IN (SELECT key FROM token WHERE channel = ?1) AND sequence BETWEEN ?2 AND ?3
    AND NOT EXISTS (SELECT 1 FROM message m WHERE m.channel = ?1 AND m.sequence = {0}.sequence)"""


class SqliteRows(Rows):
    """Rows over one connection, inside whatever transaction it is in; nothing here ever waits.

    `touched` collects the accounts whose listeners have something to look for once the transaction is committed,
    `changes` counts statements that change something, `freed` says whether it left pages of the file empty.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.touched: set[int] = set()
        self.changes = 0
        self.freed = False

    async def add_account(self, account: int, token: bytes, name: str, at: int) -> None:
        """See Rows."""
        await self._change(
            "INSERT INTO account (id, token, name, created) VALUES (?, ?, ?, ?)", account, token, name, at
        )

    async def account_of(self, token: bytes) -> int | None:
        """See Rows."""
        return await self._one("SELECT id FROM account WHERE token = ?", token)

    async def account(self, account: int) -> Account | None:
        """See Rows."""
        found = await self._fetch(f"{_ACCOUNTS} WHERE id = ?", account)
        return Account(*found[0]) if found else None

    async def accounts(self) -> list[Account]:
        """See Rows."""
        return [Account(*row) for row in await self._fetch(f"{_ACCOUNTS} ORDER BY created, id")]

    async def remove_account(self, account: int) -> None:
        """See Rows."""
        await self._change("DELETE FROM account WHERE id = ?", account)
        self._changed(account, freed=True)

    async def add_channel(self, account: int, channel_id: str, settings: Settings, at: int) -> int:
        """See Rows."""
        await self._change("UPDATE account SET channels = channels + 1 WHERE id = ?", account)
        return await self._insert(_ADD_CHANNEL, *_values(settings), channel_id, account, at)

    async def channel(self, channel_id: str) -> Channel | None:
        """See Rows."""
        found = await self._fetch(f"{_CHANNELS} WHERE id = ?", channel_id)
        return channel_of(found[0]) if found else None

    async def channels(self, account: int) -> list[Channel]:
        """See Rows."""
        return [channel_of(row) for row in await self._fetch(f"{_CHANNELS} WHERE account = ? ORDER BY key", account)]

    async def set_settings(self, channel: Channel, settings: Settings) -> None:
        """See Rows."""
        await self._change(_AMEND, *_values(settings), channel.key)
        self._changed(channel.account)

    async def set_owner(self, channel: int, reader: int) -> None:
        """See Rows."""
        await self._change("UPDATE channel SET owner = ? WHERE key = ?", reader, channel)

    async def delete_channel(self, channel: Channel) -> None:
        """See Rows."""
        gone = await self._change("DELETE FROM channel WHERE key = ? RETURNING stored", channel.key)
        stored = sum(row[0] for row in gone)
        counts = "UPDATE account SET channels = channels - 1, stored = stored - ? WHERE id = ?"
        await self._change(counts, stored, channel.account)
        self._changed(channel.account, freed=True)

    async def add_token(
        self, channel: int, token: bytes, name: str, description: str, *, can_read: bool, can_write: bool, at: int
    ) -> int:
        """See Rows."""
        return await self._insert(_LET_IN, channel, token, name, description, can_read, can_write, at)

    async def token(self, token: bytes) -> Token | None:
        """See Rows."""
        found = await self._fetch(f"{_TOKENS} WHERE t.token = ? AND NOT t.revoked", token)
        return token_of(found[0]) if found else None

    async def tokens(self, channel: Channel) -> list[Token]:
        """See Rows."""
        found = await self._fetch(f"{_TOKENS} WHERE t.channel = ? AND NOT t.revoked ORDER BY t.key", channel.key)
        return [token_of(row) for row in found]

    async def account_tokens(self, account: int) -> list[Token]:
        """See Rows."""
        return [token_of(row) for row in await self._fetch(_ACCOUNT_TOKENS, account)]

    async def remove_token(self, token: Token) -> None:
        """See Rows."""
        if await self._one("SELECT owner FROM channel WHERE key = ?", token.channel) == token.key:
            await self._change("UPDATE token SET revoked = 1, can_write = 0 WHERE key = ?", token.key)
        else:
            await self._change("DELETE FROM token WHERE key = ?", token.key)
        self._changed(token.account)

    async def add_message(self, channel: Channel, at: int, content_type: str, payload: bytes) -> int:
        """See Rows."""
        if await self._one("SELECT head FROM channel WHERE key = ?", channel.key) != channel.head:
            raise Misuse(OUTDATED)
        sequence, expires = channel.head + 1, channel.settings.retention.expiry(at)
        await self._insert(_POST, channel.key, channel.account, sequence, at, content_type, payload, expires)
        self.touched.add(channel.account)
        return sequence

    async def messages(
        self, channel: Channel, reader: int | None, after: int, *, unread: bool, most: int, space: int
    ) -> tuple[list[HostMessage], bool]:
        """See Rows."""
        values = (reader, channel.key, channel.id, after)
        if reader is not None and unread:
            marked = (*values, await self.watermark(reader))
            found: Iterable[_Message] = chain(
                await self._open(_UNREAD_BELOW, *marked), await self._open(_UNREAD_ABOVE, *marked)
            )
        else:
            found = await self._open(_ALL if reader is None else _SEEN, *values)
        taken: list[HostMessage] = []
        for row in found:
            taken.append(_message(row))
            space -= len(row[-1])
            if len(taken) >= most or space <= 0:
                return taken, True
        return taken, False

    async def piece(self, channel: Channel, sequence: int, start: int, size: int) -> bytes | None:
        """See Rows."""
        found = await self._fetch(_PIECE, start + 1, size, channel.key, sequence)
        piece: bytes | None = found[0][0] if found else None
        return piece

    async def account_messages(self, account: int, after: int, *, most: int, space: int) -> tuple[list[Placed], bool]:
        """See Rows."""
        if not after:
            first = await self._one(_ACCOUNT_START, account)
            if first is None:
                return [], False
            after = first - 1
        taken: list[Placed] = []
        for row in await self._open(_ACCOUNT_UNREAD, account, after):
            taken.append((row[0], _message(row[1:])))
            space -= len(row[-1])
            if len(taken) >= most or space <= 0:
                return taken, True
        return taken, False

    async def youngest(self, channel: Channel, low: int, high: int) -> int | None:
        """See Rows."""
        return await self._one(_YOUNGEST, channel.key, low, high)

    async def watermark(self, reader: int) -> int:
        """See Rows."""
        return await self._one("SELECT watermark FROM token WHERE key = ?", reader) or 0

    async def set_watermark(self, reader: int, sequence: int) -> None:
        """See Rows."""
        await self._change(DROP_PASSED, reader, sequence)
        await self._change(RAISE_WATERMARK, reader, sequence)

    async def first_unread(self, channel: Channel, reader: int, after: int) -> int | None:
        """See Rows."""
        return await self._one(_FIRST_UNREAD, reader, channel.key, after)

    async def has_unread(self, channel: Channel, reader: int) -> bool:
        """See Rows."""
        return bool(await self._one(_HAS_UNREAD, reader, channel.key))

    async def add_exceptions(self, channel: Channel, reader: int, low: int, high: int) -> None:
        """See Rows."""
        await self._change(_EXCEPT, reader, channel.key, low, high)
        self._changed(channel.account)

    async def clear_exceptions(self, reader: int, low: int, high: int) -> None:
        """See Rows."""
        await self._change("DELETE FROM exception WHERE reader = ? AND sequence BETWEEN ? AND ?", reader, low, high)

    async def first_exception(self, reader: int, low: int, high: int) -> int | None:
        """See Rows."""
        return await self._one(
            "SELECT min(sequence) FROM exception WHERE reader = ? AND sequence BETWEEN ? AND ?", reader, low, high
        )

    async def hide(self, channel: Channel, reader: int, low: int, high: int) -> None:
        """See Rows."""
        await self._change(_HIDE, reader, channel.key, low, high)

    async def touch(self) -> None:
        """See Rows."""
        await self._change(f"PRAGMA user_version = {len(VERSIONS)}")

    async def free(self, channel: Channel, low: int, high: int, *, read: bool) -> None:
        """See Rows."""
        await self._forget(await self._change(_FREE, channel.key, low, high, read))

    async def prune(self, at: int, most: int) -> int:
        """See Rows."""
        gone = await self._change(_PRUNE, at, most)
        await self._forget(gone)
        return len(gone)

    async def _forget(self, gone: list[tuple[int, int, int, int]]) -> None:
        """Count what is gone (channel, account, sequence, size) and drop its marks."""
        of_channel: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for channel, account, sequence, size in gone:
            of_channel.setdefault((channel, account), []).append((sequence, size))
        for (channel, account), found in of_channel.items():
            stored = sum(size for _, size in found)
            ends = (channel, min(found)[0], max(found)[0])
            await self._change("UPDATE channel SET stored = stored - ? WHERE key = ?", stored, channel)
            await self._change("UPDATE account SET stored = stored - ? WHERE id = ?", stored, account)
            await self._change(_FORGET.format("exception"), *ends)
            await self._change(_FORGET.format("hidden"), *ends)
            self._changed(account, freed=True)

    def _changed(self, account: int, *, freed: bool = False) -> None:
        self.touched.add(account)
        self.freed |= freed

    async def _one(self, query: str, *values: object) -> int | None:
        """Return the number that a query finds, None for no row or no value."""
        found = await self._fetch(query, *values)
        number: int | None = found[0][0] if found else None
        return number

    async def _insert(self, statement: str, *values: object) -> int:
        """Add a row and return its key."""
        key: int = (await self._change(statement, *values))[0][0]
        return key

    async def _change(self, statement: str, *values: object) -> list[Any]:
        self.changes += 1
        return self._db.execute(statement, values).fetchall()

    async def _fetch(self, query: str, *values: object) -> list[Any]:
        return self._db.execute(query, values).fetchall()

    async def _open(self, query: str, *values: object) -> Iterable[Any]:
        """Begin to read what may be more than fits into memory."""
        return self._db.execute(query, values)


@lru_cache(maxsize=256)
def _settings(*row: int) -> Settings:
    *chosen, low, high, prune = row
    public_read, public_write, sequenced, locked, auto_delete, opens = map(bool, chosen)
    retention = Retention(low, high, bool(prune))
    return Settings(public_read, public_write, sequenced, locked, auto_delete, opens, retention)


def _values(settings: Settings) -> tuple[int, ...]:
    kept = settings.retention
    flags = (settings.public_read, settings.public_write, settings.sequenced, settings.locked, settings.auto_delete)
    return (*flags, settings.opens, kept.min_age_days, kept.max_age_days, kept.auto_prune)


def channel_of(row: tuple[int, str, int, int, int, int, *tuple[int, ...]]) -> Channel:
    """Read the columns of CHANNEL."""
    key, channel_id, account, owner, head, stored, *settings = row
    return Channel(key, channel_id, account, _settings(*settings), owner, head, stored)


def token_of(row: tuple[int, int, str, int, str, str, int, int, int]) -> Token:
    """Read the columns of TOKEN."""
    key, channel, channel_id, account, name, description, can_read, can_write, watermark = row
    return Token(key, channel, channel_id, account, name, description, bool(can_read), bool(can_write), watermark)


def _message(row: _Message) -> HostMessage:
    sequence, received, content_type, channel_id, payload = row
    return HostMessage(
        sequence=sequence, received=received, content_type=content_type, channel_id=channel_id, payload=payload
    )
