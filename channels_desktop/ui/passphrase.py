"""Typing a passphrase: shown on request, its strength in words, and the dialog that unlocks an account."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QProgressBar, QVBoxLayout, QWidget

from channels_desktop.ui.plain import Button, Callout, IconButton, PlainLabel, restyle
from channels_desktop.ui.sheet import Sheet
from channels_desktop.ui.words import name, tr

if TYPE_CHECKING:
    from channels_desktop.ui.theme import Theme

LEAST_LETTERS = 8
_WEAK, _FAIR, _FULL = 40, 60, 90
_POOLS = ((str.islower, 26), (str.isupper, 26), (str.isdigit, 10))


class PassphraseBox(QWidget):
    """A field for a passphrase with a button that shows it."""

    def __init__(self, theme: Theme, words: str, object_name: str) -> None:
        super().__init__()
        self.words = words
        self.field = QLineEdit()
        self.field.setObjectName(object_name)
        self.field.setAccessibleName(words)
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setMaxLength(500)
        self._eye = IconButton(theme, "eye", tr("Show {what}", what=words.lower()), f"{object_name}Show")
        self._eye.setCheckable(True)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.field, 1)
        row.addWidget(self._eye)
        self.setFocusProxy(self.field)
        self._eye.toggled.connect(self._show)

    def _show(self, shown: bool) -> None:  # noqa: FBT001 - a signal carries it
        self.field.setEchoMode(QLineEdit.EchoMode.Normal if shown else QLineEdit.EchoMode.Password)
        self._eye.set_icon("eye-off" if shown else "eye", "text")


class StrengthMeter(QWidget):
    """How hard a passphrase is to guess, as a bar and in words."""

    def __init__(self) -> None:
        super().__init__()
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, _FULL)
        self._label = PlainLabel("", "caption", "secondary")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._bar)
        column.addWidget(self._label)
        self.show_strength("")

    def show_strength(self, passphrase: str) -> None:
        """Show the strength of `passphrase`."""
        bits = strength(passphrase)
        self._bar.setValue(min(bits, _FULL))
        if not passphrase:
            words, tone = tr("Several random words make a good one."), "secondary"
        elif len(passphrase) < LEAST_LETTERS:
            words, tone = tr("Too short: at least {n} letters.", n=LEAST_LETTERS), "danger"
        elif bits < _WEAK:
            words, tone = tr("Weak: easy to guess."), "danger"
        elif bits < _FAIR:
            words, tone = tr("Fair."), "warning"
        else:
            words, tone = tr("Strong."), "success"
        self._label.setText(words)
        self._label.set_tone(tone)
        self._bar.setAccessibleName(tr("Strength: {words}", words=words))
        restyle(self._bar, "tone", tone)


class UnlockDialog(Sheet):
    """Asks for the passphrase. `unlock_wanted` carries it; the caller then closes it or calls `show_problem`."""

    unlock_wanted = Signal(str)

    def __init__(self, theme: Theme, account: str, parent: QWidget | None = None) -> None:
        super().__init__(parent, theme, tr("Unlock {name}", name=name(account)), 420)
        self.box = PassphraseBox(theme, tr("Passphrase"), "passphrase")
        self._problem = Callout("", "danger")
        self._problem.hide()
        self.field(tr("Passphrase"), self.box)
        self.body.addWidget(self._problem)
        self.body.addStretch()
        self._quit = Button(tr("Quit"), name="quit")
        self._unlock = Button(tr("Unlock"), "primary", "unlock")
        self.buttons.addWidget(self._quit)
        self.buttons.addStretch()
        self.buttons.addWidget(self._unlock)
        self._quit.clicked.connect(self.reject)
        self._unlock.clicked.connect(self._go)
        self.box.field.returnPressed.connect(self._go)
        self.box.field.textChanged.connect(lambda text: self._unlock.setEnabled(bool(text)))
        self._unlock.setEnabled(False)
        self.box.field.setFocus()

    def show_problem(self, problem: str) -> None:
        """Say why it did not open, and let the user try again."""
        self._problem.show_text(problem, "danger")
        self._unlock.setText(tr("Unlock"))
        self._unlock.setEnabled(True)
        self.box.field.setEnabled(True)
        self.box.field.selectAll()
        self.box.field.setFocus()
        self.fit()

    def _go(self) -> None:
        passphrase = self.box.field.text()
        if passphrase and self._unlock.isEnabled():
            self._unlock.setText(tr("Unlocking…"))
            self._unlock.setEnabled(False)
            self.box.field.setEnabled(False)
            self._problem.hide()
            self.unlock_wanted.emit(passphrase)


def strength(passphrase: str) -> int:
    """Return a rough number of bits: repeats count little, and rare kinds of letters count more."""
    pool = sum(size for is_kind, size in _POOLS if any(map(is_kind, passphrase)))
    pool += 33 if any(not letter.isalnum() for letter in passphrase) else 0
    pool += 100 if any(not letter.isascii() for letter in passphrase) else 0
    letters = min(len(passphrase), 2 * len(set(passphrase)))
    return round(letters * math.log2(pool)) if pool > 1 else 0
