"""The timelines of the conversations."""

from __future__ import annotations

from dataclasses import replace

from channels_desktop.adapters.repositories.statements import Row, Statements
from channels_desktop.engine.records import Entry
from channels_desktop.engine.rows import TextState

_ENTRY = "SELECT number, relationship, kind, at, mine, text, state, their_clock, reason, uuid, message FROM entry "
_END = (1 << 63) - 1


class SqlEntries:
    """The Entries repository. Entries are numbered in the order of arrival at our store and never renumbered."""

    def __init__(self, statements: Statements) -> None:
        self._db = statements

    def add(self, entry: Entry) -> int:
        """See Entries."""
        return self._db.insert(
            """INSERT INTO entry (relationship, kind, at, mine, text, state, their_clock, reason, uuid, message)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            entry.relationship,
            entry.kind,
            entry.at,
            entry.mine,
            entry.text,
            entry.state,
            entry.their_clock,
            entry.reason,
            entry.uuid,
            entry.message,
        )

    def get(self, number: int) -> Entry | None:
        """See Entries."""
        return self._entry("WHERE number = ?", number)

    def page(self, relationship: int, before: int | None, count: int) -> tuple[Entry, ...]:
        """See Entries; the newest ones where `before` is None."""
        end = _END if before is None else before
        rows = self._db.rows(
            _ENTRY + "WHERE relationship = ? AND number < ? ORDER BY number DESC LIMIT ?", relationship, end, count
        )
        return tuple(_entry(row) for row in reversed(rows))

    def page_after(self, relationship: int, after: int, count: int) -> tuple[Entry, ...]:
        """See Entries."""
        rows = self._db.rows(
            _ENTRY + "WHERE relationship = ? AND number > ? ORDER BY number LIMIT ?", relationship, after, count
        )
        return tuple(_entry(row) for row in rows)

    def newest(self, relationship: int) -> Entry | None:
        """See Entries."""
        return self._entry("WHERE relationship = ? AND kind <> 'notice' ORDER BY number DESC LIMIT 1", relationship)

    def unread(self, relationship: int, after: int) -> int:
        """See Entries."""
        return self._db.number(
            "SELECT count(*) FROM entry WHERE relationship = ? AND kind = 'text' AND mine = 0 AND number > ?",
            relationship,
            after,
        )

    def first_unread(self, relationship: int, after: int) -> int:
        """See Entries."""
        return self._db.number(
            """SELECT coalesce(min(number), 0) FROM entry
            WHERE relationship = ? AND kind = 'text' AND mine = 0 AND number > ?""",
            relationship,
            after,
        )

    def set_text_state(self, entry: Entry, state: TextState, *, reason: str = "") -> None:
        """See Entries; raises Misuse where it was in another state."""
        self._db.change_one(
            f"text {entry.number}",
            "UPDATE entry SET state = ?, reason = ? WHERE number = ? AND kind = 'text' AND state = ?",
            state.value,
            reason,
            entry.number,
            entry.state,
        )

    def received_up_to(self, relationship: int, message: int) -> tuple[int, ...]:
        """See Entries; texts that were never sent or were refused stay as they are."""
        rows = self._db.rows(
            """UPDATE entry SET state = 'received' WHERE relationship = ? AND message BETWEEN 0 AND ?
            AND kind = 'text' AND mine = 1 AND state IN ('waiting', 'stored') RETURNING number""",
            relationship,
            message,
        )
        return tuple(sorted(number for (number,) in rows))

    def waiting(self, relationship: int) -> tuple[int, ...]:
        """See Entries; at most 100."""
        sql = """SELECT number FROM entry WHERE relationship = ? AND kind = 'text' AND mine = 1
            AND state IN ('waiting', 'stored') AND state = 'waiting' ORDER BY message DESC LIMIT 100"""  # its index
        return tuple(number for (number,) in self._db.rows(sql, relationship))

    def text_of_message(self, relationship: int, message: int) -> Entry | None:
        """See Entries."""
        return self._entry(
            "WHERE relationship = ? AND message = ? AND kind = 'text' AND mine = 1", relationship, message
        )

    def renew(self, number: int, at: int) -> None:
        """See Entries; raises Misuse where there is none."""
        self._db.change_one(f"entry {number}", "UPDATE entry SET at = ? WHERE number = ?", at, number)

    def remove(self, entry: Entry) -> None:
        """See Entries; raises Misuse where its state is another by now."""
        self._db.change_one(
            f"entry {entry.number}", "DELETE FROM entry WHERE number = ? AND state = ?", entry.number, entry.state
        )

    def _entry(self, where: str, *values: int) -> Entry | None:
        row = self._db.row(_ENTRY + where, *values)
        return _entry(row) if row else None


def _entry(row: Row) -> Entry:
    entry = Entry(*row)
    return replace(entry, mine=bool(entry.mine))
