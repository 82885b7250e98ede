"""The timeline of one conversation: painted texts, live payment cards, and a scroll position that never jumps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtWidgets import QFrame, QListView, QMenu, QToolButton, QWidget

from channels_desktop.engine.rows import EntryRow, PaymentRow, TextRow, TextState
from channels_desktop.ui.bubbles import MARGIN, Bubbles, widest
from channels_desktop.ui.card import PaymentCard
from channels_desktop.ui.rows import RowRole, TimelineModel, theirs
from channels_desktop.ui.words import name, tr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtGui import QContextMenuEvent, QFocusEvent, QKeyEvent, QMouseEvent, QResizeEvent

    from channels_desktop.ui.theme import Theme

MOVES = {
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
    Qt.Key.Key_PageUp,
    Qt.Key.Key_PageDown,
    Qt.Key.Key_Home,
    Qt.Key.Key_End,
}
AT_EDGE = 80  # pixels from an edge at which the next page is asked for


class _Slot(QWidget):
    """What lies over a card's row: the card on its side, free of the day heading above it."""

    def __init__(self, card: PaymentCard, place: Callable[[_Slot], None]) -> None:
        super().__init__()
        self.card = card
        self._place = place
        card.setParent(self)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place the card."""
        super().resizeEvent(event)
        self._place(self)


class TimelineView(QListView):
    """The view. It asks for pages and reports what was clicked; it changes nothing itself."""

    acted = Signal(object, object)  # PaymentRow, Action
    chosen = Signal(object)  # PaymentRow whose details are wanted
    older_wanted = Signal()
    newer_wanted = Signal()
    newest_wanted = Signal()
    unread_wanted = Signal()
    retry_wanted = Signal(int)
    delete_wanted = Signal(int)

    def __init__(self, theme: Theme, model: TimelineModel, clock: Callable[[], int]) -> None:
        super().__init__()
        self._theme, self._clock, self._timeline = theme, clock, model
        self._slots: dict[int, _Slot] = {}
        self._heights: dict[int, tuple[PaymentRow, int, int]] = {}
        self._stick = True
        self._missed = 0
        self._bubbles = Bubbles(theme, model, clock)
        self._bubbles.card_height = self._card_height
        self._newest, self._unread = QToolButton(self), QToolButton(self)
        self._first_unread = self._unread_count = 0
        self._mark_from = 0
        self.setObjectName("timeline")
        self.setAccessibleName(tr("Messages"))
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setSelectionMode(QListView.SelectionMode.NoSelection)
        self.setAutoScroll(False)  # a click on a tall bubble would move it; keys scroll below
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setItemDelegate(self._bubbles)
        self.setModel(model)
        self._prepare(self._newest, "newest")
        self._prepare(self._unread, "unread")
        self._newest.clicked.connect(self.show_newest)
        self._unread.clicked.connect(self.unread_wanted)
        model.modelReset.connect(self._renew)
        model.rowsInserted.connect(self._inserted)
        model.rowsAboutToBeRemoved.connect(self._removing)
        model.dataChanged.connect(self._changed)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.verticalScrollBar().rangeChanged.connect(self._range_changed)
        theme.changed.connect(self._restyled)

    # ---------------------------------------------------------------------------------------------------------- filling

    def fill(self, rows: Sequence[EntryRow], other: str) -> None:
        """Show a conversation from its newest rows."""
        self._stick = True
        self._fill(other, lambda: self._timeline.fill(rows, other))
        self.scrollToBottom()

    def fill_around(self, older: Sequence[EntryRow], newer: Sequence[EntryRow], other: str, new_from: int) -> None:
        """Show a conversation from the first row of the page `newer`, the page `older` above it."""
        self._stick = False
        self._fill(other, lambda: self._timeline.fill_around(older, newer, other, new_from))
        if newer:
            self.scrollTo(self._timeline.index_of(newer[0].entry), QListView.ScrollHint.PositionAtTop)
        self._stick = self._at_end()

    def _fill(self, other: str, change: Callable[[], None]) -> None:
        self._bubbles.other = name(other)
        self._bubbles.forget()
        self._bubbles.marked = 0, 0, 0
        change()

    def prepend(self, rows: Sequence[EntryRow]) -> None:
        """Add an older page; what is on the screen stays where it is."""
        self._keeping_place(lambda: self._timeline.prepend(rows))

    def append_newer(self, rows: Sequence[EntryRow]) -> None:
        """Add a newer page; what is on the screen stays where it is."""
        missed = self._missed
        self._keeping_place(lambda: self._timeline.append_newer(rows))
        self._missed = missed  # they were there before
        self._place_newest()

    def show_newest(self) -> None:
        """Go to the newest row."""
        if self._timeline.detached:
            self.newest_wanted.emit()
        else:
            self._stick = True
            self.scrollToBottom()

    def on_screen(self) -> tuple[int, int]:
        """Return the entry above the first one on the screen, and the newest one of which the end is on the screen.

        0 stands for none. Between the two, everything is on the screen.
        """
        rows, view = self._timeline.rows, self.viewport().rect()
        first = self.indexAt(QPoint(view.center().x(), 0)).row()
        if first < 0:
            return 0, 0
        above = rows[first - 1].entry if first else 0 if self._timeline.complete else rows[0].entry - 1
        newest = 0
        for row in rows[first:]:
            if self.visualRect(self._timeline.index_of(row.entry)).bottom() > view.bottom() + self._theme.px(12):
                break
            newest = row.entry
        return above, newest

    def show_unread(self, first: int, count: int) -> None:
        """Offer the way up to the first unread text while it stands above the screen; 0 for none."""
        self._first_unread, self._unread_count = first, count
        self._place_unread()

    def show_entry(self, entry: int) -> None:
        """Bring an entry into view."""
        index = self._timeline.index_of(entry)
        if index.isValid():
            self.scrollTo(index, QListView.ScrollHint.EnsureVisible)

    def mark_chosen(self, entry: int) -> None:
        """Mark the card whose details are shown; 0 for none."""
        for key, slot in self._slots.items():
            slot.card.set_chosen(chosen=key == entry)

    # ----------------------------------------------------------------------------------------------------------- events

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay everything out for the new width; what is at the top, or the end, stays there."""

        def lay_out() -> None:
            self._bubbles.width = self.viewport().width()
            super(TimelineView, self).resizeEvent(event)

        if self._stick or self._bubbles.width == self.viewport().width():
            lay_out()
            self.scheduleDelayedItemsLayout()
        else:
            self._keeping_place(lay_out)
        self._place_newest()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Let Enter open the details of the card under the cursor, and Ctrl+C copy a text as it was written."""
        before = self.currentIndex()
        row = before.data(RowRole) if before.isValid() else None
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and isinstance(row, PaymentRow):
            self.chosen.emit(row)
        elif event.matches(QKeySequence.StandardKey.Copy) and isinstance(row, TextRow):
            self._copy(row)
        else:
            super().keyPressEvent(event)
            if event.key() in MOVES:
                self.scrollTo(self.currentIndex())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to mark letters of the text under the mouse."""
        super().mousePressEvent(event)
        letter = self._letter(event.position().toPoint(), self.currentIndex())
        entry = self.currentIndex().data(RowRole).entry if letter is not None else 0
        self._mark_from = letter or 0
        self._mark(entry, self._mark_from)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Mark letters up to the mouse."""
        letter = self._letter(event.position().toPoint(), self.currentIndex())
        if event.buttons() & Qt.MouseButton.LeftButton and self._bubbles.marked[0] and letter is not None:
            self._mark(self._bubbles.marked[0], letter)

    def _letter(self, point: QPoint, index: QModelIndex) -> int | None:
        row = index.data(RowRole) if index.isValid() else None
        if not isinstance(row, TextRow):
            return None
        return self._bubbles.letter_at(row, self.visualRect(index), index.row(), point)

    def _mark(self, entry: int, letter: int) -> None:
        self._bubbles.marked = entry, min(self._mark_from, letter), max(self._mark_from, letter)
        self.viewport().update()

    def _copy(self, row: TextRow) -> None:
        """Copy what is marked of a text, or the whole as it was written."""
        QGuiApplication.clipboard().setText(self._bubbles.marked_text(row) or row.text)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Begin at the newest row on the screen, not at the oldest of all."""
        if not self.currentIndex().isValid():
            self.setCurrentIndex(self._timeline.index_of(self.on_screen()[1]))
        super().focusInEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer what can be done with a text."""
        row = self.indexAt(event.pos()).data(RowRole)
        if not isinstance(row, TextRow):
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        copy = menu.addAction(tr("Copy"))
        copy.triggered.connect(lambda: self._copy(row))
        if row.state is TextState.NOT_SENT:
            menu.addAction(tr("Retry")).triggered.connect(lambda: self.retry_wanted.emit(row.entry))
            menu.addAction(tr("Delete")).triggered.connect(lambda: self.delete_wanted.emit(row.entry))
        menu.popup(event.globalPos())

    # ------------------------------------------------------------------------------------------------------------ cards

    def card(self, entry: int) -> PaymentCard | None:
        """Return the live card of an entry, if it is in the window."""
        slot = self._slots.get(entry)
        return slot.card if slot else None

    def _show_card(self, row: PaymentRow) -> None:
        slot = self._slots.get(row.entry)
        if slot is None:
            card = PaymentCard(self._theme, self._clock)
            slot = self._slots[row.entry] = _Slot(card, self._place)
            card.acted.connect(self.acted)
            card.clicked.connect(lambda: self.chosen.emit(card.row))
            card.show_payment(row, self._bubbles.other)
            self.setIndexWidget(self._timeline.index_of(row.entry), slot)
        else:
            slot.card.show_payment(row, self._bubbles.other)
            self._heights.pop(row.entry, None)

    def _place(self, slot: _Slot) -> None:
        row = slot.card.row
        index = self._timeline.index_of(row.entry) if row else QModelIndex()
        if row is None or not index.isValid():
            return
        head = self._bubbles.head(index.row())
        width = widest(self._theme, slot.width())
        margin = self._theme.px(MARGIN)
        mine = row.mine_first
        left = slot.width() - margin - width if mine else margin
        slot.card.setGeometry(QRect(left, head, width, self._card_height(row)))

    def _card_height(self, row: PaymentRow) -> int:
        slot = self._slots.get(row.entry)
        if slot is None:
            return 0
        width = widest(self._theme, self._bubbles.width)
        known = self._heights.get(row.entry)
        if known is None or known[0] is not row or known[1] != width:
            known = self._heights[row.entry] = (row, width, slot.card.height_at(width))
        return known[2]

    # ------------------------------------------------------------------------------------------------------- model news

    def _renew(self) -> None:
        self._slots.clear()  # the view itself ends the widgets of a reset model
        self._heights.clear()
        self._missed = 0
        self._show_cards(0, self._timeline.rowCount() - 1)

    def _inserted(self, parent: QModelIndex, first: int, last: int) -> None:
        self._show_cards(first, last)
        if not self._stick and first and not self._timeline.detached:
            self._missed += sum(theirs(row) for row in self._timeline.rows[first : last + 1])
            self._place_newest()

    def _show_cards(self, first: int, last: int) -> None:
        cards = [row for row in self._timeline.rows[first : last + 1] if isinstance(row, PaymentRow)]
        for row in cards:
            self._show_card(row)
        if cards:
            self.scheduleDelayedItemsLayout()

    def _removing(self, parent: QModelIndex, first: int, last: int) -> None:
        for row in self._timeline.rows[first : last + 1]:
            self._slots.pop(row.entry, None)
            self._heights.pop(row.entry, None)

    def _changed(self, first: QModelIndex, last: QModelIndex) -> None:
        for row in self._timeline.rows[first.row() : last.row() + 1]:
            if isinstance(row, TextRow):
                continue  # its height changes with its words only, and those never do
            slot = self._slots.get(row.entry)
            if isinstance(row, PaymentRow) and (slot is None or slot.card.row is not row):
                self._show_card(row)
                if (slot := self._slots.get(row.entry)) is not None:
                    self._place(slot)
            self.scheduleDelayedItemsLayout()

    def _restyled(self) -> None:
        self._bubbles.forget()
        self._heights.clear()
        for slot in self._slots.values():
            if slot.card.row is not None:
                slot.card.show_payment(slot.card.row, self._bubbles.other)
                self._place(slot)
        self.scheduleDelayedItemsLayout()
        self.viewport().update()

    # -------------------------------------------------------------------------------------------------------- scrolling

    def _keeping_place(self, change: Callable[[], None]) -> None:
        index = self.indexAt(QPoint(0, self._theme.px(24)))
        row = index.data(RowRole) if index.isValid() else None
        before = self.visualRect(index).top() if index.isValid() else 0
        stick, self._stick = self._stick, False
        change()
        self.doItemsLayout()
        if row is not None:
            moved = self.visualRect(self._timeline.index_of(row.entry)).top() - before
            self.verticalScrollBar().setValue(self.verticalScrollBar().value() + moved)
        self._stick = stick and row is None

    def _scrolled(self, value: int) -> None:
        bar = self.verticalScrollBar()
        self._stick = self._at_end()
        if self._stick:
            self._missed = 0
        self._place_newest()
        if value <= AT_EDGE and not self._timeline.complete:
            self.older_wanted.emit()
        if value >= bar.maximum() - AT_EDGE and self._timeline.detached:
            self.newer_wanted.emit()

    def _at_end(self) -> bool:
        bar = self.verticalScrollBar()
        return bar.value() >= bar.maximum() - 4 and not self._timeline.detached

    def _range_changed(self, _low: int, high: int) -> None:
        if self._stick:
            self.verticalScrollBar().setValue(high)
        self._place_newest()

    def _prepare(self, floating: QToolButton, name: str) -> None:
        floating.setProperty("kind", "newest")
        floating.setObjectName(name)
        floating.setCursor(Qt.CursorShape.PointingHandCursor)
        floating.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        floating.hide()

    def _place_newest(self) -> None:
        bar = self.verticalScrollBar()
        away = self._timeline.detached or bar.maximum() - bar.value() > self._theme.px(160)
        self._newest.setVisible(away or self._missed > 0)
        words = tr("{n} new", n=self._missed) if self._missed else tr("Newest")
        self._newest.setIcon(self._theme.icon("arrow-down"))
        self._newest.setText(words)
        self._newest.setAccessibleName(tr("Go to the newest message, {words}", words=words))
        self._newest.adjustSize()
        corner = self.viewport().rect().bottomRight() - QPoint(self._theme.px(16), self._theme.px(12))
        self._newest.move(corner - QPoint(self._newest.width(), self._newest.height()))
        self._place_unread()

    def _place_unread(self) -> None:
        rows, first = self._timeline.rows, self._first_unread
        index = self._timeline.index_of(first)
        above = self.visualRect(index).bottom() < 0 if index.isValid() else bool(rows) and first < rows[0].entry
        self._unread.setVisible(first > 0 and above)
        self._unread.setText(f"↑ {tr('{n} unread', n=self._unread_count)}")
        self._unread.setAccessibleName(tr("Go to the first of {n} unread messages", n=self._unread_count))
        self._unread.adjustSize()
        right = self.viewport().width() - self._theme.px(16) - self._unread.width()
        self._unread.move(right, self._theme.px(12))
