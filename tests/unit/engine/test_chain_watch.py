"""Asks the chain: what is watched, what is over, and a chain that does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels_desktop.adapters.memory import ManualClock
from channels_desktop.adapters.small_chain import MemoryChain, SmallChain
from channels_desktop.bitcoin.headers import Header, HeaderChain, grind
from channels_desktop.bitcoin.keys import hash256
from channels_desktop.bitcoin.tx import Tx, TxOutput
from channels_desktop.engine import proofs
from channels_desktop.engine.chain_watch import BURIED, PAGES, ChainWatch
from channels_desktop.engine.ports import TxPlace
from channels_desktop.engine.tasks import Tasks
from channels_desktop.engine.troubles import Obstacle, Task, TroubleRow
from channels_desktop.engine.turn import Turn
from channels_desktop.errors import TransportError
from tests.unit.engine.desk import AT, SECOND, Desk, desk
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


def watching(it: Desk, chain: MemoryChain, clock: ManualClock | None = None) -> ChainWatch:
    async def turn(work: Callable[[Turn], None]) -> None:
        await it.turn(work)

    async def headers() -> HeaderChain:
        return it.headers

    return ChainWatch(
        chain=chain,
        clock=clock or ManualClock(AT),
        store=it.store,
        headers=headers,
        run_turn=turn,
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


async def test_headers_that_are_none_are_told_and_keep_nothing_else_from_being_asked() -> None:
    async with desk() as it:
        await it.turn(lambda turn: turn.tx.chain.watch(COINS, b"", 0))
        chain = Asked(SmallChain())
        chain.chain.mine(2)
        chain.false = (bytes(80),)
        with pytest.raises(TransportError):
            await watching(it, chain).look()
        assert it.headers.tip.height == 0
        assert chain.asked == [COINS.txid]
        chain.false = ()
        await watching(it, chain).look()
        assert it.headers.tip.height == 2


async def test_a_chain_that_does_not_answer_is_asked_again() -> None:
    async with desk() as it:
        chain, clock, told = Asked(SmallChain()), ManualClock(AT), list[TroubleRow | None]()
        chain.reachable = False
        changed = asyncio.Event()

        def tell(trouble: TroubleRow | None) -> None:
            told.append(trouble)
            changed.set()

        tasks = Tasks(clock, tell)
        tasks.keep(Task.CHAIN, watching(it, chain, clock).run)
        async with asyncio.timeout(60):
            await changed.wait()
            assert told == [TroubleRow(Task.CHAIN, Obstacle.NO_ANSWER, AT)]
            chain.reachable = True
            changed.clear()
            clock.advance(SECOND)
            await changed.wait()
        await tasks.stop()
        assert told[1:] == [None]


async def test_it_looks_once_a_second_at_most_however_often_it_is_rung() -> None:
    class Counted(Asked):
        looks = 0

        async def headers(self, locator: Sequence[bytes]) -> tuple[bytes, ...]:
            self.looks += 1
            return await super().headers(locator)

    async with desk() as it:
        chain, clock = Counted(SmallChain()), ManualClock(AT)
        watch = watching(it, chain, clock)
        tasks = Tasks(clock, lambda _: None)
        tasks.keep(Task.CHAIN, watch.run)
        async with asyncio.timeout(60):
            for looks in (1, 2):
                while chain.looks < looks:
                    await it.outbox()
                for _ in range(20):
                    watch.ring()
                    await it.outbox()
                assert chain.looks == looks
                clock.advance(SECOND)
        await tasks.stop()


async def test_a_transaction_our_code_fails_on_stops_no_other() -> None:
    class Failing(Asked):
        async def place(self, txid: bytes) -> TxPlace:
            await super().place(txid)
            if len(self.asked) == 1:
                raise RuntimeError("a mistake of ours")
            return TxPlace.UNKNOWN

    async with desk() as it:
        txs = [Tx(1, (), (TxOutput(number, b"\x51"),)) for number in (1, 2, 3)]
        await it.turn(lambda turn: [turn.tx.chain.watch(tx, b"", 0) for tx in txs])
        chain = Failing(SmallChain())
        with pytest.raises(RuntimeError):
            await watching(it, chain).look()
        assert chain.asked == [tx.txid for tx in txs]


# -- headers: no answer of a source makes it be asked without end -----------------------------------------------------


def _branch(length: int, mark: int) -> tuple[bytes, ...]:
    """Return the headers of a branch that grows from the first block."""
    tip, found = HeaderChain("regtest").tip, []
    for number in range(length):
        tip = grind(tip, bytes([mark]) + number.to_bytes(31, "big"), "regtest")
        found.append(tip.raw)
    return tuple(found)


OURS, OTHER = _branch(40, 1), _branch(60, 2)
NOWHERE = tuple(grind(Header(9, bytes([number]) * 32, OURS[0]), bytes(32), "regtest").raw for number in range(3))


def _page(branch: tuple[bytes, ...]) -> st.SearchStrategy[tuple[bytes, ...]]:
    ends = st.tuples(st.integers(0, len(branch)), st.integers(0, 50))
    return ends.map(lambda ends: branch[ends[0] : sum(ends)])


ANSWERS = st.one_of(
    st.just(()),
    st.just((bytes(80),)),
    st.just((b"short",)),
    st.just(NOWHERE),
    st.just(OURS),
    st.just(OTHER),
    _page(OURS),
    _page(OTHER),
    st.tuples(_page(OURS), _page(OTHER)).map(lambda pages: pages[0] + pages[1]),
)


class Source(MemoryChain):
    """A source that answers with `answers` in turn, for ever; after them with `endless` new blocks a page."""

    def __init__(self, answers: Sequence[tuple[bytes, ...]], endless: int) -> None:
        super().__init__(SmallChain())
        self.answers, self.endless, self.calls = answers, endless, 0
        self.tip = HeaderChain("regtest").tip

    async def headers(self, locator: Sequence[bytes]) -> tuple[bytes, ...]:
        self.calls += 1
        if self.endless:
            page = []
            for _ in range(self.endless):
                self.tip = grind(self.tip, self.calls.to_bytes(32, "big"), "regtest")
                page.append(self.tip.raw)
            return tuple(page)
        return self.answers[self.calls % len(self.answers)]


@settings(max_examples=60)
@given(st.lists(ANSWERS, min_size=1, max_size=5), st.sampled_from([0, 0, 0, 7]))
async def test_whatever_a_source_answers_it_is_asked_a_bounded_number_of_times(
    answers: list[tuple[bytes, ...]], endless: int
) -> None:
    async with desk() as it:
        source = Source(answers, endless)
        watch = watching(it, source)
        for look in (1, 2, 3):
            with suppress(TransportError):
                await watch.look()
            assert source.calls <= look * PAGES
        if endless:
            assert it.headers.tip == source.tip
        stored = await it.store.query(lambda reader: reader.chain.headers())
        assert HeaderChain.load("regtest", ((0, b"", raw) for raw in stored)).tip == it.headers.tip
        assert len(stored) == len(set(stored))


@pytest.mark.parametrize("page", [OURS, OTHER[:20], NOWHERE, (bytes(80),)], ids=["new", "side", "nowhere", "none"])
async def test_the_same_headers_for_ever_are_asked_for_twice_at_most(page: tuple[bytes, ...]) -> None:
    async with desk() as it:
        await it.turn(lambda turn: proofs.connect(turn, OURS[:30]))
        source = Source([page], 0)
        watch = watching(it, source)
        for look in (1, 2, 3):
            with suppress(TransportError):
                await watch.look()
            assert source.calls <= 2 * look


@pytest.mark.parametrize("pages", [2, PAGES + 3])
async def test_two_thousand_headers_at_a_time_for_ever_are_taken_in_pieces(pages: int) -> None:
    class Deep(Asked):
        calls = 0

        async def headers(self, locator: Sequence[bytes]) -> tuple[bytes, ...]:
            self.calls += 1
            return (await super().headers(locator))[:3]

    async with desk() as it:
        chain = Deep(SmallChain())
        chain.chain.mine(3 * pages)
        watch = watching(it, chain)
        await watch.look()
        assert it.headers.tip.height == 3 * min(pages, PAGES)
        assert chain.calls == min(pages + 1, PAGES)
        await watch.look()
        assert it.headers.tip.height == 3 * pages


async def test_a_branch_of_equal_work_is_heard_out_and_a_longer_one_wins() -> None:
    """Their branch is longer than a page, and its first page has less work than ours."""

    class Theirs(MemoryChain):
        calls, end = 0, 40

        async def headers(self, locator: Sequence[bytes]) -> tuple[bytes, ...]:
            self.calls += 1
            known = {hash256(raw): place for place, raw in enumerate(OTHER[: self.end], 1)}
            start = next((known[block] for block in locator if block in known), 0)
            return OTHER[start : min(self.end, start + 10)]

    async with desk() as it:
        await it.turn(lambda turn: proofs.connect(turn, OURS))
        chain = Theirs(SmallChain())
        watch = watching(it, chain)
        await watch.look()
        assert (it.headers.tip.raw, chain.calls) == (OURS[-1], 5)
        await watch.look()
        assert chain.calls == 10
        chain.end = 60
        await watch.look()
        assert it.headers.tip.raw == OTHER[-1]
