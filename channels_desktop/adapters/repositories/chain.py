"""Transactions, proofs, headers, what is watched, and the wallet's history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from channels_desktop.adapters.repositories.statements import Row, Statements
from channels_desktop.bitcoin.tx import Tx, txid_bytes, txid_text
from channels_desktop.engine.records import Watch
from channels_desktop.engine.rows import HistoryRow

_DISTANT = -1  # the height of a proof whose header is not known
_WATCH = "SELECT txid, uuid, raw, to_broadcast, attempts, next_at, seen, block, height, searched FROM watch "


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
        """See ChainRecords; a transaction has one proof for each block, and one that was held becomes that."""
        self._db.change(
            """INSERT INTO proof (txid, block, raw, height) VALUES (?, ?, ?, ?) ON CONFLICT (txid, block)
            DO UPDATE SET raw = excluded.raw, height = excluded.height WHERE height < 0""",
            txid,
            block,
            raw,
            height,
        )

    def hold_proof(self, txid: bytes, block: bytes, raw: bytes, most: int) -> None:
        """See ChainRecords."""
        self.add_proof(txid, block, raw, _DISTANT)
        self._db.change(
            """DELETE FROM proof WHERE txid = ? AND height = ? AND rowid NOT IN (
                SELECT rowid FROM proof WHERE txid = ? AND height = ? ORDER BY rowid DESC LIMIT ?)""",
            txid,
            _DISTANT,
            txid,
            _DISTANT,
            most,
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

    def watch(self, tx: Tx, uuid: bytes, searched: int) -> None:
        """See ChainRecords."""
        added = self._db.change(
            "INSERT INTO watch (txid, uuid, raw, searched) VALUES (?, ?, ?, ?) ON CONFLICT (txid) DO NOTHING",
            tx.txid,
            uuid,
            tx.to_bytes(),
            searched,
        )
        if added:
            spent = {bytes(item.outpoint) for item in tx.inputs}
            self._db.many("INSERT INTO spend (outpoint, txid) VALUES (?, ?)", ((each, tx.txid) for each in spent))

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
            height = ?, searched = ? WHERE txid = ?""",
            watch.uuid,
            watch.raw,
            watch.to_broadcast,
            watch.attempts,
            watch.next_at,
            watch.seen,
            watch.block,
            watch.height,
            watch.searched,
            watch.txid,
        )

    def watches(self) -> tuple[Watch, ...]:
        """See ChainRecords; in the order they were added."""
        return tuple(map(_watch, self._db.rows(_WATCH + "ORDER BY rowid")))

    def watch_of(self, txid: bytes) -> Watch | None:
        """See ChainRecords."""
        row = self._db.row(_WATCH + "WHERE txid = ?", txid)
        return _watch(row) if row else None

    def watches_of(self, uuid: bytes) -> tuple[Watch, ...]:
        """See ChainRecords; in the order they were added."""
        return tuple(map(_watch, self._db.rows(_WATCH + "WHERE uuid = ? ORDER BY rowid", uuid)))

    def rivals(self, txid: bytes) -> tuple[Watch, ...]:
        """See ChainRecords; in the order they were added."""
        sql = """WHERE txid <> ?1 AND txid IN (
            SELECT other.txid FROM spend JOIN spend AS other USING (outpoint) WHERE spend.txid = ?1) ORDER BY rowid"""
        return tuple(map(_watch, self._db.rows(_WATCH + sql, txid)))

    def children(self, txid: bytes) -> tuple[Watch, ...]:
        """See ChainRecords; in the order they were added."""
        sql = "WHERE txid IN (SELECT txid FROM spend WHERE outpoint BETWEEN ? AND ?) ORDER BY rowid"
        return tuple(map(_watch, self._db.rows(_WATCH + sql, txid + bytes(4), txid + b"\xff" * 4)))

    def search_from(self, height: int) -> None:
        """See ChainRecords."""
        self._db.change("UPDATE watch SET searched = ?1 WHERE searched > ?1", height)

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

    def drop_history(self, txid: bytes) -> None:
        """See ChainRecords; does nothing where there is none."""
        self._db.change("DELETE FROM history WHERE txid = ?", txid)

    def history(self) -> tuple[HistoryRow, ...]:
        """See ChainRecords."""
        rows = self._db.rows(
            """SELECT txid, history.at, name, what, satoshis, fee, coalesce(tx.height, 0), relationship, entry,
            coalesce(seen, 1) FROM history LEFT JOIN tx USING (txid) LEFT JOIN watch USING (txid)
            ORDER BY coalesce(seen, 1) OR coalesce(tx.height, 0) > 0, history.at DESC, history.rowid DESC"""
        )
        return tuple(replace(HistoryRow(txid_text(txid), *rest), seen=bool(seen)) for txid, *rest, seen in rows)


def _watch(row: Row) -> Watch:
    watch = Watch(*row)
    return replace(watch, to_broadcast=bool(watch.to_broadcast), seen=bool(watch.seen))
