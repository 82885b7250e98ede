"""What the window remembers of itself, in an ini file inside the profile folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QSettings

from channels_desktop.ui.theme import Mode

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_NUMBER = 4  # digits


class Preferences:
    """Theme, text size and the window's measures; a broken or missing value gives its default."""

    def __init__(self, file: Path) -> None:
        self._settings = QSettings(str(file), QSettings.Format.IniFormat)

    @property
    def mode(self) -> Mode:
        """Return the chosen theme."""
        value = str(self._settings.value("appearance/theme", Mode.SYSTEM.value))
        return Mode(value) if value in {mode.value for mode in Mode} else Mode.SYSTEM

    @property
    def text_size(self) -> int:
        """Return the text size in percent."""
        value = str(self._settings.value("appearance/text_size", "100"))
        return int(value) if value.isascii() and value.isdigit() and len(value) <= LONGEST_NUMBER else 100

    def keep_look(self, mode: Mode, text_size: int) -> None:
        """Remember theme and text size."""
        self._settings.setValue("appearance/theme", mode.value)
        self._settings.setValue("appearance/text_size", str(text_size))

    def measure(self, key: str) -> QByteArray:
        """Return a geometry or splitter state that was kept; empty if there is none."""
        value = self._settings.value(f"window/{key}")
        return value if isinstance(value, QByteArray) else QByteArray()

    def keep_measure(self, key: str, value: QByteArray) -> None:
        """Remember a geometry or splitter state."""
        self._settings.setValue(f"window/{key}", value)
