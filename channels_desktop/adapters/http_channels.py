"""Peer channels over HTTP: a client of hosts that speak the Tokenized dialect (channels.md 5.4 to 5.6)."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

import aiohttp
from yarl import URL

from channels_desktop.adapters.host_answers import refusal
from channels_desktop.adapters.public_addresses import PublicResolver, check_url
from channels_desktop.engine.ports import Account, Delivery, Listening, Mailbox, MailboxAddress
from channels_desktop.errors import Misuse, TransportError, WireError
from channels_desktop.host.messages import BSOR_TYPE, AccountReply, FullChannel, HostMessage, message_from_json
from channels_desktop.protocols.channel_url import read_account_url
from channels_desktop.wire import limits
from channels_desktop.wire.bsor import read_list

T = TypeVar("T")

CONNECT_SECONDS = 5
TOTAL_SECONDS = 10
HEARTBEAT_SECONDS = 30
SMALL_REPLY = 64 * 1024
LARGE_REPLY = 3 * limits.MESSAGE_BYTES
LARGEST_FRAME = 2 * limits.MESSAGE_BYTES + SMALL_REPLY
LONGEST_RETRY_DIGITS = 6
_SUCCESS = 2
_NS = 1_000_000_000


class HttpPeerChannels:
    """PeerChannels over one aiohttp session.

    `allow_loopback` lets it reach hosts on this computer and in private networks, also over plain http: for a host of
    the user's own, the playground and tests. A host's reply, once read, is checked; one that makes no sense is a
    TransportError.
    """

    def __init__(self, *, allow_loopback: bool = False, now: Callable[[], int] = time.time_ns) -> None:
        self._allow_loopback = allow_loopback
        self._now = now
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def create_account(self, base_url: str, operator_token: str) -> Account:
        """See PeerChannels."""
        body = await self._call("POST", base_url, "/account", operator_token)
        url = _read(lambda: AccountReply.from_bytes(body).url)
        # The host need not know its own public name: base URLs are ours, and only the path counts.
        _, account_id, token = _read(lambda: read_account_url(url if "://" in url else f"{base_url}/{url.lstrip('/')}"))
        return Account(base_url, account_id, token)

    async def create_mailbox(self, account: Account, *, public: bool = False) -> Mailbox:
        """See PeerChannels."""
        path = f"/account/{_segment(account.account_id)}/channel{'?public' if public else ''}"
        body = await self._call("POST", account.base_url, path, account.token)
        made = _read(lambda: FullChannel.from_bytes(body))
        if not made.id or not made.read_token or public == bool(made.write_token):
            raise TransportError("the host made another kind of channel than it was asked for")
        return Mailbox(account.base_url, made.id, made.read_token, made.write_token)

    async def delete_mailbox(self, account: Account, channel_id: str) -> None:
        """See PeerChannels."""
        path = f"/account/{_segment(account.account_id)}/channel/{_segment(channel_id)}"
        await self._call("DELETE", account.base_url, path, account.token, absent=True)

    async def mailboxes(self, account: Account) -> tuple[str, ...]:
        """See PeerChannels."""
        path = f"/account/{_segment(account.account_id)}/channels"
        body = await self._call("GET", account.base_url, path, account.token, largest=LARGE_REPLY)
        return tuple(made.id for made in _read(lambda: read_list(FullChannel, body)))

    async def post(self, to: MailboxAddress, payload: bytes) -> None:
        """See PeerChannels."""
        await self._call("POST", to.base_url, f"/channel/{_segment(to.channel_id)}", to.write_token, payload=payload)

    async def unread(self, account: Account, channel_id: str, count: int) -> tuple[Delivery, ...]:
        """See PeerChannels; a host may return fewer than there are, so ask until nothing comes."""
        path = f"/channel/{_segment(channel_id)}?unread=true&count={count}"
        body = await self._call("GET", account.base_url, path, account.token, largest=LARGE_REPLY)
        found = _read(lambda: read_list(HostMessage, body))
        return tuple(_delivery(account, message, channel_id) for message in found)

    async def mark_read(self, account: Account, channel_id: str, sequence: int) -> None:
        """See PeerChannels."""
        path = f"/channel/{_segment(channel_id)}/{sequence}?read=true&older=true"
        await self._call("POST", account.base_url, path, account.token)

    async def listen(self, account: Account) -> AsyncIterator[Listening | Delivery]:
        """See PeerChannels."""
        query = f"?token={quote(account.token, safe='')}&sendunread=true&fullmessages=true"
        url = self._url(account.base_url, "/notify" + query, websocket=True)
        try:
            async with self._opened().ws_connect(
                url,
                heartbeat=HEARTBEAT_SECONDS,
                max_msg_size=LARGEST_FRAME,
                headers={"Accept": f"{BSOR_TYPE}, application/json"},
            ) as socket:
                yield Listening()
                async for frame in socket:
                    message = _message(frame)
                    if message is not None:
                        yield _delivery(account, message, message.channel_id)
                code = socket.close_code
        except aiohttp.WSServerHandshakeError as error:
            raise refusal(error.status) from None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise TransportError(f"the line broke: {type(error).__name__}") from None
        raise TransportError(f"the host closed the line with code {code}")

    async def close(self) -> None:
        """See PeerChannels."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def _call(
        self,
        method: str,
        base_url: str,
        path: str,
        token: str,
        *,
        payload: bytes | None = None,
        largest: int = SMALL_REPLY,
        absent: bool = False,
    ) -> bytes:
        """Make one request and return the body of its success; `absent` counts 404 as such."""
        headers = {"Accept": BSOR_TYPE}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if payload is not None:
            headers["Content-Type"] = BSOR_TYPE
        url = self._url(base_url, path)
        try:
            request = self._opened().request(method, url, data=payload, headers=headers, allow_redirects=False)
            async with request as answer:
                if absent and answer.status == HTTPStatus.NOT_FOUND:
                    return b""
                if answer.status // 100 != _SUCCESS:
                    raise refusal(answer.status, posting=payload is not None, retry_at=self._retry_at(answer))
                return await _body(answer, largest) if payload is None else b""
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise TransportError(f"the host gives no answer: {type(error).__name__}") from None

    def _opened(self) -> aiohttp.ClientSession:
        """Return the session, made at the first call because it belongs to the running loop."""
        if self._closed:
            raise Misuse("these peer channels are closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=PublicResolver(allow_loopback=self._allow_loopback), limit=0, limit_per_host=16
                ),
                timeout=aiohttp.ClientTimeout(total=TOTAL_SECONDS, sock_connect=CONNECT_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trace_configs=[_no_redirects()],
            )
        return self._session

    def _url(self, base_url: str, path: str, *, websocket: bool = False) -> URL:
        """Return the URL of a call; raise TransportError where the base is not to be connected to."""
        check_url(base_url, allow_loopback=self._allow_loopback)
        base = urlsplit(base_url)
        scheme = base.scheme.replace("http", "ws") if websocket else base.scheme
        place, _, query = path.partition("?")
        both = "&".join(part for part in (query, base.query) if part)
        text = urlunsplit((scheme, base.netloc, f"{base.path.rstrip('/')}/api/v1{place}", both, ""))
        return URL(text, encoded=True)

    def _retry_at(self, answer: aiohttp.ClientResponse) -> int | None:
        """Return when the host wants to be asked again, where it says so in seconds."""
        text = answer.headers.get("Retry-After", "")
        usable = text.isascii() and text.isdigit() and len(text) <= LONGEST_RETRY_DIGITS
        return self._now() + int(text) * _NS if usable else None


def _no_redirects() -> aiohttp.TraceConfig:
    """Return what stops a request at a redirect: websockets offer no other way."""

    async def refuse(*_: object) -> None:
        raise TransportError("the host redirects")

    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(refuse)
    return tracing


async def _body(answer: aiohttp.ClientResponse, largest: int) -> bytes:
    """Read a reply of at most `largest` bytes, which must be BSOR where it is anything."""
    parts, size = [], 0
    async for part in answer.content.iter_any():
        size += len(part)
        if size > largest:
            raise TransportError("the host's reply is too large")
        parts.append(part)
    if parts and answer.headers.get("Content-Type") != BSOR_TYPE:
        return b""
    return b"".join(parts)


def _message(frame: aiohttp.WSMessage) -> HostMessage | None:
    """Return the message of a frame, None for frames of other kinds."""
    if frame.type is aiohttp.WSMsgType.BINARY:
        return _read(lambda: HostMessage.from_bytes(frame.data))
    if frame.type is aiohttp.WSMsgType.TEXT:
        return _read(lambda: message_from_json(_json(frame.data)))
    return None


def _json(text: str) -> object:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        raise WireError("bad_json", "no JSON") from None
    return value


def _read(read: Callable[[], T]) -> T:
    """Read what a host said; nonsense is a TransportError, since it is the host's fault and may pass."""
    try:
        return read()
    except WireError as error:
        raise TransportError(f"the host's reply makes no sense: {error.kind}") from None


def _segment(text: str) -> str:
    return quote(text, safe="", errors="surrogateescape")


def _delivery(account: Account, message: HostMessage, channel_id: str) -> Delivery:
    return Delivery(
        account.base_url, channel_id, message.sequence, message.received, message.content_type, message.payload
    )
