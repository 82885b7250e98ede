"""The top of a conversation: the name, whether it was verified, and the two doors to a payment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from channels_desktop.engine.rows import ContactState, ConversationRow, Verification
from channels_desktop.ui.plain import Button, ElidedLabel, IconButton, PlainLabel, restyle
from channels_desktop.ui.words import name, tr, verification

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from channels_desktop.ui.theme import Theme

LEAST_NAME = 140  # pixels of the design left for the name


class ConversationHeader(QFrame):
    """The header."""

    back_wanted = Signal()
    verify_wanted = Signal()
    pay_wanted = Signal()
    request_wanted = Signal()
    details_wanted = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("header")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.back = IconButton(theme, "chevron-left", tr("Back to the conversations"), "back")
        self._name = ElidedLabel("", "title")
        self._note = PlainLabel(tr("Not encrypted"), "caption", "secondary")
        self._note.setToolTip(
            tr("Messages are signed, and the line to your host is secure. The hosts themselves can read them.")
        )
        self.chip = Button("", name="verification")
        self.pay = Button(tr("Pay…"), name="pay")
        self.request = Button(tr("Request…"), name="request")
        self.details = IconButton(theme, "panel-right", tr("Details (Ctrl+I)"), "toggleDetails")
        self._theme = theme
        self._doors = QWidget()
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._build()
        self.back.clicked.connect(self.back_wanted)
        self.chip.clicked.connect(self.verify_wanted)
        self.pay.clicked.connect(self.pay_wanted)
        self.request.clicked.connect(self.request_wanted)
        self.details.clicked.connect(self.details_wanted)

    def show_conversation(self, row: ConversationRow | None) -> None:
        """Show who it is; nothing where no conversation is open."""
        self.setVisible(row is not None)
        if row is None:
            return
        active = row.state is ContactState.ACTIVE
        self._name.setText(name(row.name))
        words, tone = verification(row.verification)
        self.chip.setText(words)
        restyle(self.chip, "chip", tone)
        self.chip.setAccessibleName(tr("{words}. Show the safety number of {name}", words=words, name=name(row.name)))
        self.chip.setVisible(active)
        self._note.setVisible(active)
        locked = row.verification is Verification.MISMATCH
        for button in (self.pay, self.request):
            button.setVisible(active)
            button.setEnabled(not locked)
        self.pay.setAccessibleName(tr("Pay {name}", name=name(row.name)))
        self.request.setAccessibleName(tr("Request a payment from {name}", name=name(row.name)))

    def _build(self) -> None:
        who = QHBoxLayout()
        who.setSpacing(8)
        names = QVBoxLayout()
        names.setSpacing(0)
        names.addWidget(self._name)
        names.addWidget(self._note)
        who.addWidget(self.back)
        who.addLayout(names, 1)
        doors = QHBoxLayout(self._doors)
        doors.setContentsMargins(0, 0, 0, 0)
        doors.setSpacing(8)
        for widget in (self.chip, self.pay, self.request, self.details):
            doors.addWidget(widget)
        self._row.setContentsMargins(12, 8, 12, 8)
        self._row.setSpacing(8)
        self._row.addLayout(who, 1)
        self._row.addWidget(self._doors)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the buttons under the name where there is no room beside it."""
        super().resizeEvent(event)
        room = self.width() - self._doors.sizeHint().width() - self._theme.px(LEAST_NAME)
        down, across = QBoxLayout.Direction.TopToBottom, QBoxLayout.Direction.LeftToRight
        self._row.setDirection(down if room < 0 else across)
