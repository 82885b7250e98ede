"""Files written whole or not at all: the one way in which this project writes small ones."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path

from channels_desktop.errors import StoreCause, StoreError

_CAUSES = {
    errno.ENOSPC: StoreCause.FULL,
    errno.EDQUOT: StoreCause.FULL,
    errno.EROFS: StoreCause.READ_ONLY,
    errno.EACCES: StoreCause.READ_ONLY,
    errno.EPERM: StoreCause.READ_ONLY,
}


def write(path: Path, content: bytes | str) -> None:
    """Put `content` (text as UTF-8) at `path`, readable by its owner alone, in one step that survives a power cut.

    What is there stays whole until the new file is, also where it is reached through a link.

    Raises:
        StoreError: the disk refuses; nothing is changed and nothing is left behind.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        target = Path(os.path.realpath(path))
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
        sync_folder(target.parent)
    except OSError as error:
        raise refused(path, "written", error) from error


def names(folder: Path) -> frozenset[str]:
    """Return the names of what lies in `folder`, links to nothing included; none where there is no such folder.

    Raises:
        StoreError: it cannot be looked into. That it looks empty then must not be taken for empty.
    """
    try:
        return frozenset(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return frozenset()
    except OSError as error:
        raise refused(folder, "read", error) from error


def sync_folder(folder: Path) -> None:
    """Bring what was made, renamed and removed in `folder` to the disk. Raises OSError."""
    if os.name == "posix":  # elsewhere a folder cannot be opened, and a rename is written through
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def refused(path: Path, what: str, error: OSError) -> StoreError:
    """Return what an error of the system says about a file that could not be read or written."""
    cause = _CAUSES.get(error.errno or 0, StoreCause.UNREADABLE)
    return StoreError(f"{path} cannot be {what}: {error.strerror or type(error).__name__}", cause)
