"""Somebody who used one of our invites: accept, decline or ignore, before any of their texts are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout

from channels_desktop.engine.rows import ConversationRow
from channels_desktop.ui.flow import FlowLayout
from channels_desktop.ui.plain import Button, PlainLabel
from channels_desktop.ui.words import name, tr

if TYPE_CHECKING:
    from channels_desktop.ui.theme import Theme


class RequestCard(QFrame):
    """The card. `answered` carries True for Accept; for a no, whether nothing is to be sent."""

    answered = Signal(bool, bool)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("page")
        card = QFrame()
        card.setObjectName("card")
        card.setMaximumWidth(theme.px(560))
        theme.changed.connect(lambda: card.setMaximumWidth(theme.px(560)))
        card.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self._title = PlainLabel("", "title", wrap=True)
        self._text = PlainLabel("", tone="secondary", wrap=True)
        self._accept = Button(tr("Accept"), "primary", "acceptRequest")
        self._decline = Button(tr("Decline"), "danger", "declineRequest")
        self._ignore = Button(tr("Ignore silently"), name="ignoreRequest")
        column = QVBoxLayout(card)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(10)
        buttons = QFrame()
        flow = FlowLayout(buttons)
        for button in (self._accept, self._decline, self._ignore):
            flow.addWidget(button)
        for widget in (self._title, self._text, buttons):
            column.addWidget(widget)
        outer = QVBoxLayout(self)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(card, 8)
        row.addStretch(1)
        outer.addStretch(2)
        outer.addLayout(row)
        outer.addStretch(3)
        outer.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._card = card
        self._accept.clicked.connect(lambda: self.answered.emit(True, False))
        self._decline.clicked.connect(lambda: self.answered.emit(False, False))
        self._ignore.clicked.connect(lambda: self.answered.emit(False, True))

    def show_request(self, row: ConversationRow) -> None:
        """Show who asks."""
        other = name(row.name)
        self._title.setText(tr("{name} wants to connect with you", name=other))
        self._text.setText(
            tr("Somebody with this name used your invite. Accept to write and pay each other. A name alone proves")
            + " "
            + tr("nothing: check the safety number before the first payment. Decline tells them; Ignore sends nothing.")
        )
        self._card.setAccessibleName(tr("Request: {name} wants to connect with you", name=other))
        self._accept.setAccessibleName(tr("Accept {name}", name=other))
        self._decline.setAccessibleName(tr("Decline {name}", name=other))
        self._ignore.setAccessibleName(tr("Ignore {name} and send nothing", name=other))
