"""What no client should send, and what few do: answered in the one form for errors, alike on both ways of a request.

No answer repeats what was sent, and none tells a version.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from channels_desktop.host.limits import Limits
from channels_desktop.host.messages import FullChannel
from tests.contract.dialect_world import World, opened
from tests.contract.host_ports import STORES
from tests.contract.raw_http import MARK, PATIENCE, ask, check, connected, read_answer, request
from tests.vectors import load

LIMITS = Limits(message_bytes=2000, posts_per_second=0)


@pytest.fixture(params=STORES)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path / "host", request.param, limits=LIMITS) as made:
        yield made


@pytest.fixture
async def channel(world: World) -> FullChannel:
    return await world.tokenized_channel()


# --------------------------------------------------------------------------------------------------------- known cases


@pytest.mark.parametrize("end", ["", "/"], ids=["short", "long"])
@pytest.mark.parametrize("case", load("host_requests")["cases"], ids=lambda case: case["what"])
async def test_known_cases(world: World, channel: FullChannel, case: dict[str, str | int], end: str) -> None:
    raw = str(case["raw"]).replace("WRITE", channel.write_token).replace("MARK", MARK)
    raw = raw.replace("ID HTTP", f"{channel.id}{end} HTTP")
    async with asyncio.timeout(PATIENCE), connected(world.url) as (reader, writer):
        writer.write(raw.encode("latin-1"))
        if "then" in case:
            writer.write_eof()
        answer = await read_answer(reader, body=True)
    assert answer.status == case["status"]
    check(answer)
    stored = await ask(world.url, request("GET", f"/api/v1/channel/{channel.id}", channel.read_token))
    assert len(stored.json) == (case["status"] == 200)


# ----------------------------------------------------------------------------------------------------- alike both ways

POST, WITH_MORE = "POST {path} HTTP/1.1\r\n{host}{token}", "Content-Length: 1\r\n\r\nx"
ALIKE: dict[str, tuple[int, str]] = {
    "a post": (200, POST + WITH_MORE),
    "no host": (400, "POST {path} HTTP/1.1\r\n{token}" + WITH_MORE),
    "two hosts": (400, POST + "{host}" + WITH_MORE),
    "a host that is none": (400, "POST {path} HTTP/1.1\r\nHost: a/b\r\n{token}" + WITH_MORE),
    "an empty host": (200, "POST {path} HTTP/1.1\r\nHost:\r\n{token}" + WITH_MORE),
    "an old client": (200, "POST {path} HTTP/1.0\r\n{token}" + WITH_MORE),
    "an old client with a host": (200, "POST {path} HTTP/1.0\r\n{host}{token}" + WITH_MORE),
    "an old client that stays": (200, "POST {path} HTTP/1.0\r\n{token}Connection: keep-alive\r\n" + WITH_MORE),
    "an older version": (505, "POST {path} HTTP/0.9\r\n{host}{token}" + WITH_MORE),
    "a newer version": (505, "POST {path} HTTP/2.0\r\n{host}{token}" + WITH_MORE),
    "no version": (400, "POST {path}\r\n{host}{token}" + WITH_MORE),
    "a method in lower case": (501, "post {path} HTTP/1.1\r\n{host}{token}" + WITH_MORE),
    "a method in both cases": (501, "Post {path} HTTP/1.1\r\n{host}{token}" + WITH_MORE),
    "a method of others": (501, "PROPFIND {path} HTTP/1.1\r\n{host}{token}" + WITH_MORE),
    "a method that is not for this": (405, "PUT {path} HTTP/1.1\r\n{host}{token}" + WITH_MORE),
    "an absolute URI": (200, "POST http://h:1{path} HTTP/1.1\r\n{host}{token}" + WITH_MORE),
    "an absolute URI in upper case": (200, "POST HTTP://H{path} HTTP/1.1\r\n{host}{token}" + WITH_MORE),
    "an absolute URI without a port that is one": (
        400,
        "POST http://h:99999{path} HTTP/1.1\r\n{host}{token}" + WITH_MORE,
    ),
    "a fragment": (400, "POST {path}#MARK HTTP/1.1\r\n{host}{token}" + WITH_MORE),
    "a head": (401, "HEAD {path} HTTP/1.1\r\n{host}Authorization: Bearer MARK\r\n\r\n"),
    "a head without a host": (400, "HEAD {path} HTTP/1.1\r\nAuthorization: Bearer MARK\r\n\r\n"),
    "a head with a body": (401, "HEAD {path} HTTP/1.1\r\n{host}" + WITH_MORE),
    "two tokens": (400, POST + "Authorization: Bearer MARK\r\n" + WITH_MORE),
    "two types": (400, POST + "Content-Type: a/b\r\nContent-Type: c/d\r\n" + WITH_MORE),
    "blanks after values": (200, POST + "Content-Type: a/b \t\r\nAccept: application/json \r\n" + WITH_MORE),
    "bytes beyond ASCII in a value": (400, POST + "Content-Type: a/b\xc3\xa9\r\n" + WITH_MORE),
    "another expectation": (417, POST + "Expect: MARK\r\n" + WITH_MORE),
    "no body": (400, POST + "\r\n"),
    "an empty body": (400, POST + "Content-Length: 0\r\n\r\n"),
    "no length": (400, POST + "Content-Length:\r\n\r\n"),
    "a body that is too large": (413, POST + "Content-Length: 2001\r\n\r\n" + 2001 * "x"),
    "chunks": (200, POST + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
    "chunks that are too large": (
        413,
        POST + "Transfer-Encoding: chunked\r\n\r\n7D1\r\n" + 2001 * "x" + "\r\n0\r\n\r\n",
    ),
    "chunks and trailers": (400, POST + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: MARK\r\n\r\n"),
    "a broken chunk": (400, POST + "Transfer-Encoding: chunked\r\n\r\nMARK\r\n"),
    "an upgrade to what is no websocket": (200, POST + "Connection: Upgrade\r\nUpgrade: h2c\r\n" + WITH_MORE),
    "a line that is too long": (414, "POST {path}?" + 9000 * "x" + " HTTP/1.1\r\n{host}{token}" + WITH_MORE),
    "a header that is too long": (431, POST + "X: " + 9000 * "x" + "\r\n" + WITH_MORE),
    "too many headers": (431, POST + 70 * "X: y\r\n" + WITH_MORE),
}


@pytest.mark.parametrize("name", ALIKE)
async def test_both_ways_answer_alike(world: World, channel: FullChannel, name: str) -> None:
    status, raw = ALIKE[name]
    answers = []
    for end in ("", "/"):
        sent = raw.replace("{path}", f"/api/v1/channel/{channel.id}{end}").replace("{host}", "Host: h\r\n")
        sent = sent.replace("{token}", f"Authorization: Bearer {channel.write_token}\r\n").replace("MARK", MARK)
        answers.append(await ask(world.url, sent.encode("latin-1")))
    for answer in answers:
        assert answer.status == status, answer
        check(answer, body=not raw.startswith("HEAD"))
    first, second = ({**answer.headers, "date": "", "content-length": ""} for answer in answers)
    assert first == second
    assert answers[0].reason == answers[1].reason
    read = request("GET", f"/api/v1/channel/{channel.id}", channel.read_token)
    stored = (await ask(world.url, read)).json
    assert len(stored) == 2 * (status == 200)
    assert len({message["content_type"] for message in stored}) <= 1


async def test_what_is_nowhere_and_what_is_not_for_this(world: World) -> None:
    for status, first in (
        (404, f"GET /{MARK}?{MARK}"),
        (404, f"GET /api/v1/channel/%ff%00{MARK}"),
        (404, f"OPTIONS /{MARK}"),
        (405, f"TRACE /api/v1/account?{MARK}"),
        (405, "POST /healthz"),
        (400, f"GET /api/v1/web-socket?token={world.key}"),
        (401, f"GET /api/v1/web-socket?token={MARK}"),
        (501, f"CONNECT /{MARK}"),
    ):
        answer = await ask(world.url, f"{first} HTTP/1.1\r\nHost: h\r\nCookie: {MARK}\r\n\r\n".encode())
        assert answer.status == status, first
        check(answer)
        assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    "lines",
    [
        "Connection: Upgrade\r\nUpgrade: websocket\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {mark}\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: {mark}\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key1: {mark}\r\n",
        "Connection: Upgrade\r\nUpgrade: {mark}\r\n",
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {mark}\r\n",
    ],
)
async def test_who_fails_to_open_a_websocket_is_told_and_left(world: World, lines: str) -> None:
    first = f"GET /api/v1/web-socket?token={world.key} HTTP/1.1\r\nHost: h\r\n"
    async with asyncio.timeout(PATIENCE), connected(world.url) as (reader, writer):
        writer.write((first + lines.replace("{mark}", MARK) + "\r\n").encode() + request("GET", "/healthz", MARK))
        answer = await read_answer(reader, body=True)
        assert (answer.status, answer.headers["connection"]) == (400, "close")
        check(answer)
        assert world.key not in str(answer)
        assert await reader.read() == b"", "what came behind it is no request"


# ------------------------------------------------------------------------------------------------- browsers of wallets


async def test_a_browser_may_ask_for_everything_that_there_is(world: World) -> None:
    router = world.host._front._runner.app.router  # noqa: SLF001 - only the router itself knows all
    paths: dict[str, set[str]] = {}
    for route in router.routes():
        assert route.resource is not None
        paths.setdefault(re.sub(r"\{[^}]*\}", "7", route.resource.canonical), set()).add(route.method)
    assert len(paths) > 30
    for path, methods in paths.items():
        answer = await ask(
            world.url,
            f"OPTIONS {path} HTTP/1.1\r\nHost: h\r\nOrigin: https://wallet.example\r\n"
            "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n\r\n".encode(),
        )
        assert (answer.status, answer.body) == (204, b""), path
        check(answer)
        assert methods <= set(answer.headers["access-control-allow-methods"].split(", ")), path
        assert answer.headers["allow"] == answer.headers["access-control-allow-methods"]
        assert answer.headers["access-control-allow-headers"] == "Authorization, Content-Type, Accept"
        assert int(answer.headers["access-control-max-age"]) > 0
    everything = await ask(world.url, b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")
    assert everything.status == 204
    check(everything)
