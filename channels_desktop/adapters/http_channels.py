"""Peer channels over HTTP: a client of hosts of all three dialects (peer-channel-api 1, channels.md 5.4 to 5.6)."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from channels_desktop.adapters.dialects.dialect import Dialect, recognise
from channels_desktop.adapters.dialects.esv import Esv
from channels_desktop.adapters.dialects.lines import POLL_SECONDS, Lines
from channels_desktop.adapters.dialects.managed import Managed
from channels_desktop.adapters.dialects.spv import Spv
from channels_desktop.adapters.dialects.tokenized import Tokenized
from channels_desktop.adapters.host_requests import Requests, bearing, segment
from channels_desktop.adapters.public_addresses import is_same_host
from channels_desktop.engine.ports import Account, Delivery, Listening, Mailbox, MailboxAddress
from channels_desktop.errors import Cause, TransportError, WireError
from channels_desktop.host.messages import BSOR_TYPE
from channels_desktop.protocols.channel_url import read_account_url
from channels_desktop.wire import limits


class HttpPeerChannels:
    """PeerChannels over HTTP and websockets.

    Our own accounts may be anywhere, also on this computer: the user chose those hosts. Where others want their mail
    posted to is public, or exactly `home`, the base URL of our own account, since contacts may live at the same host.
    An account that is opened here has its home here too. The dialect of an account's host is asked for at its first
    use, that which the account remembers first. Without websockets an account is polled every `poll_seconds`.
    """

    def __init__(
        self, *, home: str = "", now: Callable[[], int] = time.time_ns, poll_seconds: float = POLL_SECONDS
    ) -> None:
        self._home = home
        self._others = Requests(allow_loopback=False, now=now)
        self._ours = Requests(allow_loopback=True, now=now)
        lines = Lines(poll_seconds)
        self._tokenized = Tokenized(self._ours, lines)
        self._dialects: tuple[Dialect, ...] = (
            self._tokenized,
            Managed(self._ours, lines, Spv()),
            Managed(self._ours, lines, Esv()),
        )
        self._known: dict[Account, Dialect] = {}

    async def create_account(self, base_url: str, operator_token: str) -> Account:
        """See PeerChannels.

        Where accounts are not opened this way, an existing one is given: `base_url` is its URL as in
        `base/api/v1/account/7`, or just the base where a key alone says whose it is, and `operator_token` is its
        token, its key, or its `user:password`.
        """
        account = _given(base_url, operator_token)
        if account is None:
            account = await self._tokenized.create_account(base_url, operator_token)
            if account is not None:
                self._known[account] = self._tokenized
                self._home = base_url
                return account
            account = Account(base_url, "", operator_token)
        dialect = await self._dialect(account)
        known = replace(account, dialect=dialect.name)
        self._known[known] = dialect
        self._home = known.base_url
        return known

    async def create_mailbox(self, account: Account, *, public: bool = False) -> Mailbox:
        """See PeerChannels; ids and tokens that peers would refuse are refused here."""
        made = await (await self._dialect(account)).create_mailbox(account, public=public)
        if max(len(text) for text in (made.channel_id, made.read_token, made.write_token)) > limits.PLACE_BYTES:
            raise TransportError("the host's names for a channel are too long")
        return made

    async def delete_mailbox(self, account: Account, channel_id: str) -> None:
        """See PeerChannels."""
        await (await self._dialect(account)).delete_mailbox(account, channel_id)

    async def mailboxes(self, account: Account) -> tuple[str, ...]:
        """See PeerChannels."""
        return await (await self._dialect(account)).mailboxes(account)

    async def post(self, to: MailboxAddress, payload: bytes) -> None:
        """See PeerChannels; the same in all dialects."""
        headers = {**bearing(to.write_token), "Content-Type": BSOR_TYPE}
        requests = self._ours if is_same_host(to.base_url, self._home) else self._others
        await requests.post(to.base_url, f"/channel/{segment(to.channel_id)}", headers, payload)

    async def unread(self, account: Account, channel_id: str, count: int) -> tuple[Delivery, ...]:
        """See PeerChannels; a host may return fewer than there are, so ask until nothing comes."""
        return await (await self._dialect(account)).unread(account, channel_id, count)

    async def mark_read(self, account: Account, channel_id: str, sequence: int) -> None:
        """See PeerChannels."""
        await (await self._dialect(account)).mark_read(account, channel_id, sequence)

    async def listen(self, account: Account) -> AsyncGenerator[Listening | Delivery, None]:
        """See PeerChannels.

        A host that sends unread messages by the page sends the next page once those of the last are marked as read.
        """
        dialect = await self._dialect(account)
        async with aclosing(dialect.listen(account)) as line:
            async for item in line:
                yield item

    async def close(self) -> None:
        """See PeerChannels."""
        await self._others.close()
        await self._ours.close()

    async def _dialect(self, account: Account) -> Dialect:
        dialect = self._known.get(account)
        if dialect is None:
            dialect = self._known[account] = await recognise(self._dialects, account)
        return dialect


def _given(url: str, token: str) -> Account | None:
    """Return the account that a URL names, None where it names only a host."""
    try:
        base_url, account_id, found = read_account_url(url)
    except WireError:
        return None
    if not (found or token):
        raise TransportError("the account's token is missing", gone=True, cause=Cause.NO_TOKEN)
    return Account(base_url, account_id, found or token)
