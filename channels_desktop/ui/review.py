"""Review and approve: the only door through which money leaves (ux C6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QCheckBox, QGridLayout, QVBoxLayout, QWidget

from channels_desktop.engine.rows import ItemRow, PaymentRow, ReviewRow
from channels_desktop.ui import payment_words
from channels_desktop.ui.plain import Button, Callout, Chip, PlainLabel, rule
from channels_desktop.ui.sheet import Sheet
from channels_desktop.ui.words import digits, line, name, sat, tr, verification

if TYPE_CHECKING:
    from collections.abc import Callable

    from channels_desktop.ui.theme import Theme

DEAD_MILLISECONDS = 800


class ReviewDialog(Sheet):
    """Shows what would be signed. `approved` carries the thread, the version on the screen, and what was ticked.

    The Pay button is dead for 800 ms after it opens or its content changes, is never pressed by Enter in a field, and
    gives way to the reason where paying is not possible.
    """

    approved = Signal(str, int, frozenset)
    decline_wanted = Signal(str)

    def __init__(self, parent: QWidget, theme: Theme, row: ReviewRow, clock: Callable[[], int]) -> None:
        super().__init__(parent, theme, tr("Approve payment to {name}", name=name(row.name)), 560)
        self._clock = clock
        self._row = row
        self._content = QWidget()
        self.chip = Chip()
        self.head.addWidget(self.chip)
        self.head.addWidget(PlainLabel(f"#{row.thread[:4].upper()}", "caption", "secondary"))
        self.reason = Callout("", "danger")
        self._ticks = QVBoxLayout()
        self.consents: dict[str, QCheckBox] = {}
        self._cancel = Button(tr("Cancel"), name="cancel")
        self._decline = Button(tr("Decline…"), "danger", "declineReview")
        self.pay = Button("", "primary", "payNow")
        self.dead_time = QTimer(self)
        self.dead_time.setSingleShot(True)
        self.dead_time.setInterval(DEAD_MILLISECONDS)
        self.body.addWidget(self._content)
        self.body.addWidget(self.reason)
        self.body.addLayout(self._ticks)
        self.buttons.addWidget(self._cancel)
        self.buttons.addWidget(self._decline)
        self.buttons.addStretch()
        self.buttons.addWidget(self.pay)
        self._cancel.setDefault(True)
        self._cancel.setFocus()
        self._cancel.clicked.connect(self.reject)
        self._decline.clicked.connect(lambda: self.decline_wanted.emit(self._row.thread))
        self.pay.clicked.connect(self._approve)
        self.dead_time.timeout.connect(self._settle)
        self.show_review(row)

    @property
    def payment(self) -> str:
        """Return which payment is reviewed."""
        return self._row.thread

    @property
    def version(self) -> int:
        """Return the version that is on the screen."""
        return self._row.version

    def show_review(self, row: ReviewRow) -> None:
        """Show `row`; Pay is dead again for a moment."""
        self._row = row
        self.chip.show_state(*verification(row.verification))
        fresh = self._body(row)
        self.body.replaceWidget(self._content, fresh)
        self._content.deleteLater()
        self._content = fresh
        self.pay.setText(tr("Pay {amount}", amount=sat(row.you_pay)))
        self.pay.setAccessibleName(
            tr("Pay {n} satoshi to {name}", n=digits(row.you_pay), name=name(row.name)),
        )
        self._show_ticks(row)
        self.dead_time.start()
        self._settle()
        self.fit()

    def show_blocked(self, problem: str) -> None:
        """Say why it can't be paid any more, in place of the Pay button."""
        self.reason.show_text(problem, "danger")
        self.pay.hide()
        for tick in self.consents.values():
            tick.hide()

    def show_ended(self, row: PaymentRow) -> None:
        """Say what became of a payment that waits for the user no more, in place of all that could be signed."""
        self._content.hide()
        self._decline.hide()
        self.show_blocked(payment_words.copy(row, name(self._row.name), self._clock()))
        self._cancel.setText(tr("Close"))
        self.fit()

    def _show_ticks(self, row: ReviewRow) -> None:
        for tick in self.consents.values():
            self._ticks.removeWidget(tick)
            tick.deleteLater()
        self.consents = {}
        for code in row.consents:
            tick = QCheckBox(payment_words.consent(code, row, name(row.name)))
            tick.setObjectName(code)
            tick.toggled.connect(self._settle)
            self._ticks.addWidget(tick)
            self.consents[code] = tick

    def _settle(self) -> None:
        row = self._row
        self.reason.show_text(payment_words.blocked(row, name(row.name)), "danger")
        for tick in self.consents.values():
            tick.setVisible(not row.blocked)
        self.pay.setVisible(not row.blocked)
        ticked = all(tick.isChecked() for tick in self.consents.values())
        self.pay.setEnabled(not row.blocked and not self.dead_time.isActive() and ticked)

    def _approve(self) -> None:
        if self.pay.isEnabled():
            self.approved.emit(self._row.thread, self._row.version, frozenset(self.consents))
            self.accept()

    # ------------------------------------------------------------------------------------------------------------- body

    def _body(self, row: ReviewRow) -> QWidget:
        other = name(row.name)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self._sums(row))
        column.addWidget(rule())
        differs = _differences(row)
        if differs:
            column.addWidget(Callout(tr("⚠ Differs from your order: {what}", what=differs), "warning"))
        if row.note:
            column.addWidget(PlainLabel(f"“{line(row.note)}”", tone="secondary", wrap=True))
        for checked in row.checks:
            tone = "success" if checked.passed else "danger"
            words = payment_words.check(checked, other, row.expiry, self._clock())
            column.addWidget(PlainLabel(words, "caption", tone, wrap=True))
        signs = tr("What you sign: {what}", what=payment_words.outputs(row.outputs, row.coins_in, other))
        column.addWidget(PlainLabel(signs, "caption", "secondary", wrap=True))
        final = tr("Once sent, {name} can complete this payment at any time. It can't be taken back.", name=other)
        column.addWidget(PlainLabel(final, "strong", wrap=True))
        return body

    def _sums(self, row: ReviewRow) -> QWidget:
        table = QWidget()
        grid = QGridLayout(table)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(0, 1)
        for item in row.items:
            unit = f"{digits(item.quantity)} × {digits(item.satoshis)}"
            self._sum(grid, line(item.name), sat(item.total), unit=unit)
        self._sum(grid, tr("Invoice total"), sat(row.total))
        record = tr("Network fee ({n} bytes for the invoice record)", n=digits(row.record_bytes))
        self._sum(grid, record if row.record_bytes else tr("Network fee"), sat(row.fee), tone="secondary")
        grid.addWidget(rule(), grid.rowCount(), 0, 1, 3)
        self._sum(grid, tr("You pay"), sat(row.you_pay), role="amount")
        self._sum(grid, tr("Left after this"), sat(row.left_after), tone="secondary")
        return table

    def _sum(
        self, grid: QGridLayout, what: str, amount: str, *, unit: str = "", role: str = "body", tone: str = ""
    ) -> None:
        at = grid.rowCount()
        grid.addWidget(PlainLabel(what, "strong" if role == "amount" else "body", tone, wrap=True), at, 0)
        grid.addWidget(PlainLabel(unit, "caption", "secondary"), at, 1, Qt.AlignmentFlag.AlignRight)
        value = PlainLabel(amount, role, tone)
        value.setAccessibleName(f"{what}: {amount}")
        grid.addWidget(value, at, 2, Qt.AlignmentFlag.AlignRight)


def _differences(row: ReviewRow) -> str:
    """Return what changed against our own order: "+ Tip 400 sat, Lunch 11,000 → 12,000 sat"."""
    if not row.order_items:
        return ""
    ordered = _by_name(row.order_items)
    invoiced = _by_name(row.items)
    parts = [f"+ {line(what)} {sat(amount)}" for what, amount in invoiced.items() if what not in ordered]
    parts += [f"− {line(what)} {sat(amount)}" for what, amount in ordered.items() if what not in invoiced]
    parts += [
        f"{line(what)} {digits(ordered[what])} → {sat(amount)}"
        for what, amount in invoiced.items()
        if what in ordered and ordered[what] != amount
    ]
    return ", ".join(parts)


def _by_name(items: tuple[ItemRow, ...]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for item in items:
        sums[item.name] = sums.get(item.name, 0) + item.total
    return sums
