"""The negotiations, each saved only by whoever saw its newest version."""

from __future__ import annotations

from channels_desktop.adapters.repositories.statements import Row, Statements, Value
from channels_desktop.engine.needs import Need
from channels_desktop.engine.records import Thread
from channels_desktop.engine.rows import NeedRow

_THREAD = """SELECT uuid, relationship, entry, state_number, state, version, at, wake, txid, need, satoshis, deadline
    FROM thread """
_MOST_SHOWN = 100


class SqlThreads:
    """The Threads repository."""

    def __init__(self, statements: Statements) -> None:
        self._db = statements

    def add(self, thread: Thread) -> None:
        """See Threads; raises Misuse where its UUID is taken."""
        self._db.insert(
            """INSERT INTO thread (uuid, relationship, entry, state_number, state, version, at, wake, txid, need,
            satoshis, deadline) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            thread.uuid,
            thread.relationship,
            thread.entry,
            thread.state_number,
            thread.state,
            thread.version,
            thread.at,
            thread.wake,
            thread.txid,
            *thread.need,
        )

    def get(self, uuid: bytes) -> Thread | None:
        """See Threads."""
        row = self._db.row(_THREAD + "WHERE uuid = ?", uuid)
        return _thread(row) if row else None

    def save(self, thread: Thread) -> None:
        """See Threads; raises Misuse where it was at another version. The relationship stays."""
        self._db.change_one(
            f"thread {thread.uuid.hex()}",
            """UPDATE thread SET entry = ?, state_number = ?, state = ?, version = ?, at = ?, wake = ?, txid = ?,
            need = ?, satoshis = ?, deadline = ? WHERE uuid = ? AND version = ?""",
            thread.entry,
            thread.state_number,
            thread.state,
            thread.version,
            thread.at,
            thread.wake,
            thread.txid,
            *thread.need,
            thread.uuid,
            thread.version - 1,
        )

    def set_wake(self, uuid: bytes, wake: int) -> None:
        """See Threads; raises Misuse where there is none."""
        self._db.change_one(f"thread {uuid.hex()}", "UPDATE thread SET wake = ? WHERE uuid = ?", wake, uuid)

    def due(self, at: int) -> tuple[Thread, ...]:
        """See Threads; earliest first."""
        return self._threads(_THREAD + "WHERE wake > 0 AND wake <= ? ORDER BY wake, rowid", at)

    def next_wake(self) -> int:
        """See Threads."""
        return self._db.number("SELECT coalesce(min(wake), 0) FROM thread WHERE wake > 0")

    def needs(self, relationship: int) -> tuple[NeedRow, ...]:
        """See Threads; at most 100, by the time of their newest step."""
        sql = """SELECT need, lower(hex(uuid)), satoshis, deadline FROM thread WHERE relationship = ? AND need <> ''
            ORDER BY at DESC, rowid DESC LIMIT ?"""
        return tuple(NeedRow(*row) for row in self._db.rows(sql, relationship, _MOST_SHOWN))

    def of(self, relationship: int, states: tuple[int, ...]) -> tuple[Thread, ...]:
        """See Threads; at most 100, by the time of their newest step."""
        marks = ", ".join("?" * len(states))
        where = f"WHERE relationship = ? AND state_number IN ({marks}) ORDER BY at DESC, rowid DESC LIMIT ?"
        return self._threads(_THREAD + where, relationship, *states, _MOST_SHOWN)

    def _threads(self, sql: str, *values: Value) -> tuple[Thread, ...]:
        return tuple(map(_thread, self._db.rows(sql, *values)))


def _thread(row: Row) -> Thread:
    values: Row = (*row[:-3], Need(*row[-3:]))
    return Thread(*values)
