"""Peer channels in memory: one `MemoryHost` that several clients of one process share, without network or disk.

The rules are the real host's, over tables that are never written to a file.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

from channels_desktop.adapters.host_answers import refusal
from channels_desktop.engine.ports import Account, Delivery, Listening, Mailbox, MailboxAddress
from channels_desktop.errors import Cause, Misuse, Refused, TransportError
from channels_desktop.host.http import STATUS
from channels_desktop.host.limits import Limits, Rates, TooFast
from channels_desktop.host.mailboxes import Line, Mailboxes
from channels_desktop.host.messages import BSOR_TYPE, HostMessage
from channels_desktop.host.rows import Placed, Settings
from channels_desktop.host.sqlite import connect, run
from channels_desktop.host.sqlite_rows import SqliteRows

T = TypeVar("T")

_NS = 10**9


class MemoryHost:
    """The mailboxes of one host. `go_offline` makes every call fail and breaks all lines until `come_back`."""

    def __init__(
        self,
        base_url: str = "memory://host",
        *,
        limits: Limits | None = None,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self.base_url = base_url
        self.operator_token = secrets.token_urlsafe(32)
        self._db = connect(":memory:")
        self._rows = SqliteRows(self._db)
        self.limits = limits or Limits()
        self.now = now
        self._rules = Mailboxes(self._rows, self.limits, now, Rates(self.limits.posts_per_second, self.limits.burst))
        self._changed: set[asyncio.Event] = set()
        self.online = True

    def go_offline(self) -> None:
        """Refuse every call and break all lines."""
        self.online = False
        self.wake()

    def come_back(self) -> None:
        """Serve again; what was stored is still there."""
        self.online = True

    def close(self) -> None:
        """Forget everything."""
        self._db.close()

    def apply(self, work: Callable[[Mailboxes], Awaitable[T]]) -> T:
        """Apply rules in one transaction; raise what they raise, or TransportError where the host is offline."""
        if not self.online:
            raise TransportError("the host is offline", cause=Cause.CLOSED)
        self._db.execute("BEGIN")
        try:
            result = run(lambda _: work(self._rules), self._rows)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        if self._rows.touched:
            self._rows.touched.clear()
            self.wake()
        return result

    def watch(self) -> asyncio.Event:
        """Return an event that is set at every change, until `unwatch`."""
        event = asyncio.Event()
        self._changed.add(event)
        return event

    def unwatch(self, event: asyncio.Event) -> None:
        """Forget an event."""
        self._changed.discard(event)

    def wake(self) -> None:
        """Let everybody who watches look again."""
        for event in self._changed:
            event.set()


class MemoryPeerChannels:
    """PeerChannels over hosts in memory, found by their base URLs."""

    def __init__(self, *hosts: MemoryHost) -> None:
        self._hosts = {host.base_url: host for host in hosts}
        self._closed = False
        self._online = True

    def go_offline(self) -> None:
        """Lose the network: every call of this client fails and its lines break, until `come_back`."""
        self._online = False
        for host in self._hosts.values():
            host.wake()

    def come_back(self) -> None:
        """Have the network again."""
        self._online = True

    async def create_account(self, base_url: str, operator_token: str) -> Account:
        """See PeerChannels."""
        host = self._host(base_url)
        if not hmac.compare_digest(operator_token.encode(), host.operator_token.encode()):
            raise refusal(STATUS["unauthorized"])
        account, token = host.apply(lambda rules: rules.create_account())
        return Account(base_url, str(account), token)

    async def create_mailbox(self, account: Account, *, public: bool = False) -> Mailbox:
        """See PeerChannels."""
        host = self._host(account.base_url)
        settings = Settings(public_write=public, auto_delete=host.limits.auto_delete)
        made = self._manage(account, lambda rules: rules.create_channel(account.token, settings, one_owner=False))
        tokens = {token.name: token.token for token in made.tokens}
        return Mailbox(account.base_url, made.id, tokens["read"], tokens.get("write", ""))

    async def delete_mailbox(self, account: Account, channel_id: str) -> None:
        """See PeerChannels."""
        try:
            self._host(account.base_url).apply(lambda rules: rules.delete_channel(account.token, channel_id))
        except Refused as refused:
            if refused.reason != "not_found":
                raise refusal(STATUS[refused.reason]) from None

    async def mailboxes(self, account: Account) -> tuple[str, ...]:
        """See PeerChannels."""
        return tuple(made.id for made in self._manage(account, lambda rules: rules.channels(account.token)))

    async def post(self, to: MailboxAddress, payload: bytes) -> None:
        """See PeerChannels."""
        host = self._host(to.base_url)
        try:
            host.apply(lambda rules: rules.post(to.write_token, to.channel_id, BSOR_TYPE, payload))
        except Refused as refused:
            wait = refused.seconds if isinstance(refused, TooFast) else 0
            retry_at = host.now() + wait * _NS if wait else None
            raise refusal(STATUS[refused.reason], posting=True, retry_at=retry_at) from None

    async def unread(self, account: Account, channel_id: str, count: int) -> tuple[Delivery, ...]:
        """See PeerChannels."""
        _, found = self._manage(account, lambda rules: rules.read(account.token, channel_id, count, unread=True))
        return tuple(_delivery(account, message) for message in found)

    async def mark_read(self, account: Account, channel_id: str, sequence: int) -> None:
        """See PeerChannels."""
        self._manage(account, lambda rules: rules.mark(account.token, channel_id, sequence, read=True, older=True))

    async def listen(self, account: Account) -> AsyncGenerator[Listening | Delivery, None]:
        """See PeerChannels."""
        host = self._host(account.base_url)
        line = self._manage(account, lambda rules: rules.line(account.token))
        changed = host.watch()
        try:
            yield Listening()
            at = 0
            while True:
                changed.clear()
                page, more = self._page(account, line, at)
                for position, message in page:
                    yield _delivery(account, message)
                    at = position
                if not more:
                    await changed.wait()
        finally:
            host.unwatch(changed)

    async def close(self) -> None:
        """See PeerChannels."""
        self._closed = True

    def _host(self, base_url: str) -> MemoryHost:
        if self._closed:
            raise Misuse("these peer channels are closed")
        if not self._online:
            raise TransportError("this computer is offline", cause=Cause.UNREACHABLE)
        try:
            return self._hosts[base_url]
        except KeyError:
            raise TransportError("no such host", cause=Cause.NAME) from None

    def _page(self, account: Account, line: Line, at: int) -> tuple[list[Placed], bool]:
        return self._manage(account, lambda rules: rules.unread_after(line, at))

    def _manage(self, account: Account, work: Callable[[Mailboxes], Awaitable[T]]) -> T:
        try:
            return self._host(account.base_url).apply(work)
        except Refused as refused:
            raise refusal(STATUS[refused.reason]) from None


def _delivery(account: Account, message: HostMessage) -> Delivery:
    return Delivery(
        account.base_url,
        message.channel_id,
        message.sequence,
        message.received,
        message.content_type,
        message.payload,
    )
