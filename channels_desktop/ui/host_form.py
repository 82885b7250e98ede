"""Choosing a channel host: its address and access token, in the wizard and in a dialog of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from channels_desktop.errors import TransportError
from channels_desktop.ui import host_words, words
from channels_desktop.ui.passphrase import PassphraseBox
from channels_desktop.ui.plain import Button, Callout, PlainLabel
from channels_desktop.ui.sheet import Sheet, line_edit
from channels_desktop.ui.words import line, tr

if TYPE_CHECKING:
    from channels_desktop.ui.theme import Theme


class HostForm(QWidget):
    """The two fields, and a box for what came of trying them. `edited` says that another host is meant now."""

    edited = Signal()

    def __init__(self, theme: Theme, host: str = "", access: str = "") -> None:
        super().__init__()
        self.host = line_edit("host", "https://host.example", 300)
        self.host.setText(host)
        self.access = PassphraseBox(theme, tr("Access token, if the host asks for one"), "access")
        self.access.field.setText(access)
        self.outcome = Callout("", "plain")
        self.outcome.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self.host.setAccessibleName(tr("Address"))
        for what, box in ((tr("Address"), self.host), (self.access.words, self.access)):
            column.addWidget(PlainLabel(what, "caption", "secondary", wrap=True))
            column.addWidget(box)
        column.addWidget(self.outcome)
        self.setFocusProxy(self.host)
        for field in (self.host, self.access.field):
            field.textChanged.connect(self._edited)

    @property
    def address(self) -> str:
        """Return the address as typed."""
        return self.host.text().strip()

    @property
    def token(self) -> str:
        """Return the access token as typed."""
        return self.access.field.text().strip()

    def sentence(self, problem: BaseException) -> str:
        """Return why the host that was typed can't be used, or what else went wrong."""
        if isinstance(problem, TransportError):
            return host_words.problem(problem.cause, host_words.Place.CHOOSING, line(self.address))
        return words.error(problem)

    def _edited(self) -> None:
        self.outcome.hide()
        self.edited.emit()


class HostDialog(Sheet):
    """Gives an account the host that it lacks. `wanted` carries address and token; then it is closed, or told why not.

    `why` is what the user came for and cannot have without a host.
    """

    wanted = Signal(str, str)

    def __init__(self, parent: QWidget, theme: Theme, why: str = "") -> None:
        super().__init__(parent, theme, tr("Add a channel host"), 520)
        if why:
            self.add_text(why, "")
        self.add_text(about())
        self.form = HostForm(theme)
        self.body.addWidget(self.form)
        self.body.addStretch()
        cancel = Button(tr("Cancel"), name="cancel")
        self._add = Button(tr("Add host"), "primary", "addHost")
        self.buttons.addWidget(cancel)
        self.buttons.addStretch()
        self.buttons.addWidget(self._add)
        cancel.clicked.connect(self.reject)
        self._add.clicked.connect(self._go)
        self.form.edited.connect(self._check)
        for field in (self.form.host, self.form.access.field):
            field.returnPressed.connect(self._go)
        self._check()
        self.form.setFocus()

    def show_problem(self, problem: str) -> None:
        """Say why that host can't be used, and let the user try again."""
        self._add.setText(tr("Add host"))
        self.form.setEnabled(True)
        self.form.outcome.show_text(problem, "danger")
        self._check()
        self.form.setFocus()
        self.fit_soon()
        self.reveal(self.form.outcome)

    def _check(self) -> None:
        self._add.setEnabled(self.form.isEnabled() and bool(self.form.address))

    def _go(self) -> None:
        if not self._add.isEnabled():
            return
        self.form.outcome.hide()
        self.form.setEnabled(False)
        self._add.setText(tr("Asking the host…"))
        self._check()
        self.wanted.emit(self.form.address, self.form.token)


def about() -> str:
    """Return what a channel host is."""
    return tr("It keeps messages for you while you are away. It can read them, but it can't forge them.")
