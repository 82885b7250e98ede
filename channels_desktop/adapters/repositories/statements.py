"""Statements on one connection, with values made fit for SQLite and broken rules named by whose fault they are."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from sqlcipher3 import dbapi2 as sqlcipher

from channels_desktop.adapters.sqlite import Connection
from channels_desktop.errors import Misuse, WireError

Value = str | int | bytes | None
Row = tuple[Any, ...]

_BROKEN_RULES = (sqlite3.IntegrityError, sqlcipher.IntegrityError)
_END = 1 << 63


class Statements:
    """Runs statements inside whatever transaction `connection` is in.

    Text that is no Unicode (wire-format 3 lets any bytes through) is stored with replacement characters; the signed
    bytes that carried it are kept elsewhere.

    Every method raises Misuse where a constraint of the tables is broken, and WireError("number_overrun") for a number
    that takes more than 63 bits and a sign: only bytes from outside can bring one.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, *values: Value) -> list[Row]:
        """Return all rows of a statement."""
        return self._execute(sql, values).fetchall()

    def row(self, sql: str, *values: Value) -> Row | None:
        """Return the first row of a statement."""
        rows = self.rows(sql, *values)
        return rows[0] if rows else None

    def number(self, sql: str, *values: Value) -> int:
        """Return the one number that a statement always gives."""
        ((found,),) = self.rows(sql, *values)
        return int(found)

    def insert(self, sql: str, *values: Value) -> int:
        """Insert one row and return its number."""
        number = self._execute(sql, values).lastrowid
        return number or 0

    def change(self, sql: str, *values: Value) -> int:
        """Change rows and return how many there were."""
        return self._execute(sql, values).rowcount

    def change_one(self, what: str, sql: str, *values: Value) -> None:
        """Change exactly one row; raise Misuse, naming `what` it should have been, where none is as `sql` expects."""
        if self.change(sql, *values) != 1:
            raise Misuse(f"{what} is not in the state it was changed from")

    def many(self, sql: str, values: Iterable[tuple[Value, ...]]) -> None:
        """Run a statement once for each tuple of values."""
        for each in values:
            self._execute(sql, each)

    def _execute(self, sql: str, values: Iterable[Value]) -> sqlite3.Cursor:
        try:
            return self._connection.execute(sql, [_storable(value) for value in values])
        except _BROKEN_RULES as error:
            raise Misuse(str(error)) from error


def _storable(value: Value) -> Value:
    if isinstance(value, int) and not -_END <= value < _END:
        raise WireError("number_overrun", "a number takes more than 63 bits")
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value
