"""The first start: from nothing to an account in a few pages, each with at most one decision."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from channels_desktop.ui import words
from channels_desktop.ui.passphrase import LEAST_LETTERS, PassphraseBox, StrengthMeter
from channels_desktop.ui.plain import Button, Callout, PlainLabel
from channels_desktop.ui.sheet import Sheet, check, line_edit
from channels_desktop.ui.words import line, tr

if TYPE_CHECKING:
    from PySide6.QtWidgets import QLineEdit

    from channels_desktop.ui.bridge import Tasks
    from channels_desktop.ui.theme import Theme

TestHost = Callable[[str, str], Awaitable[str]]
"""Tries a host's address and access token; returns what the host says of itself, or raises a ChannelsError."""


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What the user chose, or, before that, what the fields are filled with.

    `network` and `chain` are shown, not chosen: "main", "regtest", and what runs behind it in words.
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
        self.setWindowTitle(tr("Channels Desktop — new account"))
        self._step = PlainLabel("", "caption", "secondary")
        self.head.addWidget(self._step)
        self.pages = QStackedWidget()
        self.body.addWidget(self.pages)
        self.body.addStretch()
        self._back = Button(tr("Back"), name="back")
        self._next = Button("", "primary", "next")
        self.buttons.addWidget(self._back)
        self.buttons.addStretch()
        self.buttons.addWidget(self._next)
        self._titles: list[str] = []
        self._build_welcome()
        self._build_name()
        self._build_passphrase()
        self._build_host()
        self._build_done()
        for box in (self.name, self.passphrase.field, self.again.field, self.host, self.access):
            box.textChanged.connect(self._check)
            box.returnPressed.connect(self._forward)
        self._back.clicked.connect(lambda: self._show(self.pages.currentIndex() - 1))
        self._next.clicked.connect(self._forward)
        self._show(0)

    def show_problem(self, problem: str) -> None:
        """Say why the account could not be made; the user may try again."""
        self._outcome.show_text(problem, "danger")
        self._next.setEnabled(True)
        self._back.setEnabled(True)
        self._next.setText(tr("Create account"))

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
        text = tr("It keeps messages for you while you are away. It can read them, but it can't forge them.")
        column.addWidget(PlainLabel(text, wrap=True))
        self.host = self._field(column, tr("Address"), line_edit("host", "https://host.example", 300))
        self.host.setText(self._start.host)
        self.access = self._field(column, tr("Access token, if the host asks for one"), line_edit("access", "", 300))
        self.access.setText(self._start.access)
        self._try = Button(tr("Test connection"), name="testHost")
        self.tried = Callout("", "plain")
        self.tried.hide()
        column.addWidget(self._try, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.tried)
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
        column.addWidget(PlainLabel(tr("Next: send somebody an invite, or use one that you got."), wrap=True))
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

    def _show(self, number: int) -> None:
        self.pages.setCurrentIndex(number)
        self.heading.setText(self._titles[number])
        self._step.setText(tr("Step {n} of {of}", n=number + 1, of=len(self._titles)))
        self._back.setVisible(number > 0)
        last = number == len(self._titles) - 1
        self._next.setText(tr("Create account") if last else tr("Create new") if number == 0 else tr("Continue"))
        if last:
            self._summary[0].setText(line(self.name.text()))
            self._summary[1].setText(line(self.host.text()))
        first = {1: self.name, 2: self.passphrase.field, 3: self.host}.get(number)
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
            1: bool(self.name.text().strip()),
            2: len(one) >= LEAST_LETTERS and one == other,
            3: bool(self.host.text().strip()),
        }
        self._next.setEnabled(ready.get(self.pages.currentIndex(), True))
        self._try.setEnabled(ready[3])

    def _forward(self) -> None:
        if not self._next.isEnabled():
            return
        if self.pages.currentIndex() < len(self._titles) - 1:
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
                self.host.text().strip(),
                self.access.text().strip(),
                self._start.network,
                self._start.chain,
            )
        )

    def _test_host(self) -> None:
        self._try.setEnabled(False)
        self.tried.show_text(tr("Trying…"), "plain")

        async def answer() -> str:
            return await self._test(self.host.text().strip(), self.access.text().strip())

        def fine(said: str) -> None:
            self._try.setEnabled(True)
            self.tried.show_text(tr("✓ The host answers. {said}", said=line(said)), "success")

        def failed(problem: BaseException) -> None:
            self._try.setEnabled(True)
            host = line(self.host.text())
            text = tr("Can't reach {host}. Check the address, the token or your network.", host=host)
            self.tried.show_text(text, "danger")
            self.tried.label.setToolTip(words.escaped(words.error(problem)))

        self._tasks.run(answer(), fine, failed)


def _money(account: NewAccount) -> str:
    if account.network == "main":
        return tr("This account will hold real money on the Bitcoin SV network.")
    chain = line(account.chain) or line(account.network)
    return tr("TEST MONEY: this account runs on {chain}. Nothing in it is worth anything.", chain=chain)
