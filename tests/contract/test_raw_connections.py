"""What becomes of a connection: whose client closes its side, sends on, or sends anything at all."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels_desktop.host.bounds import Bounds
from channels_desktop.host.limits import Limits
from channels_desktop.host.options import Options
from channels_desktop.host.serve import Host
from tests import hosts
from tests.contract.dialect_world import World, account_of
from tests.contract.raw_http import MARK, PATIENCE, VERSION, Answer, ask, check, connected, read_answer, request

LIMITS = Limits(message_bytes=2000, posts_per_second=0)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    host = await Host.start(tmp_path / "host", limits=LIMITS)
    yield await account_of(host)
    await host.stop()


# ------------------------------------------------------------------------------------------- who closes its side early


async def _answers(url: str, data: bytes) -> list[Answer]:
    """Send bytes, close the sending side, and return all answers until the host has closed its own."""
    found = []
    async with asyncio.timeout(PATIENCE), connected(url) as (reader, writer):
        writer.write(data)
        writer.write_eof()
        said = asyncio.StreamReader()
        said.feed_data(await reader.read())
        said.feed_eof()
        while not said.at_eof():
            found.append(await read_answer(said, body=True))
    return found


@pytest.fixture(params=["asyncio", "uvloop"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[str, hosts.Channel]]:
    """Return the URL of a host that runs on one of the two event loops, and a channel there."""
    async with contextlib.AsyncExitStack() as undo:
        if request.param == "uvloop":  # as the process runs
            words = ("--data", tmp_path / "host", "--listen", "127.0.0.1:0")
            process = await undo.enter_async_context(hosts.running(*words))
            url, operator = process.base_url, process.operator_token
        else:
            host = await Host.start(tmp_path / "host")
            undo.push_async_callback(host.stop)
            url, operator = host.base_url, host.operator_token
        client = await undo.enter_async_context(hosts.Client(url, operator))
        yield url, await client.new_channel()


@pytest.mark.slow
async def test_who_closes_its_side_is_answered(place: tuple[str, hosts.Channel]) -> None:
    url, channel = place
    path = f"/api/v1/channel/{channel.id}"
    short, long = (request("POST", f"{path}{end}", channel.write_token, b"x" * 100_000) for end in ("", "/"))
    small = request("POST", path, channel.write_token, b"x")
    read = request("GET", path, channel.read_token)
    for data, statuses in (
        (small, [200]),
        (long, [200]),
        (small + small, [200, 200]),
        (small * 40, [200] * 40),
        (short + long + read, [200, 200, 200]),
        (read, [200]),
        (small + b"nonsense\r\n\r\n", [200, 400]),
        (long + b"GET / HTTP/1.1\r\nHo", [200, 400]),
        (small + long[:-1], [200, 400]),
        (request("POST", path, channel.write_token, b"x", "Connection: close\r\n") + small, [200]),
        (b"", []),
        (b"\r\n", []),
    ):
        answers = await _answers(url, data)
        assert [answer.status for answer in answers] == statuses
        for answer in answers:
            check(answer)
    found = (await ask(url, read)).json
    assert [message["sequence"] for message in found] == list(range(1, 51))


async def test_who_closes_its_side_of_a_websocket_has_closed_it(world: World) -> None:
    lines = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    head = request("GET", f"/api/v1/web-socket?token={world.key}", world.key, more=lines + key)
    async with asyncio.timeout(PATIENCE), connected(world.url) as (reader, writer):
        writer.write(head + b"\x89\x80\0\0\0\0")  # a ping that does not wait for the answer to the handshake
        assert (await read_answer(reader, body=False)).status == 101
        assert await reader.readexactly(2) == b"\x8a\0"
        writer.write_eof()
        await reader.read()


async def test_a_client_is_left_when_it_sends_on_after_a_refusal(world: World) -> None:
    async with asyncio.timeout(PATIENCE), connected(world.url) as (reader, writer):
        writer.write(b"nonsense\r\n\r\n")
        assert (await read_answer(reader, body=True)).status == 400
        assert await reader.read() == b"", "the host has closed its side, and nothing more is answered"
        for _ in range(3):
            writer.write(request("GET", "/healthz", MARK))
            await writer.drain()
    assert (await ask(world.url, request("GET", "/healthz", MARK))).status == 200


@pytest.mark.parametrize("end", ["", "/"], ids=["short", "long"])
@pytest.mark.parametrize(
    ("lines", "body"),
    [
        ("Transfer-Encoding: chunked\r\n", b"1\r\nx\r\n0\r\nX: y\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\n", b"1;a=b\r\nx\r\n0\r\n\r\n"),
        ("Transfer-Encoding: gzip, chunked\r\n", b"1\r\nx\r\n0\r\n\r\n"),
        ("X : y\r\n", b""),
    ],
)
async def test_nothing_is_read_after_a_fault(world: World, lines: str, body: bytes, end: str) -> None:
    channel = await world.tokenized_channel()
    path = f"/api/v1/channel/{channel.id}"
    good = request("POST", path, channel.write_token, b"x")
    async with asyncio.timeout(PATIENCE), connected(world.url) as (reader, writer):
        writer.write(good + request("POST", path + end, channel.write_token, more=lines) + body + good)
        assert (await read_answer(reader, body=True)).status == 200
        answer = await read_answer(reader, body=True)
        assert answer.status in {400, 501}
        assert answer.headers["connection"] == "close"
        check(answer)
        assert await reader.read() == b""
    assert len((await ask(world.url, request("GET", path, channel.read_token))).json) == 1


async def test_one_connection_too_many_is_told_so_in_the_form_of_errors(tmp_path: Path) -> None:
    host = await Host.open(Options(data=tmp_path / "host", listen="127.0.0.1:0", bounds=Bounds(connections=1)))
    async with asyncio.timeout(PATIENCE), connected(host.base_url) as (first, writer):
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await read_answer(first, body=True)).status == 200
        async with connected(host.base_url) as (reader, _):
            answer = await read_answer(reader, body=True)
    assert (answer.status, answer.headers["retry-after"], answer.json["reason"]) == (503, "5", "busy")
    check(answer)
    await host.stop()


# ------------------------------------------------------------------------------------------------------- anything else

PIECES = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"\xff",
    b"0",
    b"-",
    b"%",
    MARK.encode(),
    b"/",
    b"?",
)
LINES = (
    b"Content-Length: 1\r\n",
    b"Content-Length: 99999999999999999\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
    b"Connection: close\r\n",
    b"Expect: 100-continue\r\n",
    b"Host: h\r\n",
    b"Accept: application/octet-stream\r\n",
)
CHANGES = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 3), st.sampled_from(PIECES + LINES)),
    min_size=1,
    max_size=4,
)
SEEDS = (
    b"POST /api/v1/channel/{id} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {mark}\r\nContent-Length: 1\r\n\r\nx",
    b"POST /a/{id} HTTP/1.1\r\nHost: h\r\nCookie: {mark}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    b"GET /api/v1/notify?token={mark} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"OPTIONS /api/v1/channel/{id}/7?token={mark} HTTP/1.1\r\nHost: h\r\nOrigin: {mark}\r\n\r\n",
    b"DELETE /api/v1/account/{mark}/channel/{id} HTTP/1.0\r\nAuthorization: Basic {mark}\r\n\r\n",
    b"HEAD /api/v1/channel/{id} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {mark}\r\n\r\n",
)


def changed(data: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    """Return bytes with pieces put in, in place of so many at a place between begin and end."""
    for place, length, piece in changes:
        at = int(place * len(data))
        data = data[:at] + piece + data[at + length :]
    return data


@pytest.mark.slow
@settings(
    max_examples=150, derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.sampled_from(SEEDS), changes=CHANGES, cut=st.floats(0, 1))
async def test_whatever_is_sent_is_repeated_nowhere_and_harms_nobody(
    world: World, caplog: pytest.LogCaptureFixture, seed: bytes, changes: list[tuple[float, int, bytes]], cut: float
) -> None:
    caplog.set_level(logging.DEBUG)
    data = changed(seed.replace(b"{mark}", MARK.encode()).replace(b"{id}", b"0" * 36), changes)
    said = b""
    async with asyncio.timeout(PATIENCE), connected(world.url) as (reader, writer):
        at = int(cut * len(data))
        writer.write(data[:at])
        await writer.drain()
        writer.write(data[at:])
        writer.write_eof()
        said = await reader.read()
    assert MARK.encode() not in said
    assert not VERSION.search(re.sub(r"HTTP/1\.[01] ", "", said.decode("latin-1"))), said
    assert b"channels-host" in said or not said.strip()
    assert (await ask(world.url, b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")).status == 200
    assert not [record for record in caplog.records if MARK in record.getMessage() or MARK in str(record.exc_info)]
