"""Transactions, proofs, headers, what is watched, and the wallet's history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from channels_desktop.adapters.repositories.statements import Row, Statements
from channels_desktop.bitcoin.tx import txid_bytes, txid_text
from channels_desktop.engine.records import Watch
from channels_desktop.engine.rows import HistoryRow

_WATCH = "SELECT txid, uuid, raw, to_broadcast, attempts, next_at, seen, block, height FROM watch "


class SqlChainRecords:
    """The ChainRecords repository."""

    def __init__(self, statements: Statements) -> None:
        self._db = statements

    def add_tx(self, txid: bytes, raw: bytes, at: int) -> None:
        """See ChainRecords."""
        self._db.change("INSERT INTO tx (txid, raw, at) VALUES (?, ?, ?) ON CONFLICT (txid) DO NOTHING", txid, raw, at)

    def tx(self, txid: bytes) -> bytes | None:
        """See ChainRecords."""
        row = self._db.row("SELECT raw FROM tx WHERE txid = ?", txid)
        return bytes(row[0]) if row else None

    def add_proof(self, txid: bytes, block: bytes, raw: bytes, height: int) -> None:
        """See ChainRecords; a transaction has one proof for each block."""
        self._db.change(
            "INSERT INTO proof (txid, block, raw, height) VALUES (?, ?, ?, ?) ON CONFLICT (txid, block) DO NOTHING",
            txid,
            block,
            raw,
            height,
        )

    def proofs(self, txid: bytes) -> tuple[tuple[bytes, bytes], ...]:
        """See ChainRecords; in the order they were added."""
        rows = self._db.rows("SELECT block, raw FROM proof WHERE txid = ? ORDER BY rowid", txid)
        return tuple((block, raw) for block, raw in rows)

    def set_height(self, txid: bytes, height: int) -> None:
        """See ChainRecords; raises Misuse for a transaction that is not kept."""
        self._db.change_one(f"transaction {txid_text(txid)}", "UPDATE tx SET height = ? WHERE txid = ?", height, txid)

    def heights(self) -> tuple[tuple[bytes, int], ...]:
        """See ChainRecords; lowest first."""
        rows = self._db.rows("SELECT txid, height FROM tx WHERE height > 0 ORDER BY height, rowid")
        return tuple((txid, height) for txid, height in rows)

    def headers(self) -> tuple[bytes, ...]:
        """See ChainRecords."""
        return tuple(raw for (raw,) in self._db.rows("SELECT raw FROM header ORDER BY position"))

    def add_headers(self, raw: Sequence[bytes]) -> None:
        """See ChainRecords."""
        self._db.many("INSERT INTO header (raw) VALUES (?)", ((header,) for header in raw))

    def watch(self, txid: bytes, uuid: bytes, raw: bytes) -> None:
        """See ChainRecords."""
        self._db.change(
            "INSERT INTO watch (txid, uuid, raw) VALUES (?, ?, ?) ON CONFLICT (txid) DO NOTHING", txid, uuid, raw
        )

    def ask_broadcast(self, txid: bytes) -> None:
        """See ChainRecords; it is due at once. Raises Misuse where it is not watched."""
        self._db.change_one(
            f"the watch on {txid_text(txid)}",
            "UPDATE watch SET to_broadcast = 1, attempts = 0, next_at = 0 WHERE txid = ?",
            txid,
        )

    def save_watch(self, watch: Watch) -> None:
        """See ChainRecords; raises Misuse where it is not watched.

        Change what was read in the same transaction: a watch has no version that would tell an older one apart.
        """
        self._db.change_one(
            f"the watch on {txid_text(watch.txid)}",
            """UPDATE watch SET uuid = ?, raw = ?, to_broadcast = ?, attempts = ?, next_at = ?, seen = ?, block = ?,
            height = ? WHERE txid = ?""",
            watch.uuid,
            watch.raw,
            watch.to_broadcast,
            watch.attempts,
            watch.next_at,
            watch.seen,
            watch.block,
            watch.height,
            watch.txid,
        )

    def watches(self) -> tuple[Watch, ...]:
        """See ChainRecords; in the order they were added."""
        return tuple(map(_watch, self._db.rows(_WATCH + "ORDER BY rowid")))

    def watch_of(self, txid: bytes) -> Watch | None:
        """See ChainRecords."""
        row = self._db.row(_WATCH + "WHERE txid = ?", txid)
        return _watch(row) if row else None

    def add_history(self, row: HistoryRow, at: int) -> None:
        """See ChainRecords; `at` is the time it is shown with. Its height is always that of its transaction."""
        self._db.change(
            """INSERT INTO history (txid, at, name, what, satoshis, fee, relationship, entry)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (txid) DO UPDATE SET at = excluded.at, name = excluded.name,
            what = excluded.what, satoshis = excluded.satoshis, fee = excluded.fee,
            relationship = excluded.relationship, entry = excluded.entry""",
            txid_bytes(row.txid),
            at,
            row.name,
            row.what,
            row.satoshis,
            row.fee,
            row.relationship,
            row.entry,
        )

    def history(self) -> tuple[HistoryRow, ...]:
        """See ChainRecords."""
        rows = self._db.rows(
            """SELECT txid, history.at, name, what, satoshis, fee, coalesce(height, 0), relationship, entry
            FROM history LEFT JOIN tx USING (txid) ORDER BY history.at DESC, history.rowid DESC"""
        )
        return tuple(HistoryRow(txid_text(txid), *rest) for txid, *rest in rows)


def _watch(row: Row) -> Watch:
    watch = Watch(*row)
    return replace(watch, to_broadcast=bool(watch.to_broadcast), seen=bool(watch.seen))
