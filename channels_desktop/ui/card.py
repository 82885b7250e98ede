"""A payment as a card in the timeline: a real widget whose buttons are exactly the actions of its row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from channels_desktop.engine.rows import Action, ItemRow, PaymentRow
from channels_desktop.ui import payment_words
from channels_desktop.ui.flow import FlowLayout
from channels_desktop.ui.plain import Button, Chip, ClickFrame, ElidedLabel, PlainLabel, polish, restyle, rule
from channels_desktop.ui.steps import StepProgress
from channels_desktop.ui.words import digits, line, sat, tr

if TYPE_CHECKING:
    from collections.abc import Callable

    from channels_desktop.ui.theme import Theme

MOST_ITEMS = 6
_KINDS = {Action.DECLINE: "danger", Action.MAKE_INVOICE: "primary", Action.PAY: "primary"}


class PaymentCard(ClickFrame):
    """The card. `acted` carries (PaymentRow, Action); `clicked` asks for the details."""

    acted = Signal(object, object)

    def __init__(self, theme: Theme, clock: Callable[[], int]) -> None:
        super().__init__()
        self.setObjectName("card")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._clock = clock
        self._row: PaymentRow | None = None
        self._title = ElidedLabel("", "title")
        self._badge = Chip()
        self._items = QWidget()
        self._grid = QGridLayout(self._items)
        self._total = PlainLabel("", "amount")
        self._note = PlainLabel("", tone="secondary", wrap=True)
        self._copy = PlainLabel("", "caption", "secondary", wrap=True)
        self._steps = StepProgress(theme)
        self._buttons = QWidget()
        self._flow = FlowLayout(self._buttons)
        self._signed = ElidedLabel("", "caption", "secondary")
        self._details = Button(tr("Details"), "quiet", "details")
        self._details.clicked.connect(self.clicked)
        self._column = QVBoxLayout(self)
        self._build()

    @property
    def row(self) -> PaymentRow | None:
        """Return what the card shows."""
        return self._row

    def show_payment(self, row: PaymentRow, name: str) -> None:
        """Show `row` of the contact `name`, with one button for each action open to the user."""
        now = self._clock()
        self._title.setText(payment_words.title(row, name))
        self._badge.show_state(*payment_words.badge(row, name, now))
        if self._row is None or self._row.items != row.items:
            self._show_items(row.items)
        self._total.setText(sat(row.total))
        self._note.setText(f"“{line(row.note)}”")
        self._note.setVisible(bool(row.note))
        copy = payment_words.copy(row, name, now)
        self._copy.setText(copy)
        self._copy.setVisible(bool(copy))
        self._steps.show_payment(row)
        if self._row is None or self._row.actions != row.actions or self._row.state is not row.state:
            self._show_actions(row)
        signer = tr("you") if payment_words.mine(row) else name
        self._signed.setText(tr("Signed by {name}", name=signer))
        self.setAccessibleName(payment_words.spoken(row, name, now))
        self._details.setAccessibleName(payment_words.details_spoken(row))
        self._row = row

    def set_chosen(self, *, chosen: bool) -> None:
        """Mark the card whose details are shown."""
        restyle(self, "chosen", chosen)

    def height_at(self, width: int) -> int:
        """Return how high the card is at `width`."""
        polish(self)
        self._column.activate()
        return max(1, self._column.totalHeightForWidth(width))

    def _build(self) -> None:
        column = self._column
        column.setContentsMargins(16, 12, 16, 10)
        column.setSpacing(8)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._title, 1)
        head.addWidget(self._badge)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(0, 1)
        total = QHBoxLayout()
        total.addWidget(PlainLabel(tr("Total")))
        total.addStretch()
        total.addWidget(self._total)
        foot = QHBoxLayout()
        foot.setSpacing(4)
        foot.addWidget(self._signed)
        foot.addWidget(self._details)
        foot.addStretch()
        column.addLayout(head)
        column.addWidget(self._items)
        column.addWidget(rule())
        column.addLayout(total)
        column.addWidget(self._note)
        column.addWidget(self._copy)
        column.addWidget(self._steps)
        column.addWidget(self._buttons)
        column.addLayout(foot)

    def _show_items(self, items: tuple[ItemRow, ...]) -> None:
        clear(self._grid)
        for at, item in enumerate(items[:MOST_ITEMS]):
            self._put(ElidedLabel(f"{line(item.name)} × {digits(item.quantity)}"), at, 0)
            self._put(PlainLabel(sat(item.total)), at, 1)
        if len(items) > MOST_ITEMS:
            rest = tr("and {n} more, in the details", n=len(items) - MOST_ITEMS)
            self._put(PlainLabel(rest, "caption", "secondary"), MOST_ITEMS, 0)

    def _put(self, label: PlainLabel, at: int, column: int) -> None:
        side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag(0)
        self._grid.addWidget(label, at, column, side)
        label.show()  # a layout shows it later, and counts it as nothing until then

    def _show_actions(self, row: PaymentRow) -> None:
        had_focus = any(button.hasFocus() for button in self._buttons.findChildren(Button))
        clear(self._flow)
        for action in row.actions:
            button = Button(payment_words.action(action, row), _KINDS.get(action, ""), action.value)
            button.setAccessibleName(payment_words.action_spoken(action, row))
            button.clicked.connect(lambda _=False, chosen=action: self.acted.emit(self._row, chosen))
            self._flow.addWidget(button)
            button.show()  # see _put
        self._buttons.setVisible(bool(row.actions))
        if had_focus:  # a button that is gone would let the focus fall to the other end of the window
            self.setFocus()


def clear(layout: QGridLayout | FlowLayout | QVBoxLayout) -> None:
    """Take every widget out of `layout` and end it."""
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()
