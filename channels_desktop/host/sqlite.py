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
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from channels_desktop.errors import Damaged, Misuse, StoreError
from channels_desktop.files import sqlite_log
from channels_desktop.host.folder import MAILBOXES
from channels_desktop.host.reserve import Reserve
from channels_desktop.host.rows import Fresh, Looking, OnChange, Posting, Rows, unheard
from channels_desktop.host.sqlite_batch import SqliteBatch
from channels_desktop.host.sqlite_rows import SqliteRows
from channels_desktop.host.sqlite_schema import VERSIONS
from channels_desktop.host.tasks import Tasks

T = TypeVar("T")
Work = Callable[[Rows], Awaitable[Any]]
OnBatch = Callable[[int, float], None]
_Job = tuple[Work, "asyncio.Future[Any]", Posting | None]
_Outcome = tuple["asyncio.Future[Any]", Any, BaseException | None]
_Finish = Callable[[list[_Outcome], set[int], Fresh, float], None]

APPLICATION_ID = 0x43684873
WRITES_AT_ONCE = 256
READS_AT_ONCE = 4
"""Pages in memory at a time: each may be as large as a page for a websocket."""
PAGES_AT_ONCE = 256
SPARE_PAGES = 1024
WAL_BYTES = 64 * 1024 * 1024
TIDYING = "giving empty pages back"

_SETTINGS = f"""
PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000; PRAGMA secure_delete = ON;
PRAGMA journal_size_limit = {WAL_BYTES}; PRAGMA cache_size = -16384;
PRAGMA temp_store = MEMORY; -- where a statement keeps what it may have to undo: by default in a file, from 64 KiB on
PRAGMA fullfsync = ON; -- macOS syncs down to the disk only when asked for it
"""


class SqliteStore:
    """Transactions over `SqliteRows`, run outside the loop (see Store)."""

    def __init__(
        self,
        folder: Path,
        loop: asyncio.AbstractEventLoop,
        on_change: OnChange,
        on_batch: OnBatch = unheard,
        tasks: Tasks | None = None,
    ) -> None:
        tasks = tasks or Tasks()
        self._loop = loop
        self._on_change = on_change
        self._on_batch = on_batch
        reserve = Reserve(folder / "reserve")
        reserve.make_room()
        self._lock = _locked(folder)
        try:
            _make_ready(folder / MAILBOXES)
            writer = connect(folder / MAILBOXES)
            reader = connect(folder / MAILBOXES)
            reader.execute("PRAGMA query_only = ON")
            with contextlib.suppress(sqlite3.Error):  # a full disk: what is there can be read and deleted
                writer.executescript("PRAGMA incremental_vacuum;")  # give back what was freed since the last start
        except (StoreError, sqlite3.Error, OSError) as error:
            self._lock.close()
            raise StoreError(str(error)) from None
        self._writes = _Worker(writer, loop, self._finish, WRITES_AT_ONCE, tasks, reserve)
        self._reads = _Worker(reader, loop, self._finish, READS_AT_ONCE, tasks, reserve)

    @classmethod
    async def open(
        cls, folder: Path, on_change: OnChange, on_batch: OnBatch = unheard, tasks: Tasks | None = None
    ) -> SqliteStore:
        """Open or create the database in `folder`; what is called when, says Store.

        Raises StoreError where another process has the folder, or the file is no database of a host.
        """
        return await asyncio.to_thread(cls, folder, asyncio.get_running_loop(), on_change, on_batch, tasks)

    def transact(self, work: Callable[[Rows], Awaitable[T]], post: Posting | None = None) -> asyncio.Future[T]:
        """See Store; `work` runs in a thread, where nothing it awaits may make it wait."""
        return self._submit(self._writes, work, post)

    def query(self, work: Callable[[Rows], Awaitable[T]], look: Looking | None = None) -> asyncio.Future[T]:
        """See Store."""
        return self._submit(self._reads, work)

    def tell(self, notice: str) -> None:
        """See Store: there are no other processes."""

    async def close(self) -> None:
        """Finish what is queued and let go of the folder."""
        await self._reads.close()
        await self._writes.close()
        self._lock.close()

    def _submit(self, worker: _Worker, work: Work, post: Posting | None = None) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._loop.create_future()
        worker.put((work, future, post))
        return future

    def _finish(self, outcomes: list[_Outcome], touched: set[int], fresh: Fresh, seconds: float) -> None:
        """Hand results to the loop; called in a worker's thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._resolve, outcomes, touched, fresh, seconds)

    def _resolve(self, outcomes: list[_Outcome], touched: set[int], fresh: Fresh, seconds: float) -> None:
        for future, result, error in outcomes:
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
        if touched:
            self._on_change(touched, fresh)
            self._on_batch(len(outcomes), seconds)


class _Spoilt(Exception):
    """A work raised `error` after it had changed something, or left the transaction."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


class _Worker:
    """One thread with one connection that runs what is queued, in batches of one transaction each."""

    def __init__(
        self,
        db: sqlite3.Connection,
        loop: asyncio.AbstractEventLoop,
        finish: _Finish,
        most: int,
        tasks: Tasks,
        reserve: Reserve,
    ) -> None:
        self._reserve = reserve
        self._db = db
        self._tasks = tasks
        self._loop = loop
        self._most = most
        self._rows = SqliteBatch(db)
        self._finish = finish
        self._coming: list[_Job] = []
        self._queue: queue.SimpleQueue[list[_Job] | None] = queue.SimpleQueue()
        self._closed = self._ended = False
        self._thread = threading.Thread(target=self._run, name="host-store", daemon=True)
        self._thread.start()

    def put(self, job: _Job) -> None:
        """Queue a job; its outcome goes to its future. All that one turn of the loop brings is handed over at once."""
        if self._closed:
            raise StoreError("the host's store is closed")
        self._coming.append(job)
        if len(self._coming) == 1:
            self._loop.call_soon(self._hand_over)

    async def close(self) -> None:
        """Run what is queued and end the thread."""
        self._closed = True
        self._hand_over()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        self._db.close()

    def _hand_over(self) -> None:
        coming, self._coming = self._coming, []
        if coming:
            self._queue.put(coming)

    def _run(self) -> None:
        while not self._ended:
            self._reserve.keep()
            self._serve(self._queue.get())
            try:
                self._tidy()
            except Exception as error:  # noqa: BLE001 - a task outlives whatever happens to it
                self._tasks.failed(TIDYING, error)
                self._rows.freed = True

    def _serve(self, jobs: list[_Job] | None) -> None:
        """Run jobs and what else is queued by now."""
        works: list[_Job] = []
        with contextlib.suppress(queue.Empty):
            while jobs is not None:
                works += jobs
                jobs = self._queue.get_nowait()
        self._ended = self._ended or jobs is None
        for start in range(0, len(works), self._most):
            batch = sorted(works[start : start + self._most], key=_is_no_post)  # their rows are loaded once for all
            if not self._run_together(batch):
                for job in batch:
                    self._run_together([job])

    def _run_together(self, works: list[_Job], *, last_room: bool = False) -> bool:
        """Run works in one transaction and commit it; return False where one of several spoilt it for all.

        Where the disk is full, what is no post may have the last room, to free some (`last_room`).

        No savepoints: rules refuse before they change anything, so a transaction is spoilt by bugs and the disk only.
        """
        started = time.perf_counter()
        rows = self._rows
        try:
            self._db.execute("BEGIN")
            rows.load([post for _, _, post in works if post is not None])
            outcomes = [self._outcome(rows, work, future) for work, future, _ in works]
            run(lambda _: rows.flush(), rows)
            if last_room:
                _check_freed(rows)
            self._db.execute("COMMIT")
        except Exception as spoilt:  # noqa: BLE001 - whatever it is, it fails its own work and none to come
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            rows.drop()
            if len(works) > 1:
                return False
            if _is_full(spoilt) and _is_no_post(works[0]) and self._reserve.give_up():
                rows.freed = False
                return self._run_together(works, last_room=True)
            outcomes = [(works[0][1], None, _blamed(spoilt))]
        self._finish(outcomes, *rows.changed(), time.perf_counter() - started)
        return True

    def _outcome(self, rows: SqliteBatch, work: Work, future: asyncio.Future[Any]) -> _Outcome:
        before = rows.changes
        try:
            return future, run(work, rows), None
        except sqlite3.Error:
            raise
        except BaseException as error:  # noqa: BLE001 - whoever waits for this work gets it; the others go on
            if rows.changes != before or not self._db.in_transaction:
                raise _Spoilt(error) from None
            return future, None, error

    def _tidy(self) -> None:
        """Give empty pages of the file back while nobody waits, but for some that are soon needed again."""
        while self._rows.freed and self._queue.empty() and not self._ended:
            self._rows.freed = False
            spare = max(SPARE_PAGES, _pragma(self._db, "page_count") // 4)
            if _pragma(self._db, "freelist_count") > spare:
                self._db.executescript(f"PRAGMA incremental_vacuum({PAGES_AT_ONCE})")
                self._rows.freed = True
            self._tasks.went_well(TIDYING)


def _blamed(error: Exception) -> BaseException:
    """Return what whoever waits for a work is told: what it raised itself, or that the store failed."""
    if isinstance(error, _Spoilt):
        return error.error
    return StoreError(str(error)) if isinstance(error, sqlite3.Error | MemoryError) else error


def _check_freed(rows: SqliteRows) -> None:
    """Raise what a full disk raises where nothing was freed."""
    if not rows.freed:
        raise sqlite3.OperationalError("database or disk is full")


def _is_full(error: Exception) -> bool:
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


def _is_no_post(job: _Job) -> bool:
    return job[-1] is None


def run(work: Callable[[Rows], Awaitable[T]], rows: SqliteRows) -> T:
    """Run `work` to its end at once; raise Misuse where it awaits anything but rows."""
    running = _awaited(work, rows)
    try:
        running.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    running.close()
    raise Misuse("a rule has to wait for something")


async def _awaited(work: Callable[[Rows], Awaitable[T]], rows: Rows) -> T:
    return await work(rows)  # here, so that not even a StopIteration of the work is taken for its end


def connect(path: Path | str) -> sqlite3.Connection:
    """Open the database at `path`, made or brought up to date if need be.

    Raises StoreError where it is another program's or newer than we are; it is left as it was then.
    """
    try:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
        try:
            _prepare(db)
        except BaseException:
            db.close()
            raise
    except sqlite3.Error as error:
        raise StoreError(f"the host's database cannot be opened: {error}") from None
    return db


def _make_ready(path: Path) -> None:
    """Look at what is there before SQLite does, and keep others out, which SQLite leaves to whoever made the file.

    Raises StoreError where that cannot be, the log is damaged, or it is alone: SQLite would then drop or delete it.
    """
    log, index = (path.with_name(f"{path.name}-{what}") for what in ("wal", "shm"))
    try:
        logged = log.exists() and log.stat().st_size >= sqlite_log.SHORTEST
        if logged and not (path.exists() and path.stat().st_size):
            raise StoreError(f"{path} is missing or empty, while its log is there: put it back")
        if logged:
            sqlite_log.committed_pages(log, index)
        path.touch(mode=0o600)
        if (mode := path.stat().st_mode) & 0o007:  # what a group may do is its owner's choice
            path.chmod(mode & 0o770)
    except Damaged as damaged:
        raise StoreError(f"{damaged}: put the whole folder back from a backup; nothing was changed") from None
    except OSError as error:
        raise StoreError(f"the host's database cannot be opened: {error}") from None


def _prepare(db: sqlite3.Connection) -> None:
    version = _pragma(db, "user_version")
    if not version and not _pragma(db, "schema_version"):
        db.executescript("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;")
    elif _pragma(db, "application_id") != APPLICATION_ID:
        raise StoreError("the file is not the database of a peer channel host")
    elif version > len(VERSIONS):
        raise StoreError(f"the host's database has version {version}; this program knows {len(VERSIONS)}")
    if version < len(VERSIONS):
        marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {len(VERSIONS)};"
        db.executescript(f"BEGIN IMMEDIATE; {' '.join(VERSIONS[version:])} {marks} COMMIT;")
    db.executescript(_SETTINGS)


def _pragma(db: sqlite3.Connection, name: str) -> int:
    value: int = db.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _locked(folder: Path) -> sqlite3.Connection:
    """Hold the folder for this process: an exclusive transaction that ends with it, on every system."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / "host.lock").touch(mode=0o600)
        lock = sqlite3.connect(folder / "host.lock", timeout=0, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"the host's folder cannot be used: {error}") from None
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        lock.close()
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise StoreError("another host is running on this folder") from None
        raise StoreError(f"the host's folder cannot be used: {error}") from None
    return lock
