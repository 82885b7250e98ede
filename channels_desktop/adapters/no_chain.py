"""The Chain port where no source of the block chain is set: people can write, and payments wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from channels_desktop.errors import TransportError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from channels_desktop.bitcoin.merkle import MerkleProof
    from channels_desktop.bitcoin.tx import Outpoint, Tx, TxOutput
    from channels_desktop.engine.ports import TxPlace


class NoChain:
    """Answers every question with TransportError."""

    def __init__(self, network: str) -> None:
        self.network = network

    async def broadcast(self, raw: bytes) -> None:
        """Raise TransportError."""
        del raw
        _nothing()

    async def place(self, txid: bytes) -> TxPlace:
        """Raise TransportError."""
        del txid
        _nothing()

    async def proof(self, txid: bytes) -> MerkleProof | None:
        """Raise TransportError."""
        del txid
        _nothing()

    async def headers(self, locator: Sequence[bytes]) -> tuple[bytes, ...]:
        """Raise TransportError."""
        del locator
        _nothing()

    async def output(self, outpoint: Outpoint) -> TxOutput | None:
        """Raise TransportError."""
        del outpoint
        _nothing()

    async def spenders(self, outpoints: Sequence[Outpoint], after: int) -> tuple[tuple[Tx, ...], int]:
        """Raise TransportError."""
        del outpoints, after
        _nothing()

    async def close(self) -> None:
        """Do nothing."""


def _nothing() -> NoReturn:
    raise TransportError("no block chain is connected")
