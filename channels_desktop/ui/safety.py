"""Comparing safety numbers, and the two irreversible answers around a contact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from channels_desktop.engine.rows import ConversationRow, Verification
from channels_desktop.ui.flow import FlowLayout
from channels_desktop.ui.plain import Button, Callout, Chip, PlainLabel
from channels_desktop.ui.qr import QrCode
from channels_desktop.ui.sheet import Sheet
from channels_desktop.ui.words import name, tr, verification

if TYPE_CHECKING:
    from channels_desktop.ui.theme import Theme

GROUP = 5
COLUMNS = 4


class SafetyDialog(Sheet):
    """Shows the number. `answered` carries whether both sides see the same."""

    answered = Signal(bool)
    remove_wanted = Signal()

    def __init__(self, parent: QWidget, theme: Theme, row: ConversationRow, number: str) -> None:
        other = name(row.name)
        super().__init__(parent, theme, tr("Safety number with {name}", name=other), 620)
        self._chip = Chip(*verification(row.verification))
        self.head.addWidget(self._chip)
        middle = QWidget()
        flow = FlowLayout(middle, 24)
        flow.addWidget(_digits(number))
        flow.addWidget(QrCode(theme, number, tr("Safety number as a QR code"), 132))
        self.body.addWidget(middle)
        steps = QVBoxLayout()
        steps.setSpacing(4)
        for step in (
            tr("1   Call or meet {name}.", name=other),
            tr("2   Read the numbers to each other."),
            tr("3   All the same? Press “They match”."),
        ):
            steps.addWidget(PlainLabel(step, wrap=True))
        self.body.addLayout(steps)
        self._warning = Callout("", "danger")
        self._warning.hide()
        self.body.addWidget(self._warning)
        self._differ = Button(tr("They don't match"), "danger", "differ")
        self._match = Button(tr("They match"), "primary", "match")
        self._remove = Button(tr("Remove contact…"), "danger", "removeContact")
        self._close = Button(tr("Close"), name="close")
        for button in (self._differ, self._remove):
            self.buttons.addWidget(button)
        self.buttons.addStretch()
        for button in (self._close, self._match):
            self.buttons.addWidget(button)
        self._remove.hide()
        self._close.hide()
        self._match.clicked.connect(self._matched)
        self._differ.clicked.connect(self._differed)
        self._remove.clicked.connect(self._removed)
        self._close.clicked.connect(self.accept)

    def _matched(self) -> None:
        self.answered.emit(True)
        self.accept()

    def _differed(self) -> None:
        self.answered.emit(False)
        text = tr("Don't pay this contact. Someone may be between you. Messages are kept; payments are locked.")
        self._warning.show_text(text, "danger")
        self._chip.show_state(*verification(Verification.MISMATCH))
        for button, shown in ((self._differ, False), (self._match, False), (self._remove, True), (self._close, True)):
            button.setVisible(shown)
        self.fit()

    def _removed(self) -> None:
        self.remove_wanted.emit()
        self.accept()


class ConfirmDialog(Sheet):
    """Asks once more before something that can't be undone; the button says what it does. `confirmed` is the answer."""

    confirmed = Signal()

    def __init__(self, parent: QWidget, theme: Theme, title: str, text: str, verb: str) -> None:
        super().__init__(parent, theme, title)
        self.add_text(text, "")
        cancel = Button(tr("Cancel"), name="cancel")
        verb_button = Button(verb, "danger", "confirm")
        self.buttons.addWidget(cancel)
        self.buttons.addStretch()
        self.buttons.addWidget(verb_button)
        cancel.clicked.connect(self.reject)
        verb_button.clicked.connect(self._confirm)
        cancel.setFocus()

    def _confirm(self) -> None:
        self.confirmed.emit()
        self.accept()


def _digits(number: str) -> PlainLabel:
    """Return the digits in groups of five, four groups in a line: one stop of the keyboard, which reads them all."""
    groups = [number[at : at + GROUP] for at in range(0, len(number), GROUP)]
    lines = ["\u2003".join(groups[at : at + COLUMNS]) for at in range(0, len(groups), COLUMNS)]
    label = PlainLabel("\n".join(lines), "amount").selectable()
    label.setContentsMargins(0, 8, 0, 8)
    label.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    label.setObjectName("safetyNumber")
    label.setAccessibleName(tr("Safety number: {digits}", digits=" ".join(groups)))
    return label
