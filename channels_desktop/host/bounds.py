"""What a client may take up: connections, time and memory, before any rule of mailboxes is asked.

- Connections: so many in all and so many from one address; one more gets a short 503 and is closed. Addresses of this
  computer are not counted one by one: behind a proxy everybody comes from there.
- Headers: lines and fields of bounded size and number, complete within `idle_seconds` of the last answer.
- Bodies: read whole before a handler runs, within `body_seconds`, with a bound on one and a bound on all together.
- Answers: a client that takes nothing of its answer for `answer_seconds` is cut off, a websocket's reader too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from channels_desktop.host.http import failure
from channels_desktop.host.limits import MOST, bounded, check_bounds

RETRY_SECONDS = 2
DAY_SECONDS = 86_400

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much clients may take up. `header_bytes` bounds one line, `body_bytes` all bodies being received at once."""

    connections: int = bounded(10_000, 1, MOST)
    connections_per_address: int = bounded(512, 1, MOST)
    idle_seconds: int = bounded(15, 1, DAY_SECONDS)
    body_seconds: int = bounded(60, 1, DAY_SECONDS)
    answer_seconds: int = bounded(60, 1, DAY_SECONDS)
    header_bytes: int = bounded(8190, 256, 2**20)
    headers: int = bounded(64, 1, 10_000)
    body_bytes: int = bounded(256 * 1024 * 1024, 0, 2**60)

    def __post_init__(self) -> None:
        """Raise Refused where a number is beyond its bounds."""
        check_bounds(self)


class Bodies:
    """The bodies being received: how much of the memory for all of them is taken."""

    def __init__(self, bounds: Bounds, largest: int) -> None:
        self._bounds = bounds
        self._largest = largest
        self._taken = 0

    def take(self, size: int) -> bool:
        """Take memory for a body, if it is not too large and there is still some; it must be given back."""
        if size > self._largest or self._taken + size > self._bounds.body_bytes:
            return False
        self._taken += size
        return True

    def give_back(self, size: int) -> None:
        """Give memory back."""
        self._taken -= size

    @web.middleware
    async def received(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Receive the body before the handler runs; answer 413, 408 or 503 where that cannot be."""
        return await (self._receive(request, handler) if request.body_exists else handler(request))

    async def _receive(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        announced = request.content_length
        size = self._largest if announced is None else announced
        if size > self._largest:
            return _hang_up(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large")
        if not self.take(size):
            answer = _hang_up(HTTPStatus.SERVICE_UNAVAILABLE, "busy")
            answer.headers["Retry-After"] = str(RETRY_SECONDS)
            return answer
        try:
            if request.content.is_eof() or await self._comes_in_time(request):
                return await handler(request)
            return _hang_up(HTTPStatus.REQUEST_TIMEOUT, "slow_body")
        finally:
            self.give_back(size)

    async def _comes_in_time(self, request: web.Request) -> bool:
        try:
            async with asyncio.timeout(self._bounds.body_seconds):
                await request.read()
        except TimeoutError:
            return False
        return True


def _hang_up(status: HTTPStatus, reason: str) -> web.Response:
    """Answer, and close the connection: the rest of the body is not wanted."""
    answer = failure(status, reason)
    answer.force_close()
    return answer
