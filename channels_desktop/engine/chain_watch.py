"""Asks the chain: new headers, where our transactions are, their proofs; and hands out what is to be broadcast."""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from channels_desktop.bitcoin.tx import Tx
from channels_desktop.engine import proofs
from channels_desktop.engine.advance import MACHINE
from channels_desktop.engine.ports import TxPlace
from channels_desktop.engine.tasks import Bell
from channels_desktop.errors import TransportError, TxRejected, WireError
from channels_desktop.protocols.invoices.deal import Closed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from channels_desktop.bitcoin.headers import HeaderChain
    from channels_desktop.bitcoin.merkle import MerkleProof
    from channels_desktop.engine.ports import Chain, Clock, Store
    from channels_desktop.engine.records import Watch
    from channels_desktop.engine.repositories import Reader
    from channels_desktop.engine.turn import Turn

log = logging.getLogger(__name__)

SECOND = 10**9
PAUSE = {"regtest": SECOND}
LONG_PAUSE = 15 * SECOND
_CLOSED = MACHINE.number_of(Closed())


class ChainWatch:
    """Polls one source of the chain."""

    def __init__(
        self,
        *,
        chain: Chain,
        clock: Clock,
        store: Store,
        headers: Callable[[], HeaderChain],
        run_turn: Callable[[Callable[[Turn], None]], Awaitable[None]],
        reachable: Callable[[bool], None],
    ) -> None:
        self._chain = chain
        self._clock = clock
        self._store = store
        self._headers = headers
        self._run_turn = run_turn
        self._reachable = reachable
        self._bell = Bell(clock)

    def ring(self) -> None:
        """Look again: there is something to hand out or to ask for."""
        self._bell.ring()

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            try:
                await self.look()
                self._reachable(True)
            except TransportError as error:
                log.info("the chain does not answer: %s", error)
                self._reachable(False)
            await self._bell.wait(self._clock.now() + PAUSE.get(self._chain.network, LONG_PAUSE))

    async def look(self) -> None:
        """Ask once: headers first, so that proofs find theirs."""
        await self._fetch_headers()
        for watch in await self._store.query(_open_watches):
            if watch.to_broadcast:
                await self._hand_out(watch)
            else:
                await self._ask(watch)

    async def _fetch_headers(self) -> None:
        while True:
            fresh = await self._chain.headers(self._headers().locator())
            if not fresh:
                return
            try:
                await self._run_turn(partial(_connect, fresh))
            except WireError as error:
                log.info("headers that are none: %s", error)
                return

    async def _hand_out(self, watch: Watch) -> None:
        try:
            await self._chain.broadcast(watch.raw)
        except TxRejected as error:
            reason = error.reason
            await self._run_turn(lambda turn: proofs.refused(turn, watch.txid, reason))
        else:
            await self._run_turn(lambda turn: proofs.broadcasted(turn, watch.txid))

    async def _ask(self, watch: Watch) -> None:
        place = await self._chain.place(watch.txid)
        if place is TxPlace.UNKNOWN:
            if watch.seen:
                await self._recover(watch)
            return
        if not watch.seen:
            await self._run_turn(lambda turn: proofs.seen(turn, watch.txid))
        if place is TxPlace.MINED:
            proof = await self._chain.proof(watch.txid)
            if proof is not None and proof.txid == watch.txid:
                await self._run_turn(partial(_found, proof))

    async def _recover(self, watch: Watch) -> None:
        """Hand out again what the node has lost; where it takes it no more, see whether its coins are spent elsewhere.

        The node's word is not enough: headers are fetched after it was heard, so that an output counts as spent only
        if the transaction that made it is in our best chain all the same.
        """
        with suppress(TxRejected):
            await self._chain.broadcast(watch.raw)
            return
        spent = [item.outpoint for item in Tx.from_bytes(watch.raw).inputs]
        gone = [outpoint for outpoint in spent if await self._chain.output(outpoint) is None]
        if gone and await self._chain.place(watch.txid) is TxPlace.UNKNOWN:
            await self._fetch_headers()
            await self._run_turn(lambda turn: proofs.conflicted(turn, watch, gone))


def _open_watches(reader: Reader) -> tuple[Watch, ...]:
    """Return what there is to do: to hand out, or to ask for where the negotiation is not over."""
    return tuple(watch for watch in reader.chain.watches() if watch.to_broadcast or _is_open(reader, watch))


def _is_open(reader: Reader, watch: Watch) -> bool:
    thread = reader.threads.get(watch.uuid) if watch.uuid else None
    return not watch.height and (thread is None or thread.state_number != _CLOSED)


def _connect(fresh: tuple[bytes, ...], turn: Turn) -> None:
    proofs.connect(turn, fresh)


def _found(proof: MerkleProof, turn: Turn) -> None:
    proofs.found(turn, proof)
