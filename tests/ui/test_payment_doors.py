"""The dialogs that begin a payment, over the window: what they are filled with, and what becomes of it."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from channels_desktop.engine.commands import Act, OfferPayment, RequestPayment
from channels_desktop.engine.rows import Action, ItemRow, PaymentState, Role
from channels_desktop.errors import Refused
from channels_desktop.ui.payment import PayForm, RequestForm
from channels_desktop.ui.window import MainWindow
from tests.ui.conftest import button, heard, payment, settle, sheet, with_payment
from tests.ui.scripted_engine import ScriptedEngine

LEFT = Qt.MouseButton.LeftButton


async def test_what_was_typed_stays_until_it_is_taken(qtbot: QtBot, window: MainWindow, engine: ScriptedEngine) -> None:
    engine.refusing = Refused("not_connected")
    QTest.mouseClick(window.chats.pane.header.request, LEFT)
    form = sheet(window)
    assert isinstance(form, RequestForm)
    QTest.keyClicks(form.what, "Lunch")
    QTest.keyClicks(form.amount, "12000")
    QTest.mouseClick(button(form, "sendForm"), LEFT)
    assert not button(form, "sendForm").isEnabled(), "a second click begins no second payment"
    await engine.command(RequestPayment)
    await settle()
    assert form.refused.isVisible()
    assert (form.what.text(), form.amount.satoshis) == ("Lunch", 12_000)
    engine.refusing = None
    closed = heard(form.finished)
    QTest.mouseClick(button(form, "sendForm"), LEFT)
    await closed
    QTest.mouseClick(window.chats.pane.header.request, LEFT)
    again = sheet(window)
    assert isinstance(again, RequestForm)
    assert again.what.text() == ""


@pytest.mark.parametrize("state", [PaymentState.DECLINED, PaymentState.EXPIRED])
@pytest.mark.parametrize("role", list(Role))
async def test_what_came_to_nothing_is_begun_anew(
    qtbot: QtBot, window: MainWindow, engine: ScriptedEngine, state: PaymentState, role: Role
) -> None:
    action = Action.ORDER_AGAIN if role is Role.PAYER else Action.INVOICE_AGAIN
    row = payment(state=state, role=role, actions=(action,), note="thanks", items=(ItemRow("Lunch\u202e", 1, 12_400),))
    await with_payment(window, engine, row)
    card = window.chats.pane.timeline.card(4)
    assert card is not None
    QTest.mouseClick(button(card, action.value), LEFT)
    form = sheet(window)
    assert isinstance(form, PayForm if role is Role.PAYER else RequestForm)
    assert (form.what.text(), form.amount.satoshis, form.note.text()) == ("Lunch[U+202E]", 12_400, "thanks")
    form.amount.setText("11,000")
    QTest.mouseClick(button(form, "sendForm"), LEFT)
    command = await engine.command(OfferPayment if role is Role.PAYER else RequestPayment)
    assert (command.relationship, command.satoshis, command.note) == (1, 11_000, "thanks")
    assert not [sent for sent in engine.commands if isinstance(sent, Act)], "the old payment is over"


async def test_what_it_is_for_has_room(qtbot: QtBot, window: MainWindow) -> None:
    QTest.mouseClick(window.chats.pane.header.pay, LEFT)
    form = sheet(window)
    assert isinstance(form, PayForm)
    QTest.keyClicks(form.amount, "5")
    form.what.setText("€" * 86)
    form.what.textEdited.emit(form.what.text())
    assert not button(form, "sendForm").isEnabled()
    form.what.setText("€" * 85)
    form.what.textEdited.emit(form.what.text())
    assert button(form, "sendForm").isEnabled()
