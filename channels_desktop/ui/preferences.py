"""What the window remembers of itself, in an ini file inside the profile folder."""

from __future__ import annotations

import configparser
import io
import logging
from pathlib import Path

from PySide6.QtCore import QByteArray

from channels_desktop import files
from channels_desktop.errors import StoreError
from channels_desktop.ui.theme import Mode

LONGEST_NUMBER = 4  # digits

log = logging.getLogger(__name__)


class Preferences:
    """Theme, text size and the window's measures; a broken or missing value gives its default."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._values = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            self._values.read(file, "utf-8")
        except (OSError, ValueError, configparser.Error):
            self._values.clear()

    @property
    def mode(self) -> Mode:
        """Return the chosen theme."""
        value = self._values.get("appearance", "theme", fallback="")
        return Mode(value) if value in {mode.value for mode in Mode} else Mode.SYSTEM

    @property
    def text_size(self) -> int:
        """Return the text size in percent."""
        value = self._values.get("appearance", "text_size", fallback="")
        return int(value) if value.isascii() and value.isdigit() and len(value) <= LONGEST_NUMBER else 100

    def keep_look(self, mode: Mode, text_size: int) -> None:
        """Remember theme and text size."""
        self._keep("appearance", {"theme": mode.value, "text_size": str(text_size)})

    def measure(self, key: str) -> QByteArray:
        """Return a geometry or splitter state that was kept; empty if there is none."""
        try:
            return QByteArray(bytes.fromhex(self._values.get("window", key, fallback="")))
        except ValueError:
            return QByteArray()

    def keep_measures(self, **measures: QByteArray) -> None:
        """Remember geometries and splitter states by their keys."""
        self._keep("window", {key: value.data().hex() for key, value in measures.items()})

    def _keep(self, section: str, values: dict[str, str]) -> None:
        """Write the file where a value is new; a disk that refuses costs a preference and nothing else."""
        if not self._values.has_section(section):
            self._values.add_section(section)
        if values.items() <= dict(self._values[section]).items():
            return
        self._values[section].update(values)
        text = io.StringIO()
        self._values.write(text)
        try:
            files.write(self._file, text.getvalue())
        except StoreError as error:
            log.warning("the window's preferences are not kept: %s", error)
