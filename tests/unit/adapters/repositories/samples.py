"""Records to keep, each with a value of its own in every field that matters to a test."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from channels_desktop.adapters.migrations import migrate
from channels_desktop.adapters.schema import MIGRATIONS
from channels_desktop.bitcoin.tx import Outpoint, txid_text
from channels_desktop.engine.ports import Account, Delivery, Mailbox, MailboxAddress
from channels_desktop.engine.records import Contact, Entry, OwnCoin, StoredMessage, Thread
from channels_desktop.engine.rows import ContactState, HistoryRow, Verification

HOST = "https://host.example"
ACCOUNT = Account(HOST, "account", "account token", "spv")


def database() -> sqlite3.Connection:
    """Return a database in memory with all tables and strict rules, outside any transaction."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    migrate(connection, MIGRATIONS)
    return connection


def hash_of(number: int) -> bytes:
    return number.to_bytes(32, "big")


def mailbox(name: str) -> Mailbox:
    return Mailbox(HOST, name, f"read {name}", f"write {name}")


def delivery(sequence: int = 1, *, channel_id: str = "inbox", payload: bytes = b"payload") -> Delivery:
    return Delivery(HOST, channel_id, sequence, 1_000, "application/octet-stream", payload)


def contact(number: int = 0, state: ContactState = ContactState.ACTIVE) -> Contact:
    return Contact(
        number,
        state,
        name="Bob",
        their_key=b"\x02" * 33,
        verification=Verification.VERIFIED,
        next_in=3,
        next_out=4,
        outgoing=(MailboxAddress(HOST, "bob", "token"), MailboxAddress(HOST, "bob's other")),
        created=10,
        expires=20,
        note="from the fair",
        link="https://invite.example",
        since=30,
        draft="half a",
        seen_entry=5,
        initiation=b"initiation",
        detail="why",
        complained_at=40,
        gap_since=50,
        gone_since=60,
        resent_at=70,
    )


def sent(number: int, *, relationship: int = 1, state: str = "waiting") -> StoredMessage:
    return StoredMessage(
        relationship,
        outgoing=True,
        number=number,
        uuid=b"u" * 16,
        kind="TXT:1",
        at=100 + number,
        script=b"script",
        state=state,
    )


def received(number: int, *, relationship: int = 1, state: str = "processed") -> StoredMessage:
    return replace(sent(number, relationship=relationship, state=state), outgoing=False)


def text(words: str = "hello", *, relationship: int = 1) -> Entry:
    return Entry(0, relationship, "text", 7, text=words, state="incoming", their_clock=6, uuid=b"u" * 16, message=2)


def own_text(message: int, state: str = "waiting", *, relationship: int = 1) -> Entry:
    return Entry(0, relationship, "text", 7, mine=True, text="mine", state=state, message=message)


def thread(name: bytes = b"a", *, relationship: int = 1, at: int = 1, wake: int = 0, version: int = 1) -> Thread:
    return Thread(name * 16, relationship, 9, 3, b"state", version, at, wake, hash_of(8))


def coin(txid: int, index: int = 0, *, satoshis: int = 1_000, state: str = "safe", at: int = 1) -> OwnCoin:
    return OwnCoin(Outpoint(hash_of(txid), index), satoshis, b"locking script", b"context", 4, state, at)


def history(txid: int, *, at: int = 1, what: str = "lunch") -> HistoryRow:
    return HistoryRow(txid_text(hash_of(txid)), at, "Bob", what, -500, 5, 0, relationship=1, entry=2)
