"""What the program's start calls: one QApplication with its theme, and the window over a running engine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from channels_desktop.ui.bridge import Bridge
from channels_desktop.ui.collector import Collector
from channels_desktop.ui.preferences import Preferences
from channels_desktop.ui.theme import Theme
from channels_desktop.ui.window import MainWindow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from channels_desktop.engine.api import EngineApi

PREFERENCES = "window.ini"


def create_application(argv: Sequence[str] = ()) -> QApplication:
    """Return the process's one QApplication, made on the first call."""
    running = QApplication.instance()
    if isinstance(running, QApplication):
        return running
    QGuiApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    app = QApplication([sys.argv[0], *argv])
    Collector(app)
    app.setApplicationName("channels-desktop")
    app.setQuitOnLastWindowClosed(False)  # the program ends when its engine has stopped, not when a window is gone
    app.setApplicationDisplayName("")  # the window's own title is whole
    app.setDesktopFileName("channels-desktop")
    return app


def create_theme(app: QApplication, profile: Path) -> tuple[Theme, Preferences]:
    """Return the theme as it was left in the `profile` folder, and what remembers it."""
    preferences = Preferences(profile / PREFERENCES)
    return Theme(app, preferences.mode, preferences.text_size), preferences


def show_window(engine: EngineApi, theme: Theme, preferences: Preferences) -> MainWindow:
    """Show the main window over a started engine. Must be called while the event loop runs.

    The caller keeps the window, and on its `closed` awaits `window.bridge.close()` before it stops the engine.
    """
    window = MainWindow(Bridge(engine), theme, preferences)
    window.load()
    window.show()
    return window
