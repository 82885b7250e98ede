"""A database in memory, and all repositories over it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from channels_desktop.adapters.repositories.records import Records
from tests.unit.adapters.repositories.samples import contact, database


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = database()
    yield connection
    connection.close()


@pytest.fixture
def records(connection: sqlite3.Connection) -> Records:
    """Return repositories that hold nothing."""
    return Records(connection)


@pytest.fixture
def two(records: Records) -> Records:
    """Return repositories that hold relationships 1 and 2."""
    assert [records.contacts.add(contact()), records.contacts.add(contact())] == [1, 2]
    return records
