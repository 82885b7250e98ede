"""The tables of the host's SQLite database, and every statement on them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from channels_desktop.host.messages import HostMessage
from channels_desktop.host.rows import Channel, Token

SCHEMA = """
CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    token BLOB NOT NULL UNIQUE,
    created INTEGER NOT NULL
) STRICT;
CREATE TABLE channel (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    account INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
    public INTEGER NOT NULL,
    auto_delete INTEGER NOT NULL,
    owner INTEGER NOT NULL DEFAULT 0,
    head INTEGER NOT NULL DEFAULT 0,
    stored INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL
) STRICT;
CREATE INDEX channel_account ON channel (account);
CREATE TABLE token (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    token BLOB NOT NULL UNIQUE,
    channel INTEGER NOT NULL REFERENCES channel ON DELETE CASCADE,
    can_read INTEGER NOT NULL,
    can_write INTEGER NOT NULL,
    watermark INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX token_channel ON token (channel);
CREATE TABLE message (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    channel INTEGER NOT NULL REFERENCES channel ON DELETE CASCADE,
    account INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    received INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    payload BLOB NOT NULL,
    UNIQUE (channel, sequence)
) STRICT;
CREATE INDEX message_account ON message (account);
CREATE TABLE exception (
    reader INTEGER NOT NULL REFERENCES token ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (reader, sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE hidden (
    reader INTEGER NOT NULL REFERENCES token ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (reader, sequence)
) STRICT, WITHOUT ROWID;
-- What each token's holder could see, and whether it has been read.
CREATE VIEW seen AS
    SELECT t.key AS reader, t.can_read, t.key = c.owner AS by_owner, c.id AS channel_id, m.position, m.account,
        m.sequence, m.received, m.content_type, m.payload,
        (m.sequence <= t.watermark) <> EXISTS (
            SELECT 1 FROM exception e WHERE e.reader = t.key AND e.sequence = m.sequence) AS is_read
    FROM message m JOIN channel c ON c.key = m.channel JOIN token t ON t.channel = c.key
    WHERE NOT EXISTS (SELECT 1 FROM hidden h WHERE h.reader = t.key AND h.sequence = m.sequence);
"""

_CHANNEL = "SELECT key, id, account, public, auto_delete, owner, head, stored FROM channel WHERE id = ?"
_CHANNELS = """SELECT key, id, account, public, auto_delete, owner, head, stored FROM channel
    WHERE account = ? ORDER BY key"""
_BY_HASH = """SELECT t.key, t.channel, c.id, c.account, t.can_read, t.can_write
    FROM token t JOIN channel c ON c.key = t.channel WHERE t.token = ?"""
_POST = """INSERT INTO message (channel, account, sequence, received, content_type, payload)
    VALUES (?, ?, ?, ?, ?, ?)"""
_SEEN = """SELECT sequence, received, content_type, channel_id, payload FROM seen
    WHERE reader = ? AND sequence > ? ORDER BY sequence"""
# Below the watermark nothing is unread before the first exception, so that is where the search begins.
_UNREAD = """SELECT sequence, received, content_type, channel_id, payload FROM seen
    WHERE reader = ?1 AND NOT is_read AND sequence > max(?2, (SELECT coalesce(
        (SELECT min(sequence) - 1 FROM exception WHERE reader = ?1 AND sequence <= watermark), watermark)
        FROM token WHERE key = ?1)) ORDER BY sequence"""
_ACCOUNT_UNREAD = """SELECT position, sequence, received, content_type, channel_id, payload FROM seen
    WHERE account = ? AND position > ? AND by_owner AND NOT is_read ORDER BY position"""
_FIRST_UNREAD = """SELECT sequence FROM message m WHERE channel = ?2 AND sequence > ?3
    AND NOT EXISTS (SELECT 1 FROM exception e WHERE e.reader = ?1 AND e.sequence = m.sequence)
    ORDER BY sequence LIMIT 1"""
_FREE = """DELETE FROM message WHERE channel = ?1 AND sequence BETWEEN ?2 AND ?3 AND NOT EXISTS (
    SELECT 1 FROM seen s WHERE s.position = message.position AND s.can_read AND NOT (?4 AND s.is_read))
    RETURNING length(payload)"""
_FORGET_HIDDEN = """DELETE FROM hidden WHERE reader IN (SELECT key FROM token WHERE channel = ?1)
    AND sequence BETWEEN ?2 AND ?3
    AND NOT EXISTS (SELECT 1 FROM message m WHERE m.channel = ?1 AND m.sequence = hidden.sequence)"""
_EXCEPT = """INSERT OR IGNORE INTO exception (reader, sequence)
    SELECT ?, sequence FROM message WHERE channel = ? AND sequence BETWEEN ? AND ?"""
_HIDE = """INSERT OR IGNORE INTO hidden (reader, sequence)
    SELECT ?, sequence FROM message WHERE channel = ? AND sequence BETWEEN ? AND ?"""


class SqliteRows:
    """Rows over one connection, inside whatever transaction it is in.

    `touched` collects the accounts whose listeners have something to look for once the transaction is committed.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.touched: set[int] = set()

    def add_account(self, account: int, token: bytes, at: int) -> None:
        """See Rows."""
        self._db.execute("INSERT INTO account (id, token, created) VALUES (?, ?, ?)", (account, token, at))

    def account_of(self, token: bytes) -> int | None:
        """See Rows."""
        found = self._db.execute("SELECT id FROM account WHERE token = ?", (token,)).fetchone()
        return found[0] if found else None

    def add_channel(self, account: int, channel_id: str, *, public: bool, auto_delete: bool, at: int) -> int:
        """See Rows."""
        columns = "INSERT INTO channel (id, account, public, auto_delete, created) VALUES (?, ?, ?, ?, ?)"
        return self._insert(columns, (channel_id, account, public, auto_delete, at))

    def channel(self, channel_id: str) -> Channel | None:
        """See Rows."""
        found = self._db.execute(_CHANNEL, (channel_id,)).fetchone()
        return _channel(found) if found else None

    def channels(self, account: int) -> list[Channel]:
        """See Rows."""
        return [_channel(row) for row in self._db.execute(_CHANNELS, (account,))]

    def channel_count(self, account: int) -> int:
        """See Rows."""
        count: int = self._db.execute("SELECT count(*) FROM channel WHERE account = ?", (account,)).fetchone()[0]
        return count

    def delete_channel(self, channel: Channel) -> None:
        """See Rows."""
        self._db.execute("DELETE FROM channel WHERE key = ?", (channel.key,))
        self.touched.add(channel.account)

    def add_token(self, channel: int, token: bytes, *, can_read: bool, can_write: bool) -> int:
        """See Rows."""
        columns = "INSERT INTO token (channel, token, can_read, can_write) VALUES (?, ?, ?, ?)"
        return self._insert(columns, (channel, token, can_read, can_write))

    def set_owner(self, channel: int, reader: int) -> None:
        """See Rows."""
        self._db.execute("UPDATE channel SET owner = ? WHERE key = ?", (reader, channel))

    def token(self, token: bytes) -> Token | None:
        """See Rows."""
        found = self._db.execute(_BY_HASH, (token,)).fetchone()
        if found is None:
            return None
        key, channel, channel_id, account, can_read, can_write = found
        return Token(key, channel, channel_id, account, bool(can_read), bool(can_write))

    def add_message(self, channel: Channel, at: int, content_type: str, payload: bytes) -> int:
        """See Rows."""
        sequence: int = self._db.execute(
            "UPDATE channel SET head = head + 1, stored = stored + ? WHERE key = ? RETURNING head",
            (len(payload), channel.key),
        ).fetchone()[0]
        self._db.execute(_POST, (channel.key, channel.account, sequence, at, content_type, payload))
        self.touched.add(channel.account)
        return sequence

    def messages(self, channel: Channel, reader: int, after: int, *, unread: bool) -> Iterator[HostMessage]:
        """See Rows."""
        return map(_message, self._db.execute(_UNREAD if unread else _SEEN, (reader, after)))

    def account_messages(self, account: int, after: int) -> Iterator[tuple[int, HostMessage]]:
        """See Rows."""
        found = self._db.execute(_ACCOUNT_UNREAD, (account, after))
        return ((row[0], _message(row[1:])) for row in found)

    def newest(self) -> int:
        """See Rows."""
        found = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'message'").fetchone()
        return found[0] if found else 0

    def watermark(self, reader: int) -> int:
        """See Rows."""
        mark: int = self._db.execute("SELECT watermark FROM token WHERE key = ?", (reader,)).fetchone()[0]
        return mark

    def set_watermark(self, reader: int, sequence: int) -> None:
        """See Rows."""
        self.clear_exceptions(reader, self.watermark(reader) + 1, sequence)
        self._db.execute("UPDATE token SET watermark = ? WHERE key = ?", (sequence, reader))

    def first_unread(self, channel: Channel, reader: int, after: int) -> int | None:
        """See Rows."""
        found = self._db.execute(_FIRST_UNREAD, (reader, channel.key, after)).fetchone()
        return found[0] if found else None

    def add_exceptions(self, channel: Channel, reader: int, low: int, high: int) -> None:
        """See Rows."""
        self._db.execute(_EXCEPT, (reader, channel.key, low, high))
        self.touched.add(channel.account)

    def clear_exceptions(self, reader: int, low: int, high: int) -> None:
        """See Rows."""
        self._db.execute("DELETE FROM exception WHERE reader = ? AND sequence BETWEEN ? AND ?", (reader, low, high))

    def hide(self, channel: Channel, reader: int, low: int, high: int) -> None:
        """See Rows."""
        self._db.execute(_HIDE, (reader, channel.key, low, high))

    def free(self, channel: Channel, low: int, high: int) -> None:
        """See Rows."""
        freed = self._db.execute(_FREE, (channel.key, low, high, channel.auto_delete)).fetchall()
        if freed:
            size = sum(row[0] for row in freed)
            self._db.execute("UPDATE channel SET stored = stored - ? WHERE key = ?", (size, channel.key))
            self._db.execute(_FORGET_HIDDEN, (channel.key, low, high))

    def _insert(self, statement: str, values: tuple[object, ...]) -> int:
        key = self._db.execute(statement, values).lastrowid
        assert key is not None  # noqa: S101 - an INSERT that raised nothing made a row
        return key


def _channel(row: tuple[int, str, int, int, int, int, int, int]) -> Channel:
    key, channel_id, account, public, auto_delete, owner, head, stored = row
    return Channel(key, channel_id, account, bool(public), bool(auto_delete), owner, head, stored)


def _message(row: tuple[int, int, str, str, bytes]) -> HostMessage:
    sequence, received, content_type, channel_id, payload = row
    return HostMessage(
        sequence=sequence, received=received, content_type=content_type, channel_id=channel_id, payload=payload
    )
