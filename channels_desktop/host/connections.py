"""The open connections: admitted, watched, and served by aiohttp or the short way.

A connection is aiohttp's, but for requests that somebody else takes whole (`short`, see express.py): one at a time, and
only while aiohttp has nothing of the connection left to do. Both are given only what the gate lets through (gate.py).
What it does not is answered here, after everything before it, and ends the connection; so does an upgrade to anything
but a websocket. A client may close its own side as soon as it has sent its requests, and is answered all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import cast

from aiohttp import hdrs, web

from channels_desktop.host.bounds import Bounds
from channels_desktop.host.gate import Gate
from channels_desktop.host.http import failure, sign, written
from channels_desktop.host.whole import Whole, whole

BUSY_SECONDS = 5
LINGER_SECONDS = 3

Refusal = Callable[[str], None]
Serve = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Short = Callable[[Whole, int, Callable[[bytes], None]], bool]
"""Takes a request of so many bytes, or does not; who takes it gives the answer later."""

# Tokens travel in URLs and headers, which aiohttp's own log repeats; what goes wrong is logged elsewhere without them.
_SILENT = logging.getLogger(f"{__name__}.aiohttp")
_SILENT.setLevel(logging.CRITICAL + 1)


class Connections:
    """All open connections of one host. `refused` is told why one was turned away or cut off."""

    def __init__(self, bounds: Bounds, refused: Refusal, short: Short = lambda *_: False) -> None:
        self.bounds = bounds
        self.refused = refused
        self.short = short
        self.count = 0
        self.watched: set[Connection] = set()
        self._by_address: Counter[str] = Counter()

    def maker(self, server: web.Server) -> Callable[[], asyncio.Protocol]:
        """Return what makes the protocol of each new connection to `server`."""
        loop = asyncio.get_running_loop()
        return lambda: Connection(self, server, loop)

    @staticmethod
    def followed(serve: Serve) -> Serve:
        """Return what serves as `serve` does, and tells each connection when one of its requests begins and ends."""

        async def follow(request: web.BaseRequest) -> web.StreamResponse:
            connection = cast("Connection", request.protocol)
            connection.begun(request)
            try:
                return await serve(request)
            finally:
                connection.ended()

        return follow

    def admit(self, address: str) -> bool:
        """Count a new connection from `address` in, unless there are too many."""
        if self.count >= self.bounds.connections:
            self.refused("connections")
            return False
        if address and self._by_address[address] >= self.bounds.connections_per_address:
            self.refused("connections_per_address")
            return False
        self.count += 1
        self._by_address[address] += 1
        return True

    def cut_off_watched(self) -> None:
        """Cut off every client that does not take what it is sent, at once."""
        for connection in tuple(self.watched):
            connection.cut_off()

    def leave(self, address: str) -> None:
        """Count a connection out."""
        self.count -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]


class Connection(web.RequestHandler):
    """One connection: admitted or turned away, and watched while its client takes an answer."""

    __slots__ = (
        "_address",
        "_connections",
        "_early",
        "_ended",
        "_gate",
        "_leaving",
        "_left",
        "_rest",
        "_rested",
        "_serving",
        "_short",
        "_unanswered",
        "_watch",
    )

    def __init__(self, connections: Connections, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        bounds = connections.bounds
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=bounds.idle_seconds,
            logger=_SILENT,
            access_log=None,  # type: ignore[arg-type] # documented so; only the annotation lacks it
            max_line_size=bounds.header_bytes,
            max_field_size=bounds.header_bytes,
            max_headers=bounds.headers,
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,  # bytes are stored as they come, and nothing grows on the way
        )
        self._connections = connections
        self._address: str | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._gate = Gate(bounds)
        self._unanswered = 0
        """How many requests aiohttp was given that it has not answered yet."""
        self._serving: web.BaseRequest | None = None
        self._ended = False
        """Whether the client has closed its side."""
        self._leaving = False
        """Whether we have closed ours."""
        self._short = False
        """Whether an answer of the short way is still to come."""
        self._early = b""
        self._left: asyncio.Future[None] | None = None
        self._rested = 0.0
        self._rest: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serve the connection, or turn it away."""
        stream = cast("asyncio.Transport", transport)  # uvloop's has the methods alone
        address = counted_address(stream.get_extra_info("peername"))
        if self._connections.admit(address):
            self._address = address
            super().connection_made(transport)
        else:
            self._force_close = True  # what the client says is not listened to
            busy = _last(failure(HTTPStatus.SERVICE_UNAVAILABLE, "busy"))
            busy.headers[hdrs.RETRY_AFTER] = str(BUSY_SECONDS)
            stream.write(written(busy))
            stream.close()

    def data_received(self, data: bytes) -> None:
        """Let a request go the short way if it can, and leave everything else that may be read to aiohttp."""
        if self._short:  # what comes before its answer waits, so that answers keep their order
            self._early += data
            if self.transport is not None:
                self.transport.pause_reading()
            return
        if not data or self._upgraded:  # aiohttp's own call, for what it has put by; a websocket's frames
            super().data_received(data)
            return
        gate, heads = self._gate, self._gate.heads
        at_rest = not self._unanswered and not self._close and gate.between
        passed = gate.let(data)
        begun = gate.heads - heads
        if begun:
            if at_rest and begun == 1 and gate.between and self._goes_short(passed):
                return
            self._unanswered += begun
            self._stop_resting()
        if passed:
            super().data_received(passed)
            if self._upgraded and gate.held:  # frames of a client that did not wait
                super().data_received(gate.held)
        if gate.fault:
            self._wind_up()

    def _goes_short(self, passed: bytes) -> bool:
        """Let one whole request go the short way, if it can."""
        request = whole(passed)
        if request is None or self._watch is not None:
            return False
        self._short = self._connections.short(request, len(passed), self._answered)
        if self._short:
            self.keep_alive(True)  # ends aiohttp's clock: it sees no request
        return self._short

    def _answered(self, answer: bytes) -> None:
        """Send the answer of the short way, and go on with what came before it."""
        self._short = False
        if self._left is not None and not self._left.done():
            self._left.set_result(None)
        if self.transport is None:
            return
        self.transport.write(answer)
        self._rested = self._loop.time()
        if self._rest is None:
            self._rest = self._loop.call_later(self._connections.bounds.idle_seconds, self._end_rest)
        if self._early:
            early, self._early = self._early, b""
            self.transport.resume_reading()
            self.data_received(early)
        self._wind_up()

    def eof_received(self) -> bool:  # type: ignore[override] # asyncio asks for it; aiohttp always closes
        """Stay open for the answers that the client still waits for; over TLS the connection ends with either side."""
        if self._upgraded or self.transport is None or self.ssl_context is not None:
            return False
        self._ended = True
        self._gate.end()
        self._wind_up()
        return self._short or self._unanswered > 0

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Answer as aiohttp does; know what is answered, and what the connection is good for after it."""
        if self._gate.over and self._unanswered == 1 and self._payload_parser is None:
            resp.force_close()  # it was the last, or asked for an upgrade that it does not get
        finished = await super().finish_response(request, resp, start_time)
        self._unanswered -= 1
        self._wind_up()
        return finished

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what aiohttp cannot read, or fails at: in our words, since its own repeat what was sent."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        return _last(failure(HTTPStatus(status), HTTPStatus(status).name.lower()))

    def _wind_up(self) -> None:
        """Once everything is answered, refuse what was not let through; take leave of a client that has taken its."""
        fault = self._gate.fault
        if fault is not None and fault.within and self._serving is not None and self._unanswered == 1:
            self._serving.content.set_exception(web.RequestPayloadError())  # its answer is that of the fault
        if self._short or self._unanswered or self._leaving or self.transport is None:
            return
        if fault is not None and not fault.within:
            reason = fault.status.name.lower()
            self._connections.refused(reason)
            refusal = written(_last(failure(fault.status, reason, fault.words)))
            self.transport.write(refusal.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if fault.silent else refusal)
            self._leave(LINGER_SECONDS)
        elif self._ended:
            self._leave(self._connections.bounds.answer_seconds)

    def _leave(self, seconds: float) -> None:
        """Close our side when all is sent; end the connection when the client has closed its own, or in `seconds`.

        To close both at once would reset a client that is still sending, which might not see its answer then.
        """
        assert self.transport is not None  # noqa: S101 - asked by whoever calls
        self._leaving = True
        self._stop_resting()
        self._rest = self._loop.call_later(seconds, self.transport.abort)
        if not self._ended and self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def _end_rest(self) -> None:
        """Close the connection if no request has come since the last answer of the short way, for long enough."""
        due = self._rested + self._connections.bounds.idle_seconds
        self._rest = None
        if self._short or self._loop.time() < due:
            self._rest = self._loop.call_at(max(due, self._loop.time() + 1), self._end_rest)
        else:
            self.force_close()

    def begun(self, request: web.BaseRequest) -> None:
        """Leave the clock to aiohttp, which serves a request now."""
        self._serving = request
        self._stop_resting()
        self._wind_up()

    def ended(self) -> None:
        """Let go of the request that was served."""
        self._serving = None

    def _stop_resting(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109 - aiohttp's
        """Wait for the answer of the short way, then do as aiohttp does."""
        if self._short:
            self._left = self._loop.create_future()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._left
        await super().shutdown(timeout)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let go of everything."""
        self._stop_watching()
        self._stop_resting()
        self._serving = None
        if self._address is not None:
            self._connections.leave(self._address)
            super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to watch: the client takes less than it asked for."""
        super().pause_writing()
        if self.transport is not None:
            self._watch_from(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Stop watching."""
        self._stop_watching()
        super().resume_writing()

    def _watch_from(self, left: int) -> None:
        seconds = self._connections.bounds.answer_seconds
        self._connections.watched.add(self)
        self._watch = self._loop.call_later(seconds, self._cut_off_unless_below, left)

    def _cut_off_unless_below(self, left: int) -> None:
        if self.transport is None:
            return
        now = self.transport.get_write_buffer_size()
        if now < left:
            self._watch_from(now)
        else:
            self.cut_off()

    def cut_off(self) -> None:
        """End the connection at once, and let the system forget what it still holds for the client."""
        if self.transport is None:
            return
        self._connections.refused("slow_reader")
        reset = struct.pack("ii", 1, 0)
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        self.transport.abort()

    def _stop_watching(self) -> None:
        self._connections.watched.discard(self)
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None


def _last(answer: web.Response) -> web.Response:
    """Sign an answer, and say that the connection ends with it."""
    sign(answer)
    answer.headers[hdrs.CONNECTION] = "close"
    answer.force_close()
    return answer


def counted_address(peer: object) -> str:
    """Return the part of a peer's address that one client has: an IPv4 address or an IPv6 network of 64 bits.

    It is empty for this computer and for sockets that have no address.
    """
    if not isinstance(peer, tuple):
        return ""
    text = str(peer[0]).partition("%")[0]
    if text.startswith("127."):
        return ""
    if ":" not in text:
        return text
    address = ipaddress.IPv6Address(text)
    if address.ipv4_mapped is not None:
        return counted_address((str(address.ipv4_mapped),))
    return "" if address.is_loopback else address.packed[:8].hex()
