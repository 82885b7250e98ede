"""One process for each profile folder: a second one would sign from the same coins and race for the same messages."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from channels_desktop.errors import AlreadyRunning, FolderUnusable

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK_FILE = "profile.lock"

_LOCKED_BYTE = 1 << 20
"""Far behind the process id: on Windows nobody else can read a locked byte."""


class ProfileLock:
    """Held from `acquire` until `release`, the end of a `with`, or the end of the process, however it ends."""

    def __init__(self, handle: int) -> None:
        self._handle: int | None = handle

    def release(self) -> None:
        """Let another process work on the folder; again does nothing. The file itself stays: removing it would race."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()


def acquire(folder: Path) -> ProfileLock:
    """Take the lock of an existing profile folder, without waiting.

    Raises:
        AlreadyRunning: another process, or another part of this one, holds it.
        FolderUnusable: the lock file cannot be written.
    """
    try:
        handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            lock = _lock(handle)
        except BaseException:
            os.close(handle)
            raise
    except OSError as error:
        raise FolderUnusable.because(os.fspath(folder), error) from error
    return lock


def holder(folder: Path) -> int | None:
    """Return the number of the process that holds a folder; None where none does, or it is not known."""
    try:
        acquire(folder).release()
    except AlreadyRunning as error:
        return error.pid
    return None


def _lock(handle: int) -> ProfileLock:
    if not _is_free(handle):
        digits = os.read(handle, 32).strip()
        raise AlreadyRunning(int(digits) if digits.isdigit() else None)
    os.ftruncate(handle, os.write(handle, b"%d\n" % os.getpid()))  # in this order it is never empty
    return ProfileLock(handle)


def _is_free(handle: int) -> bool:
    """Take the system's lock on the file if nobody has it; it ends with the handle."""
    try:
        if sys.platform == "win32":
            os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    finally:
        os.lseek(handle, 0, os.SEEK_SET)
    return True
