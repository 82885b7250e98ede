"""The short way of a post answers as the router's way does, on both stores; and it is what a plain post takes."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from channels_desktop.host.bounds import Bodies, Bounds
from channels_desktop.host.connections import Connection
from channels_desktop.host.express import Express
from channels_desktop.host.limits import Limits
from channels_desktop.host.messages import FullChannel
from channels_desktop.host.whole import Whole, whole
from tests.contract.dialect_world import World, opened
from tests.contract.host_ports import STORES
from tests.contract.raw_http import PATIENCE, Answer, ask, connected, read_answer

LIMITS = Limits(message_bytes=2000, mailbox_bytes=6000, posts_per_second=1, burst=6)
BSOR, JSON = "application/octet-stream", "application/json"
SHORT, LONG = "", "/"


class Taken(list[str]):
    """The URLs of the requests that went the short way.

    With `holding`, their answers are kept back until `give`; `came` says that there is one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.holding = False
        self.came = asyncio.Event()
        self._kept: list[Callable[[], None]] = []

    def answer(self, give: Callable[[], None]) -> None:
        self._kept.append(give)
        self.came.set()
        if not self.holding:
            self.give()

    def give(self) -> None:
        self.holding = False
        kept, self._kept = self._kept, []
        for give in kept:
            give()


@pytest.fixture
def briefly(monkeypatch: pytest.MonkeyPatch) -> Taken:
    """Follow what goes the short way in the hosts that are opened from now on."""
    taken = Taken()
    take = Express.take

    def noted(self: Express, request: Whole, size: int, answered: Callable[[bytes], None]) -> bool:
        goes = take(self, request, size, lambda answer: taken.answer(partial(answered, answer)))
        if goes:
            taken.append(request.url)
        return goes

    monkeypatch.setattr(Express, "take", noted)
    return taken


@pytest.fixture(params=STORES)
async def world(request: pytest.FixtureRequest, tmp_path: Path, briefly: Taken) -> AsyncIterator[World]:
    async with opened(tmp_path / "host", request.param, limits=LIMITS) as made:
        yield made


def request(
    url: str, channel: str, token: str, body: bytes, *, end: str = SHORT, version: str = "1.1", more: str = ""
) -> bytes:
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    head = f"POST /api/v1/channel/{channel}{end} HTTP/{version}\r\nHost: {urlsplit(url).netloc}\r\n{bearer}{more}"
    length = "" if "chunked" in more else f"Content-Length: {len(body)}\r\n"
    return f"{head}{length}\r\n".encode() + body


def look(channel: FullChannel) -> bytes:
    head = f"GET /api/v1/channel/{channel.id} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {channel.read_token}"
    return f"{head}\r\nAccept: {JSON}\r\n\r\n".encode()


def shape(answer: Answer) -> tuple[object, ...]:
    """Return what two answers to the same request have in common."""
    headers = {name: value for name, value in answer.headers.items() if name not in {"date", "content-length"}}
    body = answer.json if answer.headers["content-type"].startswith(JSON) else len(answer.body)
    if isinstance(body, dict):
        body = {name: value for name, value in body.items() if name not in {"sequence", "received"}}
    return answer.status, answer.reason, headers, set(answer.headers), body


@pytest.mark.parametrize("accept", ["", f"Accept: {BSOR}\r\n", f"Accept: {JSON}\r\n", "Accept: */*\r\n"])
async def test_a_post_is_answered_alike_on_both_ways(world: World, briefly: Taken, accept: str) -> None:
    channel = await world.tokenized_channel()
    answers = []
    for end in (SHORT, LONG):
        sent = request(world.url, channel.id, channel.write_token, b"x", end=end, more=accept)
        answers.append(await ask(world.url, sent))
    assert len(briefly) == 1
    assert answers[0].status == 200
    assert shape(answers[0]) == shape(answers[1])


async def test_what_is_refused_is_refused_alike_on_both_ways(world: World, briefly: Taken) -> None:
    channel, other = await world.tokenized_channel(), await world.tokenized_channel()
    spv = await world.spv_channel()
    nowhere = "00000000-0000-4000-8000-000000000000"
    kind = "Content-Type: \t\xe9\r\n"
    for status, place, token, body, more in (
        (401, channel.id, "wrong", b"x", ""),
        (401, channel.id, "", b"x", ""),
        (403, channel.id, channel.read_token, b"x", ""),
        (403, channel.id, other.write_token, b"x", ""),
        (404, nowhere, channel.write_token, b"x", ""),
        (400, channel.id, channel.write_token, b"", ""),
        (400, channel.id, channel.write_token, b"x", kind),
        (400, channel.id, channel.write_token, b"x", f"Content-Type: {'x' * 200}\r\n"),
        (413, channel.id, channel.write_token, bytes(2001), ""),
    ):
        short = await ask(world.url, request(world.url, place, token, body, more=more))
        long = await ask(world.url, request(world.url, place, token, body, more=more, end=LONG))
        assert short.status == status
        assert shape(short) == shape(long)
    assert len(briefly) == 8, "all but the one whose body is too large"
    owner = spv["access_tokens"][0]["token"]
    answers = [await ask(world.url, request(world.url, spv["id"], owner, bytes(2000))) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 507]
    fast = [await ask(world.url, request(world.url, other.id, other.write_token, b"x")) for _ in range(7)]
    assert fast[-1].status == 429
    assert int(fast[-1].headers["retry-after"]) >= 1


async def test_what_is_unusual_goes_the_long_way(world: World, briefly: Taken) -> None:
    channel = await world.tokenized_channel()
    chunked = b"1\r\nx\r\n0\r\n\r\n"
    for sent in (
        request(world.url, channel.id, channel.write_token, b"x", more="Connection: close\r\n"),
        request(world.url, channel.id, channel.write_token, b"x", version="1.0"),
        request(world.url, channel.id, channel.write_token, b"x", end="?y=1"),
        request(world.url, channel.id.upper(), channel.write_token, b"x"),
    ):
        assert (await ask(world.url, sent)).status in {200, 404}
    assert not briefly
    sent = request(world.url, channel.id, channel.write_token, chunked, more="Transfer-Encoding: chunked\r\n")
    assert (await ask(world.url, sent)).status == 200, "a body that is there is short, however it came"
    assert len(briefly) == 1


@pytest.mark.parametrize("cuts", [(), (100, 701), (100, 250, 700)])
async def test_posts_of_one_connection_are_answered_in_order(
    world: World, briefly: Taken, cuts: tuple[int, ...]
) -> None:
    channel = await world.tokenized_channel()
    accept = f"Accept: {JSON}\r\n"
    posts = [
        request(world.url, channel.id, channel.write_token, b"%d" % n, more=accept, end=(SHORT, LONG)[n % 2])
        for n in range(5)
    ]
    whole = b"".join(posts)
    async with connected(world.url) as (reader, writer):
        for start, end in pairwise((0, *cuts, len(whole))):
            writer.write(whole[start:end])
            await writer.drain()
        said = [(await read_answer(reader, body=True)).json["sequence"] for _ in posts]
    assert said == [1, 2, 3, 4, 5]


async def test_what_comes_before_the_answer_waits_for_it(world: World, briefly: Taken) -> None:
    channel = await world.tokenized_channel()
    post = request(world.url, channel.id, channel.write_token, b"x", more=f"Accept: {JSON}\r\n")
    async with connected(world.url) as (reader, writer):
        briefly.holding = True
        writer.write(post)
        await briefly.came.wait()
        writer.write(post + look(channel))
        assert len((await ask(world.url, look(channel))).json) == 1
        assert (await ask(world.url, look(channel))).headers["etag"] == "1"
        assert len(briefly) == 1
        briefly.give()
        answers = [await read_answer(reader, body=True) for _ in range(3)]
    assert [answer.json["sequence"] for answer in answers[:2]] == [1, 2]
    assert [message["sequence"] for message in answers[2].json] == [1, 2]


async def test_a_post_waits_for_the_answer_to_what_went_the_long_way(
    world: World, briefly: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = await world.tokenized_channel()
    came, go_on = asyncio.Event(), asyncio.Event()

    async def waiting(*_: object) -> tuple[int, tuple[()]]:
        came.set()
        await go_on.wait()
        return 0, ()

    monkeypatch.setattr("channels_desktop.host.http.Api.look", waiting)
    async with asyncio.timeout(PATIENCE), connected(world.url) as (reader, writer):
        writer.write(look(channel))
        await came.wait()
        writer.write(request(world.url, channel.id, channel.write_token, b"x"))
        await writer.drain()
        assert (await ask(world.url, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).status == 404, "the host has seen it"
        assert not briefly
        go_on.set()
        answers = [await read_answer(reader, body=True) for _ in range(2)]
    assert [answer.json == [] for answer in answers] == [True, False]


async def test_a_connection_goes_both_ways_in_turn(world: World, briefly: Taken) -> None:
    channel = await world.tokenized_channel()
    async with connected(world.url) as (reader, writer):
        for number in range(1, 3):
            writer.write(look(channel))
            assert len((await read_answer(reader, body=True)).json) == 2 * number - 2
            writer.write(request(world.url, channel.id, channel.write_token, b"x"))
            assert (await read_answer(reader, body=True)).status == 200
            assert len(briefly) == number
            writer.write(request(world.url, channel.id, channel.write_token, b"x", end=LONG))
            assert (await read_answer(reader, body=True)).status == 200
        for _ in range(2):  # nobody knows any more what of it is still to come
            writer.write(look(channel)[:40])
            await writer.drain()
            writer.write(look(channel)[40:])
            assert (await read_answer(reader, body=True)).status == 200
            writer.write(request(world.url, channel.id, channel.write_token, b"x"))
            assert (await read_answer(reader, body=True)).status == 200


@pytest.mark.parametrize("abruptly", [True, False])
async def test_who_leaves_before_the_answer_harms_nobody(world: World, briefly: Taken, *, abruptly: bool) -> None:
    channel = await world.tokenized_channel()
    post = request(world.url, channel.id, channel.write_token, b"x")
    async with connected(world.url) as (_, writer):
        briefly.holding = True
        writer.write(post)
        await briefly.came.wait()
        if abruptly:
            reset = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    if not abruptly:  # who has only closed its side may still wait for the answer
        briefly.give()
    deadline = time.monotonic() + PATIENCE
    while world.host.metrics.registry.get_sample_value("channels_host_connections"):
        assert time.monotonic() < deadline
        await asyncio.sleep(0)
    briefly.give()
    assert len((await ask(world.url, look(channel))).json) == 1


async def test_a_host_that_stops_answers_first(tmp_path: Path, briefly: Taken, monkeypatch: pytest.MonkeyPatch) -> None:
    shutdown = Connection.shutdown

    async def noted(self: Connection, timeout: float | None = None) -> None:  # noqa: ASYNC109 - aiohttp's
        asyncio.get_running_loop().call_soon(briefly.give)
        await shutdown(self, timeout)

    monkeypatch.setattr(Connection, "shutdown", noted)
    async with opened(tmp_path / "host", STORES[0], limits=LIMITS) as world, asyncio.TaskGroup() as group:
        channel = await world.tokenized_channel()
        post = request(world.url, channel.id, channel.write_token, b"x")
        async with connected(world.url) as (reader, writer):
            briefly.holding = True
            writer.write(post)
            await briefly.came.wait()
            group.create_task(world.host.stop())
            assert (await read_answer(reader, body=True)).status == 200
            assert await reader.read() == b""
    assert len(briefly) == 1


async def test_bodies_on_the_short_way_count_too(world: World) -> None:
    bounds = Bounds(body_bytes=3)
    bodies = Bodies(bounds, 3)
    express = Express(world.host._front.api, world.host.metrics, bodies, bounds)  # noqa: SLF001
    post = request(world.url, "0" * 36, "token", b"xx")
    asked = whole(post)
    assert asked
    answered = asyncio.Event()
    assert express.take(asked, len(post), lambda _: answered.set())
    assert not express.take(asked, len(post), lambda _: None), "the first still has its memory"
    await answered.wait()
    assert bodies.take(3)


async def test_a_bug_on_the_short_way_is_one_request_wide(
    world: World, monkeypatch: pytest.MonkeyPatch, warnings_logged: list[object]
) -> None:
    channel = await world.tokenized_channel()

    def broken(*_: object) -> None:
        raise RuntimeError("what a client sent")

    with monkeypatch.context() as patch:
        patch.setattr("channels_desktop.host.messaging.is_plain", broken)
        answer = await ask(world.url, request(world.url, channel.id, channel.write_token, b"x"))
    assert (answer.status, answer.json["reason"]) == (500, "internal")
    assert "what a client sent" not in answer.body.decode()
    assert "a request failed" in str(warnings_logged.pop())
    assert (await ask(world.url, request(world.url, channel.id, channel.write_token, b"x"))).status == 200
