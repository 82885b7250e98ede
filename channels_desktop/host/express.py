"""The short way of a post: past aiohttp, to the rules that every other request meets, and back in one write.

A host answers posts by the thousand, and for a small one most of the time went into what a server does for every kind
of request: a task, an object for the request and one for the answer, a route. What is in any way unusual (a body that
comes later, a query, a slash at the end, HTTP/1.0) goes the way of everything else.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus

from aiohttp import hdrs

from channels_desktop.host import messaging
from channels_desktop.host.bounds import Bodies, Bounds
from channels_desktop.host.dialects import CHANNEL
from channels_desktop.host.http import ALWAYS, Api, answer_to, head, sign, written
from channels_desktop.host.messages import HostMessage
from channels_desktop.host.metrics import Metrics
from channels_desktop.host.whole import Whole

_NS = 10**9
_POSTED_TO = re.compile(CHANNEL.format(channel="([0-9a-f-]{36})"))


class Express:
    """Serves the posts that can go the short way."""

    def __init__(self, api: Api, counted: Metrics, bodies: Bodies, bounds: Bounds) -> None:
        self._api = api
        self._counted = counted
        self._bodies = bodies
        self._bounds = bounds

    def take(self, request: Whole, size: int, answered: Callable[[bytes], None]) -> bool:
        """Serve a request of `size` bytes if it can go the short way; `answered` gets the whole answer, later."""
        found = _POSTED_TO.fullmatch(request.url) if self._is_plain(request, size) else None
        taken = len(request.body)
        if not found or not self._bodies.take(taken):
            return False
        started = time.perf_counter()

        def stored(outcome: asyncio.Future[HostMessage]) -> None:
            self._bodies.give_back(taken)
            status, answer = self._answer(request, outcome)
            self._counted.answered(hdrs.METH_POST, CHANNEL, status, started)
            answered(answer)

        self._store(request, found[1]).add_done_callback(stored)
        return True

    def _is_plain(self, request: Whole, size: int) -> bool:
        """Whether a request is a post such as nearly all are, within the bounds of headers."""
        return (
            request.method == hdrs.METH_POST
            and request.version == "1.1"
            and request.stays
            and hdrs.EXPECT not in request.headers
            and len(request.headers) <= self._bounds.headers
            and size - len(request.body) <= self._bounds.header_bytes
        )

    def _store(self, request: Whole, channel: str) -> asyncio.Future[HostMessage]:
        try:
            return messaging.store(self._api, request.headers, channel, request.body)
        except Exception as error:  # noqa: BLE001 - as `errors` does it
            failed: asyncio.Future[HostMessage] = asyncio.get_running_loop().create_future()
            failed.set_exception(error)
            return failed

    def _answer(self, request: Whole, outcome: asyncio.Future[HostMessage]) -> tuple[int, bytes]:
        at = self._api.now() // _NS
        try:
            body, kind = messaging.told(request.headers, outcome.result())
        except Exception as error:  # noqa: BLE001 - as `errors` does it
            failed = answer_to(error)
            sign(failed)
            self._counted.failed(failed)
            return failed.status, written(failed, at)
        return HTTPStatus.OK, _success(at) + b"Content-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (
            kind.encode(),
            len(body),
            body,
        )


@lru_cache(maxsize=2)
def _success(at: int) -> bytes:
    """Return how every success begins in a second of time."""
    begun = head(HTTPStatus.OK, HTTPStatus.OK.phrase, at, ALWAYS)
    return begun.removesuffix(b"\r\n")
