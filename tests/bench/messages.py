"""How many signed messages a second an account takes in: parse, verify, store, decide. `python -m tests.bench.messages`

Beside it, in the same run, the parts of the same work: storing the same bytes with no questions asked, and checking
the same signatures and storing nothing. The figures are rates on one thread; read them as ratios.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from channels_desktop.adapters.memory import MemoryKeys
from channels_desktop.adapters.repositories.records import Records
from channels_desktop.adapters.schema import MIGRATIONS
from channels_desktop.adapters.sqlite import SqliteStore
from channels_desktop.bitcoin.headers import HeaderChain
from channels_desktop.engine.inbound import authenticate, parse, receive
from channels_desktop.engine.ports import Account, Delivery, Mailbox, MailboxAddress
from channels_desktop.engine.records import Contact
from channels_desktop.engine.rows import ContactState, Verification
from channels_desktop.engine.turn import Turn
from channels_desktop.protocols.ids import MessageId, Uuid
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.protocols.signed import sign
from channels_desktop.protocols.text import TextMessage
from channels_desktop.protocols.times import Time

MESSAGES, BATCH, AT = 4000, 32, 1_800_000_000 * 10**9
HOST = "https://host.example"
ALICE, BOB = MemoryKeys(bytes(15) + b"\x01"), MemoryKeys(bytes(15) + b"\x02")


def signed_texts() -> list[bytes]:
    """Return texts of Bob's, signed and numbered."""
    key = BOB.relationship_key(1)
    scripts = []
    for number in range(MESSAGES):
        text = TextMessage(text=f"Message {number}: see you at the corner at eight.")
        layers = [MessageId(message_id=number), Uuid(uuid=number.to_bytes(16, "big")), Time(at=AT), text]
        scripts.append(REGISTRY.write([sign(key, REGISTRY.inside(layers)), *layers]))
    return scripts


def contact() -> Contact:
    """Return Bob as Alice knows him."""
    return Contact(
        number=0,
        state=ContactState.ACTIVE,
        name="Bob",
        their_key=BOB.relationship_key(1).public,
        verification=Verification.UNVERIFIED,
        next_in=0,
        next_out=0,
        outgoing=(MailboxAddress(HOST, "bob", "token"),),
        created=AT,
    )


def prepare(records: Records) -> None:
    """Give Alice an account, Bob, and a mailbox for him."""
    records.mailboxes.set_account(Account(HOST, "1", "token"))
    number = records.contacts.add(contact())
    records.mailboxes.add_spare(Mailbox(HOST, "alice", "read", "write"), AT)
    records.mailboxes.take_spare(number)


def take_in(scripts: list[bytes], first: int, records: Records) -> None:
    """Receive a batch as the listener does."""
    turn = Turn(records, AT, ALICE, HeaderChain("regtest"), "regtest")
    for number, script in enumerate(scripts, first):
        receive(turn, Delivery(HOST, "alice", number + 1, AT, "application/octet-stream", script))


def only_store(scripts: list[bytes], first: int, records: Records) -> None:
    """Note a batch of deliveries and ask nothing; their bytes are what a message row would hold."""
    for number, script in enumerate(scripts, first):
        delivery = Delivery(HOST, "bare", number + 1, AT, "application/octet-stream", script)
        records.messages.arrived(delivery, AT)
        records.messages.outcome(delivery, "processed", "", keep=False)


async def rate(
    store: SqliteStore[Records], scripts: list[bytes], work: Callable[[list[bytes], int, Records], None]
) -> float:
    """Return messages a second, a batch in one transaction, each committed with fsync."""
    started = time.perf_counter()
    for first in range(0, len(scripts), BATCH):
        await store.transact(partial(work, scripts[first : first + BATCH], first))
    return len(scripts) / (time.perf_counter() - started)


def check_rate(scripts: list[bytes]) -> float:
    """Return how many messages a second are parsed and their signatures checked, with nothing stored."""
    started, bob = time.perf_counter(), contact()
    for script in scripts:
        authenticate(bob, parse(script))
    return len(scripts) / (time.perf_counter() - started)


async def main() -> None:
    """Print the table."""
    scripts = signed_texts()
    with tempfile.TemporaryDirectory() as folder:
        store = await SqliteStore.open(Path(folder) / "a.db", bytes(32), migrations=MIGRATIONS, records=Records)
        await store.transact(prepare)
        bare = await rate(store, scripts, only_store)
        whole = await rate(store, scripts, take_in)
        count = await store.query(lambda records: len(records.entries.page(1, None, MESSAGES + 1)))
        await store.close()
    checked = check_rate(scripts)
    print(f"{MESSAGES} signed texts of about {len(scripts[0])} bytes, {count} shown in the timeline, {BATCH} a commit")
    for name, figure in (("taken in", whole), ("parsed and verified only", checked), ("stored only", bare)):
        print(f"  {name:26}{figure:10,.0f} a second   {figure / bare:6.2f} x stored only")


if __name__ == "__main__":
    asyncio.run(main())
