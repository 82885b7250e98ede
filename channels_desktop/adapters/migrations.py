"""Numbered migrations: what brings a database file of any older version up to the newest."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

Migration = str | Callable[[sqlite3.Connection], None]
"""A script of SQL statements, or a function for what SQL alone cannot say. Neither begins nor ends a transaction."""


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    """Bring `user_version` of the open database to `len(migrations)`, each step in a transaction of its own.

    Step n (from 1) leads from version n - 1 to n; steps once released are never changed. `connection` is in autocommit
    mode (`isolation_level=None`). Where a step fails its error is raised as it is and the steps before it stay done.
    A file of a newer program does not come here (`soundness.check`).
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number, migration in enumerate(migrations[version:], version + 1):
        with connection:
            # A script commits what is open before it starts, so it has to begin the transaction itself.
            connection.executescript(f"BEGIN IMMEDIATE; {migration if isinstance(migration, str) else ''}")
            if not isinstance(migration, str):
                migration(connection)
            connection.execute(f"PRAGMA user_version = {number}")
