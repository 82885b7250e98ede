"""The store: one SQLite file, encrypted by SQLCipher, one thread that writes and a few that read.

Every function given to the store runs on one of its threads with a fresh records object made over a connection. The
file has a write-ahead log and every commit is synced to the disk before `transact` returns. Records let the errors of
the database pass: the store turns them into StoreError when everything is rolled back.

What is there is looked through before it is opened for writing (`soundness`), and marked when it is closed in order.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Generic, Self, TypeVar

from sqlcipher3 import dbapi2 as sqlcipher

from channels_desktop import files
from channels_desktop.adapters import soundness
from channels_desktop.adapters.migrations import Migration, migrate
from channels_desktop.adapters.soundness import APPLICATION_ID, DATABASE_ERRORS
from channels_desktop.errors import Misuse, StoreCause, StoreError

Connection = sqlite3.Connection
"""A connection of either library; sqlcipher3 has the same methods under classes of its own."""

KEY_BYTES = 32
READERS = 2
REST_SECONDS = 2.0
"""How long nothing is written before the log is folded into the file, so that little hangs on the log."""

_BUSY_SECONDS = 5.0
_REASONS = {
    sqlite3.SQLITE_BUSY: ("the database is in use by another program", StoreCause.BUSY),
    sqlite3.SQLITE_CANTOPEN: ("the database file cannot be opened", StoreCause.UNREADABLE),
    sqlite3.SQLITE_CORRUPT: ("the database file is damaged", StoreCause.WORN),
    sqlite3.SQLITE_FULL: ("the disk is full", StoreCause.FULL),
    sqlite3.SQLITE_IOERR: ("the disk cannot be read or written", StoreCause.UNREADABLE),
    sqlite3.SQLITE_NOTADB: ("the database file is damaged", StoreCause.WORN),
    sqlite3.SQLITE_READONLY: ("the database cannot be written", StoreCause.READ_ONLY),
}
_PRAGMAS = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON; -- macOS syncs down to the disk only when asked for it
PRAGMA foreign_keys = ON;
PRAGMA temp_store = MEMORY;
"""

R = TypeVar("R")
T = TypeVar("T")


class SqliteStore(Generic[R]):
    """The Store port over one SQLite file; made by `SqliteStore.open`.

    `R` is the records object that `records` makes over a connection; it serves transactions and queries alike.
    """

    def __init__(self, path: Path | None, records: Callable[[Connection], R], rest: float = REST_SECONDS) -> None:
        self._path = path and path.resolve()  # what SQLite keeps beside a file lies where a link leads to
        self._records = records
        self._rest = rest
        self._resting: asyncio.TimerHandle | None = None
        self._worn = False  # damage was met: without a mark the next start looks at everything
        self._writer = ThreadPoolExecutor(1, "store-writer")
        # A database in memory has one connection and so one thread: a query waits for the transaction before it.
        self._readers = ThreadPoolExecutor(READERS, "store-reader") if path else self._writer
        self._idle: SimpleQueue[Connection] = SimpleQueue()
        self._connections: list[Connection] = []
        self._closing: Future[None] | None = None

    @classmethod
    async def open(
        cls,
        path: Path | None,
        key: bytes | None,
        *,
        migrations: Sequence[Migration],
        records: Callable[[Connection], R],
        rest: float = REST_SECONDS,
    ) -> Self:
        """Open the database at `path`, or create it where nothing is, and bring it to the newest version.

        `path` None means a database in memory that ends with the store. `key` is the 32 byte raw key of SQLCipher; None
        means a file that is not encrypted. `records` is called once for every transaction and query. The log is folded
        into the file after `rest` seconds without a transaction.

        Raises:
            Damaged: the file or what is beside it is not as it was left; all of it stays as it is.
            StoreError: another program's or a newer file, no access, disk full.
        """
        if key is not None and len(key) != KEY_BYTES:
            raise Misuse(f"a database key has {KEY_BYTES} bytes")
        store = cls(path, records, rest)
        try:
            await store._submit(store._writer, lambda: store._start(key, migrations))
        except BaseException:
            await store.close()
            raise
        return store

    async def transact(self, work: Callable[[R], T]) -> T:
        """Run `work` in one transaction on the store's thread; commit (fsync) before returning its result.

        Transactions run one at a time in the order of the calls. An exception from `work` rolls everything back and is
        raised here. Cancelling the caller leaves a transaction whole: not begun, it never runs; begun, it commits.

        Raises:
            StoreError: the database failed or is closed; nothing of `work` was stored.
        """
        try:
            return await self._submit(self._writer, lambda: self._write(work))
        finally:
            self._fold_later()

    async def query(self, work: Callable[[R], T]) -> T:
        """Run `work` on one read-only snapshot of what is committed, beside a running transaction.

        Raises:
            StoreError: the database failed or is closed, or `work` tried to write.
        """
        return await self._submit(self._readers, lambda: self._read(work))

    async def close(self) -> None:
        """Finish what is queued, fold the log into the file, close it and end all threads; again does nothing."""
        if self._closing is None:
            if self._resting is not None:
                self._resting.cancel()
            self._closing = self._writer.submit(self._finish)
            self._writer.shutdown(wait=False)
        await asyncio.shield(asyncio.wrap_future(self._closing))
        self._writer.shutdown()  # its last job is done: this waits only for the thread to return

    async def _submit(self, threads: ThreadPoolExecutor, job: Callable[[], T]) -> T:
        if self._closing is not None:
            raise StoreError("the database is closed")
        return await asyncio.wrap_future(threads.submit(self._guarded, job))

    def _guarded(self, job: Callable[[], T]) -> T:
        """Run `job` on a thread of the store and turn the errors of the libraries into ours."""
        try:
            return job()
        except DATABASE_ERRORS as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
            detail, cause = _REASONS.get(code & 0xFF, (str(error), None))
            self._worn = self._worn or cause is StoreCause.WORN
            raise StoreError(detail, cause) from error
        except StopIteration as error:  # no future can carry one: its awaiter would wait for ever
            raise Misuse("StopIteration left a transaction or query") from error

    def _start(self, key: bytes | None, migrations: Sequence[Migration]) -> None:
        if (path := self._path) is not None:
            _examine(path, key, migrations)
        connection = _connect(_uri(path, "rw") if path else ":memory:", key)
        self._connections.append(connection)
        connection.executescript(_PRAGMAS)
        if path is not None:
            self._connections += [_connect(_uri(path, "ro"), key) for _ in range(READERS)]
        for reader in self._connections[1:] or [connection]:
            reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # from here on it holds the file
            self._idle.put(reader)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")  # in any case: the log's first commit
        if path is not None:
            soundness.unmark(path)
        migrate(connection, migrations)

    def _write(self, work: Callable[[R], T]) -> T:
        connection = self._connections[0]
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(self._records(connection))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return result

    def _read(self, work: Callable[[R], T]) -> T:
        connection = self._idle.get()
        try:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("BEGIN")
            return work(self._records(connection))
        finally:
            try:
                connection.rollback()
                connection.execute("PRAGMA query_only = OFF")
            finally:
                self._idle.put(connection)

    def _fold_later(self) -> None:
        if self._resting is not None:
            self._resting.cancel()
        if self._path is not None and self._closing is None:
            self._resting = asyncio.get_running_loop().call_later(self._rest, self._writer.submit, self._fold)

    def _fold(self) -> bool:
        """Write what the log holds into the file; return whether all of it is there now."""
        with suppress(*DATABASE_ERRORS):  # where it cannot be done the log goes on to hold it
            busy, logged, folded = self._connections[0].execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            return not busy and logged == folded
        return False

    def _finish(self) -> None:
        if self._readers is not self._writer:
            self._readers.shutdown()
        order = self._connections[::-1]  # whoever closes last folds the log and takes it away, if it may write
        if self._path is not None and self._connections and not self._mark(self._path):
            order = self._connections  # without a mark the log has to stay
        for connection in order:
            connection.close()

    def _mark(self, path: Path) -> bool:
        with suppress(StoreError):
            if not self._worn and self._fold():
                soundness.mark(path)
                return True
        return False


@contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """Undo on an exception what was done inside, and only that, within a running transaction; may be nested.

    Where SQLite has rolled back the whole transaction by itself (disk full) its error takes the exception's place, so
    that nobody goes on as if only this part were undone.
    """
    connection.execute("SAVEPOINT part")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK TO part")
        connection.execute("RELEASE part")
        raise
    connection.execute("RELEASE part")


def _examine(path: Path, key: bytes | None, migrations: Sequence[Migration]) -> None:
    """Look through what is there without changing it; where nothing is, make an empty file for its owner alone."""
    kept = soundness.look(path)
    if kept is not None:
        with closing(_connect(soundness.address(kept), key)) as connection:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            soundness.check(connection, kept, migrations, encrypted=key is not None)
        return
    try:
        path.touch(mode=0o600, exist_ok=False)
    except OSError as error:
        raise files.refused(path, "opened", error) from error


def _uri(path: Path, mode: str) -> str:
    return f"{path.as_uri()}?mode={mode}"


def _connect(uri: str, key: bytes | None) -> Connection:
    library = sqlite3 if key is None else sqlcipher
    connection: Connection = library.connect(
        uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    if key is not None:
        connection.execute("PRAGMA cipher_log_level = NONE")  # it would write to the terminal; the errors tell enough
        connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
    return connection
