"""What quick posts looked up, kept from one batch to the next: by account, as it was after the last write."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from channels_desktop.host.rows import Account, Channel, Posting, Token

State = tuple[int, int, int]
"""An account's version, its position and the bytes it holds: whatever changes about it changes one of these."""

MOST = 20_000
"""Channels that are known at a time."""


@dataclass(slots=True)
class Seen:
    """What is known of an account, and which version it was; channels and tokens are some of its own."""

    version: int
    account: Account
    channels: dict[str, Channel] = field(default_factory=dict)
    tokens: dict[bytes, Token] = field(default_factory=dict)

    @property
    def state(self) -> State:
        """Return what a write goes by, to learn whether all this still holds."""
        return self.version, self.account.position, self.account.stored


class Known:
    """What is known of accounts until it is known to be outdated; what is not known to be may be outdated too."""

    def __init__(self) -> None:
        self._accounts: dict[int, Seen] = {}
        self._account_of: dict[str, int] = {}

    def find(self, posting: Posting) -> Seen | None:
        """Return what is known of a post's account, if all that it looks up is."""
        account = self._account_of.get(posting.channel_id)
        seen = None if account is None else self._accounts.get(account)
        if seen is None or posting.channel_id not in seen.channels:
            return None
        return seen if posting.token is None or posting.token in seen.tokens else None

    def keep(self, before: State, account: Account, channel: Channel, text: bytes | None, token: Token | None) -> None:
        """Keep what was written on an account that was `before`, with what is known besides if it was so then.

        `text` is what a token is looked up by.
        """
        if len(self._account_of) >= MOST and channel.id not in self._account_of:
            self.clear()
        known = self._accounts.get(account.id)
        if known is None or known.state not in {before, (before[0], account.position, account.stored)}:
            known = self._accounts[account.id] = Seen(before[0], account)
        known.account = account
        known.channels[channel.id] = channel
        self._account_of[channel.id] = account.id
        if text is not None and token is not None:
            known.tokens[text] = token

    def doubt(self, posting: Posting) -> None:
        """Know nothing more of a post's account."""
        self._accounts.pop(self._account_of.get(posting.channel_id, 0), None)

    def forget(self, accounts: Iterable[int]) -> None:
        """Know nothing more of accounts that have changed."""
        for account in accounts:
            self._accounts.pop(account, None)

    def clear(self) -> None:
        """Know nothing any more."""
        self._accounts.clear()
        self._account_of.clear()
