"""The first start: from nothing to an account in a few pages, each with at most one decision."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QStackedWidget, QVBoxLayout, QWidget

from channels_desktop.ui import words
from channels_desktop.ui.host_form import HostForm, about
from channels_desktop.ui.passphrase import LEAST_LETTERS, PassphraseBox, StrengthMeter
from channels_desktop.ui.plain import Button, Callout, PlainLabel
from channels_desktop.ui.safety import ConfirmDialog
from channels_desktop.ui.sheet import Sheet, check, line_edit
from channels_desktop.ui.words import line, tr

if TYPE_CHECKING:
    from PySide6.QtWidgets import QLineEdit

    from channels_desktop.ui.bridge import Tasks
    from channels_desktop.ui.theme import Theme

NAME, PASSPHRASE, HOST, DONE = range(1, 5)
"""The pages after the welcome."""

TestHost = Callable[[str, str], Awaitable[str]]
"""Tries a host's address and access token; returns what the host says of itself, or raises a ChannelsError."""


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What the user chose, or, before that, what the fields are filled with.

    `host` is empty for an account that gets one later. `network` and `chain` are shown, not chosen: "main", "regtest",
    and what runs behind it in words.
    """

    name: str = ""
    passphrase: str = field(default="", repr=False)
    host: str = ""
    access: str = field(default="", repr=False)
    network: str = "regtest"
    chain: str = ""


class Onboarding(Sheet):
    """The wizard. `finished_with` carries the NewAccount; the caller then closes it, or calls `show_problem`."""

    finished_with = Signal(object)

    def __init__(self, theme: Theme, tasks: Tasks, test_host: TestHost, start: NewAccount) -> None:
        super().__init__(None, theme, tr("Channels Desktop"), 560)
        self._tasks, self._test, self._start = tasks, test_host, start
        self._hosted = True
        self.setWindowTitle(tr("Channels Desktop — new account"))
        self._step = PlainLabel("", "caption", "secondary")
        self.head.addWidget(self._step)
        self.pages = QStackedWidget()
        self.body.addWidget(self.pages)
        self.body.addStretch()
        self._back = Button(tr("Back"), name="back")
        self._later = Button(tr("Later"), name="later")
        self._next = Button("", "primary", "next")
        self.buttons.addWidget(self._back)
        self.buttons.addStretch()
        self.buttons.addWidget(self._later)
        self.buttons.addWidget(self._next)
        self._titles: list[str] = []
        self._build_welcome()
        self._build_name()
        self._build_passphrase()
        self._build_host()
        self._build_done()
        self.hosts.edited.connect(self._check)
        for box in (self.name, self.passphrase.field, self.again.field):
            box.textChanged.connect(self._check)
            box.returnPressed.connect(self._forward)
        for box in (self.hosts.host, self.hosts.access.field):
            box.returnPressed.connect(self._forward)
        self._later.clicked.connect(lambda: self._show(DONE, hosted=False))
        self._back.clicked.connect(lambda: self._show(self.pages.currentIndex() - 1))
        self._next.clicked.connect(self._forward)
        self._show(0)

    def show_problem(self, problem: str) -> None:
        """Say why the account could not be made; the user may try again."""
        self._outcome.show_text(problem, "danger")
        self.reveal(self._outcome)
        self._next.setEnabled(True)
        self._back.setEnabled(True)
        self._next.setText(tr("Create account"))

    def reject(self) -> None:
        """Leave; ask before, where something was typed that would be lost."""
        typed = self.passphrase.field.text() or self.name.text() != self._start.name
        if not typed or not self.isVisible():
            super().reject()
            return
        ask = ConfirmDialog(
            self,
            self.theme,
            tr("Leave without an account?"),
            tr("What you typed isn't kept. No account has been made yet."),
            tr("Leave"),
        )
        ask.confirmed.connect(lambda: QDialog.reject(self))
        ask.open()

    def fit(self) -> None:
        """Keep one size for all pages."""
        room = self.screen().availableGeometry()
        size = self.theme.px(560), self.theme.px(430)
        self.resize(min(size[0], room.width() - 48), min(size[1], room.height() - 64))

    # ------------------------------------------------------------------------------------------------------------ pages

    def _page(self, title: str) -> QVBoxLayout:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self.pages.addWidget(page)
        self._titles.append(title)
        return column

    def _build_welcome(self) -> None:
        column = self._page(tr("Welcome"))
        for text in (
            tr("Write to people you know, and settle money with them in the same place."),
            tr("Your account lives on this computer. Nothing goes over the network before you choose a channel host."),
        ):
            column.addWidget(PlainLabel(text, wrap=True))
        column.addWidget(Callout(_money(self._start), "warning" if self._start.network != "main" else "plain"))
        column.addStretch()

    def _build_name(self) -> None:
        column = self._page(tr("Your card"))
        self.name = self._field(column, tr("Name"), line_edit("accountName", tr("Alice"), words.LONGEST_NAME))
        self.name.setText(self._start.name)
        column.addWidget(PlainLabel(tr("Only people you connect with see this."), tone="secondary", wrap=True))
        column.addStretch()

    def _build_passphrase(self) -> None:
        column = self._page(tr("Passphrase"))
        self.passphrase = PassphraseBox(self.theme, tr("Passphrase"), "passphrase")
        self.again = PassphraseBox(self.theme, tr("The same once more"), "passphraseAgain")
        self._meter = StrengthMeter()
        self._match = PlainLabel("", "caption", "danger", wrap=True)
        column.addWidget(PlainLabel(tr("It locks this account on this computer."), wrap=True))
        for box in (self.passphrase, self.again):
            column.addWidget(PlainLabel(box.words, "caption", "secondary"))
            column.addWidget(box)
            if box is self.passphrase:
                column.addWidget(self._meter)
        column.addWidget(self._match)
        column.addWidget(Callout(tr("We cannot reset this. Without it, nobody can open the account."), "warning"))
        column.addStretch()

    def _build_host(self) -> None:
        column = self._page(tr("Channel host"))
        self.hosts = HostForm(self.theme, self._start.host, self._start.access)
        self._try = Button(tr("Test connection"), name="testHost")
        column.addWidget(PlainLabel(about(), wrap=True))
        column.addWidget(self.hosts)
        column.addWidget(self._try, 0, Qt.AlignmentFlag.AlignLeft)
        later = tr("None yet? Press Later: you can look around now, and add one before you connect with somebody.")
        column.addWidget(PlainLabel(later, "caption", "secondary", wrap=True))
        column.addStretch()
        self._try.clicked.connect(self._test_host)

    def _build_done(self) -> None:
        column = self._page(tr("Ready"))
        self._summary = [PlainLabel("", wrap=True) for _ in range(2)]
        for what, label in zip((tr("Name"), tr("Channel host")), self._summary, strict=True):
            column.addWidget(PlainLabel(what, "caption", "secondary"))
            column.addWidget(label)
        column.addWidget(PlainLabel(tr("Network"), "caption", "secondary"))
        column.addWidget(PlainLabel(_money(self._start), wrap=True))
        self._then = PlainLabel("", wrap=True)
        column.addWidget(self._then)
        self._outcome = Callout("", "danger")
        self._outcome.hide()
        column.addWidget(self._outcome)
        column.addStretch()

    def _field(self, column: QVBoxLayout, what: str, box: QLineEdit) -> QLineEdit:
        box.setAccessibleName(what)
        column.addWidget(PlainLabel(what, "caption", "secondary"))
        column.addWidget(box)
        return box

    # ------------------------------------------------------------------------------------------------------- going on

    def _show(self, number: int, *, hosted: bool = True) -> None:
        self._hosted = hosted
        self.pages.setCurrentIndex(number)
        self.heading.setText(self._titles[number])
        self._step.setText(tr("Step {n} of {of}", n=number + 1, of=len(self._titles)))
        self._back.setVisible(number > 0)
        self._later.setVisible(number == HOST)
        last = number == DONE
        self._next.setText(tr("Create account") if last else tr("Create new") if number == 0 else tr("Continue"))
        if last:
            self._summary[0].setText(line(self.name.text()))
            self._summary[1].setText(line(self.hosts.address) if hosted else tr("None yet"))
            invite = tr("Next: send somebody an invite, or use one that you got.")
            later = tr("Next: look around. Before you connect with somebody, add a channel host in Settings.")
            self._then.setText(invite if hosted else later)
        first = {NAME: self.name, PASSPHRASE: self.passphrase.field, HOST: self.hosts}.get(number)
        if first is not None:
            first.setFocus()
        else:
            self._next.setFocus()
        self._check()

    def _check(self) -> None:
        one, other = self.passphrase.field.text(), self.again.field.text()
        self._meter.show_strength(one)
        check(self._match, tr("The two are not the same.") if other and one != other else "", "danger")
        ready = {
            NAME: bool(self.name.text().strip()),
            PASSPHRASE: len(one) >= LEAST_LETTERS and one == other,
            HOST: bool(self.hosts.address),
        }
        self._next.setEnabled(ready.get(self.pages.currentIndex(), True))
        self._try.setEnabled(ready[HOST])

    def _forward(self) -> None:
        if not self._next.isEnabled():
            return
        if self.pages.currentIndex() < DONE:
            self._show(self.pages.currentIndex() + 1)
            return
        self._next.setEnabled(False)
        self._back.setEnabled(False)
        self._next.setText(tr("Creating…"))
        self._outcome.hide()
        self.finished_with.emit(
            NewAccount(
                self.name.text().strip(),
                self.passphrase.field.text(),
                self.hosts.address if self._hosted else "",
                self.hosts.token if self._hosted else "",
                self._start.network,
                self._start.chain,
            )
        )

    def _test_host(self) -> None:
        form, address, token = self.hosts, self.hosts.address, self.hosts.token
        form.setFocus()  # else it would fall to Back with the button that rests
        self._try.setEnabled(False)
        form.outcome.show_text(tr("Trying…"), "plain")

        def show(text: str, tone: str) -> None:
            if (form.address, form.token) == (address, token):  # not another by now
                form.outcome.show_text(text, tone)
                self.reveal(form.outcome)
            self._check()
            if tone == "success":
                self._next.setFocus()

        async def answer() -> str:
            return await self._test(address, token)

        self._tasks.run(
            answer(),
            lambda said: show(tr("✓ The host answers. {said}", said=line(said)), "success"),
            lambda problem: show(form.sentence(problem), "danger"),
        )


def _money(account: NewAccount) -> str:
    if account.network == "main":
        return tr("This account will hold real money on the Bitcoin SV network.")
    chain = line(account.chain) or line(account.network)
    return tr("TEST MONEY: this account runs on {chain}. Nothing in it is worth anything.", chain=chain)
