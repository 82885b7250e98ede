"""The rules of accounts, channels and tokens.

An account has one token, T, which manages its channels. A channel has tokens of its own that read, write or do both.
All tokens are kept as hashes only, yet T's holder can be told the channel tokens at any time: their text follows from
T, the channel and a name that is kept.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from channels_desktop.errors import Refused
from channels_desktop.host.limits import Limits, Rates, Turn
from channels_desktop.host.rows import Account, Channel, Posting, Retention, Rows, Settings, Token

NAME_CHARS = 256
DESCRIPTION_CHARS = 1024
MOST_DAYS = 36_500  # a hundred years from now can still be kept as a number of nanoseconds
_ACCOUNTS = 2**48


@dataclass(frozen=True, slots=True)
class TokenView:
    """A channel token as its account sees it: `token` is its text, `key` the number by which it is managed."""

    key: int
    token: str = field(repr=False)
    description: str
    can_read: bool
    can_write: bool
    name: str


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel as its account sees it."""

    id: str
    account: int
    settings: Settings
    head: int
    tokens: tuple[TokenView, ...]


class Management:
    """What accounts do, inside one transaction of a store. The operator's calls come without a token."""

    def __init__(self, rows: Rows, limits: Limits, now: Callable[[], int], rates: Rates | Turn | None = None) -> None:
        self._rows = rows
        self._limits = limits
        self._now = now
        self._rates = rates

    # ------------------------------------------------------------------------------------------------------- accounts

    async def create_account(self, name: str = "") -> tuple[int, str]:
        """Open an account; return its id and its token, which is not kept."""
        _check_text(name, NAME_CHARS)
        token = secrets.token_urlsafe(32)
        return await self._open(token, name, self._now()), token

    async def ensure_account(self, token: str, name: str, count: Callable[[], None]) -> None:
        """Open the account of a token that is made elsewhere, unless it is there; `count` may refuse one more."""
        if await self._rows.account_of(hashed(token)) is None:
            count()
            await self._open(token, name, self._now())

    async def remove_account(self, account: int) -> None:
        """Remove an account with its channels, tokens and messages."""
        if not 0 < account < _ACCOUNTS or await self._rows.account(account) is None:
            raise Refused("not_found", "no such account")
        await self._rows.remove_account(account)

    async def accounts(self) -> list[Account]:
        """Return all accounts, oldest first."""
        return await self._rows.accounts()

    async def account(self, account_token: str) -> int:
        """Return the id of the account that a token belongs to."""
        account = await self._rows.account_of(hashed(account_token)) if account_token else None
        if account is None:
            raise Refused("unauthorized")
        return account

    async def name(self, account_token: str) -> str:
        """Return the name of the account that a token belongs to."""
        account = await self._rows.account(await self.account(account_token))
        return account.name if account else ""

    # ------------------------------------------------------------------------------------------------------- channels

    async def create_channel(self, account_token: str, settings: Settings, *, one_owner: bool) -> ChannelView:
        """Create a channel: with one token that may all (`one_owner`), or one to read by and one to write with.

        The latter is left out where anybody may write. The first token's marks are those that the account reads by.
        The public flags of a channel with one owner open nothing (peer channel API, "public_read / public_write"):
        clients of those dialects set them on every channel and rely on tokens.
        """
        account = await self.account(account_token)
        _check_retention(settings.retention)
        settings = replace(settings, opens=not one_owner)
        row = await self._rows.account(account)
        if row is None or row.channels >= self._limits.channels:
            raise Refused("quota", "too many channels")
        channel_id = str(uuid.uuid4())
        key = await self._rows.add_channel(account, channel_id, settings, self._now())
        made = Channel(key, channel_id, account, settings, 0, 0, 0)
        if one_owner:
            tokens = [await self._add(made, account_token, "owner", "Owner", can_read=True, can_write=True)]
        else:
            tokens = [await self._add(made, account_token, "read", "Read", can_read=True, can_write=False)]
        if not (one_owner or settings.anybody_writes):
            tokens.append(await self._add(made, account_token, "write", "Write", can_read=False, can_write=True))
        await self._rows.set_owner(key, tokens[0].key)
        return ChannelView(channel_id, account, settings, 0, tuple(tokens))

    async def channel(self, account_token: str, channel_id: str) -> ChannelView:
        """Return one channel of the account."""
        found = await self._owned(account_token, channel_id)
        return _shown(found, await self._rows.tokens(found), account_token)

    async def channels(self, account_token: str) -> tuple[ChannelView, ...]:
        """Return all channels of the account, oldest first."""
        account = await self.account(account_token)
        tokens: dict[int, list[Token]] = {}
        for token in await self._rows.account_tokens(account):
            tokens.setdefault(token.channel, []).append(token)
        rows = await self._rows.channels(account)
        return tuple(_shown(row, tokens.get(row.key, ()), account_token) for row in rows)

    async def amend_channel(
        self, account_token: str, channel_id: str, *, public_read: bool, public_write: bool, locked: bool
    ) -> ChannelView:
        """Change what may be changed of a channel."""
        found = await self._owned(account_token, channel_id)
        amended = replace(found.settings, public_read=public_read, public_write=public_write, locked=locked)
        await self._rows.set_settings(found, amended)
        if forgets_read(amended) and not forgets_read(found.settings):
            await self._rows.free(found, 1, found.head, read=True)
        return _shown(found._replace(settings=amended), await self._rows.tokens(found), account_token)

    async def delete_channel(self, account_token: str, channel_id: str) -> None:
        """Delete a channel with its tokens and messages."""
        await self._rows.delete_channel(await self._owned(account_token, channel_id))

    # --------------------------------------------------------------------------------------------------------- tokens

    async def create_token(
        self, account_token: str, channel_id: str, description: str, *, can_read: bool, can_write: bool
    ) -> TokenView:
        """Let one more token into a channel; a new reader finds everything unread that is still there."""
        found = await self._owned(account_token, channel_id)
        _check_text(description, DESCRIPTION_CHARS)
        if len(await self._rows.tokens(found)) >= self._limits.tokens:
            raise Refused("quota", "too many tokens")
        name = secrets.token_urlsafe(12)
        return await self._add(found, account_token, name, description, can_read=can_read, can_write=can_write)

    async def tokens(self, account_token: str, channel_id: str, token: str = "") -> tuple[TokenView, ...]:
        """Return the channel's tokens, oldest first, or only the one whose text is `token`."""
        found = await self._owned(account_token, channel_id)
        views = (_token_view(row, account_token) for row in await self._rows.tokens(found))
        return tuple(view for view in views if token in {"", view.token})

    async def token(self, account_token: str, channel_id: str, key: int) -> TokenView:
        """Return one token of the channel."""
        return _token_view(await self._token(account_token, channel_id, key), account_token)

    async def revoke_token(self, account_token: str, channel_id: str, key: int) -> None:
        """Take a token back; what only its holder had still to read is freed."""
        found = await self._owned(account_token, channel_id)
        await self._rows.remove_token(await self._token(account_token, channel_id, key))
        await self._rows.free(found, 1, found.head, read=forgets_read(found.settings))

    # --------------------------------------------------------------------------------------------------------- inside

    async def _open(self, token: str, name: str, at: int) -> int:
        account = secrets.randbelow(_ACCOUNTS - 1) + 1
        await self._rows.add_account(account, hashed(token), name, at)
        return account

    async def _add(
        self, channel: Channel, account_token: str, name: str, description: str, *, can_read: bool, can_write: bool
    ) -> TokenView:
        text = _derived(account_token, name, channel.id)
        key = await self._rows.add_token(
            channel.key, hashed(text), name, description, can_read=can_read, can_write=can_write, at=self._now()
        )
        return TokenView(key, text, description, can_read, can_write, name)

    async def _token(self, account_token: str, channel_id: str, key: int) -> Token:
        for token in await self._rows.tokens(await self._owned(account_token, channel_id)):
            if token.key == key:
                return token
        raise Refused("not_found", "no such token")

    async def _owned(self, account_token: str, channel_id: str) -> Channel:
        account = await self.account(account_token)
        channel = await self._found(channel_id)
        if channel.account != account:
            raise Refused("not_found", "no such channel")
        return channel

    async def _found(self, channel_id: str) -> Channel:
        # Ids are ours; other characters would trouble some databases.
        plain = channel_id.isascii() and channel_id.isprintable()
        channel = await self._rows.channel(channel_id) if plain else None
        if channel is None:
            raise Refused("not_found", "no such channel")
        return channel


def hashed(token: str) -> bytes:
    """Return the only form in which a token is kept."""
    return hashlib.sha256(_raw(token)).digest()


def posting(channel_id: str, token: str) -> Posting:
    """Return what a post with a token looks up; an empty one is none."""
    return Posting(channel_id, hashed(token) if token else None)


def token_of(digest: bytes) -> str:
    """Return a token whose text follows from a digest."""
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def forgets_read(settings: Settings) -> bool:
    """Whether a message goes once every reader has read it; the public, where it may read, is never done."""
    return settings.auto_delete and not settings.anybody_reads


def _raw(token: str) -> bytes:
    return token.encode("utf-8", "surrogateescape")


def _derived(account_token: str, name: str, channel_id: str) -> str:
    return token_of(hmac.digest(_raw(account_token), f"{name} {channel_id}".encode(), "sha256"))


def _shown(channel: Channel, tokens: Iterable[Token], account_token: str) -> ChannelView:
    views = tuple(_token_view(token, account_token) for token in tokens)
    return ChannelView(channel.id, channel.account, channel.settings, channel.head, views)


def _token_view(token: Token, account_token: str) -> TokenView:
    text = _derived(account_token, token.name, token.channel_id)
    return TokenView(token.key, text, token.description, token.can_read, token.can_write, token.name)


def _check_text(text: str, chars: int) -> None:
    """Refuse a text that is too long, or that not every database can keep: with NUL or half a surrogate pair."""
    if len(text) > chars or "\0" in text or text.encode("utf-8", "ignore").decode() != text:
        raise Refused("bad_request", "a text that is too long or cannot be kept")


def _check_retention(retention: Retention) -> None:
    low, high = retention.min_age_days, retention.max_age_days
    if not (0 <= low <= MOST_DAYS and 0 <= high <= MOST_DAYS) or 0 < high < low:
        raise Refused("bad_request", f"days of retention are 0 to {MOST_DAYS}, and the least are not above the most")
