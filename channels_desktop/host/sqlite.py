"""The host's store on SQLite: one writing thread with group commit, one reading thread, one process.

Whatever is queued while a commit runs is written in the next transaction, so that many posts share one fsync. A result
is handed out only after the commit that holds it, so what was acknowledged survives a crash.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from channels_desktop.errors import ChannelsError, StoreError
from channels_desktop.host.sqlite_rows import SCHEMA, SqliteRows

T = TypeVar("T")
Work = Callable[[SqliteRows], Any]
Outcome = tuple["asyncio.Future[Any]", Any, BaseException | None]

APPLICATION_ID = 0x43684873
VERSION = 1
WRITES_AT_ONCE = 256


class SqliteStore:
    """Transactions as plain functions over `SqliteRows`, run outside the loop."""

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop, on_change: Callable[[set[int]], None]) -> None:
        self._loop = loop
        self._on_change = on_change
        self._lock = _locked(folder)
        try:
            writer = connect(folder / "host.sqlite")
            reader = connect(folder / "host.sqlite")
            reader.execute("PRAGMA query_only = ON")
            writer.executescript("PRAGMA incremental_vacuum;")  # give back what was freed since the last start
        except (StoreError, sqlite3.Error) as error:
            self._lock.close()
            raise StoreError(str(error)) from None
        self._writes = _Worker(writer, self._finish, WRITES_AT_ONCE)
        self._reads = _Worker(reader, self._finish, 1)  # results can be large: each goes its way at once

    @classmethod
    async def open(cls, folder: Path, on_change: Callable[[set[int]], None]) -> SqliteStore:
        """Open or create the database in `folder`.

        `on_change` is called in the loop after each commit with the accounts whose mail has changed. Raises StoreError
        where another process has the folder, or the file is no database of a host.
        """
        return await asyncio.to_thread(cls, folder, asyncio.get_running_loop(), on_change)

    async def transact(self, work: Callable[[SqliteRows], T]) -> T:
        """Run `work` in a transaction; return its result after the commit (fsync), or raise what it raised."""
        return await self._submit(self._writes, work)

    async def query(self, work: Callable[[SqliteRows], T]) -> T:
        """Run `work` on a read-only view of what is committed."""
        return await self._submit(self._reads, work)

    async def close(self) -> None:
        """Finish what is queued and let go of the folder."""
        await asyncio.to_thread(self._reads.close)
        await asyncio.to_thread(self._writes.close)
        self._lock.close()

    async def _submit(self, worker: _Worker, work: Callable[[SqliteRows], T]) -> T:
        future: asyncio.Future[T] = self._loop.create_future()
        worker.put(work, future)
        return await future

    def _finish(self, outcomes: list[Outcome], touched: set[int]) -> None:
        """Hand results to the loop; called in a worker's thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._resolve, outcomes, touched)

    def _resolve(self, outcomes: list[Outcome], touched: set[int]) -> None:
        for future, result, error in outcomes:
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
        if touched:
            self._on_change(touched)


class _Worker:
    """One thread with one connection that runs what is queued, in batches of one transaction each."""

    def __init__(self, db: sqlite3.Connection, finish: Callable[[list[Outcome], set[int]], None], most: int) -> None:
        self._db = db
        self._most = most
        self._rows = SqliteRows(db)
        self._finish = finish
        self._queue: queue.SimpleQueue[tuple[Work, asyncio.Future[Any]] | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="host-store", daemon=True)
        self._thread.start()

    def put(self, work: Work, future: asyncio.Future[Any]) -> None:
        """Queue `work`; its outcome goes to `future`."""
        if self._closed:
            raise StoreError("the host's store is closed")
        self._queue.put((work, future))

    def close(self) -> None:
        """Run what is queued and end the thread."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._db.close()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, last = self._batch(first)
            try:
                outcomes = self._transaction(batch)
            except sqlite3.Error as error:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                outcomes = [(future, None, StoreError(str(error))) for _, future in batch]
            touched, self._rows.touched = self._rows.touched, set()
            self._finish(outcomes, touched)
            if last:
                return

    def _batch(self, first: tuple[Work, asyncio.Future[Any]]) -> tuple[list[tuple[Work, asyncio.Future[Any]]], bool]:
        """Return what is queued by now, and whether the end was among it."""
        batch = [first]
        with contextlib.suppress(queue.Empty):
            while len(batch) < self._most:
                item = self._queue.get_nowait()
                if item is None:
                    return batch, True
                batch.append(item)
        return batch, False

    def _transaction(self, batch: list[tuple[Work, asyncio.Future[Any]]]) -> list[Outcome]:
        """Run a batch and commit it; work that raises is undone alone."""
        self._db.execute("BEGIN")
        outcomes: list[Outcome] = []
        for work, future in batch:
            self._db.execute("SAVEPOINT work")
            try:
                outcomes.append((future, work(self._rows), None))
            except ChannelsError as error:
                self._db.execute("ROLLBACK TO work")
                outcomes.append((future, None, error))
            except sqlite3.Error:
                raise
            except Exception as error:  # noqa: BLE001 - whoever waits for this work gets it; the others go on
                self._db.execute("ROLLBACK TO work")
                outcomes.append((future, None, error))
            self._db.execute("RELEASE work")
        self._db.execute("COMMIT")
        return outcomes


def connect(path: Path | str) -> sqlite3.Connection:
    """Open the database at `path`, made if need be; raise StoreError where it is another's or newer than we are."""
    try:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=64)
        try:
            _prepare(db)
        except BaseException:
            db.close()
            raise
    except sqlite3.Error as error:
        raise StoreError(f"the host's database cannot be opened: {error}") from None
    return db


def _prepare(db: sqlite3.Connection) -> None:
    version = _pragma(db, "user_version")
    if not version and not _pragma(db, "schema_version"):
        db.executescript("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;")
        marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
        db.executescript(f"BEGIN; {SCHEMA} {marks} COMMIT;")
    elif _pragma(db, "application_id") != APPLICATION_ID:
        raise StoreError("the file is not the database of a peer channel host")
    elif version > VERSION:
        raise StoreError(f"the host's database has version {version}; this program knows {VERSION}")
    db.executescript(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000; PRAGMA secure_delete = ON;"
    )


def _pragma(db: sqlite3.Connection, name: str) -> int:
    value: int = db.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _locked(folder: Path) -> sqlite3.Connection:
    """Hold the folder for this process: an exclusive transaction that ends with it, on every system."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = sqlite3.connect(folder / "host.lock", timeout=0, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"the host's folder cannot be used: {error}") from None
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error:
        lock.close()
        raise StoreError("another host is running on this folder") from None
    return lock
