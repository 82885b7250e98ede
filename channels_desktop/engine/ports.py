"""The five ports: everything the engine asks of the world, and nothing else.

Each has a real and an in-memory implementation in `adapters` that pass the same contract tests. `Clock`, `Keys` and
`Store` transactions are synchronous: they are used inside one transaction on the store's thread. The rest is awaited
in the loop and never inside a transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from channels_desktop.bitcoin.keys import PrivateKey
    from channels_desktop.bitcoin.merkle import MerkleProof
    from channels_desktop.bitcoin.tx import Outpoint, TxOutput
    from channels_desktop.bitcoin.tx import Tx as Transaction
    from channels_desktop.engine.repositories import Reader, Tx

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MailboxAddress:
    """Where the other side is written to: a peer channel and its write token (empty for a public one)."""

    base_url: str
    channel_id: str
    write_token: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A peer channel of our own. The read token never leaves this computer."""

    base_url: str
    channel_id: str
    read_token: str = field(repr=False, default="")
    write_token: str = field(repr=False, default="")

    @property
    def address(self) -> MailboxAddress:
        """What another party may know of it."""
        return MailboxAddress(self.base_url, self.channel_id, self.write_token)


@dataclass(frozen=True, slots=True)
class Account:
    """Our account at one host: its token reads and manages all our channels there.

    `dialect` is a name by which PeerChannels remembers how that host is spoken to, empty where it has to find out.
    """

    base_url: str
    account_id: str
    token: str = field(repr=False, default="")
    dialect: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as a host delivered it. `received` is the host's clock in nanoseconds, `sequence` its number."""

    base_url: str
    channel_id: str
    sequence: int
    received: int
    content_type: str
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Listening:
    """The account's line is open: what follows is unread mail, then live mail."""


class TxPlace(Enum):
    """Where the network has a transaction."""

    UNKNOWN = "unknown"
    MEMPOOL = "mempool"
    MINED = "mined"


class Clock(Protocol):
    """Time: the date, which anybody may set, and what goes by, which nobody can."""

    def now(self) -> int:
        """Return nanoseconds since 1970: for what is about dates and for nothing else, since it may jump either way."""
        ...

    def elapsed(self) -> int:
        """Return nanoseconds since some moment; they never go back, and go on while the computer sleeps.

        They mean nothing to another run of the program, so waits measured by them are not stored.
        """
        ...

    async def wait_until(self, at: int) -> None:
        """Return when `elapsed` gives `at` or more; always let others run first."""
        ...


class Keys(Protocol):
    """The secrets and the randomness. Raises WalletLocked where the secrets are not at hand."""

    def relationship_key(self, index: int) -> PrivateKey:
        """Return the base key of relationship `index` (channels.md 6.1)."""
        ...

    def relationship_context(self, index: int) -> bytes:
        """Return the 32 byte coin context of relationship `index`."""
        ...

    def receive_context(self) -> bytes:
        """Return the 32 byte context of plain receives."""
        ...

    def coin_key(self, context: bytes, index: int) -> PrivateKey:
        """Return coin key `index` of `context`."""
        ...

    def random(self, size: int) -> bytes:
        """Return `size` random bytes."""
        ...


class PeerChannels(Protocol):
    """Hosts of peer channels. Every method raises TransportError where the host gives no usable answer."""

    async def create_account(self, base_url: str, operator_token: str) -> Account:
        """Open an account at a host."""
        ...

    async def create_mailbox(self, account: Account, *, public: bool = False) -> Mailbox:
        """Create a peer channel; a public one has no write token."""
        ...

    async def delete_mailbox(self, account: Account, channel_id: str) -> None:
        """Delete one of our channels and all it holds; done already is success."""
        ...

    async def mailboxes(self, account: Account) -> tuple[str, ...]:
        """Return the ids of our channels at the host."""
        ...

    async def post(self, to: MailboxAddress, payload: bytes) -> None:
        """Leave `payload` in a mailbox; when this returns the host has stored it.

        Raises TransportError, with `gone` where the mailbox or the token is no more, and Refused("too_large") or
        Refused("bad_request") where this message will never be taken.
        """
        ...

    async def unread(self, account: Account, channel_id: str, count: int) -> tuple[Delivery, ...]:
        """Return up to `count` unread messages of a channel, oldest first."""
        ...

    async def mark_read(self, account: Account, channel_id: str, sequence: int) -> None:
        """Mark a message and all before it as read."""
        ...

    def listen(self, account: Account) -> AsyncGenerator[Listening | Delivery, None]:
        """Yield `Listening`, then all unread and all new mail of the account over one line.

        Raises TransportError when the line breaks; whoever listens calls again.
        """
        ...

    async def close(self) -> None:
        """Let go of all connections."""
        ...


class Chain(Protocol):
    """The block chain as one node or service shows it: a claim until our own headers and proofs agree."""

    network: str

    async def broadcast(self, raw: bytes) -> None:
        """Hand a transaction to the network; known already is success.

        Raises TxRejected where the network refuses it for good, TransportError where nothing is known.
        """
        ...

    async def place(self, txid: bytes) -> TxPlace:
        """Return where the network has a transaction."""
        ...

    async def proof(self, txid: bytes) -> MerkleProof | None:
        """Return the merkle proof of a mined transaction, targeting a block hash or header."""
        ...

    async def headers(self, locator: Sequence[bytes]) -> tuple[bytes, ...]:
        """Return up to 2000 raw headers after the newest hash of `locator` that is in the node's best chain."""
        ...

    async def output(self, outpoint: Outpoint) -> TxOutput | None:
        """Return an output that is unspent as far as the node knows, else None."""
        ...

    async def spenders(self, outpoints: Sequence[Outpoint], after: int) -> tuple[tuple[Transaction, ...], int]:
        """Return the transactions that spend one of some outputs, and the height up to which blocks were searched.

        Blocks up to height `after` are not looked at, and of those above a bounded number: ask again with the height
        returned. That nothing is found proves nothing.
        """
        ...

    async def close(self) -> None:
        """Let go of all connections."""
        ...


class Store(Protocol):
    """The encrypted database: one writing thread, transactions as plain functions."""

    async def transact(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in one transaction on the store's thread; commit (fsync) before returning its result.

        An exception from `work` rolls everything back and is raised here.
        """
        ...

    async def query(self, work: Callable[[Reader], T]) -> T:
        """Run `work` on a read-only view, beside a running transaction."""
        ...

    async def close(self) -> None:
        """Finish what is queued and close the file."""
        ...
