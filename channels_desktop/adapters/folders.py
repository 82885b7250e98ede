"""Where this program keeps its data, and whether it may write there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from channels_desktop.errors import FolderFault, FolderUnusable


def data_folder(name: str) -> Path:
    """Return where this program keeps data of a kind, unless the user names another place.

    `XDG_DATA_HOME` counts where it is absolute, as its specification says. Raises FolderUnusable where the system
    names no home.
    """
    base = Path(os.environ.get("XDG_DATA_HOME", ""))
    if not base.is_absolute():
        base = _home() / ".local" / "share"
    return base / "channels-desktop" / name


def make_private(folder: Path) -> None:
    """Make a folder for its owner's eyes where it is not there; raise FolderUnusable unless it can be written into."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise FolderUnusable.because(os.fspath(folder), error) from None


def _home() -> Path:
    try:
        home = Path.home()
    except RuntimeError:  # no HOME, and a user whom the system does not know
        home = Path()
    if not home.is_absolute():
        raise FolderUnusable("", FolderFault.NO_HOME)
    return home
