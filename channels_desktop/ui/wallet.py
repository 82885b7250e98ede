"""The section of the wallet: what is free, held and not yet in a block, and what came and went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import QFrame, QHeaderView, QTableView, QVBoxLayout, QWidget

from channels_desktop.engine.rows import HistoryRow, WalletRow
from channels_desktop.ui.flow import FlowLayout
from channels_desktop.ui.plain import PlainLabel
from channels_desktop.ui.words import digits, exactly, line, name, sat, signed_sat, tr

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QResizeEvent

    from channels_desktop.ui.theme import Theme

_Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()
DATE, WHO, WHAT, AMOUNT, FEE, STATE = range(6)


class HistoryModel(QAbstractTableModel):
    """The history, newest first."""

    def __init__(self, theme: Theme, clock: Callable[[], int]) -> None:
        super().__init__()
        self._theme, self._clock = theme, clock
        self.rows: tuple[HistoryRow, ...] = ()

    def fill(self, rows: tuple[HistoryRow, ...]) -> None:
        """Replace the rows."""
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def rowCount(self, parent: _Index = NO_INDEX) -> int:
        """Count the rows."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: _Index = NO_INDEX) -> int:
        """Count the columns."""
        return 6

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return a column's heading."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return (tr("Date"), tr("Who"), tr("What for"), tr("Amount, sat"), tr("Fee"), tr("State"))[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return what a cell shows."""
        row = self.rows[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.AccessibleTextRole:
                return self._cell(row, index.column())
            case Qt.ItemDataRole.TextAlignmentRole:
                return _alignment(index.column())
            case Qt.ItemDataRole.ForegroundRole if index.column() == AMOUNT and row.satoshis > 0:
                return self._theme.colour("success")
            case Qt.ItemDataRole.ForegroundRole if index.column() in {DATE, FEE}:
                return self._theme.colour("secondary")
            case Qt.ItemDataRole.FontRole:
                return self._theme.font(strong=index.column() in {WHO, AMOUNT})
            case _:
                return None

    def _cell(self, row: HistoryRow, column: int) -> str:
        if column == STATE:
            if row.block_height:
                return tr("✓ Block {n}", n=digits(row.block_height))
            return tr("Not yet in a block") if row.seen else tr("Not seen yet")
        return {
            DATE: _sentence(exactly(row.at, self._clock())),
            WHO: name(row.name) if row.name else "–",
            WHAT: line(row.what),
            AMOUNT: signed_sat(row.satoshis),
            FEE: digits(row.fee) if row.fee else "",
        }[column]


class Wallet(QFrame):
    """The section. `entry_wanted` carries the relationship and entry behind a line of the history."""

    entry_wanted = Signal(int, int)

    def __init__(self, theme: Theme, clock: Callable[[], int]) -> None:
        super().__init__()
        self.setObjectName("page")
        self._theme = theme
        self.model = HistoryModel(theme, clock)
        self.table = QTableView()
        self._sums = {key: PlainLabel("–", "title") for key in ("free", "pending", "held", "unconfirmed")}
        self._total = PlainLabel("–", "balance")
        self._empty = PlainLabel(
            tr("No payments yet. Ask a friend to send you an order, or request a payment."), tone="secondary", wrap=True
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 16, 24, 16)
        column.setSpacing(8)
        column.addWidget(PlainLabel(tr("Wallet"), "amount"))
        column.addWidget(self._total)
        column.addWidget(self._overview())
        column.addSpacing(8)
        column.addWidget(PlainLabel(tr("History"), "title"))
        column.addWidget(self._empty)
        column.addWidget(self.table, 1)
        self._spare = QWidget()
        column.addWidget(self._spare, 1)
        self._prepare_table()
        self.table.doubleClicked.connect(self._opened)
        self.table.activated.connect(self._opened)
        theme.changed.connect(self._restyled)
        self.show_history(())

    def show_wallet(self, row: WalletRow) -> None:
        """Show the sums."""
        self._total.setText(sat(row.total))
        self._total.setAccessibleName(tr("Total {n} satoshi", n=digits(row.total)))
        for key, label in self._sums.items():
            label.setText(sat(getattr(row, key)))

    def show_history(self, rows: tuple[HistoryRow, ...]) -> None:
        """Show what came and went."""
        self.model.fill(rows)
        self.table.setVisible(bool(rows))
        self._empty.setVisible(not rows)
        self._spare.setVisible(not rows)
        self._restyled()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the fee out where there is little room; the card has it."""
        super().resizeEvent(event)
        self.table.setColumnHidden(FEE, self.width() < self._theme.px(760))

    def _overview(self) -> QWidget:
        holder = QWidget()
        flow = FlowLayout(holder, 24)
        texts = {
            "free": (tr("Free"), tr("You can spend this now.")),
            "pending": (tr("Coming back"), tr("Change of payments that are under way.")),
            "held": (tr("Held"), tr("Goes out with payments that are under way.")),
            "unconfirmed": (tr("Not yet in a block"), tr("Part of free; the proof is still to come.")),
        }
        for key, (words, explained) in texts.items():
            block = QWidget()
            column = QVBoxLayout(block)
            column.setContentsMargins(0, 0, 0, 0)
            column.setSpacing(0)
            column.addWidget(PlainLabel(words, "caption", "secondary"))
            column.addWidget(self._sums[key])
            column.addWidget(PlainLabel(explained, "caption", "secondary"))
            flow.addWidget(block)
        return holder

    def _prepare_table(self) -> None:
        self.table.setObjectName("history")
        self.table.setAccessibleName(tr("History"))
        self.table.setModel(self.model)
        self.table.setShowGrid(False)
        self.table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QTableView.EditTrigger.NoEditTriggers)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        header = self.table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        for column in (WHO, WHAT):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)

    def _opened(self, index: QModelIndex) -> None:
        row = self.model.rows[index.row()]
        if row.relationship:
            self.entry_wanted.emit(row.relationship, row.entry)

    def _restyled(self) -> None:
        self.table.verticalHeader().setDefaultSectionSize(self._theme.px(40))
        self.table.setMinimumHeight(self._theme.px(130))
        self.table.resizeColumnsToContents()


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column in {AMOUNT, FEE} else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
