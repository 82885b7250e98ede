"""Every task of the engine under every failure of its ports: it is told, it passes, and nothing is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from channels_desktop.adapters.memory_channels import MemoryHost
from channels_desktop.adapters.small_chain import MemoryChain, SmallChain
from channels_desktop.bitcoin.merkle import MerkleProof
from channels_desktop.bitcoin.tx import Outpoint, TxOutput
from channels_desktop.engine import commands as ask
from channels_desktop.engine.events import EngineFailed, Event, StatusChanged
from channels_desktop.engine.mailroom import READY
from channels_desktop.engine.ports import Account, Delivery, Listening, Mailbox, MailboxAddress, TxPlace
from channels_desktop.engine.rows import Link, PaymentState, StatusRow
from channels_desktop.engine.troubles import Obstacle, Task, obstacle_of
from channels_desktop.errors import StoreError, TransportError, WalletLocked
from channels_desktop.protocols.invoices.payee import GRACE
from channels_desktop.ui import words
from tests.faults.mortals import SECOND, Life, Mortal, MortalChannels, MortalStore, Opened, Pair, mortals

T = TypeVar("T")

VALID_FOR = 600 * SECOND


@dataclass
class Weather:
    """What fails: all that one task asks of the world, as long as there is a `failure`."""

    task: Task | None = None
    failure: Exception | None = None
    only: str = ""
    strikes: int = 0

    def strike(self, what: str = "") -> None:
        """Fail where the task under test is the one that asks."""
        asking = asyncio.current_task()
        asked_by = asking.get_name() if asking is not None else ""
        if (
            self.failure is not None
            and self.task is not None
            and asked_by == self.task.value
            and self.only in ("", what)
        ):
            self.strikes += 1
            raise self.failure


class FrailStore(MortalStore):
    """A store in bad weather."""

    weather: Weather

    async def transact(self, work: Callable[[Any], T]) -> T:
        self.weather.strike()
        return await super().transact(work)

    async def query(self, work: Callable[[Any], T]) -> T:
        self.weather.strike("query")
        return await super().query(work)


class FrailChannels(MortalChannels):
    """Peer channels in bad weather, at a host that may lie: `falsify` may change what it makes and delivers."""

    def __init__(self, host: MemoryHost, life: Life, posts: list[tuple[str, bytes]]) -> None:
        super().__init__(host, life, posts)
        self.weather = Weather()
        self.false_mailboxes: list[Mailbox] = []
        self.false_mail: list[Delivery] = []
        self.marked: list[int] = []

    async def create_mailbox(self, account: Account, *, public: bool = False) -> Mailbox:
        self.weather.strike()
        if self.false_mailboxes:
            return self.false_mailboxes.pop(0)
        return await super().create_mailbox(account, public=public)

    async def delete_mailbox(self, account: Account, channel_id: str) -> None:
        self.weather.strike()
        await super().delete_mailbox(account, channel_id)

    async def post(self, to: MailboxAddress, payload: bytes) -> None:
        self.weather.strike()
        await super().post(to, payload)

    async def mark_read(self, account: Account, channel_id: str, sequence: int) -> None:
        self.weather.strike()
        self.marked.append(sequence)
        await super().mark_read(account, channel_id, sequence)

    async def listen(self, account: Account) -> AsyncGenerator[Listening | Delivery, None]:
        self.weather.strike()
        line = super().listen(account)
        try:
            async for item in line:
                self.weather.strike()
                yield item
                while self.false_mail:
                    yield self.false_mail.pop(0)
        finally:
            await line.aclose()


class FrailChain(MemoryChain):
    """A source of the chain in bad weather, which may lie about headers."""

    def __init__(self, chain: SmallChain, weather: Weather) -> None:
        super().__init__(chain)
        self.weather = weather
        self.false_headers: list[tuple[bytes, ...]] = []

    async def broadcast(self, raw: bytes) -> None:
        self.weather.strike()
        await super().broadcast(raw)

    async def place(self, txid: bytes) -> TxPlace:
        self.weather.strike()
        return await super().place(txid)

    async def proof(self, txid: bytes) -> MerkleProof | None:
        self.weather.strike()
        return await super().proof(txid)

    async def headers(self, locator: Sequence[bytes]) -> tuple[bytes, ...]:
        self.weather.strike()
        return self.false_headers.pop(0) if self.false_headers else await super().headers(locator)

    async def output(self, outpoint: Outpoint) -> TxOutput | None:
        self.weather.strike()
        return await super().output(outpoint)


@dataclass
class Frail(Mortal):
    """Somebody in bad weather who keeps what the engine told."""

    weather: Weather = field(default_factory=Weather)
    told: list[Event] = field(default_factory=list)

    async def open(self) -> None:
        await super().open()
        self.store = FrailStore(self.store.store, self.life)
        self.store.weather = self.channels.weather = self.weather
        self.source = FrailChain(self.chain, self.weather)

    def hear(self, events: tuple[Event, ...]) -> None:
        super().hear(events)
        self.told += events

    def statuses(self) -> list[StatusRow]:
        """Return what the status line was told."""
        return [event.row for event in self.told if isinstance(event, StatusChanged)]


FAILURES = [
    StoreError("the disk is full"),
    WalletLocked(),
    TransportError("no answer"),
    RuntimeError("a mistake of ours"),
    UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
]


async def work_for_all(pair: Pair) -> None:
    """Give every task of Alice's something to do."""
    alice, bob = pair.alice, pair.bob
    alice.channels.go_offline()  # the line breaks, and has to be opened again

    async def broken() -> bool:
        return (await alice.engine.status()).link is Link.WAITING

    await pair.until(broken)
    alice.channels.come_back()
    await alice.engine.submit(ask.CreateInvite())  # takes a mailbox out of the stock
    await alice.engine.submit(ask.SendText(alice.relationship, "from Alice"))
    await alice.engine.submit(ask.RequestPayment(alice.relationship, "lunch", 1000, valid_for=VALID_FOR))
    await bob.do(ask.SendText(bob.relationship, "from Bob"))
    await pair.faucet.mine(1)


async def all_is_done(pair: Pair) -> None:
    """Wait until the work is done, and see that nothing is missing."""
    alice, bob = pair.alice, pair.bob
    await pair.settle_texts()
    pair.clock.advance(VALID_FOR + GRACE)

    async def look() -> bool:
        row = await alice.engine.status()
        lunch = [payment for payment in [await alice.payment("lunch"), await bob.payment("lunch")] if payment]
        boxes = await alice.store.store.query(lambda reader: reader.mailboxes.of(alice.relationship))
        unread = [await alice.channels.unread(alice.account, box.channel_id, 9) for box in boxes]
        return (
            (row.link, row.troubles) == (Link.LISTENING, ())
            and row.block_height == pair.chain.height
            and [payment.state for payment in lunch] == [PaymentState.EXPIRED] * 2
            and not any(unread)
            and await alice.store.store.query(lambda reader: reader.mailboxes.spares()) == READY
        )

    await pair.until(look)
    assert words.status(await alice.engine.status())[0].startswith("● Listening")
    for who, other in ((alice, "from Bob"), (bob, "from Alice")):
        assert [text.text for text in await who.texts(mine=False)] == [other]
        assert await who.sql("SELECT outcome FROM delivery WHERE outcome IN ('', 'failed')") == []
    await pair.check_numbers()


def tells(row: StatusRow, task: Task, cause: Obstacle) -> bool:
    """Return whether a status says that a task fails, in the row and in words."""
    shown = words.status(row)
    if (task, cause) == (Task.LISTEN, Obstacle.NO_ANSWER):
        return row.link is Link.WAITING and shown[0].startswith("◔ Reconnecting")
    if [(trouble.task, trouble.obstacle) for trouble in row.troubles] != [(task, cause)]:
        return False
    if (task, cause) == (Task.CHAIN, Obstacle.NO_ANSWER):
        return "▲ No block data" in shown
    assert not shown[0].startswith("● Listening")
    return shown[0].startswith("▲") or row.link is not Link.LISTENING


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
@pytest.mark.parametrize("task", Task, ids=lambda task: task.value)
async def test_a_task_whose_ports_fail_says_so_and_goes_on_later(
    tmp_path: Path, task: Task, failure: Exception, warnings_logged: list[logging.LogRecord]
) -> None:
    async with mortals(tmp_path, FrailChannels, Frail) as pair:
        alice, cause = pair.alice, obstacle_of(failure)
        alice.weather.task, alice.weather.failure = task, failure
        began = len(alice.told)
        await work_for_all(pair)

        async def told() -> bool:
            if (task, cause) == (Task.STATUS, Obstacle.STORE):
                return alice.weather.strikes > 0  # it tells what it knew last
            if alice.weather.strikes < 3:
                return False
            if task is Task.STATUS:  # it cannot tell anybody, so it is asked
                return tells(await alice.engine.status(), task, cause)
            return any(tells(row, task, cause) for row in alice.statuses())

        await pair.until(told)
        if (task, cause) == (Task.STATUS, Obstacle.STORE):
            assert Task.STATUS not in {one.task for one in (await alice.engine.status()).troubles}
        alice.weather.failure = None
        await all_is_done(pair)
        failed = [event for event in alice.told[began:] if isinstance(event, EngineFailed)]
        assert failed == [EngineFailed(task)] * (cause is Obstacle.BUG)
    logged = {record.getMessage() for record in warnings_logged}
    assert logged == ({f"background task {task.value} failed"} if cause is Obstacle.BUG else set())
    warnings_logged.clear()


async def test_on_a_full_disk_nothing_is_lost(tmp_path: Path) -> None:
    async with mortals(tmp_path, FrailChannels, Frail) as pair:
        alice, bob = pair.alice, pair.bob
        long = ["x" * 60_000 + str(number) for number in range(5)]

        def room(reader: Opened, pages: int) -> None:
            reader.connection.execute(f"PRAGMA max_page_count = {pages}")  # never less than there are

        await alice.store.transact(lambda tx: room(tx, 1))
        for text in long:
            await bob.do(ask.SendText(bob.relationship, text))

        async def told() -> bool:
            row = await alice.engine.status()
            return Obstacle.STORE in [trouble.obstacle for trouble in row.troubles]

        await pair.until(told)
        assert words.status(await alice.engine.status())[0] == "▲ Can't read or write your data"
        with pytest.raises(StoreError):
            await alice.engine.submit(ask.SendText(alice.relationship, long[0]))
        await alice.store.transact(lambda tx: room(tx, 1 << 30))
        await pair.settle_texts()
        await pair.check_texts()
        assert [row.text for row in await alice.texts(mine=False)] == long
        assert not alice.failed

        async def well() -> bool:
            return (await alice.engine.status()).troubles == ()

        await pair.until(well)


async def test_headers_that_could_not_be_stored_are_not_taken_for_stored(tmp_path: Path) -> None:
    async with mortals(tmp_path, FrailChannels, Frail) as pair:
        alice = pair.alice
        await alice.store.transact(lambda tx: tx.connection.execute("PRAGMA max_page_count = 1"))
        # After the disk refused them they cannot be read anew at once either.
        alice.weather.task, alice.weather.failure, alice.weather.only = Task.CHAIN, StoreError("away"), "query"
        pair.chain.mine(500)

        async def told() -> bool:
            row = await alice.engine.status()
            return (Task.CHAIN, Obstacle.STORE) in [(trouble.task, trouble.obstacle) for trouble in row.troubles]

        await pair.until(told)
        alice.weather.failure = None
        await alice.store.transact(lambda tx: tx.connection.execute(f"PRAGMA max_page_count = {1 << 30}"))

        async def caught_up() -> bool:
            row = await alice.engine.status()
            return (row.block_height, row.troubles) == (pair.chain.height, ())

        await pair.until(caught_up)
        assert await alice.sql("SELECT count(*), count(DISTINCT raw) FROM header") == [(pair.chain.height,) * 2]
        await alice.rise()
        assert await caught_up()


async def test_who_fails_on_what_it_is_told_makes_nothing_fail(
    tmp_path: Path, warnings_logged: list[logging.LogRecord]
) -> None:
    def fail(events: tuple[Event, ...]) -> None:
        raise RuntimeError("a mistake of a view")

    async with mortals(tmp_path, FrailChannels, Frail) as pair:
        pair.alice.engine.subscribe(fail)
        await work_for_all(pair)
        await all_is_done(pair)
        assert not pair.alice.failed
    assert {record.getMessage() for record in warnings_logged} == {"a listener failed on what it was told"}
    warnings_logged.clear()


def lying(channel_id: str, **more: Any) -> Delivery:
    return replace(Delivery("memory://host", channel_id, 10**6, 1, "application/octet-stream", b"junk"), **more)


LIES: dict[str, Callable[[Frail, Mailbox], None]] = {
    "half a character names a mailbox": lambda who, _: who.channels.false_mailboxes.append(
        Mailbox("memory://host", "\ud800", "r", "w")
    ),
    "half a character is a token": lambda who, _: who.channels.false_mailboxes.append(
        Mailbox("memory://host", "fine", "r", "\udcff")
    ),
    "one mailbox twice": lambda who, box: who.channels.false_mailboxes.extend([box, box]),
    "mail for half a character": lambda who, _: who.channels.false_mail.append(lying("\ud800")),
    "mail for nobody": lambda who, _: who.channels.false_mail.append(lying("nobody")),
    "a number of 70 bits": lambda who, box: who.channels.false_mail.append(lying(box.channel_id, sequence=1 << 70)),
    "a number below zero": lambda who, box: who.channels.false_mail.append(lying(box.channel_id, sequence=-1)),
    "a time of 70 bits": lambda who, box: who.channels.false_mail.append(
        lying(box.channel_id, sequence=0, received=1 << 70)
    ),
    "a content type that is no text": lambda who, _: who.channels.false_mail.append(
        lying("nobody", content_type="\ud800")
    ),
    "headers that are none": lambda who, _: who.source.false_headers.extend([(bytes(80),), (b"short", b""), (b"",)]),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
async def test_a_lie_of_a_host_or_a_node_stops_nothing(tmp_path: Path, lie: Callable[[Frail, Mailbox], None]) -> None:
    async with mortals(tmp_path, FrailChannels, Frail) as pair:
        (box,) = await pair.alice.store.query(lambda reader: reader.mailboxes.of(pair.alice.relationship))
        lie(pair.alice, box)
        mailbox, began = bool(pair.alice.channels.false_mailboxes), len(pair.alice.statuses())
        await work_for_all(pair)
        await all_is_done(pair)
        assert not pair.alice.failed
        assert not pair.alice.channels.false_mailboxes + pair.alice.channels.false_mail
        assert not pair.alice.source.false_headers
        assert all(0 <= sequence < 1 << 63 for sequence in pair.alice.channels.marked)
        assert await pair.alice.sql("SELECT 1 FROM mailbox WHERE read_token = 'r'") == []
        troubles = {(one.task, one.obstacle) for row in pair.alice.statuses()[began:] for one in row.troubles}
        assert troubles >= ({(Task.MAILROOM, Obstacle.NO_ANSWER)} if mailbox else set())


async def test_a_header_that_is_damaged_or_missing_is_fetched_again(tmp_path: Path) -> None:
    async with mortals(tmp_path) as pair:
        await pair.faucet.mine(6)

        async def caught_up() -> bool:
            return (await pair.bob.engine.status()).block_height == pair.chain.height

        await pair.until(caught_up)
        money = (await pair.bob.engine.status()).wallet.free
        middle = pair.chain.height // 2

        def damage(tx: Opened) -> None:
            tx.connection.execute("DELETE FROM header WHERE position = ?", (middle,))
            tx.connection.execute("UPDATE header SET raw = x'00' WHERE position = ?", (middle + 2,))

        await pair.bob.store.transact(damage)
        await pair.bob.rise()
        assert (await pair.bob.engine.status()).wallet.free == money
        await pair.until(caught_up)
        await pair.bob.rise()
        assert await caught_up()
