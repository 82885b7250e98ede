"""Room on the disk that a host keeps for itself: where the disk is full, even to delete something takes room first."""

from __future__ import annotations

import shutil
from pathlib import Path

BYTES = 16 * 1024 * 1024
"""Enough to delete the largest message by default: what is freed is overwritten, and that is written down first."""
NEAR = 1024 * 1024 * 1024
"""With less than this free, a disk may be full one day."""

_PART = bytes(1024 * 1024)


class Reserve:
    """A file that is there to be deleted."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self) -> None:
        """Take the room where it may be needed one day and there is enough of it."""
        try:
            if self._path.exists() or not 2 * BYTES <= shutil.disk_usage(self._path.parent).free < NEAR:
                return
            with self._path.open("wb") as file:
                for _ in range(BYTES // len(_PART)):
                    file.write(_PART)
        except OSError:
            self.give_up()

    def make_room(self) -> None:
        """Give the room back where there is next to none besides: even to open a database takes some."""
        try:
            if shutil.disk_usage(self._path.parent).free < len(_PART):
                self.give_up()
        except OSError:
            return  # there is no folder yet

    def give_up(self) -> bool:
        """Give the room back; return whether there was some."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
