"""Two people with an engine each, joined by a host and a chain in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from channels_desktop.adapters.faucet import Faucet, SmallMiner
from channels_desktop.adapters.memory import MemoryKeys, memory_store
from channels_desktop.adapters.memory_channels import MemoryHost, MemoryPeerChannels
from channels_desktop.adapters.repositories.records import Records
from channels_desktop.adapters.schema import MIGRATIONS
from channels_desktop.adapters.small_chain import MemoryChain, SmallChain
from channels_desktop.adapters.system import SystemClock
from channels_desktop.bitcoin.keys import PrivateKey
from channels_desktop.bitcoin.tx import Tx
from channels_desktop.engine import commands as ask
from channels_desktop.engine.engine import Engine
from channels_desktop.engine.events import EngineFailed, Event
from channels_desktop.engine.mailroom import READY
from channels_desktop.engine.profile import create_profile
from channels_desktop.engine.rows import ConversationRow, EntryRow, PaymentRow, PaymentState, TextRow

PATIENCE = 60
CONSENTS = frozenset({"unverified", "similar", "inputs_unseen", "small_coins"})
"""All that a user may have to tick before paying."""


@dataclass
class Person:
    """An engine, and what it told."""

    name: str
    engine: Engine
    heard: list[Event] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, events: tuple[Event, ...]) -> None:
        self.heard.extend(events)
        self.news.set()

    async def do(self, command: Any) -> Any:
        """Submit a command, once there is a mailbox for it if it needs one."""
        return await self.engine.submit(command)

    async def until(self, look: Callable[[], Any]) -> Any:
        """Return what the coroutine function `look` finds, as soon as it finds anything."""
        async with asyncio.timeout(PATIENCE):
            while True:
                self.news.clear()
                found = await look()
                if found:
                    return found
                await self.news.wait()

    async def conversation(self, wanted: Callable[[ConversationRow], bool]) -> ConversationRow:
        """Wait for a conversation of a kind."""

        async def look() -> ConversationRow | None:
            return next((row for row in await self.engine.conversations() if wanted(row)), None)

        return await self.until(look)

    async def entry(self, relationship: int, wanted: Callable[[EntryRow], bool]) -> EntryRow:
        """Wait for an entry of a kind."""

        async def look() -> EntryRow | None:
            return next((row for row in await self.engine.entries(relationship) if wanted(row)), None)

        return await self.until(look)

    async def text(self, relationship: int, text: str) -> TextRow:
        """Wait for a text."""
        return await self.entry(relationship, lambda row: isinstance(row, TextRow) and row.text == text)

    async def payment(self, relationship: int, *states: PaymentState, thread: str = "") -> PaymentRow:
        """Wait for a payment to be in one of some states."""
        return await self.entry(
            relationship,
            lambda row: isinstance(row, PaymentRow) and row.state in states and thread in ("", row.thread),
        )

    async def ready(self) -> None:
        """Wait for a stock of mailboxes."""

        async def look() -> bool:
            return await self.engine._store.query(lambda reader: reader.mailboxes.spares()) >= READY  # noqa: SLF001

        await self.until(look)


@dataclass
class World:
    """What the two share."""

    host: MemoryHost
    chain: SmallChain
    faucet: Faucet
    alice: Person
    bob: Person
    alices: int = 0  # the number of the relationship at Alice's
    bobs: int = 0

    async def mine(self) -> None:
        """Add a block with everything that waits."""
        await self.faucet.mine(1)


async def person(name: str, host: MemoryHost, chain: SmallChain, entropy: bytes) -> Person:
    """Return somebody with a new account, not started yet."""
    store = await memory_store(migrations=MIGRATIONS, records=Records)
    channels = MemoryPeerChannels(host)
    account = await channels.create_account(host.base_url, host.operator_token)
    await create_profile(store, name=name, account=account, settings={})
    engine = Engine(
        clock=SystemClock(), keys=MemoryKeys(entropy), store=store, channels=channels, chain=MemoryChain(chain)
    )
    who = Person(name, engine)
    engine.subscribe(who.hear)
    return who


@asynccontextmanager
async def world(*, funds: int = 1_000_000) -> AsyncIterator[World]:
    """Run Alice and Bob, Bob's and Alice's wallets funded, not connected yet."""
    host, chain = MemoryHost(), SmallChain()
    faucet = Faucet(MemoryChain(chain), SmallMiner(chain), PrivateKey(bytes(31) + b"\x05"))
    alice = await person("Alice", host, chain, bytes(15) + b"\x01")
    bob = await person("Bob", host, chain, bytes(15) + b"\x02")
    for who in (alice, bob):
        await who.engine.start()
        await who.ready()
        for _ in range(2 if funds else 0):
            raw, proof = await faucet.pay(await who.engine.receive_script(), funds // 2)
            assert await who.engine.import_coin(Tx.from_bytes(raw), proof) == funds // 2
    try:
        yield World(host, chain, faucet, alice, bob)
        for who in (alice, bob):
            assert not [event for event in who.heard if isinstance(event, EngineFailed)]
    finally:
        for who in (alice, bob):
            await who.engine.stop()
            await who.engine._store.close()  # noqa: SLF001 - the world owns the store
        host.close()


@asynccontextmanager
async def connected(*, funds: int = 1_000_000) -> AsyncIterator[World]:
    """Run Alice and Bob who have met."""
    async with world(funds=funds) as both:
        await meet(both)
        yield both


async def meet(both: World) -> None:
    """Let Bob use Alice's invite and Alice accept."""
    invite = await both.alice.do(ask.CreateInvite(note="Bob, work"))
    both.bobs = await both.bob.do(ask.UseInvite(invite.link))
    request = await both.alice.conversation(lambda row: row.state.value == "received")
    both.alices = request.relationship
    await both.alice.do(ask.AnswerRequest(request.relationship, accept=True))
    await both.bob.conversation(lambda row: row.state.value == "active")
