"""Rows for many posts in one transaction: what they look up is loaded at once, what they add is written at once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from channels_desktop.errors import Misuse
from channels_desktop.host.rows import MESSAGE_OVERHEAD, OUTDATED, Account, Channel, Rows, Token

BYTES_AT_ONCE = 8 * 1024 * 1024


class Added(NamedTuple):
    """A message to write, without its position."""

    channel: int
    account: int
    sequence: int
    received: int
    content_type: str
    payload: bytes
    expires: int | None


class Kept(NamedTuple):
    """What is to be written: messages, their channels with them, watermarks by reader, exceptions of readers."""

    added: Sequence[Added]
    channels: Sequence[Channel]
    marks: Mapping[int, int]
    excepted: Sequence[tuple[int, int]]


class BatchRows(Rows):
    """What stands before a store's own rows, and keeps what a batch of posts adds until `flush`.

    Everything else is asked of those rows, after what is kept has been written; what is changed there besides makes
    this forget what it knows.
    """

    # `super()` is the store's own rows, which follow this class in all that is made of both.

    touched: set[int]
    changes: int

    def __init__(self) -> None:
        self._known_accounts: dict[int, Account] = {}
        self._known_channels: dict[str, Channel | None] = {}
        self._known_tokens: dict[bytes, Token | None] = {}
        self._known_owners: dict[bytes, int | None] = {}
        self._readers: dict[int, bytes] = {}
        self._keep_nothing()

    @property
    def known(self) -> int:
        """How many channels and tokens are known."""
        return len(self._known_channels) + len(self._known_tokens)

    def know(
        self,
        accounts: Iterable[Account],
        channels: Mapping[str, Channel | None],
        tokens: Mapping[bytes, Token | None],
        owners: Mapping[bytes, int | None],
    ) -> None:
        """Learn what posts look up: accounts, channels, channel tokens and account tokens; None for what is not."""
        self._known_accounts.update((account.id, account) for account in accounts)
        self._known_channels.update(channels)
        self._known_tokens.update(tokens)
        self._known_owners.update(owners)
        self._readers.update((token.key, text) for text, token in tokens.items() if token is not None)

    def forget(self) -> None:
        """Know nothing any more."""
        for known in (
            self._known_accounts,
            self._known_channels,
            self._known_tokens,
            self._known_owners,
            self._readers,
        ):
            known.clear()

    def drop(self) -> None:
        """Forget what is kept too: it was not written, or is not there any more."""
        self.forget()
        self._keep_nothing()
        self.touched = set()

    async def flush(self) -> None:
        """Write what is kept."""
        if not (self._added or self._marks):
            return
        channels = [channel for each in self._grown if (channel := self._known_channels[each])]
        kept = Kept(self._added, channels, self._marks, self._excepted)
        self._keep_nothing()
        await self._write(kept)

    @abstractmethod
    async def _write(self, kept: Kept) -> None:
        """Write what is kept, and what accounts are like with it."""

    # ------------------------------------------------------------------------------------------------ what is known

    async def account_of(self, token: bytes) -> int | None:
        """See Rows."""
        if token in self._known_owners:
            return self._known_owners[token]
        return await super().account_of(token)  # type: ignore[safe-super]

    async def account(self, account: int) -> Account | None:
        """See Rows."""
        if account in self._known_accounts:
            return self._known_accounts[account]
        return await super().account(account)  # type: ignore[safe-super]

    async def channel(self, channel_id: str) -> Channel | None:
        """See Rows."""
        if channel_id in self._known_channels:
            return self._known_channels[channel_id]
        return await super().channel(channel_id)  # type: ignore[safe-super]

    async def token(self, token: bytes) -> Token | None:
        """See Rows."""
        if token in self._known_tokens:
            return self._known_tokens[token]
        return await super().token(token)  # type: ignore[safe-super]

    async def watermark(self, reader: int) -> int:
        """See Rows."""
        known = self._reader(reader)
        return known.watermark if known else await super().watermark(reader)  # type: ignore[safe-super]

    # ------------------------------------------------------------------------------------------------- what is kept

    async def add_message(self, channel: Channel, at: int, content_type: str, payload: bytes) -> int:
        """See Rows."""
        if self._bytes >= BYTES_AT_ONCE:
            await self.flush()
        known, account = self._known_channels.get(channel.id), self._known_accounts.get(channel.account)
        if known is None or account is None:
            return await super().add_message(channel, at, content_type, payload)  # type: ignore[safe-super]
        key, channel_id, owned_by, settings, owner, head, stored = known
        if head != channel.head:
            raise Misuse(OUTDATED)
        self.changes += 1
        self.touched.add(owned_by)
        sequence, size = head + 1, len(payload) + MESSAGE_OVERHEAD
        self._known_channels[channel_id] = Channel(key, channel_id, owned_by, settings, owner, sequence, stored + size)
        number, name, created, channels, held, position = account  # `_replace` costs as much as all of this together
        self._known_accounts[owned_by] = Account(number, name, created, channels, held + size, position)
        expires = settings.retention.expiry(at)
        self._added.append(Added(key, owned_by, sequence, at, content_type, payload, expires))
        self._grown.add(channel_id)
        self._bytes += size
        return sequence

    async def set_watermark(self, reader: int, sequence: int) -> None:
        """See Rows."""
        known = self._reader(reader)
        if known is None or any(reader == excepted for excepted, _ in self._excepted):
            await super().set_watermark(reader, sequence)  # type: ignore[safe-super]
            return
        self.changes += 1
        self._known_tokens[self._readers[reader]] = known._replace(watermark=sequence)
        self._marks[reader] = sequence

    async def add_exceptions(self, channel: Channel, reader: int, low: int, high: int) -> None:
        """See Rows."""
        last = self._added[-1] if self._added else None
        if last is None or not (low == high == last.sequence and last.channel == channel.key):
            await super().add_exceptions(channel, reader, low, high)  # type: ignore[safe-super]
            return
        self.changes += 1
        self._excepted.append((reader, low))

    def _keep_nothing(self) -> None:
        self._added: list[Added] = []
        self._bytes = 0
        self._grown: set[str] = set()
        self._marks: dict[int, int] = {}
        self._excepted: list[tuple[int, int]] = []

    def _reader(self, reader: int) -> Token | None:
        """Return the token of a reader where it is known."""
        return self._known_tokens[self._readers[reader]] if reader in self._readers else None
