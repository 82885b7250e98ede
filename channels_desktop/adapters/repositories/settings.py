"""Single values by name."""

from __future__ import annotations

from channels_desktop.adapters.repositories.statements import Statements


class SqlSettings:
    """The Settings repository."""

    def __init__(self, statements: Statements) -> None:
        self._db = statements

    def get(self, key: str, default: str = "") -> str:
        """See Settings."""
        row = self._db.row("SELECT value FROM setting WHERE key = ?", key)
        return str(row[0]) if row else default

    def put(self, key: str, value: str) -> None:
        """See Settings."""
        self._db.change(
            "INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            key,
            value,
        )
