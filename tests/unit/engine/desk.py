"""One account's desk for tests of what happens inside a transaction: real store, real keys, a pen for the peer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeVar

from channels_desktop.adapters.memory import MemoryKeys, memory_store
from channels_desktop.adapters.repositories.records import Records
from channels_desktop.adapters.schema import MIGRATIONS
from channels_desktop.adapters.sqlite import Connection, SqliteStore
from channels_desktop.bitcoin.headers import HeaderChain
from channels_desktop.bitcoin.keys import PrivateKey
from channels_desktop.engine import payments, texts
from channels_desktop.engine.inbound import receive
from channels_desktop.engine.ports import Delivery, Mailbox, MailboxAddress
from channels_desktop.engine.records import Contact, Entry, StoredMessage
from channels_desktop.engine.rows import ContactState, Verification
from channels_desktop.engine.turn import Turn
from channels_desktop.protocols.ids import MessageId, Uuid
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.protocols.response import Response
from channels_desktop.protocols.signed import sign
from channels_desktop.protocols.stack import Stack
from channels_desktop.protocols.text import TextMessage
from channels_desktop.wire.bsor import Message

T = TypeVar("T")

AT = 1_700_000_000 * 10**9
SECOND = 10**9
HOST = "memory://host"
PEER = PrivateKey(bytes(31) + b"\x21")
STRANGER = PrivateKey(bytes(31) + b"\x22")
BINARY = "application/octet-stream"


class Opened(Records):
    """Records whose tables a test may look into."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.connection = connection


def wake_due(turn: Turn) -> None:
    """Wake the negotiations that are due."""
    for thread in turn.tx.threads.due(turn.at):
        payments.wake(turn, thread)


def write(number: int | None, *layers: Message, key: PrivateKey = PEER) -> bytes:
    """Return the script of a message of the peer."""
    inner = [*([MessageId(message_id=number)] if number is not None else []), *layers]
    return REGISTRY.write([sign(key, REGISTRY.inside(inner)), *inner])


def text(number: int, words: str) -> bytes:
    """Return the script of a text of the peer."""
    return write(number, Uuid(uuid=number.to_bytes(16, "big")), TextMessage(text=words))


class Desk:
    """An account with one relationship, in which one message went each way."""

    def __init__(self, store: SqliteStore[Opened]) -> None:
        self.store = store
        self.at = AT
        self.keys = MemoryKeys(bytes(15) + b"\x07")
        self.headers = HeaderChain("regtest")
        self.peer = 0
        self.sequence = 0

    async def turn(self, work: Callable[[Turn], T]) -> T:
        """Run `work` in one transaction, as the engine does."""

        def job(tx: Opened) -> T:
            turn = Turn(tx, self.at, self.keys, self.headers, "regtest", self.at - AT + SECOND)
            result = work(turn)
            texts.send_receipts(turn)
            return result

        return await self.store.transact(job)

    async def add_contact(self, state: ContactState = ContactState.ACTIVE, **more: object) -> int:
        """Add a relationship with the mailbox `box-<number>`."""
        address = MailboxAddress(HOST, "theirs", "t")
        contact = Contact(0, state, "Bob", PEER.public, Verification.UNVERIFIED, 1, 1, (address,), AT)

        def work(turn: Turn) -> int:
            number = turn.tx.contacts.add(replace(contact, **more))
            turn.tx.mailboxes.add_spare(Mailbox(HOST, f"box-{number}", "r", "w"), AT)
            turn.tx.mailboxes.take_spare(number)
            return number

        return await self.turn(work)

    async def receive(
        self, script: bytes, *, sequence: int | None = None, box: str = "", content_type: str = BINARY
    ) -> None:
        """Take in a delivery; without `sequence` it is the next of its mailbox."""
        self.sequence += 1
        number = self.sequence if sequence is None else sequence
        delivery = Delivery(HOST, box or f"box-{self.peer}", number, self.at, content_type, script)
        await self.turn(lambda turn: receive(turn, delivery))

    async def contact(self) -> Contact:
        """Return the relationship as it is."""
        return await self.store.query(lambda reader: reader.contacts.get(self.peer))

    async def entries(self) -> tuple[Entry, ...]:
        """Return the conversation."""
        return await self.store.query(lambda reader: reader.entries.page(self.peer, None, 1000))

    async def texts(self) -> list[str]:
        """Return the texts of the peer."""
        return [entry.text for entry in await self.entries() if entry.kind == "text"]

    async def notices(self) -> list[str]:
        """Return the codes of the grey rows."""
        return [entry.text for entry in await self.entries() if entry.kind == "notice"]

    async def outbox(self) -> list[StoredMessage]:
        """Return what we sent, in order."""

        def read(reader: Opened) -> list[StoredMessage]:
            end = reader.contacts.get(self.peer).next_out
            found = (reader.messages.get(self.peer, number, outgoing=True) for number in range(end))
            return [message for message in found if message is not None]

        return await self.store.query(read)

    async def sent(self) -> list[Stack]:
        """Return what we sent, read."""
        return [REGISTRY.read(message.script) for message in await self.outbox()]

    async def answers(self) -> list[tuple[int, str, int]]:
        """Return status, protocol and code of the Responses we sent."""
        found = [stack.find(Response) for stack in await self.sent()]
        return [(r.status, r.protocol_id.decode(), r.code) for r in found if r is not None]

    async def outcomes(self) -> list[tuple[str, bool]]:
        """Return what became of each delivery, and whether its bytes are kept beside the messages."""
        sql = "SELECT outcome, payload IS NOT NULL FROM delivery ORDER BY channel_id, sequence"
        rows = await self.store.query(lambda reader: reader.connection.execute(sql).fetchall())
        return [(outcome, bool(kept)) for outcome, kept in rows]


@asynccontextmanager
async def desk(state: ContactState = ContactState.ACTIVE, **more: object) -> AsyncIterator[Desk]:
    """Open a desk with a relationship in `state`."""
    store = await memory_store(migrations=MIGRATIONS, records=Opened)
    try:
        it = Desk(store)
        it.peer = await it.add_contact(state, **more)
        yield it
    finally:
        await store.close()
