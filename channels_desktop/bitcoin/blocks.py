"""Blocks as nodes pass them on: a header and the transactions under it."""

from __future__ import annotations

from collections.abc import Iterator

from channels_desktop.bitcoin.merkle import HEADER_SIZE
from channels_desktop.bitcoin.tx import Tx
from channels_desktop.errors import WireError
from channels_desktop.wire.varints import read_varint

_USUAL_TX = 4096  # bytes


def transactions_of(raw: bytes) -> Iterator[Tx]:
    """Yield the transactions of a raw block, the coinbase first; raise WireError where it is none."""
    count, at = read_varint(raw, HEADER_SIZE)
    for _ in range(count):
        tx = _tx_at(raw, at)
        at += tx.size
        yield tx


def _tx_at(raw: bytes, at: int) -> Tx:
    """Return the transaction that begins at `at`, without copying all that follows it for each."""
    window = _USUAL_TX
    while at + window < len(raw):
        try:
            return Tx.from_bytes(raw[at : at + window], strict=False)
        except WireError:
            window *= 16
    return Tx.from_bytes(raw[at:], strict=False)
