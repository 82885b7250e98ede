"""The wallet's outputs and keys.

A coin is pending until the network has the transaction that makes it, then safe. A safe coin is free, then held for a
signed payment (`reserved_by` and `spent_by`), then spent (`spent_by` alone).
"""

from __future__ import annotations

from channels_desktop.adapters.repositories.statements import Row, Statements
from channels_desktop.bitcoin.tx import Outpoint
from channels_desktop.engine.records import OwnCoin

_COIN = """SELECT outpoint, satoshis, locking_script, context, key_index, state, coin.at, reserved_by, spent_by,
    coalesce(height, 0) AS height FROM coin LEFT JOIN tx USING (txid) """
_SUMS = """
    SELECT coalesce(sum(satoshis), 0), coalesce(sum(satoshis) FILTER (WHERE coalesce(height, 0) = 0), 0)
    FROM coin LEFT JOIN tx USING (txid) WHERE state = 'safe' AND reserved_by = x'' AND spent_by = x''"""
_HELD = "SELECT coalesce(sum(satoshis), 0) FROM coin WHERE reserved_by <> x''"
_CHANGE_TO_COME = """SELECT coalesce(sum(satoshis), 0) FROM coin WHERE state = 'pending'
    AND txid IN (SELECT spent_by FROM coin WHERE reserved_by <> x'')"""


class SqlCoins:
    """The Coins repository."""

    def __init__(self, statements: Statements) -> None:
        self._db = statements

    def next_index(self, context: bytes) -> int:
        """See Coins; counts from 0."""
        return self._db.number(
            """INSERT INTO key_counter (context, next) VALUES (?, 1)
            ON CONFLICT (context) DO UPDATE SET next = next + 1 RETURNING next - 1""",
            context,
        )

    def add_script(self, locking_script: bytes, context: bytes, index: int) -> None:
        """See Coins; does nothing for one that is known."""
        self._db.change(
            """INSERT INTO own_script (locking_script, context, key_index) VALUES (?, ?, ?)
            ON CONFLICT (locking_script) DO NOTHING""",
            locking_script,
            context,
            index,
        )

    def owner_of(self, locking_script: bytes) -> tuple[bytes, int] | None:
        """See Coins."""
        row = self._db.row("SELECT context, key_index FROM own_script WHERE locking_script = ?", locking_script)
        return (row[0], row[1]) if row else None

    def add(self, coin: OwnCoin) -> None:
        """See Coins; its height is that of its transaction, whatever `coin` says."""
        self._db.change(
            """INSERT INTO coin (outpoint, satoshis, locking_script, context, key_index, state, at, reserved_by,
            spent_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (outpoint) DO NOTHING""",
            bytes(coin.outpoint),
            coin.satoshis,
            coin.locking_script,
            coin.context,
            coin.key_index,
            coin.state,
            coin.at,
            coin.reserved_by,
            coin.spent_by,
        )

    def get(self, outpoint: Outpoint) -> OwnCoin | None:
        """See Coins."""
        row = self._db.row(_COIN + "WHERE outpoint = ?", bytes(outpoint))
        return _coin(row) if row else None

    def spendable(self) -> tuple[OwnCoin, ...]:
        """See Coins; those in no block come last, in the order they were added."""
        rows = self._db.rows(
            _COIN
            + """WHERE state = 'safe' AND reserved_by = x'' AND spent_by = x''
            ORDER BY coalesce(height, 0) = 0, height, coin.at, coin.rowid"""
        )
        return tuple(map(_coin, rows))

    def commit(self, outpoint: Outpoint, thread: bytes, txid: bytes) -> None:
        """See Coins."""
        self._db.change_one(
            f"coin {outpoint}",
            """UPDATE coin SET reserved_by = ?, spent_by = ?
            WHERE outpoint = ? AND state = 'safe' AND reserved_by = x'' AND spent_by = x''""",
            thread,
            txid,
            bytes(outpoint),
        )

    def settle(self, txid: bytes) -> None:
        """See Coins; again does nothing."""
        self._db.change("UPDATE coin SET reserved_by = x'' WHERE spent_by = ?", txid)
        self._db.change("UPDATE coin SET state = 'safe' WHERE txid = ?", txid)

    def cancel(self, txid: bytes) -> None:
        """See Coins; again does nothing."""
        self._db.change("UPDATE coin SET state = 'cancelled' WHERE txid = ?", txid)

    def expect(self, txid: bytes) -> None:
        """See Coins; again does nothing."""
        self._db.change(
            "UPDATE coin SET state = 'pending' WHERE txid = ? AND (state = 'cancelled' OR spent_by = x'')", txid
        )

    def counts(self, txid: bytes) -> bool:
        """See Coins."""
        sql = """SELECT EXISTS (SELECT 1 FROM coin WHERE spent_by = ?1)
            OR EXISTS (SELECT 1 FROM coin WHERE txid = ?1 AND state <> 'cancelled')"""
        return bool(self._db.number(sql, txid))

    def spent_in(self, txid: bytes) -> tuple[OwnCoin, ...]:
        """See Coins; in the order they were added."""
        return tuple(map(_coin, self._db.rows(_COIN + "WHERE spent_by = ? ORDER BY coin.rowid", txid)))

    def move(self, outpoint: Outpoint, spender: bytes, to: bytes, thread: bytes = b"") -> None:
        """See Coins."""
        self._db.change_one(
            f"coin {outpoint}",
            "UPDATE coin SET reserved_by = ?, spent_by = ? WHERE outpoint = ? AND spent_by = ?",
            thread,
            to,
            bytes(outpoint),
            spender,
        )

    def note_paid(self, locking_script: bytes, thread: bytes) -> None:
        """See Coins; again it is the newest thread that counts."""
        self._db.change(
            """INSERT INTO paid_script (locking_script, uuid) VALUES (?, ?)
            ON CONFLICT (locking_script) DO UPDATE SET uuid = excluded.uuid""",
            locking_script,
            thread,
        )

    def paid_in(self, locking_script: bytes) -> bytes | None:
        """See Coins."""
        row = self._db.row("SELECT uuid FROM paid_script WHERE locking_script = ?", locking_script)
        return bytes(row[0]) if row else None

    def sums(self) -> tuple[int, int, int, int]:
        """See Coins."""
        ((free, unconfirmed),) = self._db.rows(_SUMS)
        return free, self._db.number(_HELD), self._db.number(_CHANGE_TO_COME), unconfirmed


def _coin(row: Row) -> OwnCoin:
    outpoint, *rest = row
    return OwnCoin(Outpoint.from_bytes(outpoint), *rest)
