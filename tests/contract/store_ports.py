"""A store with a table of its own, real and in memory, for the tests of everything below the real schema."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from channels_desktop.adapters.memory import memory_store
from channels_desktop.adapters.sqlite import REST_SECONDS, Connection, SqliteStore, savepoint

KEY = bytes(range(32))
MIGRATIONS = (
    "CREATE TABLE note (number INTEGER PRIMARY KEY, words TEXT NOT NULL UNIQUE) STRICT;",
    """CREATE TABLE answer (note INTEGER NOT NULL REFERENCES note DEFERRABLE INITIALLY DEFERRED) STRICT;""",
)


class Notes:
    """The records object of these tests."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def add(self, *words: str) -> None:
        self.connection.executemany("INSERT INTO note (words) VALUES (?)", [(each,) for each in words])

    def answer(self, note: int) -> None:
        self.connection.execute("INSERT INTO answer (note) VALUES (?)", (note,))

    def all(self) -> list[str]:
        return [words for (words,) in self.connection.execute("SELECT words FROM note ORDER BY number")]

    def savepoint(self) -> contextlib.AbstractContextManager[None]:
        return savepoint(self.connection)


async def open_file(path: Path, key: bytes | None = KEY, rest: float = REST_SECONDS) -> SqliteStore[Notes]:
    return await SqliteStore.open(path, key, migrations=MIGRATIONS, records=Notes, rest=rest)


@contextlib.asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[SqliteStore[Notes]]:
    """Open a store of `kind`: "encrypted", "plain" or "memory"."""
    if kind == "memory":
        store = await memory_store(migrations=MIGRATIONS, records=Notes)
    else:
        store = await open_file(folder / "notes.db", KEY if kind == "encrypted" else None)
    try:
        yield store
    finally:
        await store.close()
