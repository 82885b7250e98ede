"""What a store offers the rules of mailboxes inside one transaction, and what a store is.

Every method is `async`, so that one set of rules runs on a database that answers at once (SQLite, in a thread of its
own) and on one that is awaited (PostgreSQL). Tokens are SHA-256 hashes, keys the store's own numbers, ranges include
both ends, times are nanoseconds since 1970.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, Protocol, TypeVar

from channels_desktop.host.messages import HostMessage

T = TypeVar("T")

NS_PER_DAY = 86_400 * 10**9
MESSAGE_OVERHEAD = 512
"""Bytes that a message is said to take beside its payload: its row, its content type, its entries in indexes.

A message of one byte takes about so much on disk, on either store. Databases hold sums with it: to change it is to
migrate them.
"""
LARGEST = 2**63 - 1
"""The largest number that every store can keep."""
OUTDATED = "a message is added to the row of its channel as it is now"
"""What Misuse says where it is not."""

Placed = tuple[int, HostMessage]
"""A message and its position: in an account's mail, or its sequence number where one channel is meant."""

Fresh = Mapping[int, Sequence[Placed]]
"""What a commit added that an account's owner has not read, for accounts of whose mail it changed nothing else."""

NOTHING_FRESH: Fresh = MappingProxyType({})


class Account(NamedTuple):
    """An account's row: how many channels it has, the bytes they hold, the position of its newest message.

    The bytes are those of payloads and MESSAGE_OVERHEAD for each, in channels too.
    """

    id: int
    name: str
    created: int
    channels: int
    stored: int
    position: int


@dataclass(frozen=True, slots=True)
class Retention:
    """How long messages are kept: not deleted before `min_age_days`, pruned after `max_age_days` (0: no limit)."""

    min_age_days: int = 0
    max_age_days: int = 0
    auto_prune: bool = False

    def expiry(self, at: int) -> int | None:
        """Return when a message received `at` is pruned; None for never, as long as nothing asks for pruning.

        A time that no store can keep is as good as never, too.
        """
        if not (self.auto_prune and self.max_age_days):
            return None
        expires = at + self.max_age_days * NS_PER_DAY
        return expires if expires <= LARGEST else None


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for a channel; `auto_delete` frees what every reader has read.

    The public flags open the channel only where it `opens` to the public at all; elsewhere they are kept and told.
    """

    public_read: bool = False
    public_write: bool = False
    sequenced: bool = False
    locked: bool = False
    auto_delete: bool = False
    opens: bool = True
    retention: Retention = field(default_factory=Retention)

    @property
    def anybody_reads(self) -> bool:
        """Whether the public may read."""
        return self.opens and self.public_read

    @property
    def anybody_writes(self) -> bool:
        """Whether the public may write."""
        return self.opens and self.public_write


class Channel(NamedTuple):
    """A channel's row. `head` is the last sequence number given, `stored` its bytes, `owner` the account's reader."""

    key: int
    id: str
    account: int
    settings: Settings
    owner: int
    head: int
    stored: int


class Token(NamedTuple):
    """A channel token's row, with the channel and the account it belongs to. Its text follows from its name."""

    key: int
    channel: int
    channel_id: str
    account: int
    name: str
    description: str
    can_read: bool
    can_write: bool
    watermark: int


class Posting(NamedTuple):
    """What a post will look up, so that a store can load it for many posts at once; None: no token is shown."""

    channel_id: str
    token: bytes | None


class Looking(NamedTuple):
    """What a look for an account's news will look up, so that a store can load it for many looks at once.

    The account that is expected behind the token's hash, the position after which it looks, and the bounds of a page.
    """

    account: int
    token: bytes
    after: int
    most: int
    space: int


class Rows(Protocol):
    """Rows of one store, inside a transaction. What the transaction has changed is seen by all that follows in it."""

    # ------------------------------------------------------------------------------------------------------- accounts

    async def add_account(self, account: int, token: bytes, name: str, at: int) -> None:
        """Add an account."""
        ...

    async def account_of(self, token: bytes) -> int | None:
        """Return the id of the account that a token belongs to."""
        ...

    async def account(self, account: int) -> Account | None:
        """Return an account."""
        ...

    async def accounts(self) -> list[Account]:
        """Return all accounts, oldest first (by time of creation, then id)."""
        ...

    async def remove_account(self, account: int) -> None:
        """Remove an account with all that hangs on it."""
        ...

    # ------------------------------------------------------------------------------------------------------- channels

    async def add_channel(self, account: int, channel_id: str, settings: Settings, at: int) -> int:
        """Add a channel without an owner yet and return its key; the account's count of channels goes up."""
        ...

    async def channel(self, channel_id: str) -> Channel | None:
        """Return a channel."""
        ...

    async def channels(self, account: int) -> list[Channel]:
        """Return all channels of an account, oldest first."""
        ...

    async def set_settings(self, channel: Channel, settings: Settings) -> None:
        """Replace a channel's settings; what was stored before keeps the expiry it has."""
        ...

    async def set_owner(self, channel: int, reader: int) -> None:
        """Let the account act as this reader of the channel."""
        ...

    async def delete_channel(self, channel: Channel) -> None:
        """Delete a channel with all that hangs on it; the account's counts go down."""
        ...

    # --------------------------------------------------------------------------------------------------------- tokens

    async def add_token(
        self, channel: int, token: bytes, name: str, description: str, *, can_read: bool, can_write: bool, at: int
    ) -> int:
        """Add a token to a channel and return its key; nothing is marked read for it. Keys are never used again."""
        ...

    async def token(self, token: bytes) -> Token | None:
        """Return a channel token that is not revoked."""
        ...

    async def tokens(self, channel: Channel) -> list[Token]:
        """Return the tokens of a channel that are not revoked, oldest first."""
        ...

    async def account_tokens(self, account: int) -> list[Token]:
        """Return the tokens of all channels of an account that are not revoked, oldest first."""
        ...

    async def remove_token(self, token: Token) -> None:
        """Revoke a token. The channel's owner loses only the token: the account goes on reading by its marks."""
        ...

    # ------------------------------------------------------------------------------------------------------- messages

    async def add_message(self, channel: Channel, at: int, content_type: str, payload: bytes) -> int:
        """Add a message and return its sequence number, one above the head of `channel`, which is its row as it is now.

        Its position is above all that the account has had; account and channel count its bytes with MESSAGE_OVERHEAD;
        it expires as the channel's retention says.
        """
        ...

    async def messages(
        self, channel: Channel, reader: int | None, after: int, *, unread: bool, most: int, space: int
    ) -> tuple[list[HostMessage], bool]:
        """Return what the reader may see above sequence `after`, or what of it is unread, in order.

        The reader None is the public: it sees all that is stored, and has no marks. No more than `most` messages; the
        one whose payload uses up the last of `space` bytes is the last, so at least one comes. The second value says
        whether one of these bounds ended the list.
        """
        ...

    async def piece(self, channel: Channel, sequence: int, start: int, size: int) -> bytes | None:
        """Return up to `size` bytes of a message's payload from `start` on; None where it is not there any more."""
        ...

    async def account_messages(self, account: int, after: int, *, most: int, space: int) -> tuple[list[Placed], bool]:
        """Return, by position above `after`, what is unread for the owners of the account's channels.

        Positions count per account: they grow in the order of commits and are never used again. Bounds as in
        `messages`.
        """
        ...

    async def youngest(self, channel: Channel, low: int, high: int) -> int | None:
        """Return when the last message of a range that is still there was received."""
        ...

    # ----------------------------------------------------------------------------------------------------- read marks

    async def watermark(self, reader: int) -> int:
        """Return the sequence up to which all is read, but for exceptions; above it all is unread, but for them."""
        ...

    async def set_watermark(self, reader: int, sequence: int) -> None:
        """Raise the watermark and drop the exceptions it passes."""
        ...

    async def first_unread(self, channel: Channel, reader: int, after: int) -> int | None:
        """Return the first sequence above `after`, itself not below the watermark, that is there and not excepted."""
        ...

    async def has_unread(self, channel: Channel, reader: int) -> bool:
        """Whether there is a message that the reader may see and has not read."""
        ...

    async def add_exceptions(self, channel: Channel, reader: int, low: int, high: int) -> None:
        """Except the messages of a range that are there from what the watermark says."""
        ...

    async def clear_exceptions(self, reader: int, low: int, high: int) -> None:
        """Drop the exceptions of a range."""
        ...

    async def first_exception(self, reader: int, low: int, high: int) -> int | None:
        """Return the first exception of a range."""
        ...

    async def hide(self, channel: Channel, reader: int, low: int, high: int) -> None:
        """Hide the messages of a range that are there from a reader."""
        ...

    async def touch(self) -> None:
        """Write what changes nothing: where that can be committed, everything else can."""
        ...

    # -------------------------------------------------------------------------------------------------------- freeing

    async def free(self, channel: Channel, low: int, high: int, *, read: bool) -> None:
        """Delete the messages of a range that are hidden from every reader or, with `read`, read by it.

        Marks of what is gone go too; account and channel no longer count its bytes; the head stays.
        """
        ...

    async def prune(self, at: int, most: int) -> int:
        """Delete up to `most` messages that have expired at time `at`, as `free` does; return how many."""
        ...


class OnChange(Protocol):
    """Is told what a commit changed (see Store)."""

    def __call__(self, accounts: Iterable[int], fresh: Fresh = NOTHING_FRESH, /) -> None:
        """Take the accounts that have changed, and what is fresh; calls come in the order of commits."""


class Store(Protocol):
    """Transactions over rows.

    A store is opened with `on_change`, which it calls in the loop after each commit with the accounts whose messages,
    channels, tokens or marks have changed, and perhaps with what is fresh; and with `on_batch`, which it calls then
    too, with the number of works in that transaction and the seconds it took. One that other processes share also takes
    `on_gap`, called where some of their changes may have been missed, so that everybody must look, and `on_notice` for
    what they `tell`.
    """

    def transact(self, work: Callable[[Rows], Awaitable[T]], post: Posting | None = None) -> asyncio.Future[T]:
        """Run `work` in a transaction; return its result once the commit is on disk, or raise what it raised.

        Where it raises, or its transaction fails, nothing of it remains. A failure that may be another's makes the
        store run it again, so it must change nothing but rows. `post` says that `work` is a post, and what it looks up.
        Raises StoreError where the database fails.
        """
        ...

    def query(self, work: Callable[[Rows], Awaitable[T]], look: Looking | None = None) -> asyncio.Future[T]:
        """Run `work` on a view of what is committed; it must not change anything.

        `look` says that `work` looks for an account's news, and what it looks up.
        """
        ...

    def tell(self, notice: str) -> None:
        """Let the other processes of the host know of something, if there are any; it may get lost."""
        ...

    async def close(self) -> None:
        """Finish what is queued and let go of the database."""
        ...


def unheard(*_: object) -> None:
    """Do without what a store would tell."""
