"""The only door for money: dead for a moment, never pressed by typing, and blocked with its reason."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from channels_desktop.engine.rows import ReviewRow, Verification
from channels_desktop.ui.review import ReviewDialog
from channels_desktop.ui.theme import Theme
from tests.ui.conftest import heard, review
from tests.ui.scripted_engine import NOW

BLOCKS = (
    "not_enough",
    "expired",
    "unknown_output",
    "fee_high",
    "fee_quote_low",
    "mismatch",
    "input_spent",
    "already_paid",
    "already_waiting",
    "unauthenticated",
)
CONSENTS = ("unverified", "similar", "inputs_unseen", "small_coins")


@pytest.fixture
def parent(qtbot: QtBot) -> QWidget:
    window = QWidget()
    window.resize(1000, 700)
    qtbot.addWidget(window)
    window.show()
    return window


def opened(parent: QWidget, theme: Theme, row: ReviewRow) -> tuple[ReviewDialog, list[tuple[str, int, frozenset[str]]]]:
    dialog = ReviewDialog(parent, theme, row, lambda: NOW)
    approved: list[tuple[str, int, frozenset[str]]] = []
    dialog.approved.connect(lambda thread, version, ticked: approved.append((thread, version, ticked)))
    dialog.open()
    return dialog, approved


async def test_pay_is_dead_for_a_moment_and_then_pays_what_was_shown(
    qtbot: QtBot, parent: QWidget, theme: Theme
) -> None:
    dialog, approved = opened(parent, theme, review())
    assert not dialog.pay.isEnabled()
    QTest.mouseClick(dialog.pay, Qt.MouseButton.LeftButton)
    assert approved == []
    await heard(dialog.dead_time.timeout)
    assert dialog.pay.isEnabled()
    QTest.mouseClick(dialog.pay, Qt.MouseButton.LeftButton)
    assert approved == [(review().thread, 2, frozenset())]


async def test_pay_is_dead_again_after_a_change(qtbot: QtBot, parent: QWidget, theme: Theme) -> None:
    dialog, approved = opened(parent, theme, review())
    await heard(dialog.dead_time.timeout)
    dialog.show_review(review(version=3, you_pay=13_000))
    QTest.mouseClick(dialog.pay, Qt.MouseButton.LeftButton)
    assert approved == []
    assert dialog.pay.text() == "Pay 13,000\u00a0sat"
    await heard(dialog.dead_time.timeout)
    QTest.mouseClick(dialog.pay, Qt.MouseButton.LeftButton)
    assert approved == [(review().thread, 3, frozenset())]


async def test_enter_never_pays(qtbot: QtBot, parent: QWidget, theme: Theme) -> None:
    dialog, approved = opened(parent, theme, review(consents=CONSENTS))
    await heard(dialog.dead_time.timeout)
    for tick in dialog.consents.values():
        tick.click()
    assert dialog.pay.isEnabled()
    assert not dialog.pay.isDefault()
    assert not dialog.pay.autoDefault()
    for target in (dialog, *dialog.consents.values()):
        QTest.keyClick(target, Qt.Key.Key_Return)
        QTest.keyClick(target, Qt.Key.Key_Enter)
    assert approved == []


async def test_each_consent_needs_its_own_tick(qtbot: QtBot, parent: QWidget, theme: Theme) -> None:
    row = review(
        verification=Verification.UNVERIFIED, consents=CONSENTS, similar="7f2a" * 8, coins_in=300, fee_ours=4_500
    )
    dialog, approved = opened(parent, theme, row)
    await heard(dialog.dead_time.timeout)
    assert tuple(dialog.consents) == CONSENTS
    assert len({tick.text() for tick in dialog.consents.values()}) == len(CONSENTS)
    assert "#7F2A" in dialog.consents["similar"].text()
    for tick in dialog.consents.values():
        assert tick.isVisible()
        assert not dialog.pay.isEnabled()
        tick.click()
    assert dialog.pay.isEnabled()
    QTest.mouseClick(dialog.pay, Qt.MouseButton.LeftButton)
    assert approved == [(row.thread, 2, frozenset(CONSENTS))]


async def test_ticks_are_asked_anew_after_a_change(qtbot: QtBot, parent: QWidget, theme: Theme) -> None:
    dialog, _ = opened(parent, theme, review(consents=("unverified",)))
    dialog.consents["unverified"].click()
    dialog.show_review(review(version=3, consents=("unverified", "similar")))
    await heard(dialog.dead_time.timeout)
    assert [tick.isChecked() for tick in dialog.consents.values()] == [False, False]
    dialog.show_blocked("Bob changed the invoice. Review again.")
    assert not any(tick.isVisible() for tick in dialog.consents.values())


@pytest.mark.parametrize("code", BLOCKS)
def test_a_blocked_payment_says_why_in_place_of_pay(parent: QWidget, theme: Theme, code: str) -> None:
    dialog, _ = opened(parent, theme, review(blocked=code, needed=12_412, available=8000))
    assert not dialog.pay.isVisible()
    assert dialog.reason.isVisible()
    assert dialog.reason.label.text() != "This can't be paid now."


def test_everything_signed_is_shown(parent: QWidget, theme: Theme) -> None:
    dialog, _ = opened(parent, theme, review())
    shown = "\n".join(label.text() for label in dialog.findChildren(QLabel))
    for words in (
        "Lunch, 24 Nov",
        "Tip",
        "12,400",
        "12,412",
        "61 bytes",
        "1,191,918",
        "+ Tip 400",
        "2 coins in",
        "37,588",
    ):
        assert words in shown, words


def test_a_review_that_went_stale_cannot_be_paid(parent: QWidget, theme: Theme) -> None:
    dialog, _ = opened(parent, theme, review())
    dialog.show_blocked("Bob changed the invoice. Review again.")
    assert not dialog.pay.isVisible()


def test_it_fits_a_small_window(qtbot: QtBot, parent: QWidget, theme: Theme) -> None:
    parent.resize(720, 480)
    many = replace(review(), items=review().items * 30)
    dialog, _ = opened(parent, theme, many)
    assert dialog.height() <= 480
    assert dialog.findChild(QPushButton, "payNow") is dialog.pay
