"""The dialogs that begin or end something: pay, request, decline, safety number, confirm."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from channels_desktop.engine.commands import OfferPayment, RequestPayment
from channels_desktop.engine.rows import RawRow, WalletRow
from channels_desktop.ui.contacts import AddContact
from channels_desktop.ui.jump import JumpDialog
from channels_desktop.ui.payment import DeclineForm, Draft, PayForm, RequestForm
from channels_desktop.ui.plain import Chip
from channels_desktop.ui.raw import RawDialog
from channels_desktop.ui.review import ReviewDialog
from channels_desktop.ui.safety import ConfirmDialog, SafetyDialog
from channels_desktop.ui.sheet import Sheet
from channels_desktop.ui.theme import Theme
from tests.ui.conftest import review
from tests.ui.scripted_engine import NOW, contact

DAY = 86_400 * 10**9
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def parent(qtbot: QtBot) -> QWidget:
    window = QWidget()
    window.resize(1000, 700)
    qtbot.addWidget(window)
    window.show()
    return window


def button(widget: QWidget, name: str) -> QPushButton:
    found = widget.findChild(QPushButton, name)
    assert found is not None
    return found


def test_pay_sends_an_order(qtbot: QtBot, parent: QWidget, theme: Theme) -> None:
    form = PayForm(parent, theme, contact(1, "Bob"), Draft(), WalletRow(20_000, 0, 0))
    wanted: list[object] = []
    form.wanted.connect(wanted.append)
    form.open()
    assert not button(form, "sendForm").isEnabled()
    QTest.keyClicks(form.what, "Lunch")
    QTest.keyClicks(form.amount, "12,000")
    QTest.keyClick(form.amount, Qt.Key.Key_Return)
    assert wanted == []
    QTest.mouseClick(button(form, "sendForm"), LEFT)
    assert wanted == [OfferPayment(1, "Lunch", 12_000)]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("0", "Smallest possible: 1 sat."),
        ("abc", "This isn't a possible amount. Enter whole satoshis, such as 12400 or 12,400."),
        ("1,5", "This isn't a possible amount. Enter whole satoshis, such as 12400 or 12,400."),
        ("21000", "You have 20,000\u00a0sat free and 12,412\u00a0sat held."),
        ("5", ""),
    ],
)
def test_amounts_are_checked_while_typing(qtbot: QtBot, parent: QWidget, theme: Theme, typed: str, words: str) -> None:
    form = PayForm(parent, theme, contact(1, "Bob"), Draft(), WalletRow(20_000, 12_412, 0))
    form.open()
    QTest.keyClicks(form.what, "Lunch")
    QTest.keyClicks(form.amount, typed)
    assert form.amount_check.text() == words
    assert button(form, "sendForm").isEnabled() is not bool(words)


def test_a_refused_amount_stays_in_its_field(qtbot: QtBot, parent: QWidget, theme: Theme) -> None:
    form = PayForm(parent, theme, contact(1, "Bob"), Draft(), None)
    form.open()
    QTest.keyClicks(form.amount, "1,5")
    form.note.setFocus()
    assert form.amount.text() == "1,5"
    form.amount.setFocus()
    assert form.amount.text() == "1,5"


def test_a_pasted_amount_is_never_cut_off(qtbot: QtBot, parent: QWidget, theme: Theme) -> None:
    form = RequestForm(parent, theme, contact(1, "Bob"), Draft())
    QGuiApplication.clipboard().setText("0" * 23 + "5" + "0000")
    form.amount.paste()
    assert form.amount.satoshis == 50_000


def test_a_half_filled_form_is_kept(qtbot: QtBot, parent: QWidget, theme: Theme) -> None:
    draft = Draft()
    form = PayForm(parent, theme, contact(1, "Bob"), draft, None)
    QTest.keyClicks(form.what, "Lunch")
    form.reject()
    again = PayForm(parent, theme, contact(1, "Bob"), draft, None)
    assert again.what.text() == "Lunch"


def test_request_sends_an_invoice_for_the_chosen_time(qtbot: QtBot, parent: QWidget, theme: Theme) -> None:
    form = RequestForm(parent, theme, contact(1, "Bob"), Draft())
    wanted: list[object] = []
    form.wanted.connect(wanted.append)
    form.open()
    QTest.keyClicks(form.what, "Tip")
    QTest.keyClicks(form.amount, "400")
    QTest.mouseClick(button(form, "choice-2"), LEFT)
    QTest.mouseClick(button(form, "sendForm"), LEFT)
    assert wanted == [RequestPayment(1, "Tip", 400, "", 7 * DAY)]


def test_decline_carries_reason_and_note(qtbot: QtBot, parent: QWidget, theme: Theme) -> None:
    form = DeclineForm(parent, theme, "Decline invoice #7F2A", "Bob")
    reasons: list[str] = []
    form.declined.connect(reasons.append)
    form.open()
    QTest.mouseClick(button(form, "choice-1"), LEFT)
    QTest.keyClicks(form.note, "never ordered")
    QTest.keyClick(form.note, Qt.Key.Key_Return)
    assert reasons == []
    QTest.mouseClick(button(form, "decline"), LEFT)
    assert reasons == ["Not mine – never ordered"]


@pytest.mark.parametrize(("name", "answer"), [("match", True), ("differ", False)])
def test_the_safety_number_is_answered(qtbot: QtBot, parent: QWidget, theme: Theme, name: str, *, answer: bool) -> None:
    dialog = SafetyDialog(parent, theme, contact(1, "Bob"), "12345" * 12)
    answers: list[bool] = []
    dialog.answered.connect(answers.append)
    dialog.open()
    shown = dialog.findChild(QWidget, "safetyNumber")
    assert shown is not None
    assert shown.accessibleName() == "Safety number: " + " ".join(["12345"] * 12)
    QTest.mouseClick(button(dialog, name), LEFT)
    assert answers == [answer]
    assert dialog.isVisible() is not answer
    if not answer:
        assert button(dialog, "removeContact").isVisible()
        assert [chip.text() for chip in dialog.findChildren(Chip)] == ["Numbers differ – payments locked"]


def test_confirm_needs_its_own_button(qtbot: QtBot, parent: QWidget, theme: Theme) -> None:
    dialog = ConfirmDialog(parent, theme, "Remove Bob?", "Bob is told.", "Remove contact")
    confirmed: list[bool] = []
    dialog.confirmed.connect(lambda: confirmed.append(True))
    dialog.open()
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert confirmed == []
    QTest.mouseClick(button(dialog, "confirm"), LEFT)
    assert confirmed == [True]


SHEETS: dict[str, Callable[[QWidget, Theme], Sheet]] = {
    "pay": lambda parent, theme: PayForm(parent, theme, contact(1, "Bob"), Draft(), None),
    "request": lambda parent, theme: RequestForm(parent, theme, contact(1, "Bob"), Draft()),
    "decline": lambda parent, theme: DeclineForm(parent, theme, "Decline", "Bob"),
    "safety": lambda parent, theme: SafetyDialog(parent, theme, contact(1, "Bob"), "12345" * 12),
    "confirm": lambda parent, theme: ConfirmDialog(parent, theme, "Remove?", "Bob is told.", "Remove"),
    "review": lambda parent, theme: ReviewDialog(parent, theme, review(), lambda: NOW),
    "contact": lambda parent, theme: AddContact(parent, theme, lambda: NOW),
    "jump": lambda parent, theme: JumpDialog(parent, theme, [contact(1, "Bob")]),
    "raw": lambda parent, theme: RawDialog(parent, theme, "Raw", RawRow("text", "00")),
}


@pytest.mark.parametrize("kind", SHEETS)
def test_no_dialog_opens_with_a_deed_under_the_keys(qtbot: QtBot, parent: QWidget, theme: Theme, kind: str) -> None:
    dialog = SHEETS[kind](parent, theme)
    dialog.open()
    dialog.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is dialog)
    focused = dialog.focusWidget()
    assert focused is not None
    assert focused.property("kind") not in {"primary", "danger"}
    dialog.reject()
