"""Ctrl+K: a conversation by a few letters of its name."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from channels_desktop.engine.rows import ContactState
from channels_desktop.ui.jump import JumpDialog
from channels_desktop.ui.window import MainWindow
from tests.ui.conftest import heard, settle, sheet
from tests.ui.scripted_engine import NOW, ScriptedEngine, contact

KEY = Qt.Key


async def opened(window: MainWindow, engine: ScriptedEngine) -> JumpDialog:
    """Press Ctrl+K among five people."""
    known = heard(window.bridge.conversations)
    engine.change(contact(2, "Carol Bobson", since=NOW))
    engine.change(contact(3, "Jacob", since=NOW))
    engine.change(contact(4, "<b>x</b>\u202e", state=ContactState.SENT))
    engine.change(contact(5, "Dora", since=NOW, last_at=NOW + 1))
    await known
    QTest.keyClick(window, KEY.Key_K, Qt.KeyboardModifier.ControlModifier)
    shown = sheet(window)
    assert isinstance(shown, JumpDialog)
    return shown


def names(dialog: JumpDialog) -> list[str]:
    return [dialog.list.item(at).text() for at in range(dialog.list.count())]


async def test_everybody_is_there_the_newest_first(qtbot: QtBot, window: MainWindow, engine: ScriptedEngine) -> None:
    dialog = await opened(window, engine)
    assert len(names(dialog)) == 5
    assert names(dialog)[0] == "Dora"
    assert "<b>x</b>[U+202E] – Invite answered – waiting" in names(dialog)


@pytest.mark.parametrize(
    ("letters", "keys", "relationship"),
    [
        ("bob", (), 1),  # Bob Martin, before Carol Bobson and Jacob
        ("BOB", (KEY.Key_Down,), 2),
        ("cob", (), 3),
        ("", (), 5),
        ("", (KEY.Key_Down, KEY.Key_Up), 5),
    ],
)
async def test_letters_and_arrows_jump(
    qtbot: QtBot, window: MainWindow, engine: ScriptedEngine, letters: str, keys: tuple[Qt.Key, ...], relationship: int
) -> None:
    dialog = await opened(window, engine)
    QTest.keyClicks(dialog.letters, letters)
    for key in (*keys, KEY.Key_Return):
        QTest.keyClick(dialog.letters, key)
    await settle()
    row = window.chats.pane.row
    assert row is not None
    assert row.relationship == relationship
    assert window.doors.sheet is None
    assert window.focusWidget() is window.chats.pane.composer.box


async def test_nobody_is_said_and_stays(qtbot: QtBot, window: MainWindow, engine: ScriptedEngine) -> None:
    dialog = await opened(window, engine)
    QTest.keyClicks(dialog.letters, "zzz")
    QTest.keyClick(dialog.letters, KEY.Key_Return)
    assert dialog.isVisible()
    assert names(dialog) == []
