"""The list models: the conversations, ordered and under headings, and a window of at most 600 rows of a timeline."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt

from channels_desktop.engine.rows import ConversationRow, EntryRow, NoticeRow, PaymentRow, TextRow
from channels_desktop.ui import entry_words, payment_words
from channels_desktop.ui.words import moment, name, tr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

RowRole = int(Qt.ItemDataRole.UserRole)
_Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()

FIRST_PAGE, NEXT_PAGE, LONGEST_WINDOW = 200, 100, 600
NEVER = 1 << 63


class ConversationModel(QAbstractListModel):
    """The conversation list: what needs the user by deadline, then the rest by newest, each under its heading.

    An item is a `ConversationRow`, or a `str` for a heading. `clock` returns the time now in nanoseconds.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        super().__init__()
        self._clock = clock
        self._rows: dict[int, ConversationRow] = {}
        self._items: list[ConversationRow | str] = []
        self._filter = ""

    def fill(self, rows: Iterable[ConversationRow]) -> None:
        """Replace everything by `rows`."""
        self._rows = {row.relationship: row for row in rows}
        self._arrange()

    def change(self, rows: Iterable[ConversationRow]) -> None:
        """Add or replace `rows`."""
        self._rows.update({row.relationship: row for row in rows})
        self._arrange()

    def filter(self, text: str) -> None:
        """Show only conversations whose name, newest text or draft holds `text`."""
        self._filter = text.strip().casefold()
        self._arrange()

    def row_of(self, relationship: int) -> ConversationRow | None:
        """Return a conversation, shown or not."""
        return self._rows.get(relationship)

    def index_of(self, relationship: int) -> QModelIndex:
        """Return where a conversation is shown; an invalid index if it is not."""
        keys = [_key(item) for item in self._items]
        return self.index(keys.index(relationship)) if relationship in keys else NO_INDEX

    def shown(self) -> list[ConversationRow]:
        """Return the conversations in the order of the list."""
        return [item for item in self._items if not isinstance(item, str)]

    def everybody(self) -> list[ConversationRow]:
        """Return all conversations, whatever is searched for, the newest first."""
        return sorted(self._rows.values(), key=_age)

    def __len__(self) -> int:
        return len(self._rows)

    def rowCount(self, parent: _Index = NO_INDEX) -> int:
        """Count conversations and headings."""
        return 0 if parent.isValid() else len(self._items)

    def flags(self, index: _Index) -> Qt.ItemFlag:
        """Let conversations be chosen, and headings not."""
        if not index.isValid() or isinstance(self._items[index.row()], str):
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the item itself, or the words that a screen reader speaks."""
        if not index.isValid():
            return None
        item = self._items[index.row()]
        if role == RowRole:
            return item
        if role in {Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole}:
            return item if isinstance(item, str) else entry_words.conversation_spoken(item, self._clock())
        return None

    def _arrange(self) -> None:
        rows = [row for row in self._rows.values() if self._found(row)]
        needing = sorted((r for r in rows if r.needs), key=_urgency)
        others = sorted((r for r in rows if not r.needs), key=_age)
        items: list[ConversationRow | str] = []
        if needing:
            items += [tr("Needs you · {n}", n=len(needing)), *needing]
        if others:
            items += [tr("Conversations"), *others]
        if [_key(item) for item in items] == [_key(item) for item in self._items]:
            before, self._items = self._items, items
            for number, (old, new) in enumerate(zip(before, items, strict=True)):
                if old != new:
                    self.dataChanged.emit(self.index(number), self.index(number))
        else:
            self.beginResetModel()
            self._items = items
            self.endResetModel()

    def _found(self, row: ConversationRow) -> bool:
        texts = (row.name, row.last_line, row.draft)
        return not self._filter or any(self._filter in text.casefold() for text in texts)


def _key(item: ConversationRow | str) -> int | str:
    return item if isinstance(item, str) else item.relationship


def _age(row: ConversationRow) -> int:
    return -max(row.last_at, row.since)


def _urgency(row: ConversationRow) -> tuple[int, int]:
    return min(need.deadline or NEVER for need in row.needs), -row.last_at


class TimelineModel(QAbstractListModel):
    """A window on the entries of one conversation, oldest first.

    It opens with the newest 200, or with 100 on either side of a row, grows by 100 at an edge and drops the far end
    beyond 600. While it is `detached` newer rows exist: they are read page by page, after the last row of the window.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        super().__init__()
        self._clock = clock
        self._rows: list[EntryRow] = []
        self._keys: list[int] = []
        self._name = ""
        self._days: dict[int, int] = {}
        self.complete = False  # the oldest entry of all is in the window
        self.detached = False  # newer rows exist that are not in the window
        self.new_from = 0  # the entry above which the "New" line stands; 0 for none

    @property
    def rows(self) -> Sequence[EntryRow]:
        """Return the rows of the window."""
        return self._rows

    def fill(self, rows: Sequence[EntryRow], other: str, new_from: int = 0) -> None:
        """Show the newest `rows` of the conversation with the contact `other`; those from `new_from` on are new."""
        self._fill(rows, other, new_from, complete=len(rows) < FIRST_PAGE, detached=False)

    def fill_around(self, older: Sequence[EntryRow], newer: Sequence[EntryRow], other: str, new_from: int = 0) -> None:
        """Show the page `older` and the page `newer` that follows it, from anywhere in the conversation."""
        parts = {"complete": len(older) < NEXT_PAGE, "detached": len(newer) >= NEXT_PAGE}
        self._fill([*older, *newer], other, new_from, **parts)

    def _fill(self, rows: Sequence[EntryRow], other: str, new_from: int, *, complete: bool, detached: bool) -> None:
        self.beginResetModel()
        self._rows = list(rows)
        self._keys = [row.entry for row in rows]
        self._name = name(other)
        self._days.clear()
        self.complete, self.detached, self.new_from = complete, detached, new_from
        self.endResetModel()

    def prepend(self, rows: Sequence[EntryRow]) -> None:
        """Add an older page; drop the newest rows beyond the longest window."""
        older = [row for row in rows if not self._keys or row.entry < self._keys[0]]
        self.complete = len(rows) < NEXT_PAGE
        if older:
            self.beginInsertRows(NO_INDEX, 0, len(older) - 1)
            self._rows[:0] = older
            self._keys[:0] = [row.entry for row in older]
            self.endInsertRows()
        if len(self._rows) > LONGEST_WINDOW:
            self.detached = True
            self._remove(LONGEST_WINDOW - NEXT_PAGE, len(self._rows))

    def append_newer(self, rows: Sequence[EntryRow]) -> None:
        """Add the nearest newer page; drop the oldest rows beyond the longest window."""
        self.detached = len(rows) >= NEXT_PAGE
        self._append([row for row in rows if not self._keys or row.entry > self._keys[-1]])

    def change(self, rows: Iterable[EntryRow]) -> None:
        """Replace rows that are in the window and, unless detached, add those that are newer."""
        newer = []
        for row in rows:
            at = bisect_left(self._keys, row.entry)
            if at < len(self._keys) and self._keys[at] == row.entry:
                self._rows[at] = row
                self.dataChanged.emit(self.index(at), self.index(at))
            elif at == len(self._keys) and not self.detached:
                newer.append(row)
        self._append(sorted(newer, key=lambda row: row.entry))

    def remove(self, entry: int) -> None:
        """Drop one row."""
        at = self.index_of(entry).row()
        if at >= 0:
            self._remove(at, at + 1)

    def index_of(self, entry: int) -> QModelIndex:
        """Return where an entry is; an invalid index if it is not in the window."""
        at = bisect_left(self._keys, entry)
        return self.index(at) if at < len(self._keys) and self._keys[at] == entry else NO_INDEX

    def payment(self, thread: str) -> PaymentRow | None:
        """Return the payment of a thread, if its card is in the window."""
        found = (row for row in reversed(self._rows) if isinstance(row, PaymentRow) and row.thread == thread)
        return next(found, None)

    def starts_day(self, at: int) -> bool:
        """Tell whether the row at `at` is the first of its day."""
        return at == 0 or self._day(self._rows[at].at) != self._day(self._rows[at - 1].at)

    def newest_of_mine(self, at: int) -> bool:
        """Tell whether the row at `at` is the last text of ours: only that one says its state in words."""
        return not any(isinstance(row, TextRow) and row.mine for row in self._rows[at + 1 :])

    def rowCount(self, parent: _Index = NO_INDEX) -> int:
        """Count the rows of the window."""
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the row itself, or the words that a screen reader speaks."""
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        if role == RowRole:
            return row
        if role in {Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole}:
            return _spoken(row, self._name, self._clock())
        return None

    def _day(self, at: int) -> int:
        """Return the number of the local day; asked for every row in every layout, so it is kept."""
        if at not in self._days:
            self._days[at] = moment(at).date().toJulianDay()
        return self._days[at]

    def _append(self, rows: list[EntryRow]) -> None:
        if not rows:
            return
        first = len(self._rows)
        self.beginInsertRows(NO_INDEX, first, first + len(rows) - 1)
        self._rows += rows
        self._keys += [row.entry for row in rows]
        self.endInsertRows()
        if first:  # the text above may no longer be the newest of ours
            self.dataChanged.emit(self.index(max(0, first - NEXT_PAGE)), self.index(first - 1))
        if len(self._rows) > LONGEST_WINDOW:
            self._remove(0, len(self._rows) - LONGEST_WINDOW)
            self.complete = False

    def _remove(self, start: int, stop: int) -> None:
        self.beginRemoveRows(NO_INDEX, start, stop - 1)
        del self._rows[start:stop]
        del self._keys[start:stop]
        self.endRemoveRows()


def began(row: EntryRow) -> bool:
    """Tell whether a row is a text or a payment of the user's own making."""
    return isinstance(row, TextRow | PaymentRow) and not theirs(row)


def theirs(row: EntryRow) -> bool:
    """Tell whether a row is news: a text or a payment that the other side began; own ones and notices are none."""
    match row:
        case TextRow():
            return not row.mine
        case PaymentRow():
            return not row.mine_first
        case NoticeRow():
            return False


def _spoken(row: EntryRow, other: str, now: int) -> str:
    match row:
        case TextRow():
            return entry_words.text_spoken(row, other)
        case PaymentRow():
            return payment_words.spoken(row, other, now)
        case NoticeRow():
            return f"{entry_words.notice(row, other)[0]} {entry_words.notice_detail(row)}".strip()
