"""The pane of conversations: a search box, the list under its headings, and the button for a new contact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
)

from channels_desktop.engine.rows import ContactState, ConversationRow, Verification
from channels_desktop.ui.entry_words import last_line
from channels_desktop.ui.plain import Button, PlainLabel
from channels_desktop.ui.rows import ConversationModel, RowRole
from channels_desktop.ui.words import initials, name, tr, when

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from PySide6.QtGui import QKeyEvent

    from channels_desktop.ui.theme import Theme

MOST_COUNTED = 99  # unread texts: the badge holds two digits
_Index = QModelIndex | QPersistentModelIndex


class _Lines(QStyledItemDelegate):
    """Paints a conversation: who, the newest line, the time, and what is unread or waits."""

    def __init__(self, theme: Theme, clock: Callable[[], int]) -> None:
        super().__init__()
        self._theme, self._clock = theme, clock

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Return the height of a line or a heading."""
        return QSize(0, self._theme.px(34 if isinstance(index.data(RowRole), str) else 64))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Paint one line."""
        item: ConversationRow | str = index.data(RowRole)
        rect = QRect(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if isinstance(item, str):
            painter.setFont(self._theme.font("caption", strong=True))
            painter.setPen(self._theme.colour("secondary"))
            box = rect.adjusted(self._theme.px(16), self._theme.px(10), 0, 0)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, item)
        else:
            self._paint_ground(painter, rect, option)
            self._paint_row(painter, rect.adjusted(self._theme.px(16), 0, -self._theme.px(16), 0), item)
        painter.restore()

    def _paint_ground(self, painter: QPainter, rect: QRect, option: QStyleOptionViewItem) -> None:
        state = option.state
        box = rect.adjusted(self._theme.px(8), 1, -self._theme.px(8), -1)
        if state & QStyle.StateFlag.State_Selected:
            painter.setBrush(self._theme.colour("selected"))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(self._theme.colour("hover"))
        else:
            painter.setBrush(Qt.BrushStyle.NoBrush)
        focused = state & QStyle.StateFlag.State_HasFocus and state & QStyle.StateFlag.State_KeyboardFocusChange
        painter.setPen(QPen(self._theme.colour("accent"), 2) if focused else Qt.PenStyle.NoPen)
        painter.drawRoundedRect(box, self._theme.px(8), self._theme.px(8))

    def _paint_row(self, painter: QPainter, rect: QRect, row: ConversationRow) -> None:
        px = self._theme.px
        face = QRect(rect.left(), rect.center().y() - px(19), px(38), px(38))
        _paint_face(painter, self._theme, face, row)
        left = face.right() + px(11)
        top = QRect(left, rect.top() + px(11), rect.right() - left, px(22))
        low = QRect(left, rect.top() + px(33), rect.right() - left, px(20))
        top.setRight(self._paint_time(painter, top, row))
        low.setRight(self._paint_badges(painter, low, row))
        if row.verification is not Verification.VERIFIED and row.state is ContactState.ACTIVE:
            mark = self._theme.pixmap("shield-alert", "warning", px(14), painter.device().devicePixelRatio())
            painter.drawPixmap(top.right() - px(16), top.center().y() - px(7) + 1, mark)
            top.setRight(top.right() - px(20))
        painter.setFont(self._theme.font(strong=True))
        painter.setPen(self._theme.colour("text"))
        _line(painter, top, name(row.name))
        painter.setFont(self._theme.font("caption", strong=bool(row.needs)))
        painter.setPen(self._theme.colour("warning" if row.needs else "secondary"))
        _line(painter, low, last_line(row, self._clock()))

    def _paint_time(self, painter: QPainter, rect: QRect, row: ConversationRow) -> int:
        at = row.last_at or row.since
        if not at:
            return rect.right()
        painter.setFont(self._theme.font("caption"))
        painter.setPen(self._theme.colour("secondary"))
        words = when(at, self._clock())
        painter.drawText(rect, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)
        return rect.right() - painter.fontMetrics().horizontalAdvance(words) - self._theme.px(8)

    def _paint_badges(self, painter: QPainter, rect: QRect, row: ConversationRow) -> int:
        px = self._theme.px
        painter.setFont(self._theme.font("caption", strong=True))
        right = rect.right()
        if row.unread:
            words = str(row.unread) if row.unread <= MOST_COUNTED else f"{MOST_COUNTED}+"
            width = max(px(20), painter.fontMetrics().horizontalAdvance(words) + px(12))
            box = QRect(right - width + 1, rect.center().y() - px(9), width, px(19))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.colour("accent"))
            painter.drawRoundedRect(box, box.height() / 2, box.height() / 2)
            painter.setPen(self._theme.colour("on_accent"))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)
            right = box.left() - px(8)
        if row.needs:
            box = QRect(right - px(9), rect.center().y() - px(5), px(10), px(10))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.colour("warning"))
            painter.drawRoundedRect(box, 2, 2)
            right = box.left() - px(8)
        return right


class _Rows(QListView):
    """A list that reports the row to which a key has moved."""

    stepped = Signal(QModelIndex)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move, then report."""
        before = self.currentIndex()
        super().keyPressEvent(event)
        if self.currentIndex() != before:
            self.stepped.emit(self.currentIndex())


class ConversationList(QFrame):
    """The pane. `chosen` carries the relationship that the user picked."""

    chosen = Signal(int)
    contact_wanted = Signal()

    def __init__(self, theme: Theme, clock: Callable[[], int]) -> None:
        super().__init__()
        self.setObjectName("listPane")
        self._theme = theme
        self._current = 0
        self.model = ConversationModel(clock)
        self.search = QLineEdit()
        self.view = _Rows()
        self._nothing = PlainLabel("", tone="secondary", wrap=True)
        self._new = Button(tr("Add contact"), name="addContact")
        self._build(theme, clock)
        self.search.textChanged.connect(self._searched)
        self.model.modelReset.connect(self._restore)
        self.view.clicked.connect(self._picked)
        self.view.activated.connect(self._picked)
        self.view.stepped.connect(self._picked)
        self._new.clicked.connect(self.contact_wanted)
        theme.changed.connect(self._restyled)
        self._restyled()

    def fill(self, rows: Iterable[ConversationRow]) -> None:
        """Replace the list."""
        self.model.fill(rows)
        self._searched(self.search.text())

    def change(self, rows: Iterable[ConversationRow]) -> None:
        """Add or replace conversations."""
        self.model.change(rows)
        self._searched(self.search.text())

    def show_current(self, relationship: int) -> None:
        """Mark the conversation that is open; 0 for none."""
        self._current = relationship
        self._restore()

    def neighbour(self, step: int) -> int:
        """Return the conversation `step` places from the current one; 0 if there is none."""
        keys = [row.relationship for row in self.model.shown()]
        if not keys:
            return 0
        at = keys.index(self._current) + step if self._current in keys else 0
        return keys[max(0, min(len(keys) - 1, at))]

    def next_need(self) -> int:
        """Return the next conversation that waits for the user; 0 if there is none."""
        keys = [row.relationship for row in self.model.shown() if row.needs]
        if not keys:
            return 0
        return keys[(keys.index(self._current) + 1) % len(keys)] if self._current in keys else keys[0]

    def _build(self, theme: Theme, clock: Callable[[], int]) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        top = QHBoxLayout()
        top.setContentsMargins(12, 10, 12, 6)
        self.search.setPlaceholderText(tr("Search conversations (Ctrl+F)"))
        self.search.setAccessibleName(tr("Search conversations"))
        self.search.setClearButtonEnabled(True)
        self.search.setObjectName("search")
        top.addWidget(self.search)
        self.view.setObjectName("conversations")
        self.view.setAccessibleName(tr("Conversations"))
        self.view.setModel(self.model)
        self.view.setItemDelegate(_Lines(theme, clock))
        self.view.setMouseTracking(True)
        self.view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setTextElideMode(Qt.TextElideMode.ElideRight)
        low = QHBoxLayout()
        low.setContentsMargins(12, 8, 12, 10)
        low.addWidget(self._new)
        self._nothing.setContentsMargins(16, 12, 16, 12)
        column.addLayout(top)
        column.addWidget(self._nothing)
        column.addWidget(self.view, 1)
        column.addLayout(low)

    def _searched(self, text: str) -> None:
        self.model.filter(text)
        empty = bool(text.strip()) and not self.model.shown()
        self._nothing.setText(tr("Nothing found for “{text}” in people and newest messages.", text=text.strip()))
        self._nothing.setVisible(empty)

    def _picked(self, index: QModelIndex) -> None:
        item = index.data(RowRole)
        if isinstance(item, ConversationRow):
            self._current = item.relationship
            self.chosen.emit(item.relationship)

    def _restore(self) -> None:
        index = self.model.index_of(self._current)
        if index.isValid():
            self.view.setCurrentIndex(index)
        else:
            self.view.clearSelection()

    def _restyled(self) -> None:
        self.setMinimumWidth(self._theme.px(240))
        self._new.setIcon(self._theme.icon("plus"))
        self.view.doItemsLayout()


def _paint_face(painter: QPainter, theme: Theme, rect: QRect, row: ConversationRow) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.colour("bubble_out"))
    painter.drawEllipse(rect)
    painter.setFont(theme.font(strong=True))
    painter.setPen(theme.colour("text"))
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, initials(row.name))


def _line(painter: QPainter, rect: QRect, text: str) -> None:
    shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
    painter.drawText(rect, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)
