"""The dialogs that begin a payment, over the window: what they are filled with, and what becomes of it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from channels_desktop.engine.commands import RequestPayment
from channels_desktop.errors import Refused
from channels_desktop.ui.payment import RequestForm
from channels_desktop.ui.window import MainWindow
from tests.ui.conftest import button, heard, settle, sheet
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
