"""The short way of a post: past the router, to the handler and through the rules that every other request meets.

A host answers posts by the thousand, and for a small one most of the time went into finding the route and putting the
answer together. What is in any way unusual (a body that is still coming, a query, a slash at the end, HTTP/1.0) goes
the way of everything else.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import cast

from aiohttp import HttpVersion11, hdrs, web

from channels_desktop.host import messaging
from channels_desktop.host.connections import Bodies
from channels_desktop.host.dialects import CHANNEL
from channels_desktop.host.http import SERVER, UNCHANGED, Api, answer_to, sign
from channels_desktop.host.metrics import Metrics

Serve = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_NS = 10**9
_POSTED_TO = re.compile(CHANNEL.format(channel="([0-9a-f-]{36})"))


class Express:
    """Serves the posts that can go the short way, and leaves the rest to `others`."""

    def __init__(self, api: Api, counted: Metrics, bodies: Bodies, others: Serve) -> None:
        self._api = api
        self._counted = counted
        self._bodies = bodies
        self._others = others

    def __call__(self, request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        """Serve one request."""
        if request.method == hdrs.METH_POST:
            found = _POSTED_TO.fullmatch(request.raw_path)
            if found and request.content.is_eof() and request.version == HttpVersion11 and request.keep_alive:
                return self._post(cast("web.Request", request), found[1])  # the application makes no other
        return self._others(request)

    async def _post(self, request: web.Request, channel: str) -> web.StreamResponse:
        size = request.content.total_bytes
        if not self._bodies.take(size):
            return await self._others(request)
        started, status = time.perf_counter(), 0
        try:
            payload = request.content.read_nowait()
            body, kind = await messaging.store(self._api, request, channel, payload)
            status = HTTPStatus.OK
            return Brief(body, kind, self._api.now() // _NS)
        except Exception as error:  # noqa: BLE001 - as `errors` does it
            answer = answer_to(error)
            sign(answer)
            self._counted.failed(answer)
            status = answer.status
            return answer
        finally:
            self._bodies.give_back(size)
            self._counted.answered(hdrs.METH_POST, CHANNEL, status, started)


class Brief(web.StreamResponse):
    """Success with a short body, for a connection that stays open: head and body are put together and sent at once.

    `at` is when it is made, in seconds since 1970.
    """

    def __init__(self, body: bytes, content_type: str, at: int) -> None:
        super().__init__()
        self._bytes = b"%bContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (
            _head(at),
            content_type.encode(),
            len(body),
            body,
        )

    @property
    def keep_alive(self) -> bool:
        """Whether the connection stays open."""
        return True

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send all of it; raise ConnectionResetError where whoever asked is gone."""
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("whoever asked is gone")
        transport.write(self._bytes)
        await request.writer.drain()

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing more."""


@lru_cache(maxsize=2)
def _head(at: int) -> bytes:
    """Return how every such answer begins in a second of time."""
    words = (
        f"{hdrs.SERVER}: {SERVER}",
        f"{hdrs.CACHE_CONTROL}: {UNCHANGED}",
        f"{hdrs.DATE}: {formatdate(at, usegmt=True)}",
    )
    return "\r\n".join((f"HTTP/1.1 {HTTPStatus.OK.value} {HTTPStatus.OK.phrase}", *words, "")).encode()
