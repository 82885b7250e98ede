"""Requests to peer channel hosts: what may be connected to, how much is read, and which error an answer is."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from channels_desktop.adapters.host_answers import TELLING, asked_to_wait, cause_of, meant_status, refusal
from channels_desktop.adapters.host_json import read_json
from channels_desktop.adapters.public_addresses import check_url, public_sockets
from channels_desktop.engine.ports import Account
from channels_desktop.errors import Cause, Misuse, TransportError, WireError
from channels_desktop.host.messages import BSOR_TYPE
from channels_desktop.wire import limits

T = TypeVar("T")

JSON_TYPE = "application/json"
CONNECT_SECONDS = 5
TOTAL_SECONDS = 10
HEARTBEAT_SECONDS = 30
SMALL_REPLY = 64 * 1024
LARGE_REPLY = 3 * limits.MESSAGE_BYTES
LARGEST_FRAME = 2 * limits.MESSAGE_BYTES + SMALL_REPLY
_SUCCESS = 2
_BODY = {"Accept-Encoding": "identity"}


class TooMuch(TransportError):
    """A reply is larger than was allowed for; a question for less may have a usable answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host said, and how it calls that."""

    status: int
    content_type: str
    body: bytes = field(repr=False)

    def bsor(self, read: Callable[[bytes], T]) -> T:
        """Read a reply in BSOR; raise TransportError where it is none."""
        if self.content_type != BSOR_TYPE:
            raise TransportError("the host's reply is not BSOR", cause=Cause.NOT_A_HOST)
        return sensible(lambda: read(self.body))

    def json(self, read: Callable[[object], T]) -> T:
        """Read a reply in JSON; raise TransportError where it is none."""
        if not is_json(self.content_type):
            raise TransportError("the host's reply is not JSON", cause=Cause.NOT_A_HOST)
        return sensible(lambda: read(read_json(self.body)))


def is_json(content_type: str) -> bool:
    """Whether a content type is JSON, in whatever character set."""
    return content_type.partition(";")[0].strip().lower() == JSON_TYPE


def sensible(read: Callable[[], T]) -> T:
    """Read what a host said; nonsense is a TransportError, since it is the host's fault and may pass."""
    try:
        return read()
    except WireError as error:
        raise TransportError(f"the host's reply makes no sense: {error.kind}", cause=Cause.NONSENSE) from None


def bearing(token: str) -> dict[str, str]:
    """Return the header that shows a token; none for an empty one, as anybody may write to a public mailbox."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def showing(account: Account) -> dict[str, str]:
    """Return the header that shows who owns an account: no token has a colon in it, a name with a password has."""
    if ":" not in account.token:
        return bearing(account.token)
    pair = base64.b64encode(account.token.encode("utf-8", "surrogateescape")).decode()
    return {"Authorization": f"Basic {pair}"}


def segment(text: str) -> str:
    """Return any text as one segment of a path or one value of a query.

    Raises TransportError for half a character, which no request can carry and so no host can have.
    """
    try:
        return quote(text, safe="", errors="surrogateescape")
    except UnicodeEncodeError:
        raise TransportError("a name that is no text", gone=True) from None


class Requests:
    """One HTTP session without cookies, proxies and redirects; paths are below `base/api/v1`.

    `allow_loopback` lets it reach this computer and private networks, also over plain http.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool,
        now: Callable[[], int],
        resolver: Callable[[], AbstractResolver] = ThreadedResolver,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._allow_loopback = allow_loopback
        self._now = now
        self._resolver = resolver
        self._total_seconds = total_seconds
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def send(
        self,
        method: str,
        base_url: str,
        path: str,
        headers: Mapping[str, str],
        *,
        payload: bytes | None = None,
        largest: int = SMALL_REPLY,
        expected: Collection[int] = (),
    ) -> Answer:
        """Make one request and return its answer of at most `largest` bytes.

        Raises TransportError unless its status is a success or `expected`.
        """
        async with self.asking(method, base_url, path, headers, payload=payload, expected=expected) as answer:
            return Answer(answer.status, answer.headers.get("Content-Type", ""), await _body(answer, largest))

    async def post(self, base_url: str, path: str, headers: Mapping[str, str], payload: bytes) -> None:
        """Leave a message, whatever the host says about its success; raise Refused where it will never be taken."""
        async with self.asking("POST", base_url, path, headers, payload=payload, posting=True):
            pass

    @asynccontextmanager
    async def asking(
        self,
        method: str,
        base_url: str,
        path: str,
        headers: Mapping[str, str],
        *,
        payload: bytes | None = None,
        expected: Collection[int] = (),
        posting: bool = False,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Make one request and give its answer, whose body is not read yet; see `send` and `post`."""
        url = self._url(base_url, path)
        try:
            request = self._opened().request(
                method, url, data=payload, headers={**_BODY, **headers}, allow_redirects=False
            )
            async with request as answer:
                if answer.status // 100 != _SUCCESS and answer.status not in expected:
                    status = meant_status(answer.status, answer.reason or "", await _start(answer))
                    raise refusal(
                        status,
                        posting=posting,
                        retry_at=self._retry_at(answer.headers),
                        token_shown="Authorization" in headers,
                    )
                yield answer
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            detail = f"the host gives no answer: {type(error).__name__}"
            raise TransportError(detail, cause=cause_of(error)) from None

    @asynccontextmanager
    async def socket(
        self, base_url: str, path: str, *, accept: str
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse | None]:
        """Open a websocket; give None where the host, or something on the way to it, lets none through.

        Whether it is the account that is refused, and not the websocket, a plain request will tell.
        """
        url = self._url(base_url, path, websocket=True)
        try:
            socket = await self._connect(url, accept)
            if socket is None:
                yield None
                return
            async with socket:
                yield socket
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise TransportError(f"the line broke: {type(error).__name__}", cause=cause_of(error)) from None

    async def close(self) -> None:
        """Let go of all connections."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def _connect(self, url: URL, accept: str) -> aiohttp.ClientWebSocketResponse | None:
        try:
            return await self._opened().ws_connect(
                url, heartbeat=HEARTBEAT_SECONDS, max_msg_size=LARGEST_FRAME, headers={"Accept": accept}
            )
        except aiohttp.WSServerHandshakeError as error:
            retry_at = self._retry_at(error.headers or {})
            if retry_at is not None or error.status == HTTPStatus.TOO_MANY_REQUESTS:
                raise refusal(error.status, retry_at=retry_at) from None
            return None
        except aiohttp.ClientConnectorError:
            raise  # nobody is there: a plain request would find the same
        except (aiohttp.ClientConnectionError, TimeoutError):
            return None

    def _opened(self) -> aiohttp.ClientSession:
        """Return the session, made at the first call because it belongs to the running loop."""
        if self._closed:
            raise Misuse("these peer channels are closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=self._resolver(),
                    socket_factory=public_sockets(allow_loopback=self._allow_loopback),
                    limit=0,
                ),
                timeout=aiohttp.ClientTimeout(total=self._total_seconds, sock_connect=CONNECT_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trace_configs=[_no_redirects()],
            )
        return self._session

    def _url(self, base_url: str, path: str, *, websocket: bool = False) -> URL:
        """Return the URL of a call; raise TransportError where it is not to be connected to."""
        try:
            base = urlsplit(base_url)
            scheme = base.scheme.replace("http", "ws") if websocket else base.scheme
            place, _, query = path.partition("?")
            both = "&".join(part for part in (query, base.query) if part)
            text = urlunsplit((scheme, base.netloc, f"{base.path.rstrip('/')}/api/v1{place}", both, ""))
            url = URL(text, encoded=True)
            check_url(url, allow_loopback=self._allow_loopback)
        except ValueError:
            raise TransportError("the host's address is no URL", gone=True, cause=Cause.ADDRESS) from None
        return url

    def _retry_at(self, headers: Mapping[str, str]) -> int | None:
        return asked_to_wait(headers.get("Retry-After", ""), self._now())


def _no_redirects() -> aiohttp.TraceConfig:
    """Return what stops a request at a redirect: websockets offer no other way."""

    async def refuse(*_: object) -> None:
        raise TransportError("the host redirects", cause=Cause.NOT_A_HOST)

    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(refuse)
    return tracing


async def _body(answer: aiohttp.ClientResponse, largest: int) -> bytes:
    """Read a whole body of at most `largest` bytes."""
    parts, size = [], 0
    async for part in answer.content.iter_any():
        size += len(part)
        if size > largest:
            raise TooMuch("the host's reply is too large", cause=Cause.NONSENSE)
        parts.append(part)
    return b"".join(parts)


async def _start(answer: aiohttp.ClientResponse) -> bytes:
    """Read as much of the body of an error as may tell its reason."""
    parts, size = [], 0
    if answer.status in TELLING:
        async for part in answer.content.iter_any():
            parts.append(part)
            size += len(part)
            if size > SMALL_REPLY:
                break
    return b"".join(parts)
