"""The window's size on screens of every size."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QRect

from channels_desktop.ui.window import MainWindow


@pytest.mark.parametrize("room", [QRect(0, 0, 1366, 768), QRect(0, 0, 960, 540), QRect(0, 27, 720, 453)])
async def test_the_first_window_is_within_the_screen(window: MainWindow, room: QRect) -> None:
    assert window.screen().availableSize().width() < 1280, "the screen of these tests is a small one"
    window.resize(1280, 800)
    window._fit(room)  # noqa: SLF001 - there is one screen, and a window asks it
    assert window.width() <= room.width()
    assert window.height() < room.height()
