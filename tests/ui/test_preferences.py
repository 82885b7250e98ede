"""What the window remembers, in a file that may be old, broken or not writable."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray

from channels_desktop.ui.preferences import Preferences
from channels_desktop.ui.theme import Mode


def test_preferences_are_written_whole_and_a_disk_that_refuses_costs_nothing_else(
    tmp_path: Path, warnings_logged: list[logging.LogRecord]
) -> None:
    file = tmp_path / "window.ini"
    file.write_text("[appearance]\ntext_size=120\ntheme=dark\n\n[window]\ngeometry=@ByteArray(\\x1\\xd9\\xd0)\n")
    kept = Preferences(file)  # as earlier versions wrote it
    assert (kept.mode, kept.text_size, kept.measure("geometry").isEmpty()) == (Mode.DARK, 120, True)
    kept.keep_measures(geometry=QByteArray(b"\x00\xff"))
    kept.keep_look(Mode.LIGHT, 120)
    again = Preferences(file)
    assert (again.mode, again.text_size, again.measure("geometry").data()) == (Mode.LIGHT, 120, b"\x00\xff")
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.stat()
    again.keep_look(Mode.LIGHT, 120)
    assert file.stat() == before
    nowhere = Preferences(tmp_path / "missing" / "window.ini")
    nowhere.keep_look(Mode.DARK, 110)
    assert nowhere.mode is Mode.DARK
    assert "are not kept" in warnings_logged.pop().getMessage()
    assert [path.name for path in tmp_path.iterdir()] == ["window.ini"]


@pytest.mark.parametrize("text", [b"\xff", b"theme=dark", b"[appearance]\ntheme=plaid\n\x00[", b"[[[", b""])
def test_any_file_of_preferences_opens(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "window.ini").write_bytes(text)
    broken = Preferences(tmp_path / "window.ini")
    assert (broken.mode, broken.text_size) == (Mode.SYSTEM, 100)


def test_broken_preferences_give_defaults(tmp_path: Path) -> None:
    (tmp_path / "window.ini").write_text("[appearance]\ntheme=plaid\ntext_size=-5\n[window]\ngeometry=7\n")
    broken = Preferences(tmp_path / "window.ini")
    assert (broken.mode, broken.text_size) == (Mode.SYSTEM, 100)
    assert broken.measure("geometry").isEmpty()
