"""The repositories that one transaction offers, as the engine sees them.

A method that changes a state names the old state and raises Misuse where it was another: what happened in between must
never be overwritten unseen. `Tx` is used only inside `Store.transact`, `Reader` only inside `Store.query`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from channels_desktop.engine.chain_records import ChainRecords as ChainRecords  # noqa: PLC0414 - one of the repositories

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from channels_desktop.bitcoin.tx import Outpoint
    from channels_desktop.engine.ports import Account, Delivery, Mailbox
    from channels_desktop.engine.records import Contact, Entry, OwnCoin, StoredMessage, Thread
    from channels_desktop.engine.rows import ContactState, NeedRow, TextState


class Settings(Protocol):
    """Single values by name."""

    def get(self, key: str, default: str = "") -> str:
        """Return a value, or `default`."""
        ...

    def put(self, key: str, value: str) -> None:
        """Set a value."""
        ...


class Mailboxes(Protocol):
    """Our accounts and peer channels. A mailbox is spare until a relationship takes it."""

    def account(self) -> Account | None:
        """Return our account, or None before there is one."""
        ...

    def set_account(self, account: Account) -> None:
        """Keep our account."""
        ...

    def add_spare(self, mailbox: Mailbox, at: int) -> None:
        """Keep a new mailbox for later use."""
        ...

    def spares(self) -> int:
        """Return how many spare mailboxes there are."""
        ...

    def take_spare(self, relationship: int) -> Mailbox | None:
        """Give a spare mailbox to a relationship; return None where there is none."""
        ...

    def owner(self, base_url: str, channel_id: str) -> int | None:
        """Return the relationship a mailbox belongs to, 0 for a spare, None for an unknown one."""
        ...

    def of(self, relationship: int) -> tuple[Mailbox, ...]:
        """Return the mailboxes of a relationship, newest first."""
        ...

    def close(self, relationship: int) -> None:
        """Mark all mailboxes of a relationship for deletion at the host."""
        ...

    def closing(self) -> tuple[Mailbox, ...]:
        """Return the mailboxes to delete at the host."""
        ...

    def forget(self, mailbox: Mailbox) -> None:
        """Drop a mailbox that is deleted at the host."""
        ...

    def count(self) -> int:
        """Return how many mailboxes relationships use; spare ones are listened on too, but nobody knows them."""
        ...


class Contacts(Protocol):
    """The relationships."""

    def add(self, contact: Contact) -> int:
        """Add a relationship (its number is ignored); return its number."""
        ...

    def get(self, number: int) -> Contact:
        """Return a relationship; raise Misuse where there is none."""
        ...

    def all(self) -> tuple[Contact, ...]:
        """Return all relationships, newest first."""
        ...

    def move(self, contact: Contact, state: ContactState) -> None:
        """Save a changed contact that was in `contact.state` and is now in `state`."""
        ...

    def save(self, contact: Contact) -> None:
        """Save a changed contact whose state stays."""
        ...

    def gone(self) -> int:
        """Return of how many active relationships all mailboxes of the other side are gone."""
        ...

    def by_key(self, their_key: bytes) -> tuple[Contact, ...]:
        """Return the relationships with a counterparty's base key."""
        ...


class Messages(Protocol):
    """Deliveries and signed messages, for good; the outbox is the outgoing ones that still wait."""

    def arrived(self, delivery: Delivery, at: int) -> bool:
        """Note a delivery; return False where it is a repeat: known by mailbox, number and digest of its bytes."""
        ...

    def outcome(self, delivery: Delivery, outcome: str, reason: str, *, keep: bool, signed: bool = True) -> None:
        """Note what became of a delivery; `keep` its bytes where no message row holds them.

        What is kept is bounded; what no contact has `signed` is forgotten apart from the rest, oldest first.
        """
        ...

    def add(self, message: StoredMessage) -> None:
        """Keep a message; raise Misuse where its number is taken."""
        ...

    def get(self, relationship: int, number: int, *, outgoing: bool) -> StoredMessage | None:
        """Return a message by its number."""
        ...

    def settle(self, message: StoredMessage, state: str, *, reason: str = "") -> None:
        """Move a message from its state to another."""
        ...

    def refill(self, message: StoredMessage, script: bytes) -> None:
        """Put other bytes under the number of an outgoing message that failed for good, and let it wait again."""
        ...

    def postpone(self, message: StoredMessage) -> None:
        """Note a failed attempt to post."""
        ...

    def held_bytes(self, relationship: int) -> int:
        """Return how many bytes of incoming messages wait for others before them."""
        ...

    def resend_from(self, relationship: int, number: int, most: int = -1) -> None:
        """Let up to `most` outgoing messages from a number on wait again; -1 for all of them."""
        ...

    def next_waiting(self) -> tuple[StoredMessage, ...]:
        """Return the oldest waiting outgoing message of each relationship."""
        ...

    def waiting(self) -> int:
        """Return how many outgoing messages wait."""
        ...

    def is_waiting(self, uuid: bytes) -> bool:
        """Say whether an outgoing message of a dialogue waits."""
        ...

    def of_thread(self, uuid: bytes) -> tuple[StoredMessage, ...]:
        """Return the messages of a dialogue in order of time."""
        ...


class Entries(Protocol):
    """The timelines."""

    def add(self, entry: Entry) -> int:
        """Add an entry (its number is ignored); return its number."""
        ...

    def get(self, number: int) -> Entry | None:
        """Return an entry."""
        ...

    def page(self, relationship: int, before: int | None, count: int) -> tuple[Entry, ...]:
        """Return up to `count` entries before `before`, oldest first."""
        ...

    def page_after(self, relationship: int, after: int, count: int) -> tuple[Entry, ...]:
        """Return the first `count` entries after an entry, oldest first."""
        ...

    def newest(self, relationship: int) -> Entry | None:
        """Return the newest text or payment of a conversation."""
        ...

    def unread(self, relationship: int, after: int) -> int:
        """Return how many texts of the other side came after an entry."""
        ...

    def first_unread(self, relationship: int, after: int) -> int:
        """Return the first text of the other side that came after an entry; 0 if there is none."""
        ...

    def set_text_state(self, entry: Entry, state: TextState, *, reason: str = "") -> None:
        """Move a text from its state to another."""
        ...

    def received_up_to(self, relationship: int, message: int) -> tuple[int, ...]:
        """Mark own texts up to a message number as received; return the entries that changed."""
        ...

    def waiting(self, relationship: int) -> tuple[int, ...]:
        """Return the numbers of the newest texts of ours that no host has yet, newest first."""
        ...

    def text_of_message(self, relationship: int, message: int) -> Entry | None:
        """Return the own text that a message carried."""
        ...

    def renew(self, number: int, at: int) -> None:
        """Set an entry's time to its newest step."""
        ...

    def remove(self, entry: Entry) -> None:
        """Drop an entry."""
        ...


class Threads(Protocol):
    """The negotiations."""

    def add(self, thread: Thread) -> None:
        """Add a negotiation."""
        ...

    def get(self, uuid: bytes) -> Thread | None:
        """Return a negotiation."""
        ...

    def save(self, thread: Thread) -> None:
        """Save a negotiation that was at `thread.version - 1`."""
        ...

    def set_wake(self, uuid: bytes, wake: int) -> None:
        """Set when a negotiation is to be woken; 0 for never."""
        ...

    def due(self, at: int) -> tuple[Thread, ...]:
        """Return the negotiations to wake by `at`."""
        ...

    def next_wake(self) -> int:
        """Return the earliest time a negotiation is to be woken, or 0."""
        ...

    def needs(self, relationship: int) -> tuple[NeedRow, ...]:
        """Return what the newest negotiations of a relationship wait for the user for; their states are not read."""
        ...

    def of(self, relationship: int, states: tuple[int, ...]) -> tuple[Thread, ...]:
        """Return the newest negotiations of a relationship that are in one of some states, newest first."""
        ...


class Coins(Protocol):
    """The wallet's outputs and keys."""

    def next_index(self, context: bytes) -> int:
        """Return the next unused key number of a context and use it up."""
        ...

    def add_script(self, locking_script: bytes, context: bytes, index: int) -> None:
        """Remember that a locking script is ours."""
        ...

    def owner_of(self, locking_script: bytes) -> tuple[bytes, int] | None:
        """Return the context and key number of one of our scripts."""
        ...

    def add(self, coin: OwnCoin) -> None:
        """Add a coin, unless it is there already."""
        ...

    def get(self, outpoint: Outpoint) -> OwnCoin | None:
        """Return one of our coins, spent or not."""
        ...

    def spendable(self) -> tuple[OwnCoin, ...]:
        """Return the coins that are free to spend, oldest confirmed first."""
        ...

    def commit(self, outpoint: Outpoint, thread: bytes, txid: bytes) -> None:
        """Give a free coin to a signed payment; raise Misuse unless it was free."""
        ...

    def settle(self, txid: bytes) -> None:
        """Note that the network has a transaction: what it spends is spent, what it pays us is safe.

        What was cancelled is safe too: the network has the last word.
        """
        ...

    def cancel(self, txid: bytes) -> None:
        """Note that a transaction will not be: its outputs count no more."""
        ...

    def expect(self, txid: bytes) -> None:
        """Note that a transaction may come (again), but is not seen: its outputs that are not spent are pending."""
        ...

    def counts(self, txid: bytes) -> bool:
        """Say whether the wallet reckons with a transaction: it spends our coins, or its outputs are ours."""
        ...

    def spent_in(self, txid: bytes) -> tuple[OwnCoin, ...]:
        """Return our coins that a transaction spends, as far as we believe it."""
        ...

    def move(self, outpoint: Outpoint, spender: bytes, to: bytes, thread: bytes = b"") -> None:
        """Let a coin that `spender` spends be spent by `to` instead; raise Misuse where something else spends it.

        Either may be empty: nothing spends it. With `thread` the coin is held for that payment.
        """
        ...

    def note_paid(self, locking_script: bytes, thread: bytes) -> None:
        """Remember which thread's payment pays to a script of others."""
        ...

    def paid_in(self, locking_script: bytes) -> bytes | None:
        """Return the thread whose payment was signed to pay to a script, or None."""
        ...

    def sums(self) -> tuple[int, int, int, int]:
        """Return satoshis free, committed, of change to come, and free but not in a block."""
        ...


class Reader(Protocol):
    """All repositories, for reading."""

    settings: Settings
    mailboxes: Mailboxes
    contacts: Contacts
    messages: Messages
    entries: Entries
    threads: Threads
    coins: Coins
    chain: ChainRecords


class Tx(Reader, Protocol):
    """All repositories within one transaction."""

    def savepoint(self) -> AbstractContextManager[None]:
        """Undo what the block did, and only that, when it raises."""
        ...
