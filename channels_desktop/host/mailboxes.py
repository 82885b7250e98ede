"""The rules of mailboxes: who may do what, how messages are numbered, read and forgotten.

A channel belongs to an account and has tokens. A token that may read is a *reader* with read marks of its own: a
watermark below which all is read, and exceptions to it. The account's own token acts as the channel's first reader.
A message is freed as soon as no reader needs it. Nothing here knows HTTP, SQL or threads: `Rows` is what a store
offers inside one transaction, and `Refused` says why something is not done, before anything is changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from channels_desktop.errors import Refused
from channels_desktop.host.limits import Limits
from channels_desktop.host.management import Management, forgets_read, hashed
from channels_desktop.host.messages import HostMessage
from channels_desktop.host.rows import MESSAGE_OVERHEAD, NS_PER_DAY, Account, Channel, Placed, Token

CONTENT_TYPE_CHARS = 128


@dataclass(frozen=True, slots=True)
class Line:
    """What a websocket listens to: all channels of `account`, or the one channel that `token` may read.

    `token` is a hash, or None for the public: it is looked up again for every page, so that who loses the right to
    listen hears no more.
    """

    account: int
    channel_id: str | None = None
    token: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Head:
    """The last sequence number given in a channel, 0 for those who may not read, and the rights of who asks."""

    sequence: int
    can_read: bool
    can_write: bool


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a token's holder may know: the first value for writers, the next two for readers, `account` for itself.

    `stored` is the bytes that the channel holds, with MESSAGE_OVERHEAD for each message, `limits` what the host gives
    to everybody.
    """

    max_message_payload_size: int | None
    auto_delete: bool | None
    stored: int | None
    account: Account | None
    limits: Limits


@dataclass(slots=True)
class _Access:
    """What somebody may do in a channel. `reader` is whose marks count: None for the public, which has none."""

    channel: Channel
    token: Token | None
    reader: int | None
    can_read: bool
    can_write: bool
    known: bool

    def refusal(self) -> Refused:
        """Return the error for what is not allowed."""
        return Refused("forbidden" if self.known else "unauthorized")


class Mailboxes(Management):
    """All rules, applied inside one transaction of a store."""

    # ------------------------------------------------------------------------------------------------------- messages

    async def post(self, token: str, channel_id: str, content_type: str, payload: bytes) -> HostMessage:
        """Store a message and return it with its number; an empty `token` writes to public channels only.

        For a writer that may also read, its own message counts as read.
        """
        access = await self._access(_digest(token), channel_id)
        if not access.can_write:
            raise access.refusal()
        channel = access.channel
        writer = access.token if access.token and access.token.can_read else None
        self._check_message(channel, content_type, payload)
        await self._check_room(channel, len(payload) + MESSAGE_OVERHEAD)
        if writer and channel.settings.sequenced and await self._rows.has_unread(channel, writer.key):
            raise Refused("conflict", "read what is unread first")
        at = self._now()
        if self._rates is not None:
            self._rates.take(channel.account)
        sequence = await self._rows.add_message(channel, at, content_type, payload)
        if writer:
            # In a sequenced channel nothing is unread, whatever the watermark says of what is gone.
            if channel.settings.sequenced or writer.watermark == channel.head:
                await self._rows.set_watermark(writer.key, sequence)
            else:
                await self._rows.add_exceptions(channel, writer.key, sequence, sequence)
            if forgets_read(channel.settings):  # its writer may be its only reader
                await self._rows.free(channel, sequence, sequence, read=True)
        return HostMessage(
            sequence=sequence, received=at, content_type=content_type, channel_id=channel_id, payload=payload
        )

    async def read(
        self, token: str, channel_id: str, count: int, *, unread: bool
    ) -> tuple[int, tuple[HostMessage, ...]]:
        """Return the channel's head and up to `count` messages, oldest first, within one page; 0 is a page.

        For the public everything is unread.
        """
        access = await self._readable(_digest(token), channel_id)
        most = min(count or self._limits.page_messages, self._limits.page_messages)
        found, _ = await self._rows.messages(
            access.channel, access.reader, 0, unread=unread, most=most, space=self._limits.page_bytes
        )
        return access.channel.head, tuple(found)

    async def head(self, token: str, channel_id: str) -> Head:
        """Return the highest sequence number given in the channel, 0 for none, and what the token may do."""
        access = await self._access(_digest(token), channel_id)
        if not (access.can_read or access.can_write):
            raise access.refusal()
        return Head(access.channel.head if access.can_read else 0, access.can_read, access.can_write)

    async def mark(self, token: str, channel_id: str, sequence: int, *, read: bool, older: bool) -> None:
        """Mark a message, and with `older` all before it, as read or unread for the token's reader."""
        channel, reader = await self._marking(token, channel_id)
        low = _lowest(channel, sequence, older=older)
        if not read:
            mark = await self._rows.watermark(reader)
            await self._rows.clear_exceptions(reader, max(low, mark + 1), sequence)
            await self._rows.add_exceptions(channel, reader, low, min(sequence, mark))
            return
        first = await self._mark_read(channel, reader, low, sequence)
        if forgets_read(channel.settings):
            await self._rows.free(channel, first, sequence, read=True)

    async def delete(self, token: str, channel_id: str, sequence: int, *, older: bool) -> None:
        """Delete a message, and with `older` all before it, for the token's reader; done already is success.

        Refused as long as the channel's retention keeps the youngest of them.
        """
        channel, reader = await self._marking(token, channel_id)
        low = _lowest(channel, sequence, older=older)
        if kept := channel.settings.retention.min_age_days:
            youngest = await self._rows.youngest(channel, low, sequence)
            if youngest is not None and youngest + kept * NS_PER_DAY > self._now():
                raise Refused("bad_request", "the retention period has not expired")
        await self._mark_read(channel, reader, low, sequence)
        await self._rows.hide(channel, reader, low, sequence)
        await self._rows.free(channel, low, sequence, read=forgets_read(channel.settings))

    async def metadata(self, token: str, channel_id: str) -> Metadata:
        """Return what a writer and what a reader may know of the channel."""
        access = await self._access(_digest(token), channel_id)
        if not (access.can_read or access.can_write):
            raise access.refusal()
        channel = access.channel
        own = token and access.token is None and access.reader is not None
        return Metadata(
            max_message_payload_size=self._limits.message_bytes if access.can_write else None,
            auto_delete=forgets_read(channel.settings) if access.can_read else None,
            stored=channel.stored if access.can_read else None,
            account=await self._rows.account(channel.account) if own else None,
            limits=self._limits,
        )

    async def prune(self, most: int) -> int:
        """Delete up to `most` messages that are older than their channels keep them; return how many."""
        return await self._rows.prune(self._now(), most)

    # ----------------------------------------------------------------------------------------------------- websockets

    async def line(self, token: str) -> Line:
        """Return what a websocket opened with an account's token or a token that may read listens to."""
        known = await self._rows.token(hashed(token)) if token else None
        if known is None:
            return Line(await self.account(token), None, hashed(token))
        if not known.can_read:
            raise Refused("forbidden")
        return Line(known.account, known.channel_id, hashed(token))

    async def channel_line(self, token: str, channel_id: str) -> Line:
        """Return the line of one channel, for whoever may read it."""
        digest = _digest(token)
        access = await self._readable(digest, channel_id)
        return Line(access.channel.account, channel_id, digest)

    async def newest(self, line: Line) -> int:
        """Return the position after all messages there are now."""
        if line.channel_id is not None:
            return (await self._readable(line.token, line.channel_id)).channel.head
        account = await self._rows.account(await self._listening(line))
        return account.position if account else 0

    async def unread_after(self, line: Line, position: int) -> tuple[list[Placed], bool]:
        """Return some unread messages after `position` in order of arrival, and whether there may be more.

        Raises Refused where the right to listen is gone.
        """
        most, space = self._limits.line_messages, self._limits.line_bytes
        if line.channel_id is None:
            account = await self._listening(line)
            return await self._rows.account_messages(account, position, most=most, space=space)
        access = await self._readable(line.token, line.channel_id)
        found, more = await self._rows.messages(
            access.channel, access.reader, position, unread=True, most=most, space=space
        )
        return [(message.sequence, message) for message in found], more

    async def piece(self, line: Line, channel_id: str, sequence: int, start: int, size: int) -> bytes | None:
        """Return a part of a message's payload that is being told on a line; None where it is gone by now.

        Raises Refused where the right to listen is gone.
        """
        if line.channel_id is None:
            account = await self._listening(line)
            channel = await self._found(channel_id)
            if channel.account != account:
                raise Refused("not_found", "no such channel")
        else:
            channel = (await self._readable(line.token, channel_id)).channel
        return await self._rows.piece(channel, sequence, start, size)

    # --------------------------------------------------------------------------------------------------------- inside

    def _check_message(self, channel: Channel, content_type: str, payload: bytes) -> None:
        if channel.settings.locked:
            raise Refused("locked", "the channel is locked")
        if len(payload) > self._limits.message_bytes:
            raise Refused("too_large")
        if not payload:
            raise Refused("bad_request", "the payload is empty")
        if not content_type or len(content_type) > CONTENT_TYPE_CHARS or not content_type.isprintable():
            raise Refused("bad_request", "the content type is missing or too long")

    async def _check_room(self, channel: Channel, size: int) -> None:
        if channel.stored + size > self._limits.mailbox_bytes:
            raise Refused("mailbox_full")
        account = await self._rows.account(channel.account)
        if account is None or account.stored + size > self._limits.account_bytes:
            raise Refused("mailbox_full", "the account is full")

    async def _mark_read(self, channel: Channel, reader: int, low: int, sequence: int) -> int:
        """Mark a range as read; return where what was unread of it may begin."""
        mark = await self._rows.watermark(reader)
        first = await self._rows.first_exception(reader, low, min(sequence, mark))
        if first is not None:
            await self._rows.clear_exceptions(reader, first, min(sequence, mark))
        if sequence <= mark:
            return sequence + 1 if first is None else first
        if low > mark + 1:
            await self._rows.add_exceptions(channel, reader, sequence, sequence)
        next_unread = await self._rows.first_unread(channel, reader, sequence if low <= mark + 1 else mark)
        await self._rows.set_watermark(reader, channel.head if next_unread is None else next_unread - 1)
        return max(low, mark + 1) if first is None else first

    async def _listening(self, line: Line) -> int:
        """Return the line's account while its token is still the account's."""
        if line.token is None or await self._rows.account_of(line.token) != line.account:
            raise Refused("unauthorized")
        return line.account

    async def _marking(self, token: str, channel_id: str) -> tuple[Channel, int]:
        """Return the channel and the reader whose marks are changed."""
        access = await self._readable(_digest(token), channel_id)
        if access.reader is None:
            raise access.refusal()
        return access.channel, access.reader

    async def _readable(self, token: bytes | None, channel_id: str) -> _Access:
        access = await self._access(token, channel_id)
        if not access.can_read:
            raise access.refusal()
        return access

    async def _access(self, token: bytes | None, channel_id: str) -> _Access:
        """Return what a token, or nobody in particular, may do in a channel.

        A token that is none of the host's is refused even where the public may do the same: it was revoked.
        """
        known = account = None
        if token is not None:
            known = await self._rows.token(token)
            account = await self._rows.account_of(token) if known is None else None
            if known is None and account is None:
                raise Refused("unauthorized")
        channel = await self._found(channel_id)
        reads, writes = channel.settings.anybody_reads, channel.settings.anybody_writes
        if known is not None and known.channel == channel.key:
            reader = known.key if known.can_read else None
            return _Access(channel, known, reader, reads or known.can_read, writes or known.can_write, known=True)
        if account == channel.account:
            return _Access(channel, None, channel.owner, can_read=True, can_write=writes, known=True)
        return _Access(channel, None, None, reads, writes, known=token is not None)


def _digest(token: str) -> bytes | None:
    return hashed(token) if token else None


def _lowest(channel: Channel, sequence: int, *, older: bool) -> int:
    """Return where the range that ends with `sequence` begins."""
    if not 1 <= sequence <= channel.head:
        raise Refused("not_found", "no such sequence")
    return 1 if older else sequence
