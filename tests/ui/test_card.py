"""A card shows exactly the actions of its row, whatever role and state it has."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from channels_desktop.engine.rows import Action, ItemRow, PaymentState, Role
from channels_desktop.ui.card import PaymentCard
from channels_desktop.ui.steps import marks
from channels_desktop.ui.theme import Theme
from tests.ui.conftest import payment, steps
from tests.ui.scripted_engine import NOW


@pytest.fixture
def card(qtbot: QtBot, theme: Theme) -> PaymentCard:
    shown = PaymentCard(theme, lambda: NOW)
    qtbot.addWidget(shown)
    shown.resize(500, 400)
    shown.show()
    return shown


def buttons(card: PaymentCard) -> list[str]:
    QApplication.processEvents()  # a layout shows what it was given in the next round of the loop
    names = {action.value for action in Action}
    return [b.objectName() for b in card.findChildren(QPushButton) if b.objectName() in names and b.isVisible()]


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("state", list(PaymentState))
@pytest.mark.parametrize("actions", [(), (Action.PAY, Action.DECLINE), (Action.WITHDRAW,), tuple(Action)])
def test_buttons_are_the_actions(
    card: PaymentCard, role: Role, state: PaymentState, actions: tuple[Action, ...]
) -> None:
    card.show_payment(payment(role=role, state=state, actions=actions), "Bob")
    assert buttons(card) == [action.value for action in actions]


@pytest.mark.parametrize("newer", [{"actions": (Action.DECLINE,)}, {"items": (ItemRow("lunch", 1, 5),) * 3}])
def test_its_height_is_right_at_once_when_it_changes(card: PaymentCard, newer: dict[str, object]) -> None:
    card.show_payment(payment(), "Bob")
    QApplication.processEvents()
    card.show_payment(payment(**newer), "Bob")
    at_once = card.height_at(500)
    QApplication.processEvents()
    assert card.height_at(500) == at_once


def test_what_is_locked_says_so(card: PaymentCard) -> None:
    card.show_payment(payment(locked=True, actions=(Action.DECLINE,)), "Bob")
    assert "payments locked" in card.accessibleName()


@pytest.mark.parametrize("action", list(Action))
def test_a_click_reports_the_newest_row(qtbot: QtBot, card: PaymentCard, action: Action) -> None:
    card.show_payment(payment(actions=(action,)), "Bob")
    newer = payment(actions=(action,), version=9)
    card.show_payment(newer, "Bob")
    heard: list[tuple[object, object]] = []
    card.acted.connect(lambda row, chosen: heard.append((row, chosen)))
    button = card.findChild(QPushButton, action.value)
    assert button is not None
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert heard == [(newer, action)]


def test_no_button_is_pressed_by_enter_elsewhere(card: PaymentCard) -> None:
    card.show_payment(payment(), "Bob")
    assert not any(button.isDefault() or button.autoDefault() for button in card.findChildren(QPushButton))


def test_buttons_and_card_have_spoken_names(card: PaymentCard) -> None:
    card.show_payment(payment(), "Bob")
    pay = card.findChild(QPushButton, "pay")
    assert pay is not None
    assert pay.accessibleName() == "Review and pay invoice 7F2A"
    assert card.accessibleName() == (
        "Invoice 7F2A from Bob, 12,400 satoshi, waiting for you, Progress: 2 of 5 done, next Payment"
    )


def test_the_focus_stays_on_the_card_whose_button_is_gone(card: PaymentCard) -> None:
    card.show_payment(payment(), "Bob")
    pay = card.findChild(QPushButton, "pay")
    details = card.findChild(QPushButton, "details")
    assert pay is not None
    assert details is not None
    assert details.accessibleName() == "Details of invoice 7F2A"
    QApplication.processEvents()
    pay.setFocus()
    card.show_payment(payment(state=PaymentState.PAID, actions=()), "Bob")
    assert card.focusWidget() is card
    details.setFocus()
    card.show_payment(payment(state=PaymentState.CONFIRMED, actions=()), "Bob")
    assert card.focusWidget() is details


def test_many_items_stay_a_card(card: PaymentCard) -> None:
    card.show_payment(payment(items=tuple(ItemRow(f"Item {n}", 1, n) for n in range(50))), "Bob")
    assert card.height_at(500) < 480


@pytest.mark.parametrize(
    ("state", "done", "expected"),
    [
        (PaymentState.INVOICED, 2, ["done", "done", "next", "todo", "todo"]),
        (PaymentState.CONFIRMED, 5, ["done"] * 5),
        (PaymentState.DECLINED, 1, ["done", "todo", "todo", "todo", "todo"]),
        (PaymentState.REFUSED, 3, ["done", "done", "done", "failed", "todo"]),
    ],
)
def test_marks_of_the_steps(state: PaymentState, done: int, expected: list[str]) -> None:
    assert marks(payment(state=state, steps=steps(done))) == expected


def test_an_invoice_without_an_order_skips_the_first_step() -> None:
    only_invoice = tuple(step if step.step.value == "invoice" else steps(0)[at] for at, step in enumerate(steps(2)))
    assert marks(payment(steps=only_invoice)) == ["skipped", "done", "next", "todo", "todo"]
