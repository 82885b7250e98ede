"""The panel at the right: a contact, or a payment with its five steps, its transaction and its signed messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from channels_desktop.engine.rows import ContactState, ConversationRow, EvidenceRow, PaymentRow, Step
from channels_desktop.ui import entry_words, payment_words
from channels_desktop.ui.plain import Button, Chip, ElidedLabel, IconButton, PlainLabel, fact, rule
from channels_desktop.ui.theme import mono_font
from channels_desktop.ui.words import digits, exactly, foreign, line, name, sat, tr, verification

if TYPE_CHECKING:
    from collections.abc import Callable

    from channels_desktop.ui.theme import Theme

REMOVABLE = frozenset({ContactState.SENT, ContactState.ACTIVE, ContactState.REJECTED})


class DetailsPanel(QFrame):
    """The panel; it shows rows that were given to it."""

    close_wanted = Signal()
    verify_wanted = Signal()
    remove_wanted = Signal()
    raw_wanted = Signal(object, str)  # an EvidenceRow, and the title of what it is

    def __init__(self, theme: Theme, clock: Callable[[], int]) -> None:
        super().__init__()
        self.setObjectName("detailsPanel")
        self._theme, self._clock = theme, clock
        self._title = ElidedLabel("", "title")
        close = IconButton(theme, "x", tr("Close details"), "closeDetails", size=18)
        close.clicked.connect(self.close_wanted)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        head = QHBoxLayout()
        head.setContentsMargins(16, 10, 8, 10)
        head.addWidget(self._title, 1)
        head.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self._scroll, 1)

    def show_contact(self, row: ConversationRow) -> None:
        """Show what is known of a contact."""
        self._title.setText(name(row.name))
        column = self._fresh()
        chip, tone = verification(row.verification)
        column.addWidget(Chip(chip, tone))
        column.addSpacing(8)
        self._fact(column, tr("State"), entry_words.contact_state(row))
        if row.since:
            self._fact(column, tr("Connected since"), exactly(row.since, self._clock()))
        if row.detail:
            self._fact(column, tr("Reason, in their words"), foreign(row.detail))
        self._fact(column, tr("Messages"), tr("Signed by both sides, but not encrypted: the hosts can read them."))
        column.addSpacing(8)
        if row.state is ContactState.ACTIVE:
            verify = Button(tr("Safety number…"), name="detailsVerify")
            verify.clicked.connect(self.verify_wanted)
            column.addWidget(verify)
        if row.state in REMOVABLE:
            remove = Button(tr("Remove contact…"), "danger", "removeContact")
            remove.clicked.connect(self.remove_wanted)
            column.addWidget(remove)
        column.addStretch()

    def show_payment(self, row: PaymentRow, other: str, evidence: tuple[EvidenceRow, ...]) -> None:
        """Show a payment: steps, amounts, transaction and the signed messages that prove it."""
        now = self._clock()
        self._title.setText(f"{payment_words.kind(row)} #{row.number}")
        column = self._fresh()
        column.addWidget(Chip(*payment_words.badge(row, other, now)))
        column.addSpacing(8)
        for step in payment_words.STEPS:
            self._fact(column, payment_words.step_name(step), self._step(row, step, other))
        column.addWidget(rule())
        for item in row.items:
            self._fact(column, f"{line(item.name)} × {digits(item.quantity)}", sat(item.total))
        self._fact(column, tr("Total"), sat(row.total))
        if row.fee is not None:
            self._fact(column, tr("Network fee, paid by the payer"), sat(row.fee))
        if row.note:
            self._fact(column, tr("Note"), foreign(row.note))
        if row.txid:
            self._transaction(column, row)
        if row.reason_note:
            self._fact(column, tr("Details, in their words"), foreign(row.reason_note))
        column.addWidget(rule())
        column.addWidget(PlainLabel(tr("Evidence"), "strong"))
        for position, proof in enumerate(evidence):
            self._proof(column, proof, row, other).setObjectName(f"raw-{position}")
        if not evidence:
            column.addWidget(PlainLabel(tr("No signed messages yet."), "caption", "secondary", wrap=True))
        column.addStretch()

    def _fresh(self) -> QVBoxLayout:
        body = QWidget()
        body.setObjectName("pageBody")
        column = QVBoxLayout(body)
        column.setContentsMargins(16, 0, 16, 16)
        column.setSpacing(6)
        self._scroll.setWidget(body)
        return column

    def _fact(self, column: QVBoxLayout, what: str, value: str) -> PlainLabel:
        pair, label = fact(what, value)
        column.addLayout(pair)
        return label

    def _step(self, row: PaymentRow, step: Step, other: str) -> str:
        done = next((s for s in row.steps if s.step is step and s.at), None)
        if done is None:
            return tr("Not sent") if step is Step.PAYMENT and row.state.value in {"ordered", "invoiced"} else "—"
        at = exactly(done.at, self._clock())
        if step is Step.CONFIRMED:
            return tr("Proof checked on this computer, {at}", at=at)
        return tr("Signed by you, {at}", at=at) if done.mine else tr("Signed by {name}, {at}", name=other, at=at)

    def _transaction(self, column: QVBoxLayout, row: PaymentRow) -> None:
        column.addWidget(rule())
        chunks = " ".join(row.txid[at : at + 4] for at in range(0, len(row.txid), 4))
        label = self._fact(column, tr("Transaction"), chunks)
        label.setFont(mono_font(self._theme.font("caption")))
        label.setStyleSheet(f"font-size: {self._theme.font('caption').pointSizeF():.2f}pt; font-family: monospace;")
        copy = Button(tr("Copy transaction id"), "quiet", "copyTxid")
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(row.txid))
        column.addWidget(copy, 0, Qt.AlignmentFlag.AlignLeft)
        if row.block_height:
            proof = tr("{n}. Proof checked on this computer.", n=digits(row.block_height))
            self._fact(column, tr("Block"), proof)

    def _proof(self, column: QVBoxLayout, proof: EvidenceRow, row: PaymentRow, other: str) -> Button:
        """Add a signed message; return the button that shows it raw."""
        known = {step.value for step in Step}
        what = payment_words.step_name(Step(proof.step)) if proof.step in known else line(proof.step).capitalize()
        whose = tr("your signature") if proof.mine else tr("{name}'s signature", name=other)
        when = exactly(proof.at, self._clock())
        pair, _ = fact(what, f"{whose} ({tr('checked')}), {when}, {tr('{n} bytes', n=digits(proof.size))}")
        raw = Button(tr("Raw"), "quiet")
        raw.setAccessibleName(tr("Raw {what}", what=what.lower()))
        title = tr("Raw {what} of #{n}", what=what.lower(), n=row.number)
        raw.clicked.connect(lambda: self.raw_wanted.emit(proof, title))
        across = QHBoxLayout()
        across.addLayout(pair, 1)
        across.addWidget(raw, 0, Qt.AlignmentFlag.AlignTop)
        column.addLayout(across)
        return raw
