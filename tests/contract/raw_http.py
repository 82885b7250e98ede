"""HTTP and websockets byte by byte, so that a test sends exactly what a certain client sends."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

PATIENCE = 60
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_LENGTH_16, _LENGTH_64 = 126, 127
MARK = "dGhpcyBpcyBhIHRva2Vu"
"""What no answer may repeat."""
ERROR_KEYS = ["type", "title", "status", "detail", "code", "message", "reason"]
VERSION = re.compile(r"[0-9]+\.[0-9]+|aiohttp|python|llhttp|uvloop", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """An answer as it came: header names in lower case, bytes as they are."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Frame:
    kind: int
    data: bytes


class Socket:
    """A websocket as seen by its client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def frame(self) -> Frame:
        """Return the host's next frame."""
        async with asyncio.timeout(PATIENCE):
            first, length = await self._reader.readexactly(2)
            assert first & 0x80, "frames come whole"
            assert length < 0x80, "a host does not mask"
            if length == _LENGTH_16:
                length = int.from_bytes(await self._reader.readexactly(2), "big")
            elif length == _LENGTH_64:
                length = int.from_bytes(await self._reader.readexactly(8), "big")
            return Frame(first & 0x7F, await self._reader.readexactly(length))

    async def text(self) -> Any:
        """Return the JSON of the next frame, which must be text."""
        frame = await self.frame()
        assert frame.kind == TEXT
        return json.loads(frame.data)

    async def binary(self) -> bytes:
        """Return the next frame, which must be binary."""
        frame = await self.frame()
        assert frame.kind == BINARY
        return frame.data

    async def closed(self) -> int:
        """Return the code with which the host closes."""
        frame = await self.frame()
        assert frame.kind == CLOSE
        return int.from_bytes(frame.data[:2], "big")

    async def send(self, kind: int, data: bytes = b"") -> None:
        """Send a frame, masked with zeros."""
        if len(data) < _LENGTH_16:
            length = bytes([0x80 | len(data)])
        else:
            length = bytes([0x80 | _LENGTH_16]) + len(data).to_bytes(2, "big")
        self._writer.write(bytes([0x80 | kind]) + length + bytes(4) + data)
        await self._writer.drain()


@asynccontextmanager
async def connected(base_url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    url = urlsplit(base_url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


async def ask(base_url: str, request: bytes) -> Answer:
    """Send the bytes of a request on a connection of its own, and return the answer."""
    async with asyncio.timeout(PATIENCE), connected(base_url) as (reader, writer):
        writer.write(request)
        await writer.drain()
        return await read_answer(reader, body=not request.startswith(b"HEAD "))


@asynccontextmanager
async def websocket(base_url: str, request: bytes) -> AsyncIterator[Socket]:
    """Send the bytes of a handshake; yield the websocket, or raise Denied."""
    async with connected(base_url) as (reader, writer):
        async with asyncio.timeout(PATIENCE):
            writer.write(request)
            await writer.drain()
            answer = await read_answer(reader, body=False)
        if answer.status != 101:
            raise Denied(answer.status)
        yield Socket(reader, writer)


class Denied(Exception):
    """The host refuses a websocket with a status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


async def read_answer(reader: asyncio.StreamReader, *, body: bool) -> Answer:
    """Read one answer, without a body where there is none to come."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    version, status, reason = first.split(" ", 2)
    assert version in {"HTTP/1.0", "HTTP/1.1"}
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    assert "transfer-encoding" not in headers
    length = int(headers.get("content-length", "0")) if body else 0
    return Answer(int(status), reason, headers, await reader.readexactly(length))


def check(answer: Answer, *, body: bool = True) -> None:
    """Check what holds for every answer, and for every error."""
    head = f"{answer.reason}\n{answer.headers}"
    assert MARK not in head + answer.body.decode("latin-1")
    assert not VERSION.search(head), head
    assert answer.headers["server"] == "channels-host"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-expose-headers"] == "ETag, Channel-Flags"
    assert "access-control-allow-credentials" not in answer.headers
    if answer.status >= 400 and body:
        said = answer.json
        assert list(said) == ERROR_KEYS
        assert said["status"] == said["code"] == answer.status
        assert said["detail"] == said["message"] == answer.reason
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert not VERSION.search(answer.body.decode()), answer.body


def request(method: str, path: str, token: str, body: bytes = b"", more: str = "") -> bytes:
    """Return the bytes of a request whose answer is in JSON."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\nAccept: application/json\r\n"
    return f"{head}{more}{length}\r\n".encode() + body
