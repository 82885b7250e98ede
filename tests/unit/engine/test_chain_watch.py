"""Asks the chain: what is watched, what is over, and a chain that does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from channels_desktop.adapters.memory import ManualClock
from channels_desktop.adapters.small_chain import MemoryChain, SmallChain
from channels_desktop.bitcoin.headers import HeaderChain, grind
from channels_desktop.engine.chain_watch import BURIED, ChainWatch
from channels_desktop.engine.ports import TxPlace
from channels_desktop.engine.tasks import Tasks
from channels_desktop.engine.turn import Turn
from tests.unit.engine.desk import AT, Desk, desk
from tests.unit.protocols.samples import COINS


class Asked(MemoryChain):
    """A chain that remembers what it was asked for, and may send headers that are none."""

    def __init__(self, chain: SmallChain) -> None:
        super().__init__(chain)
        self.asked: list[bytes] = []
        self.false: tuple[bytes, ...] = ()

    async def place(self, txid: bytes) -> TxPlace:
        self.asked.append(txid)
        return await super().place(txid)

    async def headers(self, locator: Sequence[bytes]) -> tuple[bytes, ...]:
        return self.false or await super().headers(locator)


def watching(it: Desk, chain: MemoryChain, reached: Callable[[bool], None] = bool) -> ChainWatch:
    async def turn(work: Callable[[Turn], None]) -> None:
        await it.turn(work)

    return ChainWatch(
        chain=chain,
        clock=ManualClock(AT),
        store=it.store,
        headers=lambda: it.headers,
        run_turn=turn,
        reachable=reached,
    )


async def test_a_payment_is_asked_about_until_what_took_its_coins_is_buried() -> None:
    async with desk() as it:
        rival = replace(COINS, outputs=())
        await it.turn(lambda turn: [turn.tx.chain.watch(tx, b"", 0) for tx in (COINS, rival)])

        async def asked_with_rival_at(height: int) -> list[bytes]:
            def mined(turn: Turn) -> None:
                watch = turn.tx.chain.watch_of(rival.txid)
                assert watch is not None
                turn.tx.chain.save_watch(replace(watch, block=b"\x01" * 32, height=height))

            await it.turn(mined)
            chain = Asked(SmallChain())
            chain.chain.mine(BURIED)
            await watching(it, chain).look()
            return chain.asked

        assert await asked_with_rival_at(1) == [COINS.txid]
        it.headers.connect(grown(it.headers))
        assert await asked_with_rival_at(2) == [COINS.txid]
        assert await asked_with_rival_at(1) == []


def grown(headers: HeaderChain) -> tuple[bytes, ...]:
    """Return one header more."""
    return (grind(headers.tip, bytes(32), "regtest").raw,)


async def test_headers_that_are_none_are_passed_over() -> None:
    async with desk() as it:
        chain = Asked(SmallChain())
        chain.chain.mine(2)
        chain.false = (bytes(80),)
        await watching(it, chain).look()
        assert it.headers.tip.height == 0
        chain.false = ()
        await watching(it, chain).look()
        assert it.headers.tip.height == 2


async def test_a_chain_that_does_not_answer_is_asked_again() -> None:
    async with desk() as it:
        chain, reached = Asked(SmallChain()), list[bool]()
        chain.reachable = False
        changed = asyncio.Event()

        def told(now: bool) -> None:  # noqa: FBT001 - the callback's one value
            reached.append(now)
            changed.set()

        watch = watching(it, chain, told)
        tasks = Tasks(lambda *_: None)
        tasks.start("chain", watch.run())
        async with asyncio.timeout(60):
            await changed.wait()
            assert reached == [False]
            chain.reachable = True
            changed.clear()
            watch.ring()
            await changed.wait()
        await tasks.stop()
        assert reached[:2] == [False, True]
