"""The dialogs that begin a payment: Pay… sends an order, Request… an invoice. No money moves in either."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from channels_desktop.engine.commands import OfferPayment, RequestPayment
from channels_desktop.ui.plain import Button, Callout, Choice, PlainLabel
from channels_desktop.ui.sheet import Sheet, check, line_edit
from channels_desktop.ui.words import DAY, HOUR, digits, escaped, name, read_amount, sat, tr

if TYPE_CHECKING:
    from PySide6.QtGui import QFocusEvent

    from channels_desktop.engine.rows import ConversationRow, PaymentRow, WalletRow
    from channels_desktop.ui.theme import Theme

LONGEST_WHAT, LONGEST_NOTE = 120, 500
WHAT_BYTES = 256  # what an item's name may take on the wire


@dataclass(slots=True)
class Draft:
    """What was typed into one of the two dialogs; kept per contact while the program runs."""

    what: str = ""
    amount: str = ""
    note: str = ""

    @classmethod
    def again(cls, row: PaymentRow) -> Draft:
        """Return what begins a payment anew that came to nothing: the same in one line, to be changed or sent."""
        what = escaped(" ".join(", ".join(item.name for item in row.items).split()))
        return cls(what, digits(row.total), escaped(" ".join(row.note.split())))


class AmountBox(QLineEdit):
    """Whole satoshis: grouped when the box is left, bare while it is typed in."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("amount")  # of any length: a field that cut a pasted number off would make another of it
        self.setPlaceholderText("0")

    @property
    def satoshis(self) -> int | None:
        """Return the amount; None if the text is no whole number."""
        return read_amount(self.text())

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Group the digits."""
        super().focusOutEvent(event)
        if self.satoshis is not None:
            self.setText(digits(self.satoshis))

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show bare digits for editing."""
        super().focusInEvent(event)
        if self.satoshis is not None:
            self.setText(str(self.satoshis))


class _Form(Sheet):
    """What both dialogs share. `wanted` carries the command; the dialog stays open until that is taken."""

    wanted = Signal(object)

    def __init__(self, parent: QWidget, theme: Theme, row: ConversationRow, title: str, draft: Draft) -> None:
        super().__init__(parent, theme, title)
        self._row, self._draft = row, draft
        self._name = name(row.name)
        self._touched = False
        self.what = line_edit("what", tr("Lunch, 24 Nov"), LONGEST_WHAT)
        self.amount = AmountBox()
        self.note = line_edit("note", tr("Optional"), LONGEST_NOTE)
        self.what.setText(draft.what)
        self.amount.setText(draft.amount)
        self.note.setText(draft.note)
        self._what_check = self.field(tr("What for"), self.what)
        amount = QWidget()
        line = QHBoxLayout(amount)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.amount, 1)
        line.addWidget(PlainLabel("sat"))
        self.amount_check = self.field(tr("Amount in satoshis"), amount)
        amount.setFocusProxy(self.amount)
        self.amount.setAccessibleName(tr("Amount in satoshis"))
        self.field(tr("Note"), self.note)
        self.refused = Callout("", "danger")
        self.refused.hide()
        self._cancel = Button(tr("Cancel"), name="cancel")
        self._send = Button("", "primary", "sendForm")
        self.buttons.addWidget(self._cancel)
        self.buttons.addStretch()
        self.buttons.addWidget(self._send)
        self._cancel.clicked.connect(self.reject)
        self._send.clicked.connect(self._wanted)
        for box in (self.what, self.amount, self.note):
            box.textEdited.connect(self._edited)
        self.what.setFocus()

    def show_refused(self, problem: str) -> None:
        """Say why it was not taken; everything stays as it was typed, to be changed or sent again."""
        self.refused.show_text(problem, "danger")
        self._check()
        self.fit_soon()
        self.reveal(self.refused)

    def _begin(self, words: str, spoken: str) -> None:
        self.body.addWidget(self.refused)
        self._send.setText(words)
        self._send.setAccessibleName(spoken)
        self._check()

    def problem(self) -> str:
        """Return what is wrong with the amount; empty if nothing is."""
        satoshis = self.amount.satoshis
        if not self.amount.text().strip():
            return tr("Enter an amount above 0.") if self._touched else ""
        if satoshis is None:
            return tr("This isn't a possible amount. Enter whole satoshis, such as 12400 or 12,400.")
        return tr("Smallest possible: 1 sat.") if satoshis < 1 else ""

    def command(self) -> object:
        """Return the command that the filled form stands for."""
        raise NotImplementedError

    def _edited(self) -> None:
        self._touched = True
        self._draft.what, self._draft.amount = self.what.text(), self.amount.text()
        self._draft.note = self.note.text()
        self.refused.hide()
        self._check()

    def _check(self) -> None:
        wrong, unnamed = self.problem(), self._unnamed()
        check(self.amount_check, wrong, "danger")
        check(self._what_check, unnamed if self._touched and self.amount.text() else "", "danger")
        self._send.setEnabled(bool(self.amount.satoshis) and not wrong and not unnamed)

    def _unnamed(self) -> str:
        """Return what is wrong with what it is for; empty if nothing is."""
        what = self.what.text().strip()
        if len(what.encode("utf-8", "replace")) > WHAT_BYTES:
            return tr("Say it in fewer words.")
        return "" if what else tr("Say in a few words what it is for.")

    def _wanted(self) -> None:
        self._send.setEnabled(False)  # until there is an answer, so that a second click begins no second payment
        self.wanted.emit(self.command())


class PayForm(_Form):
    """Pay…: the other side answers the order with an invoice, which the user then reviews."""

    def __init__(
        self, parent: QWidget, theme: Theme, row: ConversationRow, draft: Draft, wallet: WalletRow | None
    ) -> None:
        super().__init__(parent, theme, row, tr("Pay {name}", name=name(row.name)), draft)
        self._wallet = wallet
        self.add_text(tr("{name} will send an invoice, and you approve it before anything is paid.", name=self._name))
        self._begin(tr("Send order"), tr("Send order to {name}", name=self._name))

    def problem(self) -> str:
        """Also compare the amount with what is free."""
        wrong = super().problem()
        wallet = self._wallet
        if wrong or wallet is None or (self.amount.satoshis or 0) <= wallet.free:
            return wrong
        if wallet.held:
            return tr("You have {free} free and {held} held.", free=sat(wallet.free), held=sat(wallet.held))
        return tr("You have {free} free.", free=sat(wallet.free))

    def command(self) -> OfferPayment:
        """Return the order."""
        return OfferPayment(
            self._row.relationship, self.what.text().strip(), self.amount.satoshis or 0, self.note.text().strip()
        )


class RequestForm(_Form):
    """Request…: an invoice that nobody ordered."""

    def __init__(self, parent: QWidget, theme: Theme, row: ConversationRow, draft: Draft) -> None:
        super().__init__(parent, theme, row, tr("Request from {name}", name=name(row.name)), draft)
        spans = ((tr("1 hour"), HOUR), (tr("1 day"), DAY), (tr("7 days"), 7 * DAY), (tr("30 days"), 30 * DAY))
        self.valid_for = Choice(tr("Valid for"), spans, DAY)
        self.field(tr("Valid for"), self.valid_for)
        self.add_text(tr("{name} sees the invoice and decides. The network fee is paid by the payer.", name=self._name))
        self._begin(tr("Send invoice"), tr("Send invoice to {name}", name=self._name))

    def command(self) -> RequestPayment:
        """Return the invoice."""
        span = self.valid_for.value
        return RequestPayment(
            self._row.relationship,
            self.what.text().strip(),
            self.amount.satoshis or 0,
            self.note.text().strip(),
            span if isinstance(span, int) else DAY,
        )


class DeclineForm(Sheet):
    """Decline…: a reason that the other side sees. `declined` carries it."""

    declined = Signal(str)

    def __init__(self, parent: QWidget, theme: Theme, title: str, other: str) -> None:
        super().__init__(parent, theme, title)
        reasons = [tr("Wrong amount"), tr("Not mine"), tr("Already paid"), tr("Other")]
        self.add_text(tr("Why?"))
        holder = Choice(tr("Reason"), [(reason, reason) for reason in reasons], reasons[0])
        self._reason = holder
        self.body.addWidget(holder)
        self.note = line_edit("declineNote", tr("Optional"), LONGEST_NOTE)
        self.field(tr("Note"), self.note, tr("{name} sees this reason, signed by you.", name=other))
        cancel = Button(tr("Cancel"), name="cancel")
        decline = Button(tr("Decline"), "danger", "decline")
        self.buttons.addWidget(cancel)
        self.buttons.addStretch()
        self.buttons.addWidget(decline)
        cancel.clicked.connect(self.reject)
        decline.clicked.connect(self._decline)

    def _decline(self) -> None:
        note = self.note.text().strip()
        reason = str(self._reason.value)
        self.declined.emit(f"{reason} – {note}" if note else reason)
        self.accept()
