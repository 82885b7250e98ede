"""The store: one SQLite file, encrypted by SQLCipher, one thread that writes and a few that read.

Every function given to the store runs on one of its threads with a fresh records object made over a connection. The
file has a write-ahead log and every commit is synced to the disk before `transact` returns. Records let the errors of
the database pass: the store turns them into StoreError when everything is rolled back.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Generic, Self, TypeVar

from sqlcipher3 import dbapi2 as sqlcipher

from channels_desktop.adapters.migrations import Migration, migrate
from channels_desktop.errors import Misuse, StoreError

Connection = sqlite3.Connection
"""A connection of either library; sqlcipher3 has the same methods under classes of its own."""

APPLICATION_ID = 0x43484E4C
"""The letters CHNL in the file's header."""
KEY_BYTES = 32
READERS = 2

_DATABASE_ERRORS = (sqlite3.Error, sqlcipher.Error)
_BUSY_SECONDS = 5.0
_REASONS = {
    sqlite3.SQLITE_BUSY: "the database is in use by another program",
    sqlite3.SQLITE_CANTOPEN: "the database file cannot be opened",
    sqlite3.SQLITE_CORRUPT: "the database file is damaged",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk cannot be read or written",
    sqlite3.SQLITE_NOTADB: "the key does not open the database file, or the file is damaged",
    sqlite3.SQLITE_READONLY: "the database cannot be written",
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

    def __init__(self, path: Path | None, records: Callable[[Connection], R]) -> None:
        self._records = records
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
    ) -> Self:
        """Open or create the database at `path` and bring it to the newest version.

        `path` None means a database in memory that ends with the store. `key` is the 32 byte raw key of SQLCipher; None
        means a file that is not encrypted. `records` is called once for every transaction and query.

        Raises:
            StoreError: wrong key, damaged, foreign or newer file, no access, disk full.
        """
        if key is not None and len(key) != KEY_BYTES:
            raise Misuse(f"a database key has {KEY_BYTES} bytes")
        store = cls(path, records)
        try:
            await store._submit(store._writer, lambda: store._start(path, key, migrations))
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
        return await self._submit(self._writer, lambda: self._write(work))

    async def query(self, work: Callable[[R], T]) -> T:
        """Run `work` on one read-only snapshot of what is committed, beside a running transaction.

        Raises:
            StoreError: the database failed or is closed, or `work` tried to write.
        """
        return await self._submit(self._readers, lambda: self._read(work))

    async def close(self) -> None:
        """Finish what is queued, fold the log into the file, close it and end all threads; again does nothing."""
        if self._closing is None:
            self._closing = self._writer.submit(self._finish)
            self._writer.shutdown(wait=False)
        await asyncio.shield(asyncio.wrap_future(self._closing))
        self._writer.shutdown()  # its last job is done: this waits only for the thread to return

    async def _submit(self, threads: ThreadPoolExecutor, job: Callable[[], T]) -> T:
        if self._closing is not None:
            raise StoreError("the database is closed")
        return await asyncio.wrap_future(threads.submit(_guarded, job))

    def _start(self, path: Path | None, key: bytes | None, migrations: Sequence[Migration]) -> None:
        connection = _connect(_uri(path, "rw") if path else ":memory:", key)
        self._connections.append(connection)
        _identify(connection)
        connection.executescript(_PRAGMAS)
        migrate(connection, migrations)
        if path:
            self._connections += [_connect(_uri(path, "ro"), key) for _ in range(READERS)]
        for reader in self._connections[1:] or [connection]:
            self._idle.put(reader)

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

    def _finish(self) -> None:
        if self._readers is not self._writer:
            self._readers.shutdown()
        for connection in reversed(self._connections):
            connection.close()  # the last folds the log into the file; where it cannot, the next start reads the log


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


def _guarded(job: Callable[[], T]) -> T:
    """Run `job` on a thread of the store and turn the errors of the libraries into ours."""
    try:
        return job()
    except _DATABASE_ERRORS as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        raise StoreError(_REASONS.get(code & 0xFF, str(error))) from error
    except StopIteration as error:  # no future can carry one: its awaiter would wait for ever
        raise Misuse("StopIteration left a transaction or query") from error


def _uri(path: Path, mode: str) -> str:
    """Return the address of the file at `path`, made first where it is missing so that nobody else may read it."""
    try:
        path.touch(mode=0o600)
    except OSError as error:
        raise StoreError(f"the database file cannot be opened: {error.strerror}") from error
    return f"{path.resolve().as_uri()}?mode={mode}"


def _connect(uri: str, key: bytes | None) -> Connection:
    library = sqlite3 if key is None else sqlcipher
    connection: Connection = library.connect(
        uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    if key is not None:
        connection.execute("PRAGMA cipher_log_level = NONE")  # it would write to the terminal; the errors tell enough
        connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
    return connection


def _identify(connection: Connection) -> None:
    """Mark a new file as ours and refuse any other program's; the first to read, so the first to miss the right key."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (things,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application == 0 and things == 0:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    elif application != APPLICATION_ID:
        raise StoreError("the database file belongs to another program")
