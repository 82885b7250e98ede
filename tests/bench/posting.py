"""A client that costs little beside the server: posts and websockets spoken by hand over keep-alive connections."""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

PATIENCE = 60
MARK = b"<posted at>"
"""Stands before the time (8 bytes) and the poster (2) in a payload: they are found without decoding the frame."""

PAYLOAD_BYTES = 1024
LONG_HEAD = 10
"""Bytes of the longest head of a frame; what is heard here is longer."""


@dataclass(frozen=True)
class Target:
    """A channel at a gateway, and the gateway where its account listens."""

    base_url: str
    channel: str
    write_token: str
    heard_at: str = ""
    account_token: str = ""


def payload(poster: int) -> bytes:
    """Return a payload that says when it was made and by whom."""
    made = time.perf_counter_ns().to_bytes(8, "big") + poster.to_bytes(2, "big")
    return (MARK + made).ljust(PAYLOAD_BYTES, b".")


def made(frame: bytes) -> tuple[int, int]:
    """Return when the payload in a frame was made, and by whom."""
    start = frame.index(MARK) + len(MARK)
    return int.from_bytes(frame[start : start + 8], "big"), int.from_bytes(frame[start + 8 : start + 10], "big")


class Poster(asyncio.Protocol):
    """One connection that posts, each time after the last answer, until `end`; `times` are nanoseconds per post."""

    def __init__(self, to: Target, end: float, number: int = 0) -> None:
        self.number = number
        self.times: list[int] = []
        self.done = asyncio.get_running_loop().create_future()
        self._end = end
        self._head = (
            f"POST /api/v1/channel/{to.channel} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {to.write_token}\r\n"
            f"Accept: application/octet-stream\r\nContent-Type: application/octet-stream\r\n"
            f"Content-Length: {PAYLOAD_BYTES}\r\n\r\n"
        ).encode()
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.post()

    def post(self) -> None:
        self._started = time.perf_counter_ns()
        self._transport.write(self._head + payload(self.number))  # type: ignore[attr-defined] # a stream's transport

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found or len(body) < int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            return
        self._answer = b""
        if not head.startswith(b"HTTP/1.1 200"):
            self._finish(AssertionError(head.decode()))
            return
        self.times.append(time.perf_counter_ns() - self._started)
        if time.perf_counter() < self._end:
            self.answered()
        else:
            self._finish(None)

    def answered(self) -> None:
        """Go on to the next post."""
        self.post()

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish(exc or ConnectionError("the host hung up"))

    def _finish(self, error: Exception | None) -> None:
        self._transport.close()
        if not self.done.done():
            self.done.set_result(None) if error is None else self.done.set_exception(error)


class Turns(Poster):
    """A poster that posts again only when its last message was also heard."""

    def post(self) -> None:
        self._missing = 2
        super().post()

    def answered(self) -> None:
        self.next()

    def next(self) -> None:
        """Count an answer or a frame; post again once both are there."""
        self._missing -= 1
        if not self._missing and not self.done.done():
            self.post()


async def connect(poster: Poster, to: Target) -> None:
    """Let a poster begin."""
    place = urlsplit(to.base_url)
    await asyncio.get_running_loop().create_connection(lambda: poster, place.hostname, place.port)


@dataclass(frozen=True)
class Posts:
    """What posting gave: posts per second, and milliseconds per post, sorted."""

    rate: float
    times: Sequence[float]


async def post_for(targets: Sequence[Target], connections: int, seconds: float) -> Posts:
    """Post over so many connections for some seconds."""
    started = time.perf_counter()
    chosen = [targets[number % len(targets)] for number in range(connections)]
    posters = [Poster(to, started + seconds) for to in chosen]
    for poster, to in zip(posters, chosen, strict=True):
        await connect(poster, to)
    await asyncio.wait_for(asyncio.gather(*(poster.done for poster in posters)), seconds + PATIENCE)
    times = sorted(one / 1e6 for poster in posters for one in poster.times)
    return Posts(len(times) / (time.perf_counter() - started), times)


async def open_socket(base_url: str, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a websocket that asks for BSOR."""
    place = urlsplit(base_url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port, limit=2**24)
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    head = f"GET {path} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    more = f"Accept: application/octet-stream\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    writer.write((head + more).encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 101"), answer
    return reader, writer


class Hearer(asyncio.Protocol):
    """The reading end of a websocket: `hear` gets the payload of each frame. A server masks nothing."""

    def __init__(self, hear: Callable[[bytes], None]) -> None:
        self._hear = hear
        self._held = b""

    def data_received(self, data: bytes) -> None:
        self._held += data
        while len(self._held) > LONG_HEAD:
            assert self._held[0] in {0x81, 0x82, 0x89}, self._held[0]
            size, start = self._held[1], 2
            if size == 126:
                size, start = int.from_bytes(self._held[2:4], "big"), 4
            elif size == 127:
                size, start = int.from_bytes(self._held[2:LONG_HEAD], "big"), LONG_HEAD
            if len(self._held) < start + size:
                return
            frame, self._held = self._held[start : start + size], self._held[start + size :]
            self._hear(frame)


async def deliveries(targets: Sequence[Target], seconds: float) -> Sequence[float]:
    """Return the milliseconds from post to account websocket, sorted; every target posts when its last was heard."""
    sockets = [
        await open_socket(to.heard_at, f"/api/v1/notify?token={to.account_token}&fullmessages=true") for to in targets
    ]
    end = time.perf_counter() + seconds
    posters = [Turns(to, end, number) for number, to in enumerate(targets)]
    found: list[float] = []

    def hear(frame: bytes) -> None:
        if MARK in frame:
            at, number = made(frame)
            found.append((time.perf_counter_ns() - at) / 1e6)
            posters[number].next()

    for _, writer in sockets:
        writer.transport.set_protocol(Hearer(hear))
    for poster, to in zip(posters, targets, strict=True):
        await connect(poster, to)
    await asyncio.wait_for(asyncio.gather(*(poster.done for poster in posters)), seconds + PATIENCE)
    for _, writer in sockets:
        writer.transport.abort()
    return sorted(found)
