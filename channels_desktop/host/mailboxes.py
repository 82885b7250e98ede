"""The rules of mailboxes: who may do what, how messages are numbered, read and forgotten.

A channel belongs to an account and has tokens. A token that may read is a *reader* with read marks of its own: a
watermark below which all is read, and exceptions to it. The account's own token acts as the channel's first reader.
A message is freed as soon as no reader needs it. Nothing here knows HTTP, SQL or threads: `Rows` is what a store
offers inside one transaction, and `Refused` says why something is not done, before anything is changed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from channels_desktop.errors import Refused
from channels_desktop.host.messages import FullChannel, HostMessage
from channels_desktop.host.rows import Channel, Rows

CONTENT_TYPE_CHARS = 128

Placed = tuple[int, HostMessage]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one host gives. Sizes are bytes; `page_*` bound one read, `line_*` what a websocket holds at a time."""

    message_bytes: int = 10 * 1024 * 1024
    mailbox_bytes: int = 256 * 1024 * 1024
    channels: int = 100_000
    page_messages: int = 1000
    page_bytes: int = 12 * 1024 * 1024
    line_messages: int = 64
    line_bytes: int = 1024 * 1024
    auto_delete: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """What a websocket listens to: all channels of `account`, or the one channel of a read token."""

    account: int
    channel_id: str | None = None
    reader: int = 0


class Mailboxes:
    """The rules, applied inside one transaction of a store."""

    def __init__(self, rows: Rows, limits: Limits, now: Callable[[], int]) -> None:
        self._rows = rows
        self._limits = limits
        self._now = now

    # ------------------------------------------------------------------------------------------- accounts, channels

    def create_account(self) -> tuple[int, str]:
        """Open an account; return its id and its token, which is not kept."""
        account, token = secrets.randbelow(2**48) + 1, secrets.token_urlsafe(32)
        self._rows.add_account(account, hashed(token), self._now())
        return account, token

    def account(self, token: str) -> int:
        """Return the account that `token` belongs to."""
        account = self._rows.account_of(hashed(token))
        if account is None:
            raise Refused("unauthorized")
        return account

    def create_channel(self, account_token: str, *, public: bool = False) -> FullChannel:
        """Create a channel with a read token and, unless `public`, a write token."""
        account = self.account(account_token)
        if self._rows.channel_count(account) >= self._limits.channels:
            raise Refused("quota", "too many channels")
        channel_id = str(uuid.uuid4())
        key = self._rows.add_channel(
            account, channel_id, public=public, auto_delete=self._limits.auto_delete, at=self._now()
        )
        made = _shown(channel_id, account, account_token, public=public)
        self._rows.set_owner(key, self.add_token(key, made.read_token, can_read=True))
        if not public:
            self.add_token(key, made.write_token, can_write=True)
        return made

    def add_token(self, channel: int, token: str, *, can_read: bool = False, can_write: bool = False) -> int:
        """Let `token` into a channel; a new reader finds everything unread that is still there."""
        return self._rows.add_token(channel, hashed(token), can_read=can_read, can_write=can_write)

    def channel(self, account_token: str, channel_id: str) -> FullChannel:
        """Return one channel of the account."""
        found = self._owned(account_token, channel_id)
        return _shown(found.id, found.account, account_token, public=found.public)

    def channels(self, account_token: str) -> tuple[FullChannel, ...]:
        """Return all channels of the account, oldest first."""
        account = self.account(account_token)
        rows = self._rows.channels(account)
        return tuple(_shown(row.id, account, account_token, public=row.public) for row in rows)

    def delete_channel(self, account_token: str, channel_id: str) -> None:
        """Delete a channel with its tokens and messages."""
        self._rows.delete_channel(self._owned(account_token, channel_id))

    # ------------------------------------------------------------------------------------------------------ messages

    def post(self, token: str, channel_id: str, content_type: str, payload: bytes) -> HostMessage:
        """Store a message and return it with its number; an empty `token` writes to public channels only."""
        channel = self._writable(token, channel_id)
        if len(payload) > self._limits.message_bytes:
            raise Refused("too_large")
        if not payload:
            raise Refused("bad_request", "the payload is empty")
        if not content_type or len(content_type) > CONTENT_TYPE_CHARS:
            raise Refused("bad_request", "the content type is missing or too long")
        if channel.stored + len(payload) > self._limits.mailbox_bytes:
            raise Refused("mailbox_full")
        at = self._now()
        sequence = self._rows.add_message(channel, at, content_type, payload)
        return HostMessage(
            sequence=sequence, received=at, content_type=content_type, channel_id=channel_id, payload=payload
        )

    def read(self, token: str, channel_id: str, count: int, *, unread: bool) -> tuple[int, tuple[HostMessage, ...]]:
        """Return the channel's head and up to `count` messages, oldest first, within one page; 0 is a page."""
        channel, reader = self._readable(token, channel_id)
        found = ((message.sequence, message) for message in self._rows.messages(channel, reader, 0, unread=unread))
        most = min(count or self._limits.page_messages, self._limits.page_messages)
        taken, _ = _page(found, most, self._limits.page_bytes)
        return channel.head, tuple(message for _, message in taken)

    def head(self, token: str, channel_id: str) -> int:
        """Return the highest sequence number given in the channel, 0 for none."""
        return self._readable(token, channel_id)[0].head

    def mark(self, token: str, channel_id: str, sequence: int, *, read: bool, older: bool) -> None:
        """Mark a message, and with `older` all before it, as read or unread for the token's reader."""
        channel, reader = self._readable(token, channel_id)
        low = self._range(channel, sequence, older=older)
        if read:
            self._mark_read(channel, reader, low, sequence)
            if channel.auto_delete:
                self._rows.free(channel, low, sequence)
        else:
            mark = self._rows.watermark(reader)
            self._rows.clear_exceptions(reader, max(low, mark + 1), sequence)
            self._rows.add_exceptions(channel, reader, low, min(sequence, mark))

    def delete(self, token: str, channel_id: str, sequence: int, *, older: bool) -> None:
        """Delete a message, and with `older` all before it, for the token's reader; done already is success."""
        channel, reader = self._readable(token, channel_id)
        low = self._range(channel, sequence, older=older)
        self._mark_read(channel, reader, low, sequence)
        self._rows.hide(channel, reader, low, sequence)
        self._rows.free(channel, low, sequence)

    def metadata(self, token: str, channel_id: str) -> tuple[int | None, bool | None]:
        """Return the largest payload where the token may write, and auto deletion where it may read."""
        channel = self._found(channel_id)
        known = self._rows.token(hashed(token))
        reads = known is not None and known.channel == channel.key and known.can_read
        if not reads and self._rows.account_of(hashed(token)) == channel.account:
            reads = True
        if not reads:
            self._writable(token, channel_id)
        # False would be written as true (wire-format 11), so it is left out.
        return (None, True if channel.auto_delete else None) if reads else (self._limits.message_bytes, None)

    # ---------------------------------------------------------------------------------------------------- websockets

    def line(self, token: str) -> Line:
        """Return what a websocket opened with an account or read token listens to."""
        known = self._rows.token(hashed(token))
        if known is None:
            return Line(self.account(token))
        if not known.can_read:
            raise Refused("forbidden")
        return Line(known.account, known.channel_id, known.key)

    def newest(self, line: Line) -> int:
        """Return the position after all messages there are now."""
        return self._rows.newest() if line.channel_id is None else self._found(line.channel_id).head

    def unread_after(self, line: Line, position: int) -> tuple[list[Placed], bool]:
        """Return some unread messages after `position` in order of arrival, and whether there may be more."""
        if line.channel_id is None:
            found = self._rows.account_messages(line.account, position)
        else:
            seen = self._rows.messages(self._found(line.channel_id), line.reader, position, unread=True)
            found = ((message.sequence, message) for message in seen)
        return _page(found, self._limits.line_messages, self._limits.line_bytes)

    # --------------------------------------------------------------------------------------------------------- inside

    def _mark_read(self, channel: Channel, reader: int, low: int, sequence: int) -> None:
        mark = self._rows.watermark(reader)
        self._rows.clear_exceptions(reader, low, min(sequence, mark))
        if sequence <= mark:
            return
        if low <= mark + 1:
            mark = sequence
        else:
            self._rows.add_exceptions(channel, reader, sequence, sequence)
        first = self._rows.first_unread(channel, reader, mark)
        self._rows.set_watermark(reader, channel.head if first is None else first - 1)

    @staticmethod
    def _range(channel: Channel, sequence: int, *, older: bool) -> int:
        """Return where the range that ends with `sequence` begins."""
        if not 1 <= sequence <= channel.head:
            raise Refused("not_found", "no such sequence")
        return 1 if older else sequence

    def _found(self, channel_id: str) -> Channel:
        channel = self._rows.channel(channel_id)
        if channel is None:
            raise Refused("not_found", "no such channel")
        return channel

    def _owned(self, account_token: str, channel_id: str) -> Channel:
        account = self.account(account_token)
        channel = self._found(channel_id)
        if channel.account != account:
            raise Refused("not_found", "no such channel")
        return channel

    def _readable(self, token: str, channel_id: str) -> tuple[Channel, int]:
        """Return the channel and the reader that `token` stands for."""
        digest = hashed(token)
        known = self._rows.token(digest)
        account = self._rows.account_of(digest) if known is None else None
        if known is None and account is None:
            raise Refused("unauthorized")
        channel = self._found(channel_id)
        if known is not None and known.channel == channel.key and known.can_read:
            return channel, known.key
        if account == channel.account:
            return channel, channel.owner
        raise Refused("forbidden")

    def _writable(self, token: str, channel_id: str) -> Channel:
        channel = self._found(channel_id)
        if channel.public:
            return channel
        known = self._rows.token(hashed(token)) if token else None
        if known is None:
            raise Refused("forbidden" if token and self._rows.account_of(hashed(token)) else "unauthorized")
        if known.channel != channel.key or not known.can_write:
            raise Refused("forbidden")
        return channel


def _page(found: Iterable[Placed], count: int, space: int) -> tuple[list[Placed], bool]:
    """Take up to `count` messages, or one more than fits in `space`; say whether that bound ended it."""
    taken: list[Placed] = []
    for placed in found:
        taken.append(placed)
        space -= len(placed[1].payload)
        if len(taken) >= count or space <= 0:
            return taken, True
    return taken, False


def hashed(token: str) -> bytes:
    """Return the only form in which a token is kept."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _shown(channel_id: str, account: int, account_token: str, *, public: bool) -> FullChannel:
    """Return a channel with its tokens, which follow from the account's token, so that they need not be kept."""
    return FullChannel(
        id=channel_id,
        account_id=str(account),
        read_token=_derived(account_token, "read", channel_id),
        write_token="" if public else _derived(account_token, "write", channel_id),
    )


def _derived(account_token: str, right: str, channel_id: str) -> str:
    digest = hmac.digest(account_token.encode(), f"{right} {channel_id}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
