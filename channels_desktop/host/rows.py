"""What a store offers the rules of mailboxes inside one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from channels_desktop.host.messages import HostMessage


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel's row. `head` is the last sequence number given, `stored` its bytes, `owner` the account's reader."""

    key: int
    id: str
    account: int
    public: bool
    auto_delete: bool
    owner: int
    head: int
    stored: int


@dataclass(frozen=True, slots=True)
class Token:
    """A channel token's row, with the channel and the account it belongs to."""

    key: int
    channel: int
    channel_id: str
    account: int
    can_read: bool
    can_write: bool


class Rows(Protocol):
    """Rows of one store. Tokens are SHA-256 hashes, keys the store's own numbers, ranges include both ends."""

    def add_account(self, account: int, token: bytes, at: int) -> None:
        """Add an account."""
        ...

    def account_of(self, token: bytes) -> int | None:
        """Return the account that a token belongs to."""
        ...

    def add_channel(self, account: int, channel_id: str, *, public: bool, auto_delete: bool, at: int) -> int:
        """Add a channel and return its key."""
        ...

    def channel(self, channel_id: str) -> Channel | None:
        """Return a channel."""
        ...

    def channels(self, account: int) -> list[Channel]:
        """Return all channels of an account, oldest first."""
        ...

    def channel_count(self, account: int) -> int:
        """Return how many channels an account has."""
        ...

    def delete_channel(self, channel: Channel) -> None:
        """Delete a channel with all that hangs on it."""
        ...

    def add_token(self, channel: int, token: bytes, *, can_read: bool, can_write: bool) -> int:
        """Add a token to a channel and return its key; nothing is marked read for it."""
        ...

    def set_owner(self, channel: int, reader: int) -> None:
        """Let the account act as this reader of the channel."""
        ...

    def token(self, token: bytes) -> Token | None:
        """Return a channel token."""
        ...

    def add_message(self, channel: Channel, at: int, content_type: str, payload: bytes) -> int:
        """Add a message and return its sequence number, one above the channel's head."""
        ...

    def messages(self, channel: Channel, reader: int, after: int, *, unread: bool) -> Iterator[HostMessage]:
        """Yield what the reader may see above sequence `after`, or what of it is unread, in order."""
        ...

    def account_messages(self, account: int, after: int) -> Iterator[tuple[int, HostMessage]]:
        """Yield positions above `after` and what is unread there for the owners of the account's channels."""
        ...

    def newest(self) -> int:
        """Return the position of the newest message of the store."""
        ...

    def watermark(self, reader: int) -> int:
        """Return the sequence up to which all is read, but for exceptions."""
        ...

    def set_watermark(self, reader: int, sequence: int) -> None:
        """Raise the watermark and drop the exceptions it passes."""
        ...

    def first_unread(self, channel: Channel, reader: int, after: int) -> int | None:
        """Return the first sequence above `after`, itself not below the watermark, that is there and not excepted."""
        ...

    def add_exceptions(self, channel: Channel, reader: int, low: int, high: int) -> None:
        """Except the messages of a range that are there from what the watermark says."""
        ...

    def clear_exceptions(self, reader: int, low: int, high: int) -> None:
        """Drop the exceptions of a range."""
        ...

    def hide(self, channel: Channel, reader: int, low: int, high: int) -> None:
        """Hide the messages of a range from a reader."""
        ...

    def free(self, channel: Channel, low: int, high: int) -> None:
        """Delete the messages of a range that no reader needs: hidden, or read where the channel deletes what is."""
        ...
