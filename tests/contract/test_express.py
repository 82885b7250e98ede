"""The short way of a post answers as the router's way does, on both stores; and it is what a plain post takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from channels_desktop.host.connections import Bounds
from channels_desktop.host.express import Brief
from channels_desktop.host.limits import Limits
from channels_desktop.host.options import Options
from channels_desktop.host.serve import Host
from tests.contract.dialect_world import World, opened
from tests.contract.host_ports import STORES
from tests.contract.raw_http import PATIENCE, Answer, ask, read_answer

LIMITS = Limits(message_bytes=2000, mailbox_bytes=5000, posts_per_second=1, burst=6)
BSOR, JSON = "application/octet-stream", "application/json"
SHORT, LONG = "", "/"


@pytest.fixture(params=STORES)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path / "host", request.param, limits=LIMITS) as made:
        yield made


@pytest.fixture
def briefly(monkeypatch: pytest.MonkeyPatch) -> list[Brief]:
    """Return the short answers that are sent from now on."""
    sent: list[Brief] = []
    prepare = Brief.prepare

    async def noted(self: Brief, request: object) -> None:
        sent.append(self)
        await prepare(self, request)  # type: ignore[arg-type] # as it came

    monkeypatch.setattr(Brief, "prepare", noted)
    return sent


def request(
    url: str, channel: str, token: str, body: bytes, *, end: str = SHORT, version: str = "1.1", more: str = ""
) -> bytes:
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    head = f"POST /api/v1/channel/{channel}{end} HTTP/{version}\r\nHost: {urlsplit(url).netloc}\r\n{bearer}{more}"
    length = "" if "chunked" in more else f"Content-Length: {len(body)}\r\n"
    return f"{head}{length}\r\n".encode() + body


def shape(answer: Answer) -> tuple[object, ...]:
    """Return what two answers to the same request have in common."""
    headers = {name: value for name, value in answer.headers.items() if name not in {"date", "content-length"}}
    body = answer.json if answer.headers["content-type"].startswith(JSON) else len(answer.body)
    if isinstance(body, dict):
        body = {name: value for name, value in body.items() if name not in {"sequence", "received"}}
    return answer.status, answer.reason, headers, set(answer.headers), body


@pytest.mark.parametrize("accept", ["", f"Accept: {BSOR}\r\n", f"Accept: {JSON}\r\n", "Accept: */*\r\n"])
async def test_a_post_is_answered_alike_on_both_ways(world: World, briefly: list[Brief], accept: str) -> None:
    channel = await world.tokenized_channel()
    answers = []
    for end in (SHORT, LONG):
        sent = request(world.url, channel.id, channel.write_token, b"x", end=end, more=accept)
        answers.append(await ask(world.url, sent))
        assert len(briefly) == 1
    assert answers[0].status == 200
    assert shape(answers[0]) == shape(answers[1])


async def test_what_is_refused_is_refused_alike_on_both_ways(world: World, briefly: list[Brief]) -> None:
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
    assert not briefly
    owner = spv["access_tokens"][0]["token"]
    answers = [await ask(world.url, request(world.url, spv["id"], owner, bytes(2000))) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 507]
    fast = [await ask(world.url, request(world.url, other.id, other.write_token, b"x")) for _ in range(7)]
    assert fast[-1].status == 429
    assert int(fast[-1].headers["retry-after"]) >= 1


async def test_what_is_unusual_goes_the_long_way(world: World, briefly: list[Brief]) -> None:
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


async def test_posts_of_one_connection_are_answered_in_order(world: World, briefly: list[Brief]) -> None:
    channel = await world.tokenized_channel()
    url = urlsplit(world.url)
    accept = f"Accept: {JSON}\r\n"
    posts = [
        request(world.url, channel.id, channel.write_token, b"%d" % n, more=accept, end=(SHORT, LONG)[n % 2])
        for n in range(5)
    ]
    whole = b"".join(posts)
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        for part in (whole[:100], whole[100:701], whole[701:]):  # wherever they are cut
            writer.write(part)
            await writer.drain()
        said = [(await read_answer(reader, body=True)).json["sequence"] for _ in posts]
        writer.close()
        await writer.wait_closed()
    assert said == [1, 2, 3, 4, 5]
    assert briefly


async def test_bodies_on_the_short_way_count_too(tmp_path: Path, briefly: list[Brief]) -> None:
    bounds = Bounds(body_bytes=0)
    host = await Host.open(Options(data=tmp_path / "host", listen="127.0.0.1:0", bounds=bounds))
    answer = await ask(host.base_url, request(host.base_url, "0" * 36, "token", b"x"))
    assert (answer.status, answer.headers["retry-after"]) == (503, "2")
    assert not briefly
    await host.stop()


async def test_who_is_gone_is_told_nothing() -> None:
    class Gone:
        transport = None

    with pytest.raises(ConnectionResetError):
        await Brief(b"", BSOR, 0).prepare(Gone())  # type: ignore[arg-type] # all that it looks at


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
