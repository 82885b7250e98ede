"""A theme, a scripted engine and a window over it, offscreen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from PySide6.QtCore import SignalInstance
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget
from pytestqt.qtbot import QtBot

from channels_desktop.engine.rows import (
    Action,
    CheckRow,
    ItemRow,
    OutputLine,
    PaymentRow,
    PaymentState,
    ReviewRow,
    Role,
    Step,
    StepRow,
    Verification,
)
from channels_desktop.ui.bridge import Bridge
from channels_desktop.ui.preferences import Preferences
from channels_desktop.ui.sheet import Sheet
from channels_desktop.ui.theme import Mode, Theme
from channels_desktop.ui.window import MainWindow
from tests.ui.scripted_engine import NOW, ScriptedEngine, contact

THREAD = "7f2a" + "0" * 28
HOUR = 3600 * 10**9


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    return Theme(qapp, Mode.LIGHT)


@pytest.fixture
async def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
async def window(qtbot: QtBot, theme: Theme, engine: ScriptedEngine, tmp_path: Path) -> AsyncIterator[MainWindow]:
    """Show a window over an engine that knows Bob, and open his conversation."""
    engine.people[1] = contact(1, "Bob Martin")
    bridge = Bridge(engine, lambda: NOW)
    shown = MainWindow(bridge, theme, Preferences(tmp_path / "window.ini"))
    assert shown.width() <= shown.screen().availableSize().width()
    shown.resize(1280, 800)  # wider than this screen: the usual arrangement of the panes
    filled = heard(shown.chats.list.model.modelReset)
    shown.load()
    shown.show()
    await filled
    shown.open_conversation(1)
    await settle()
    yield shown
    shown.close()  # not left to qtbot, which would end it before the bridge
    await bridge.close()
    shown.deleteLater()


def heard(signal: SignalInstance) -> asyncio.Future[tuple[Any, ...]]:
    """Return a future of the next emission of `signal`; it fails after five seconds."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[tuple[Any, ...]] = loop.create_future()

    def keep(*values: object) -> None:
        if not future.done():
            future.set_result(values)
            signal.disconnect(keep)

    signal.connect(keep)

    def give_up() -> None:
        if not future.done():
            future.set_exception(TimeoutError(str(signal)))

    loop.call_later(5, give_up)
    return future


async def settle() -> None:
    """Let tasks and posted events run that need no time."""
    for _ in range(20):
        await asyncio.sleep(0)


def button(widget: QWidget, name: str) -> QAbstractButton:
    found = widget.findChild(QAbstractButton, name)
    assert found is not None, name
    return found


def sheet(window: MainWindow) -> Sheet:
    shown = window.doors.sheet
    assert shown is not None
    return shown


async def with_payment(window: MainWindow, engine: ScriptedEngine, row: PaymentRow) -> None:
    """Let a payment arrive in the open conversation."""
    arrived = heard(window.bridge.entries)
    engine.add(row)
    await arrived
    await settle()


def payment(**values: object) -> PaymentRow:
    """Return Bob's invoice for 12,400 satoshis, with `values` in place of its own."""
    filled: dict[str, Any] = {
        "entry": 4,
        "relationship": 1,
        "thread": THREAD,
        "version": 2,
        "role": Role.PAYER,
        "state": PaymentState.INVOICED,
        "items": (ItemRow("Lunch, 24 Nov", 1, 12_000), ItemRow("Tip", 1, 400)),
        "total": 12_400,
        "note": "",
        "at": NOW,
        "expiry": NOW + 23 * HOUR,
        "fee": 12,
        "steps": steps(2),
        "actions": (Action.PAY, Action.DECLINE),
    }
    return PaymentRow(**(filled | cast("dict[str, Any]", values)))


def steps(done: int) -> tuple[StepRow, ...]:
    """Return five steps of which the first `done` are done, by turns by us and by them."""
    return tuple(StepRow(step, NOW if at < done else 0, at % 2 == 0) for at, step in enumerate(Step))


def review(**values: object) -> ReviewRow:
    """Return the review of Bob's invoice, with `values` in place of its own."""
    filled: dict[str, Any] = {
        "thread": THREAD,
        "version": 2,
        "name": "Bob Martin",
        "verification": Verification.VERIFIED,
        "items": (ItemRow("Lunch, 24 Nov", 1, 12_000), ItemRow("Tip", 1, 400)),
        "total": 12_400,
        "fee": 12,
        "record_bytes": 61,
        "you_pay": 12_412,
        "left_after": 1_191_918,
        "order_items": (ItemRow("Lunch, 24 Nov", 1, 12_000),),
        "note": "",
        "expiry": NOW + 23 * HOUR,
        "coins_in": 2,
        "outputs": (OutputLine("them", 12_400, 25), OutputLine("record", 0, 61), OutputLine("us", 37_588, 25)),
        "checks": (CheckRow("signed", True), CheckRow("not_expired", True)),
    }
    return ReviewRow(**(filled | cast("dict[str, Any]", values)))
