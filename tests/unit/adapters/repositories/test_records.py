"""All repositories together, as the store uses them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from channels_desktop.adapters.repositories.records import Records
from channels_desktop.adapters.schema import MIGRATIONS
from channels_desktop.adapters.sqlite import SqliteStore
from channels_desktop.bitcoin.tx import Outpoint, TxInput
from channels_desktop.bitcoin.tx import Tx as Transaction
from channels_desktop.engine.ports import Store
from channels_desktop.engine.repositories import Reader, Tx
from channels_desktop.errors import Misuse, StoreError, WireError
from tests.unit.adapters.repositories.samples import (
    coin,
    contact,
    delivery,
    hash_of,
    history,
    mailbox,
    own_text,
    received,
    sent,
    text,
    thread,
)


def fill(tx: Tx) -> None:
    """Write at least one row into every table."""
    number = tx.contacts.add(contact())
    tx.settings.put("name", "Alice")
    tx.mailboxes.add_spare(mailbox("one"), 1)
    assert tx.mailboxes.take_spare(number) == mailbox("one")
    assert tx.messages.arrived(delivery(), 1)
    assert not tx.messages.arrived(delivery(), 1)
    tx.messages.outcome(delivery(), "quarantined", "unreadable", keep=True)
    tx.messages.add(sent(0, relationship=number))
    tx.messages.add(received(0, relationship=number))
    tx.entries.add(text(relationship=number))
    tx.entries.add(own_text(0, relationship=number))
    tx.threads.add(thread(relationship=number, wake=5))
    assert tx.coins.next_index(b"context") == 0
    tx.coins.add_script(b"locking script", b"context", 0)
    tx.coins.add(coin(1))
    tx.chain.add_tx(hash_of(1), b"raw", 1)
    tx.chain.add_proof(hash_of(1), hash_of(2), b"proof", 7)
    tx.chain.set_height(hash_of(1), 7)
    tx.chain.add_headers([bytes(80)])
    tx.chain.watch(Transaction(1, (TxInput(Outpoint(hash_of(3), 0)),), ()), b"u" * 16, 5)
    tx.coins.note_paid(b"their script", b"u" * 16)
    tx.chain.add_history(history(1), 1)
    assert tx.entries.received_up_to(number, 0) == (2,)


def check(reader: Reader) -> None:
    """Read back what `fill` wrote."""
    assert reader.contacts.all() == (contact(1),)
    assert reader.settings.get("name") == "Alice"
    assert reader.mailboxes.of(1) == (mailbox("one"),)
    assert [message.script for message in reader.messages.next_waiting()] == [b"script"]
    assert [entry.number for entry in reader.entries.page(1, None, 10)] == [1, 2]
    assert reader.threads.due(5) == (thread(wake=5),)
    assert reader.coins.sums() == (1_000, 0, 0, 0)
    assert reader.chain.headers() == (bytes(80),)
    assert reader.chain.history()[0].block_height == 7


async def open_store(folder: Path) -> SqliteStore[Records]:
    return await SqliteStore.open(folder / "profile.db", bytes(32), migrations=MIGRATIONS, records=Records)


async def test_an_encrypted_file_keeps_every_record(tmp_path: Path) -> None:
    sqlite_store = await open_store(tmp_path)
    store: Store = sqlite_store
    await store.transact(fill)
    await store.query(check)
    await store.close()

    reopened = await open_store(tmp_path)
    await reopened.query(check)
    with pytest.raises(Misuse, match="UNIQUE"):
        await reopened.transact(lambda tx: tx.threads.add(thread()))
    with pytest.raises(StoreError):
        await reopened.query(lambda reader: reader.contacts.add(contact()))
    await reopened.close()


def test_plain_sqlite_keeps_every_record(records: Records) -> None:
    fill(records)
    check(records)


def test_a_savepoint_undoes_only_its_own_part(records: Records, connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN")
    records.settings.put("before", "kept")

    def fail() -> None:
        with records.savepoint():
            records.settings.put("inside", "lost")
            raise Misuse("on purpose")

    with pytest.raises(Misuse, match="on purpose"):
        fail()
    with records.savepoint():
        records.settings.put("after", "kept")
    connection.execute("COMMIT")
    assert [records.settings.get(key) for key in ("before", "inside", "after")] == ["kept", "", "kept"]


@pytest.mark.parametrize(
    ("bad", "stored"),
    [
        (b"caf\xe9".decode("utf-8", "surrogateescape"), "caf\ufffd"),
        ("\ud800 alone", "\ufffd alone"),
        ("with \x00 inside", "with \x00 inside"),
        ("snow ❄ and 😀", "snow ❄ and 😀"),
    ],
)
def test_any_text_can_be_kept(records: Records, bad: str, stored: str) -> None:
    records.settings.put("name", bad)
    assert records.settings.get("name") == stored


def test_a_number_too_large_for_the_database_is_the_fault_of_who_sent_it(two: Records) -> None:
    largest = replace(received(0), number=(1 << 63) - 1)
    two.messages.add(largest)
    assert two.messages.get(1, largest.number, outgoing=False) == largest
    with pytest.raises(WireError, match="number_overrun"):
        two.messages.add(replace(received(1), number=1 << 63))
    with pytest.raises(WireError, match="number_overrun"):
        two.threads.set_wake(b"a" * 16, -(1 << 63) - 1)


@pytest.mark.parametrize(
    "work",
    [
        lambda tx: tx.messages.add(sent(0, relationship=3)),
        lambda tx: tx.entries.add(text(relationship=3)),
        lambda tx: tx.threads.add(thread(relationship=3)),
        lambda tx: tx.mailboxes.take_spare(3),
    ],
)
def test_nothing_belongs_to_a_relationship_that_is_not_there(two: Records, work: Callable[[Tx], object]) -> None:
    two.mailboxes.add_spare(mailbox("one"), 1)
    with pytest.raises(Misuse, match="FOREIGN KEY"):
        work(two)
