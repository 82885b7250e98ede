"""Two people whose programs can die at any commit, on real database files, with a clock that runs when nobody acts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from channels_desktop.adapters.faucet import Faucet, SmallMiner
from channels_desktop.adapters.memory import ManualClock, MemoryKeys
from channels_desktop.adapters.memory_channels import MemoryHost, MemoryPeerChannels
from channels_desktop.adapters.repositories.records import Records
from channels_desktop.adapters.schema import MIGRATIONS
from channels_desktop.adapters.small_chain import MemoryChain, SmallChain
from channels_desktop.adapters.sqlite import Connection, SqliteStore
from channels_desktop.bitcoin.keys import PrivateKey
from channels_desktop.bitcoin.tx import Tx as Transaction
from channels_desktop.engine import commands as ask
from channels_desktop.engine.engine import Engine
from channels_desktop.engine.events import EngineFailed, Event
from channels_desktop.engine.mailroom import READY
from channels_desktop.engine.ports import MailboxAddress
from channels_desktop.engine.profile import create_profile
from channels_desktop.engine.rows import Action, ConversationRow, PaymentRow, PaymentState, TextRow, TextState
from tests.scenarios.people import CONSENTS

T = TypeVar("T")

AT = 1_700_000_000 * 10**9
SECOND = 10**9
KEY = bytes(range(32))
PACE = 0.004
"""How long, in real seconds, nothing may happen before the clock goes on."""
PATIENCE = 60


class Crash(Exception):
    """The program ends here."""


class Opened(Records):
    """Records whose tables a test may look into."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.connection = connection


class Life:
    """Whether a program still runs, and at which commit it is to die: `when` is "before" or "after" it."""

    def __init__(self, at: int = 0, when: str = "") -> None:
        self.at = at
        self.when = when
        self.commits = 0
        self.died = asyncio.Event()

    async def die(self) -> None:
        """Stop for good: who comes here waits until the remains are cleared away."""
        self.died.set()
        await asyncio.Event().wait()

    async def breathe(self) -> None:
        """Go on only while alive."""
        if self.died.is_set():
            await self.die()


class MortalStore:
    """The Store port over a real one; the program dies just before or just after one commit."""

    def __init__(self, store: SqliteStore[Opened], life: Life) -> None:
        self.store = store
        self.life = life

    async def transact(self, work: Callable[[Any], T]) -> T:
        await self.life.breathe()
        self.life.commits += 1
        dying = self.life.commits == self.life.at
        if dying and self.life.when == "before":
            await self._fail(work)
        result = await self.store.transact(work)
        if dying:
            await self.life.die()
        return result

    async def _fail(self, work: Callable[[Any], T]) -> None:
        def crash(tx: Opened) -> None:
            work(tx)
            raise Crash

        try:
            await self.store.transact(crash)
        except Exception:  # noqa: BLE001 - whatever it was, nothing of it is stored and nobody lives to tell
            await self.life.die()

    async def query(self, work: Callable[[Any], T]) -> T:
        await self.life.breathe()
        return await self.store.query(work)

    async def close(self) -> None:
        await self.store.close()


class MortalChannels(MemoryPeerChannels):
    """Peer channels of a program that may be dead; keeps what it posted."""

    def __init__(self, host: MemoryHost, life: Life, posts: list[tuple[str, bytes]]) -> None:
        super().__init__(host)
        self.life = life
        self.posts = posts

    async def post(self, to: MailboxAddress, payload: bytes) -> None:
        await self.life.breathe()
        self.posts.append((to.channel_id, payload))
        await self.leave(to, payload)

    async def leave(self, to: MailboxAddress, payload: bytes) -> None:
        """Do what the network does with a post."""
        await super().post(to, payload)


Network = Callable[[MemoryHost, Life, "list[tuple[str, bytes]]"], MortalChannels]


@dataclass
class Mortal:
    """Somebody with a database file and a program that can be started again."""

    name: str
    path: Path
    host: MemoryHost
    chain: SmallChain
    clock: ManualClock
    keys: MemoryKeys
    network: Network
    news: asyncio.Event
    life: Life = field(default_factory=Life)
    posts: list[tuple[str, bytes]] = field(default_factory=list)
    failed: list[EngineFailed] = field(default_factory=list)
    relationship: int = 0
    total: int = 0

    async def open(self) -> None:
        """Open the file and begin to live."""
        self.life = Life()
        store = await SqliteStore.open(self.path, KEY, migrations=MIGRATIONS, records=Opened)
        self.store = MortalStore(store, self.life)
        self.channels = self.network(self.host, self.life, self.posts)
        self.source = MemoryChain(self.chain)

    async def start(self) -> None:
        """Start the program on what the file holds."""
        self.engine = Engine(
            clock=self.clock,
            keys=self.keys,
            store=self.store,
            channels=self.channels,
            chain=self.source,
        )
        self.engine.subscribe(self.hear)
        await self.engine.start()

    async def rise(self) -> None:
        """Clear away what is left of a dead program and start it anew from its file."""
        await self.engine.stop()
        await self.store.close()
        await self.open()
        await self.start()

    def hear(self, events: tuple[Event, ...]) -> None:
        self.failed += [event for event in events if isinstance(event, EngineFailed)]
        self.news.set()

    async def attempt(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Return what `work` does, or None where the program died over it; then it runs again."""
        task = asyncio.ensure_future(work)  # noqa: TID251 - awaited below, whatever comes first
        end = asyncio.ensure_future(self.life.died.wait())  # noqa: TID251 - as above
        try:
            await asyncio.wait((task, end), return_when=asyncio.FIRST_COMPLETED)
            if not self.life.died.is_set():
                return task.result()
        finally:
            for one in (task, end):
                one.cancel()
            await asyncio.gather(task, end, return_exceptions=True)
        await self.rise()
        return None

    async def entries(self) -> tuple[Any, ...]:
        """Return the conversation."""
        while (rows := await self.attempt(self.engine.entries(self.relationship, count=2000))) is None:
            pass
        return rows

    async def payment(self, what: str) -> PaymentRow | None:
        """Return the payment for something."""
        rows = [row for row in await self.entries() if isinstance(row, PaymentRow) and row.items[0].name == what]
        assert len(rows) <= 1, f"{self.name} has {what} twice"
        return rows[0] if rows else None

    async def texts(self, *, mine: bool) -> list[TextRow]:
        """Return the texts of one side."""
        return [row for row in await self.entries() if isinstance(row, TextRow) and row.mine == mine]

    async def do(self, command: ask.Command) -> None:
        """Submit a command; whether it was done is seen afterwards."""
        await self.attempt(self.engine.submit(command))

    async def say(self, text: str) -> None:
        """Send a text unless it is sent already."""
        if text not in [row.text for row in await self.texts(mine=True)]:
            await self.do(ask.SendText(self.relationship, text))

    async def act(self, what: str, action: Action) -> None:
        """Press a button if it is there."""
        row = await self.payment(what)
        if row is not None and action in row.actions:
            await self.do(ask.Act(row.thread, action, row.version, consents=CONSENTS))

    async def sql(self, statement: str, *values: int | str | bytes) -> list[tuple[Any, ...]]:
        """Look into the file."""
        return await self.store.store.query(lambda reader: reader.connection.execute(statement, values).fetchall())


@dataclass
class Pair:
    """Alice, Bob, their clock and what is between them."""

    alice: Mortal
    bob: Mortal
    clock: ManualClock
    chain: SmallChain
    faucet: Faucet
    news: asyncio.Event
    step: int = SECOND

    async def until(self, look: Callable[[], Awaitable[T]]) -> T:
        """Return what `look` finds; where nothing happens, time passes."""
        async with asyncio.timeout(PATIENCE):
            while not (found := await look()):
                await self.pass_time()
            return found

    async def pass_time(self) -> None:
        """Wait for news of anybody; where there is none, let the clock go on."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.news.wait(), PACE)
            self.news.clear()
            return
        self.clock.advance(self.step)

    async def settle_payment(self, what: str, satoshis: int, words: str = "") -> None:
        """Let Bob offer, Alice invoice, Bob pay and a block confirm; whoever dies on the way goes on afterwards."""

        async def look() -> bool:
            for who in (self.alice, self.bob):
                if words:
                    await who.say(f"{words} {who.name}")
            if await self.bob.payment(what) is None:
                await self.bob.do(ask.OfferPayment(self.bob.relationship, what, satoshis))
            await self.alice.act(what, Action.MAKE_INVOICE)
            await self.bob.act(what, Action.PAY)
            states = [row.state for row in [await self.alice.payment(what), await self.bob.payment(what)] if row]
            if states == [PaymentState.ACCEPTED] * 2 and self.chain.pool:
                await self.faucet.mine(1)
            return states == [PaymentState.CONFIRMED] * 2

        await self.until(look)

    async def settle_texts(self) -> None:
        """Wait until both have everything the other wrote, and know it."""

        async def look() -> bool:
            for who in (self.alice, self.bob):
                texts = await who.texts(mine=True)
                if any(text.state is not TextState.RECEIVED for text in texts):
                    return False
                status = await who.attempt(who.engine.status())
                if status is None or status.waiting_to_send:
                    return False
            return True

        await self.until(look)

    async def check_texts(self) -> None:
        """Both see what the other wrote: each text once, in order."""
        for writer, reader in ((self.alice, self.bob), (self.bob, self.alice)):
            written = [row.text for row in await writer.texts(mine=True)]
            assert [row.text for row in await reader.texts(mine=False)] == written
            assert len(set(written)) == len(written)

    async def check_numbers(self) -> None:
        """No number was ever posted with two different scripts, and what was posted is what the file holds."""
        for who in (self.alice, self.bob):
            posted = {payload for _, payload in who.posts}
            rows = await who.sql("SELECT number, script FROM message WHERE outgoing = 1")
            assert posted == {script for _, script in rows}
            assert len({number for number, _ in rows}) == len(rows)

    async def check_payments(self, count: int) -> None:
        """Each negotiation has one signed payment, the same on both sides and on the chain."""
        sql = "SELECT uuid, count(DISTINCT script), min(script) FROM message WHERE kind = 'Transfer' GROUP BY uuid"
        alices, bobs = await self.alice.sql(sql), await self.bob.sql(sql)
        assert alices == bobs
        assert [scripts for _, scripts, _ in bobs] == [1] * count
        for who in (self.alice, self.bob):
            assert not who.failed
            rows = [row for row in await who.entries() if isinstance(row, PaymentRow)]
            assert len(rows) == len({row.txid for row in rows}) == count
            assert {row.state for row in rows} <= {PaymentState.CONFIRMED}
        sums = sum(row.total for row in rows)
        fees = sum(row.fee or 0 for row in rows)
        assert (await self.alice.engine.status()).wallet.total == self.alice.total + sums
        assert (await self.bob.engine.status()).wallet.total == self.bob.total - sums - fees


async def _join(who: Mortal, faucet: Faucet, funds: int) -> None:
    await who.open()
    who.account = await who.channels.create_account(who.host.base_url, who.host.operator_token)
    await create_profile(who.store, name=who.name, account=who.account, settings={})
    await who.start()
    if funds:
        raw, proof = await faucet.pay(await who.engine.receive_script(), funds)
        who.total = await who.engine.import_coin(Transaction.from_bytes(raw), proof)


async def _meet(pair: Pair) -> None:
    for who in (pair.alice, pair.bob):
        await pair.until(lambda who=who: _stocked(who))
    invite = await pair.alice.engine.submit(ask.CreateInvite())
    pair.bob.relationship = await pair.bob.engine.submit(ask.UseInvite(invite.link))
    request = await pair.until(lambda: _conversation(pair.alice, "received"))
    pair.alice.relationship = request.relationship
    await pair.alice.engine.submit(ask.AnswerRequest(request.relationship, accept=True))
    await pair.until(lambda: _conversation(pair.bob, "active"))


async def _stocked(who: Mortal) -> bool:
    return await who.store.query(lambda reader: reader.mailboxes.spares()) >= READY


async def _conversation(who: Mortal, state: str) -> ConversationRow | None:
    return next((row for row in await who.engine.conversations() if row.state.value == state), None)


@asynccontextmanager
async def mortals(
    folder: Path, network: Network = MortalChannels, person: type[Mortal] = Mortal
) -> AsyncIterator[Pair]:
    """Run Alice and Bob, who have met; Bob has money. `person` is what Alice is, and Bob is mortal."""
    host, chain, clock, news = MemoryHost(), SmallChain(), ManualClock(AT), asyncio.Event()
    faucet = Faucet(MemoryChain(chain), SmallMiner(chain), PrivateKey(bytes(31) + b"\x05"))
    people = [
        kind(name, folder / f"{name}.db", host, chain, clock, MemoryKeys(bytes(15) + mark), network, news)
        for kind, name, mark in ((person, "alice", b"\x01"), (Mortal, "bob", b"\x02"))
    ]
    pair = Pair(people[0], people[1], clock, chain, faucet, news)
    await _join(pair.alice, faucet, 0)
    await _join(pair.bob, faucet, 10_000_000)
    try:
        await _meet(pair)
        yield pair
    finally:
        for who in people:
            await who.engine.stop()
            await who.store.close()
        host.close()
