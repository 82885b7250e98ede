"""Asks the chain: new headers, where our transactions are, their proofs; and hands out what is to be broadcast."""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from channels_desktop.bitcoin.keys import hash256
from channels_desktop.bitcoin.tx import Tx
from channels_desktop.engine import proofs
from channels_desktop.engine.ports import TxPlace
from channels_desktop.engine.tasks import SECOND, Bell, each
from channels_desktop.errors import TransportError, TxRejected, WireError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from channels_desktop.bitcoin.headers import HeaderChain
    from channels_desktop.bitcoin.merkle import MerkleProof
    from channels_desktop.engine.ports import Chain, Clock, Store
    from channels_desktop.engine.records import Watch
    from channels_desktop.engine.repositories import Reader
    from channels_desktop.engine.tasks import Health
    from channels_desktop.engine.turn import Turn

log = logging.getLogger(__name__)

PAUSE = {"regtest": SECOND}
LONG_PAUSE = 15 * SECOND
BURIED = 100  # blocks after which a transaction is settled, one way or the other
MOST_ASKED = 16  # outputs that one transaction spends with which the wallet does not reckon
PAGES = 32
"""So often at most a source is asked for headers at one look; it gives up to 2000 at a time."""


class ChainWatch:
    """Polls one source of the chain."""

    def __init__(
        self,
        *,
        chain: Chain,
        clock: Clock,
        store: Store,
        headers: Callable[[], Awaitable[HeaderChain]],
        run_turn: Callable[[Callable[[Turn], None]], Awaitable[None]],
    ) -> None:
        self._chain = chain
        self._clock = clock
        self._store = store
        self._headers = headers
        self._run_turn = run_turn
        self._bell = Bell(clock)
        self._asked_at: dict[bytes, int] = {}  # txids that the wallet does not reckon with, and the height then

    def ring(self) -> None:
        """Look again: there is something to hand out or to ask for."""
        self._bell.ring()

    async def run(self, health: Health) -> None:
        """Ask for ever, at most once a second: what is learnt rings the bell, and must not make a circle."""
        while True:
            asked_at = self._clock.elapsed()
            await self.look()
            health.well()
            await self._clock.wait_until(asked_at + SECOND)
            await self._bell.wait(asked_at + PAUSE.get(self._chain.network, LONG_PAUSE))

    async def look(self) -> None:
        """Ask once: headers first, so that proofs find theirs; without them, too, for payments to hand out."""
        await each([self._fetch_headers, self._look_at_all])

    async def _look_at_all(self) -> None:
        height = (await self._headers()).tip.height
        open_now = await self._store.query(partial(_open_watches, height=height))
        await each([partial(self._look_at, watch, height) for watch in open_now])

    async def _look_at(self, watch: Watch, height: int) -> None:
        if watch.to_broadcast:
            await self._hand_out(watch)
        else:
            await self._ask(watch, height)

    async def _fetch_headers(self) -> None:
        """Ask for headers until none comes that leads on, or enough for this time have come.

        A node may follow a branch of no more work than ours, whose headers do not move our best chain: what it sent
        last is where it is asked to go on.
        """
        chain, reached = await self._headers(), b""
        for _ in range(PAGES):
            page = await self._chain.headers((*((reached,) if reached else ()), *chain.locator()))
            if not page or hash256(page[-1]) == reached:
                return
            reached = hash256(page[-1])
            if all(chain.find(hash256(header)) for header in page):
                continue
            try:
                await self._run_turn(partial(_connect, page))
            except WireError as error:
                log.info("headers that are none: %s", error)
                raise TransportError("the source of block data sent headers that are none") from None
            chain = await self._headers()

    async def _hand_out(self, watch: Watch) -> None:
        try:
            await self._chain.broadcast(watch.raw)
        except TxRejected as error:
            reason = error.reason
            await self._run_turn(lambda turn: proofs.refused(turn, watch.txid, reason))
        else:
            await self._run_turn(lambda turn: proofs.broadcasted(turn, watch.txid))

    async def _ask(self, watch: Watch, height: int) -> None:
        place = await self._chain.place(watch.txid)
        if place is TxPlace.UNKNOWN:
            await self._look_for_rivals(watch, height)
            return
        if not watch.seen:
            await self._run_turn(lambda turn: proofs.seen(turn, watch.txid))
        if place is TxPlace.MINED:
            proof = await self._chain.proof(watch.txid)
            if proof is not None and proof.txid == watch.txid:
                await self._run_turn(partial(_found, proof))

    async def _look_for_rivals(self, watch: Watch, height: int) -> None:
        """See what became of a transaction that the source does not show, and of the coins held for it.

        What it showed before and lost is handed out again, if the wallet reckons with it. Where that is not taken, or
        is not ours to hand out, something else may spend the same outputs: the payment under another txid, or another
        transaction. What the wallet does not reckon with may be invented, and spend what never was: for that the
        source is asked once a block, about a few outputs.
        """
        counts = await self._store.query(lambda reader: reader.coins.counts(watch.txid))
        if counts and watch.seen:
            with suppress(TxRejected):
                await self._chain.broadcast(watch.raw)
                return
        spent = [item.outpoint for item in Tx.from_bytes(watch.raw).inputs]
        if not counts:
            if self._asked_at.get(watch.txid) == height:
                return
            self._asked_at[watch.txid] = height
            spent = spent[:MOST_ASKED]
        gone = [outpoint for outpoint in spent if await self._chain.output(outpoint) is None]
        if not gone:
            return
        found, searched = await self._chain.spenders(gone, watch.searched)
        if found or searched > watch.searched:
            await self._run_turn(lambda turn: proofs.rivals(turn, watch, found, searched))


def _open_watches(reader: Reader, height: int) -> tuple[Watch, ...]:
    """Return what there is to do: to hand out, or to ask for, first of all for what the wallet reckons with.

    Nobody asks any more for what lost long ago.
    """
    found = [
        watch
        for watch in reader.chain.watches()
        if watch.to_broadcast or not (watch.height or _lost(reader, watch, height))
    ]
    return tuple(sorted(found, key=lambda watch: not (watch.to_broadcast or reader.coins.counts(watch.txid))))


def _lost(reader: Reader, watch: Watch, height: int) -> bool:
    """Say whether something else that spends the same is buried."""
    return any(rival.height and height - rival.height >= BURIED for rival in reader.chain.rivals(watch.txid))


def _connect(fresh: tuple[bytes, ...], turn: Turn) -> None:
    proofs.connect(turn, fresh)


def _found(proof: MerkleProof, turn: Turn) -> None:
    proofs.found(turn, proof)
