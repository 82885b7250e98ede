"""Posts of one transaction on SQLite: a few statements load what they look up, and write what they add.

A thread that asks SQLite lets others run at each row it is given, and then has to wait for its turn: so each of these
statements takes and gives all its rows at once, as JSON where that can be.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from typing import Any

from channels_desktop.host.batch_rows import Added, BatchRows, Kept
from channels_desktop.host.messages import HostMessage
from channels_desktop.host.rows import NOTHING_FRESH, Account, Channel, Fresh, Placed, Posting, Token
from channels_desktop.host.sqlite_rows import (
    ACCOUNT,
    CHANNEL,
    DROP_PASSED,
    RAISE_WATERMARK,
    TOKEN,
    SqliteRows,
    channel_of,
    token_of,
)

_HASH_BYTES = 32
_MOST_AT_ONCE = 64
_MOST_KNOWN = 20_000
_ACCOUNT_COLUMNS = len(Account._fields)

_CHANNELS = f"""SELECT json_group_array(json_array({ACCOUNT}, {CHANNEL})) FROM json_each(?1) n
    CROSS JOIN channel c ON c.id = n.value CROSS JOIN account a ON a.id = c.account"""
# Hashes are no JSON: ?1 has their numbers, ?2 all of them, one after the other.
_HASH = f"substr(?2, 1 + {_HASH_BYTES} * n.value, {_HASH_BYTES})"
_TOKENS = f"""SELECT json_group_array(json_array(n.value, {TOKEN})) FROM json_each(?1) n
    CROSS JOIN token t ON t.token = {_HASH} CROSS JOIN channel c ON c.key = t.channel WHERE NOT t.revoked"""
_OWNERS = f"""SELECT json_group_array(json_array(n.value, a.id)) FROM json_each(?1) n
    CROSS JOIN account a ON a.token = {_HASH}"""

_POST_COLUMNS = "channel, account, sequence, received, content_type, payload, expires"
_POSTED = f"({', '.join('?' for _ in Added._fields)})"


class SqliteBatch(BatchRows, SqliteRows):
    """Rows for one transaction after the other.

    What posts looked up is known until somebody changes something else, here or in another process.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        SqliteRows.__init__(self, db)
        BatchRows.__init__(self)
        self._version = 0
        self._fresh: dict[int, list[Placed]] = {}
        self._otherwise = False

    def load(self, postings: Sequence[Posting]) -> None:
        """Learn what posts look up; every transaction begins with this."""
        if not (self.known or postings):
            return
        version = self._db.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version or self.known > _MOST_KNOWN:
            self.forget()
            self._version = version
        ids = {posting.channel_id for posting in postings} - self._known_channels.keys()
        if ids:
            self._load_channels(ids)
        shown = {posting.token for posting in postings if posting.token is not None} - self._known_tokens.keys()
        if shown:
            self._load_tokens(list(shown))

    def changed(self) -> tuple[set[int], Fresh]:
        """Return which accounts have changed since this was last asked, after a commit, and what is fresh."""
        touched, self.touched = self.touched, set()
        fresh, self._fresh = self._fresh, {}
        otherwise, self._otherwise = self._otherwise, False
        return touched, NOTHING_FRESH if otherwise else fresh

    def drop(self) -> None:
        """See BatchRows."""
        super().drop()
        self.changed()

    def _load_channels(self, ids: Iterable[str]) -> None:
        accounts: dict[int, Account] = {}
        channels: dict[str, Channel | None] = dict.fromkeys(ids)
        for row in self._json(_CHANNELS, json.dumps(list(channels))):
            account, channel = Account(*row[:_ACCOUNT_COLUMNS]), channel_of(row[_ACCOUNT_COLUMNS:])
            channels[channel.id] = channel
            accounts[account.id] = self._known_accounts.get(account.id, account)  # with what is not written yet
        self.know(accounts.values(), channels, {}, {})

    def _load_tokens(self, hashes: Sequence[bytes]) -> None:
        numbers, all_hashes = json.dumps(list(range(len(hashes)))), b"".join(hashes)
        tokens: dict[bytes, Token | None] = dict.fromkeys(hashes)
        owners: dict[bytes, int | None] = dict.fromkeys(hashes)
        for number, *row in self._json(_TOKENS, numbers, all_hashes):
            tokens[hashes[number]] = token_of(row)
        if None in tokens.values():
            for number, account in self._json(_OWNERS, numbers, all_hashes):
                owners[hashes[number]] = account
        self.know((), {}, tokens, owners)

    async def _write(self, kept: Kept) -> None:
        """See BatchRows; positions are the database's own count."""
        added = kept.added
        places: list[int] = []
        for start in range(0, len(added), _MOST_AT_ONCE):
            part = added[start : start + _MOST_AT_ONCE]
            last = self._db.execute(_posts(len(part)), list(chain.from_iterable(part))).lastrowid
            assert last is not None  # noqa: S101 - an INSERT that raised nothing made a row
            places += range(last - len(part) + 1, last + 1)
        if added:
            self._note_fresh(kept, places)
            for account, place in dict(zip((one.account for one in added), places, strict=True)).items():
                self._known_accounts[account] = self._known_accounts[account]._replace(position=place)
        if kept.marks:
            self._db.executemany(DROP_PASSED, kept.marks.items())
            self._db.executemany(RAISE_WATERMARK, kept.marks.items())
        if kept.excepted:
            self._db.executemany("INSERT OR IGNORE INTO exception (reader, sequence) VALUES (?, ?)", kept.excepted)

    def _note_fresh(self, kept: Kept, places: Sequence[int]) -> None:
        """Note what was added that the owners of its channels did not write themselves."""
        channels = {channel.key: channel for channel in kept.channels}
        excepted = set(kept.excepted)
        for one, place in zip(kept.added, places, strict=True):
            channel, fresh = channels[one.channel], self._fresh.setdefault(one.account, [])
            owner, number = channel.owner, one.sequence
            if owner and number > kept.marks.get(owner, 0) and (owner, number) not in excepted:
                message = HostMessage(
                    sequence=number,
                    received=one.received,
                    content_type=one.content_type,
                    channel_id=channel.id,
                    payload=one.payload,
                )
                fresh.append((place, message))

    def _json(self, query: str, *values: object) -> list[Any]:
        found: list[Any] = json.loads(self._db.execute(query, values).fetchone()[0])
        return found

    async def _change(self, statement: str, *values: object) -> list[Any]:
        await self.flush()
        self.forget()
        self._otherwise = True
        return await super()._change(statement, *values)

    async def _fetch(self, query: str, *values: object) -> list[Any]:
        await self.flush()
        return await super()._fetch(query, *values)

    async def _open(self, query: str, *values: object) -> Iterable[Any]:
        await self.flush()
        return await super()._open(query, *values)


@cache
def _posts(count: int) -> str:
    return f"INSERT INTO message ({_POST_COLUMNS}) VALUES {', '.join([_POSTED] * count)}"
