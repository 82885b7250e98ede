"""The first start and the unlocking of an account."""

from __future__ import annotations

import asyncio

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from channels_desktop.errors import Cause, TransportError
from channels_desktop.ui.bridge import Tasks
from channels_desktop.ui.host_form import HostForm
from channels_desktop.ui.onboarding import NewAccount, Onboarding
from channels_desktop.ui.passphrase import UnlockDialog, strength
from channels_desktop.ui.safety import ConfirmDialog
from channels_desktop.ui.theme import Theme
from tests.ui.conftest import settle

LEFT = Qt.MouseButton.LeftButton
START = NewAccount(host="http://127.0.0.1:1", access="token", network="regtest", chain="a node of this computer")


async def answering(host: str, access: str) -> str:
    await asyncio.sleep(0)
    return f"{host} with {access}"


async def refusing(host: str, access: str) -> str:
    await asyncio.sleep(0)
    raise TransportError("no route", cause=Cause.NAME)


def button(widget: QWidget, name: str) -> QPushButton:
    found = widget.findChild(QPushButton, name)
    assert found is not None
    return found


async def test_a_new_account_by_clicks_alone(qtbot: QtBot, theme: Theme) -> None:
    wizard = Onboarding(theme, Tasks(), answering, START)
    qtbot.addWidget(wizard)
    made: list[NewAccount] = []
    wizard.finished_with.connect(made.append)
    wizard.open()
    onward = button(wizard, "next")
    QTest.mouseClick(onward, LEFT)
    assert not onward.isEnabled()
    QTest.keyClicks(wizard.name, "Alice")
    QTest.mouseClick(onward, LEFT)
    QTest.keyClicks(wizard.passphrase.field, "correct horse")
    QTest.keyClicks(wizard.again.field, "correct horsy")
    assert not onward.isEnabled()
    wizard.again.field.clear()
    QTest.keyClicks(wizard.again.field, "correct horse")
    QTest.mouseClick(onward, LEFT)
    QTest.mouseClick(onward, LEFT)
    assert onward.text() == "Create account"
    QTest.mouseClick(onward, LEFT)
    assert made == [NewAccount("Alice", "correct horse", START.host, "token", "regtest", START.chain)]
    assert "correct horse" not in repr(made[0])
    wizard.show_problem("The host doesn't answer.")
    assert onward.isEnabled()


@pytest.mark.parametrize(
    ("test", "words"), [(answering, "✓ The host answers."), (refusing, "http://127.0.0.1:1 can't be found")]
)
async def test_the_host_is_tried(qtbot: QtBot, theme: Theme, test: object, words: str) -> None:
    wizard = Onboarding(theme, Tasks(), test, START)  # type: ignore[arg-type]  # either of the two above
    qtbot.addWidget(wizard)
    wizard.open()
    wizard._show(3)  # noqa: SLF001 - the page with the host
    QTest.mouseClick(button(wizard, "testHost"), LEFT)
    await settle()
    assert wizard.hosts.outcome.label.text().startswith(words)
    assert button(wizard, "testHost").isEnabled()
    after = button(wizard, "next") if words.startswith("✓") else wizard.hosts.host
    assert wizard.focusWidget() is after, "and not Back"
    wizard.hosts.host.setText("https://another.example")
    assert wizard.hosts.outcome.isHidden(), "what was found of one host says nothing of another"


async def test_a_newcomer_without_a_host_chooses_later(qtbot: QtBot, theme: Theme) -> None:
    wizard = Onboarding(theme, Tasks(), answering, NewAccount())
    qtbot.addWidget(wizard)
    made: list[NewAccount] = []
    wizard.finished_with.connect(made.append)
    wizard.open()
    onward, later = button(wizard, "next"), button(wizard, "later")
    QTest.mouseClick(onward, LEFT)
    QTest.keyClicks(wizard.name, "Alice")
    QTest.mouseClick(onward, LEFT)
    QTest.keyClicks(wizard.passphrase.field, "correct horse")
    QTest.keyClicks(wizard.again.field, "correct horse")
    assert not later.isVisible()
    QTest.mouseClick(onward, LEFT)
    assert not onward.isEnabled()
    QTest.keyClicks(wizard.hosts.host, "https://not.sure")
    QTest.mouseClick(later, LEFT)
    assert any(label.text() == "None yet" for label in wizard.findChildren(QLabel))
    QTest.mouseClick(onward, LEFT)
    assert made == [NewAccount("Alice", "correct horse")]


async def test_what_was_typed_is_not_thrown_away_unasked(qtbot: QtBot, theme: Theme) -> None:
    wizard = Onboarding(theme, Tasks(), answering, NewAccount())
    qtbot.addWidget(wizard)
    left = []
    wizard.rejected.connect(lambda: left.append(True))
    wizard.open()
    QTest.mouseClick(button(wizard, "next"), LEFT)
    QTest.keyClicks(wizard.name, "Alice")
    QTest.keyClick(wizard, Qt.Key.Key_Escape)
    asked = wizard.findChild(ConfirmDialog)
    asked.reject()
    assert not left
    assert wizard.isVisible()
    assert wizard.name.text() == "Alice"
    wizard.close()
    wizard.findChildren(ConfirmDialog)[-1].confirmed.emit()
    assert left


def test_a_token_is_covered_until_it_is_asked_for(qtbot: QtBot, theme: Theme) -> None:
    form = HostForm(theme, "https://host.example", "secret")
    qtbot.addWidget(form)
    assert form.access.field.displayText() == "●" * len("secret")


def test_a_wrong_passphrase_may_be_typed_again(qtbot: QtBot, theme: Theme) -> None:
    dialog = UnlockDialog(theme, "Alice")
    qtbot.addWidget(dialog)
    typed: list[str] = []
    dialog.unlock_wanted.connect(typed.append)
    dialog.open()
    field = dialog.box.field
    assert field.echoMode() is QLineEdit.EchoMode.Password
    QTest.keyClicks(field, "wrong")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert typed == ["wrong"]
    dialog.show_problem("That passphrase doesn't open this account. Try again.")
    QTest.keyClicks(field, "right")
    QTest.mouseClick(button(dialog, "unlock"), LEFT)
    assert typed == ["wrong", "right"]


def test_strength_grows_with_length_and_not_with_repeats() -> None:
    assert strength("") == 0
    assert strength("aaaaaaaaaaaaaaaa") < 20
    assert strength("correct horse battery") > strength("correct") > strength("corr")
