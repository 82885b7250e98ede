"""What a client may take up: connections, time and memory, before any rule of mailboxes is asked.

- Connections: so many in all and so many from one address; one more gets a short 503 and is closed. Addresses of this
  computer are not counted one by one: behind a proxy everybody comes from there.
- Headers: lines and fields of bounded size and number, complete within `idle_seconds` of the last answer.
- Bodies: read whole before a handler runs, within `body_seconds`, with a bound on one and a bound on what has come of
  all together.
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


@dataclass(eq=False, slots=True)
class _Coming:
    """A body that is being received: what has come of it so far, and until when it may come."""

    deadline: asyncio.Timeout
    size: int = 0
    gave_way: bool = False


class Bodies:
    """The bodies being received: how much of the memory for all of them is taken, by what has really come.

    Where there is none left, the body of which nothing has come for longest gives way.
    """

    def __init__(self, bounds: Bounds, largest: int) -> None:
        self._bounds = bounds
        self._largest = largest
        self.taken = 0
        self._coming: dict[_Coming, None] = {}  # in the order in which something came last

    def take(self, size: int) -> bool:
        """Take memory for a whole body, if it is not too large and there is some to be had; it must be given back."""
        if size > self._largest or not self._make_room(size):
            return False
        self.taken += size
        return True

    def give_back(self, size: int) -> None:
        """Give memory back."""
        self.taken -= size

    @web.middleware
    async def received(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Receive the body before the handler runs; answer 413, 408 or 503 where that cannot be."""
        return await (self._receive(request, handler) if request.body_exists else handler(request))

    async def _receive(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if (request.content_length or 0) > self._largest:
            return _hang_up(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large")
        body = _Coming(asyncio.timeout(self._bounds.body_seconds))
        try:
            return await self._read(request, body) or await handler(request)
        finally:
            self._coming.pop(body, None)
            self.give_back(body.size)

    async def _read(self, request: web.Request, body: _Coming) -> web.Response | None:
        """Read a body, which stays counted; return what is answered where it cannot be."""
        parts = []
        try:
            async with body.deadline:
                while part := await request.content.readany():
                    if body.size + len(part) > self._largest:
                        return _hang_up(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large")
                    if not self._grow(body, len(part)):
                        return _busy()
                    parts.append(part)
        except TimeoutError:
            return _busy() if body.gave_way else _hang_up(HTTPStatus.REQUEST_TIMEOUT, "slow_body")
        if body.gave_way:
            return _busy()
        self._coming.pop(body, None)
        request._read_bytes = b"".join(parts)  # noqa: SLF001 - where `read` keeps a body that it has read itself
        return None

    def _grow(self, body: _Coming, size: int) -> bool:
        """Count what has come of a body, if there is room for it."""
        self._coming.pop(body, None)
        if body.gave_way or not self._make_room(size):
            return False
        self._coming[body] = None
        body.size += size
        self.taken += size
        return True

    def _make_room(self, size: int) -> bool:
        if self.taken - sum(body.size for body in self._coming) + size > self._bounds.body_bytes:
            return False  # nobody gives way where that would not be enough
        while self.taken + size > self._bounds.body_bytes:
            slowest = next(iter(self._coming))
            del self._coming[slowest]
            self.give_back(slowest.size)
            slowest.size, slowest.gave_way = 0, True
            slowest.deadline.reschedule(asyncio.get_running_loop().time())
        return True


def _busy() -> web.Response:
    answer = _hang_up(HTTPStatus.SERVICE_UNAVAILABLE, "busy")
    answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


def _hang_up(status: HTTPStatus, reason: str) -> web.Response:
    """Answer, and close the connection: the rest of the body is not wanted."""
    answer = failure(status, reason)
    answer.force_close()
    return answer
