"""The repository of what the chain says: transactions, proofs, headers, what is watched, and the wallet's history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from channels_desktop.bitcoin.tx import Tx as Transaction
    from channels_desktop.engine.records import Watch
    from channels_desktop.engine.rows import HistoryRow


class ChainRecords(Protocol):
    """Transactions, proofs, headers, and what is watched."""

    def add_tx(self, txid: bytes, raw: bytes, at: int) -> None:
        """Keep a transaction, unless it is there already."""
        ...

    def tx(self, txid: bytes) -> bytes | None:
        """Return a transaction."""
        ...

    def add_proof(self, txid: bytes, block: bytes, raw: bytes, height: int) -> None:
        """Keep a proof, unless it is there already."""
        ...

    def hold_proof(self, txid: bytes, block: bytes, raw: bytes, most: int) -> None:
        """Keep a proof whose header is not known; of such proofs of a transaction the newest `most` are kept."""
        ...

    def proofs(self, txid: bytes) -> tuple[tuple[bytes, bytes], ...]:
        """Return the proofs of a transaction as pairs of block hash and bytes."""
        ...

    def set_height(self, txid: bytes, height: int) -> None:
        """Note the height of the block that holds a transaction; 0 for none."""
        ...

    def heights(self) -> tuple[tuple[bytes, int], ...]:
        """Return the transactions that are in a block, with its height."""
        ...

    def headers(self) -> tuple[bytes, ...]:
        """Return all raw headers in the order they were added."""
        ...

    def add_headers(self, raw: Sequence[bytes]) -> None:
        """Keep headers."""
        ...

    def watch(self, tx: Transaction, uuid: bytes, searched: int) -> None:
        """Watch a transaction, unless it is watched already; blocks up to `searched` cannot hold a rival of it."""
        ...

    def watches_of(self, uuid: bytes) -> tuple[Watch, ...]:
        """Return what is watched for a thread: its payment, under each txid known, and what spends the same."""
        ...

    def rivals(self, txid: bytes) -> tuple[Watch, ...]:
        """Return what else is watched that spends an output which a watched transaction spends."""
        ...

    def children(self, txid: bytes) -> tuple[Watch, ...]:
        """Return what is watched that spends an output of a transaction."""
        ...

    def search_from(self, height: int) -> None:
        """Forget that blocks above a height were searched for rivals: they are replaced."""
        ...

    def ask_broadcast(self, txid: bytes) -> None:
        """Mark a watched transaction as still to be handed to the network."""
        ...

    def save_watch(self, watch: Watch) -> None:
        """Save a changed watch."""
        ...

    def watches(self) -> tuple[Watch, ...]:
        """Return what is watched and not buried yet."""
        ...

    def watch_of(self, txid: bytes) -> Watch | None:
        """Return the watch on a transaction."""
        ...

    def add_history(self, row: HistoryRow, at: int) -> None:
        """Add or replace a line of the wallet's history."""
        ...

    def drop_history(self, txid: bytes) -> None:
        """Take a line out of the wallet's history: that transaction will not be."""
        ...

    def history(self) -> tuple[HistoryRow, ...]:
        """Return the wallet's history: what the network does not show yet first, then the newest first."""
        ...
