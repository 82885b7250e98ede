"""Whether a database file and what lies beside it are as this program left them, seen before anything is written.

Beside the database SQLite keeps a log (-wal) while the file is open, and an index of that (-shm). The store adds a mark
(-closed) once all is in the database, and takes it away before the first write after that. So a file without a log and
without a mark has lost its log, and with it what was committed last.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlcipher3 import dbapi2 as sqlcipher

from channels_desktop import files
from channels_desktop.errors import Damage, Damaged, Part, StoreCause, StoreError
from channels_desktop.files import sqlite_log

APPLICATION_ID = 0x43484E4D
"""The letters CHNM in the file's header: a store's file that is closed with a mark."""
BEFORE_MARKS = 0x43484E4C
"""CHNL: a file that only versions without marks have opened so far."""
READ_WHOLE = 64 * 1024 * 1024
"""Up to how many bytes a file is read whole at every start (0.2 s); a larger one only after an unclean end."""

DATABASE_ERRORS = (sqlite3.Error, sqlcipher.Error)
_MARK = re.compile(rb"closed with (\d{1,15}) bytes\n")
_NO_DATABASE = sqlite3.SQLITE_NOTADB


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a file without its key.

    `lost` says what is wrong with a log that has to be there, None if nothing is; `pages` are those that the log holds.
    """

    path: Path
    clean: bool
    lost: Damage | None = None
    pages: frozenset[int] = frozenset()


def beside(path: Path, what: str) -> Path:
    """Return the "wal", "shm" or "closed" file of the database at `path`."""
    return path.with_name(f"{path.name}-{what}")


def look(path: Path) -> Kept | None:
    """Look at a database file and what is beside it, where a link leads to; None where there is nothing at all.

    Raises:
        Damaged: a part is missing, empty, cut or changed.
        StoreError: the disk cannot be read.
    """
    path = path.resolve()
    there = files.names(path.parent)
    log, index, mark = (beside(path, what) for what in ("wal", "shm", "closed"))
    if path.name not in there:
        if there & {log.name, index.name, mark.name}:
            raise Damaged(Part.DATABASE, Damage.MISSING, path.name)
        return None
    size, logged = _size(path), _size(log)
    if size < sqlite_log.PAGE_BYTES:
        raise Damaged(Part.DATABASE, Damage.CUT if size else Damage.EMPTY, path.name)
    nothing = logged < sqlite_log.SHORTEST
    if mark.name in there:
        closed = _closed_size(mark)
        if nothing:
            _compare(path, size, closed)
            return Kept(path, clean=True)
    elif nothing:
        lost = Damage.CUT if logged else Damage.EMPTY if log.name in there else Damage.MISSING
        return Kept(path, clean=False, lost=lost)
    return Kept(path, clean=False, pages=sqlite_log.committed_pages(log, index))


def check(connection: sqlite3.Connection, kept: Kept, versions: Sequence[object], *, encrypted: bool) -> None:
    """Check what can be checked with the key; `connection` was opened by `address` and reads only.

    Raises:
        Damaged: a page is not as it was written, or all of them need another key, or the log has been taken away.
        StoreError: another program's file, or a newer one than `versions`.
    """
    try:
        (things,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except DATABASE_ERRORS as error:
        raise _unreadable(connection, kept, error, encrypted=encrypted) from None
    if application not in {APPLICATION_ID, BEFORE_MARKS} and (application or things):
        raise StoreError("the database file belongs to another program", StoreCause.FOREIGN)
    if version > len(versions):
        raise StoreError(f"the database has version {version}; this program knows {len(versions)}", StoreCause.NEWER)
    if kept.lost is not None and application == APPLICATION_ID:
        raise Damaged(Part.LOG, kept.lost, beside(kept.path, "wal").name)
    if encrypted and (not kept.clean or _size(kept.path) <= READ_WHOLE):
        for page, damage in _wrong_pages(connection):
            if page not in kept.pages:
                raise Damaged(Part.DATABASE, damage, kept.path.name)
    if not kept.clean or not encrypted:
        _quick_check(connection, kept)


def address(kept: Kept) -> str:
    """Return the URI of a file for a look that changes nothing, neither in it nor beside it.

    Its connection is to ask for the locking mode EXCLUSIVE first, so that SQLite keeps the log's index in memory; the
    profile's own lock is what keeps others away.
    """
    alone = "vfs=win32-none" if os.name == "nt" else "vfs=unix-none"
    return f"{kept.path.as_uri()}?{f'mode=ro&{alone}' if kept.pages else 'immutable=1'}"


def mark(path: Path) -> None:
    """Say that all is in the database file and that it will not change. Raises StoreError."""
    files.write(beside(path, "closed"), f"closed with {_size(path)} bytes\n")


def unmark(path: Path) -> None:
    """Take the mark away; to be called once there is a log with a first commit on the disk. Raises StoreError."""
    found = beside(path, "closed")
    try:
        found.unlink(missing_ok=True)
        files.sync_folder(path.parent)
    except OSError as error:
        raise files.refused(found, "removed", error) from error


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise files.refused(path, "read", error) from error


def _closed_size(mark: Path) -> int:
    try:
        text = mark.read_bytes()
    except OSError as error:
        raise files.refused(mark, "read", error) from error
    found = _MARK.fullmatch(text)
    if found is None:
        raise Damaged(Part.MARK, Damage.CHANGED if text else Damage.EMPTY, mark.name)
    return int(found[1])


def _compare(path: Path, size: int, closed: int) -> None:
    if size != closed:
        raise Damaged(Part.DATABASE, Damage.CUT if size < closed else Damage.CHANGED, path.name)


def _wrong_pages(connection: sqlite3.Connection) -> list[tuple[int, Damage]]:
    """Return the pages of the file that are not what was encrypted."""
    found = []
    for (text,) in connection.execute("PRAGMA cipher_integrity_check"):
        number = re.search(r"page (\d+)", text)
        damage = Damage.CUT if "invalid size" in text else Damage.CHANGED
        found.append((int(number[1]) if number else 0, damage))
    return found


def _unreadable(
    connection: sqlite3.Connection, kept: Kept, error: Exception, *, encrypted: bool
) -> StoreError | Exception:
    """Return what a first read that failed means: the key opens no page at all, or the first is not what it was."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code not in {_NO_DATABASE, sqlite3.SQLITE_CORRUPT}:
        return error
    pages = _size(kept.path) // sqlite_log.PAGE_BYTES
    every = encrypted and len(_wrong_pages(connection)) >= pages
    return Damaged(Part.DATABASE, Damage.UNFIT if every else Damage.CHANGED, kept.path.name)


def _quick_check(connection: sqlite3.Connection, kept: Kept) -> None:
    try:
        (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except DATABASE_ERRORS as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in {_NO_DATABASE, sqlite3.SQLITE_CORRUPT}:
            raise
        said = str(error)
    if said != "ok":
        raise Damaged(Part.DATABASE, Damage.CHANGED, kept.path.name)
