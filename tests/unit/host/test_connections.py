"""Clients that want too much: connections, headers, bodies, time. Each over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from channels_desktop.host.bounds import Bounds
from channels_desktop.host.connections import Connections, counted_address
from channels_desktop.host.limits import Limits
from channels_desktop.host.options import Options
from channels_desktop.host.serve import Host
from tests.hosts import PATIENCE, Channel, Client, raw_socket

MEGABYTE = 1024 * 1024


@contextlib.asynccontextmanager
async def hosted(folder: Path, bounds: Bounds, limits: Limits | None = None) -> AsyncIterator[tuple[Host, Client]]:
    """Run a host with bounds, and a client of it that is not among those that want too much."""
    host = await Host.open(Options(data=folder, bounds=bounds, limits=limits or Limits()))
    try:
        async with Client(host.base_url, host.operator_token) as client:
            yield host, client
    finally:
        await host.stop()


@contextlib.asynccontextmanager
async def plain(host: Host) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a connection without a request."""
    reader, writer = await asyncio.open_connection(sock=await asyncio.to_thread(raw_socket, host.base_url))
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Read until the host hangs up."""
    found = b""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(PATIENCE):
            while chunk := await reader.read(65536):
                found += chunk
    return found


def status(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1."), answer
    return int(answer.split()[1])


def refused(host: Host, reason: str) -> float:
    return host.metrics.registry.get_sample_value("channels_host_refused_total", {"reason": reason}) or 0.0


# --------------------------------------------------------------------------------------------------------- connections


async def test_one_connection_too_many_is_told_so_and_a_place_is_free_again(tmp_path: Path) -> None:
    async with hosted(tmp_path, Bounds(connections=2)) as (host, client), plain(host) as (reader, writer):
        assert await client.ask("GET", "/healthz") == (200, "ok\n")
        async with plain(host) as (third, _):
            answer = await rest(third)
        assert (status(answer), b"Retry-After: 5" in answer) == (503, True)
        assert refused(host, "connections") == 1
        writer.close()
        assert await rest(reader) == b""
        deadline = time.monotonic() + PATIENCE
        answer = b"HTTP/1.1 503"
        while status(answer) == 503:
            assert time.monotonic() < deadline
            async with plain(host) as (again, asking):
                asking.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                answer = await rest(again)
        assert status(answer) == 200


def test_each_address_has_its_share_and_this_computer_is_not_counted() -> None:
    reasons: list[str] = []
    connections = Connections(Bounds(connections=10, connections_per_address=2), reasons.append)
    assert [connections.admit("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert [connections.admit("192.0.2.2"), connections.admit("")] == [True, True]
    connections.leave("192.0.2.1")
    assert [connections.admit("192.0.2.1") for _ in range(2)] == [True, False]
    assert [connections.admit("") for _ in range(7)] == [True] * 6 + [False]
    assert reasons == ["connections_per_address"] * 2 + ["connections"]
    assert connections.count == 10


@pytest.mark.parametrize(
    ("peer", "counted"),
    [
        (("127.0.0.1", 1), ""),
        (("127.8.9.9", 1), ""),
        (("::1", 1, 0, 0), ""),
        (("::ffff:127.0.0.1", 1, 0, 0), ""),
        ("", ""),
        (None, ""),
        (("192.0.2.7", 1), "192.0.2.7"),
        (("::ffff:192.0.2.7", 1, 0, 0), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 1, 0, 0), "20010db800010002"),
        (("2001:db8:1:2::1", 1, 0, 0), "20010db800010002"),
        (("fe80::1%eth0", 1, 0, 2), "fe80000000000000"),
    ],
)
def test_what_counts_as_one_address(peer: object, counted: str) -> None:
    assert counted_address(peer) == counted


# ------------------------------------------------------------------------------------------------------------- headers


@pytest.mark.slow
@pytest.mark.parametrize("said", [b"", b"GET /healthz HTTP/1.1\r\nHo", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET "])
async def test_a_request_that_does_not_come_is_not_waited_for(tmp_path: Path, said: bytes) -> None:
    async with hosted(tmp_path, Bounds(idle_seconds=1)) as (host, _), plain(host) as (reader, writer):
        writer.write(said)
        answer = await rest(reader)
        assert answer.count(b"HTTP/1.1 200") == said.count(b"\r\n\r\n")


@pytest.mark.slow
@pytest.mark.parametrize("said", [b"", b"GET /healthz HTTP/1.1\r\nHo", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET "])
async def test_nor_is_it_after_a_post(tmp_path: Path, said: bytes) -> None:
    async with hosted(tmp_path, Bounds(idle_seconds=1)) as (host, client), plain(host) as (reader, writer):
        writer.write(post_of(await client.new_channel(), "Content-Length: 1") + b"x")
        assert status(await reader.read(4096)) == 200
        writer.write(said)
        answer = await rest(reader)
        assert answer.count(b"HTTP/1.1 200") == said.count(b"\r\n\r\n")


@pytest.mark.slow
async def test_a_connection_in_use_stays_open(tmp_path: Path) -> None:
    async with hosted(tmp_path, Bounds(idle_seconds=1)) as (host, client), plain(host) as (reader, writer):
        channel = await client.new_channel()
        for number in range(9):
            writer.write(post_of(channel, "Content-Length: 1") + b"x" if number % 3 else get_of(channel))
            assert status(await reader.read(4096)) == 200
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.4):  # the pace of the client
                    assert await reader.read(1), "the host hung up"


@pytest.mark.slow
async def test_one_byte_of_a_header_at_a_time_is_cut_off(tmp_path: Path) -> None:
    async with hosted(tmp_path, Bounds(idle_seconds=1)) as (host, _), plain(host) as (reader, writer):
        started = time.monotonic()
        for byte in b"GET /healthz HTTP/1.1\r\n" + b"X: y\r\n" * 50:
            writer.write(bytes([byte]))
            with contextlib.suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(0.1):  # the pace of the client
                    if not await reader.read(1):
                        break
        assert reader.at_eof()
        assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("head", "refusal"),
    [
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n", 414),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 9000 + b"\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 70, 431),
        (b"nonsense\r\n", 400),
    ],
    ids=["line", "field", "fields", "nonsense"],
)
async def test_too_much_of_a_header_is_refused(tmp_path: Path, head: bytes, refusal: int) -> None:
    async with hosted(tmp_path, Bounds()) as (host, client), plain(host) as (reader, writer):
        writer.write(head + b"\r\n")
        assert status(await rest(reader)) == refusal
        assert await client.ask("GET", "/healthz") == (200, "ok\n")


# -------------------------------------------------------------------------------------------------------------- bodies


def post_of(channel: Channel, size: str) -> bytes:
    """Return the head of a post whose body is told of by `size`."""
    return _head("POST", channel.id, channel.write_token, size)


def get_of(channel: Channel) -> bytes:
    return _head("GET", channel.id, channel.read_token, "Accept: */*")


def _head(method: str, channel: str, token: str, field: str) -> bytes:
    first = f"{method} /api/v1/channel/{channel} HTTP/1.1"
    return f"{first}\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{field}\r\n\r\n".encode()


@pytest.mark.slow
@pytest.mark.parametrize("size", ["Content-Length: 100", "Transfer-Encoding: chunked"])
async def test_one_byte_of_a_body_at_a_time_is_cut_off(tmp_path: Path, size: str) -> None:
    async with hosted(tmp_path, Bounds(body_seconds=1)) as (host, client), plain(host) as (reader, writer):
        channel = await client.new_channel()
        writer.write(post_of(channel, size))
        answer = b""
        for _ in range(90):
            writer.write(b"x" if "Length" in size else b"1\r\nx\r\n")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.1):  # the pace of the client
                    answer = await reader.read(4096)
                    break
        assert status(answer) == 408
        assert refused(host, "slow_body") == 1
        assert await client.messages(channel) == {}


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_is_too_large_is_refused_while_it_comes(tmp_path: Path, chunked: bool) -> None:  # noqa: FBT001
    bounds, limits = Bounds(), Limits(message_bytes=100_000)
    async with hosted(tmp_path, bounds, limits) as (host, client), plain(host) as (reader, writer):
        channel = await client.new_channel()
        size = "Transfer-Encoding: chunked" if chunked else "Content-Length: 100001"
        writer.write(post_of(channel, size))
        if chunked:
            writer.write(b"186A1\r\n" + bytes(100_001))  # and the end does not come
        async with asyncio.timeout(PATIENCE):
            answer = await reader.readuntil(b"\r\n\r\n")
        assert status(answer) == 413
        assert (await client.post(channel, bytes(100_000)))[0] == 200


async def test_all_bodies_together_have_a_bound(tmp_path: Path) -> None:
    bounds, limits = Bounds(body_bytes=150_000), Limits(message_bytes=100_000)
    async with hosted(tmp_path, bounds, limits) as (host, client):
        channel = await client.new_channel()
        head = post_of(channel, "Content-Length: 100000")
        async with plain(host) as (first, slow), plain(host) as (second, quick), plain(host) as (third, idle):
            idle.write(head)
            slow.write(head + bytes(99_990))
            await arrived(host, client, 99_990)
            quick.write(head + bytes(99_990))
            assert (status(await rest(first)), refused(host, "busy")) == (503, 1), "who is slowest gives way"
            await arrived(host, client, 99_990)
            assert (await client.post(channel, b"small"))[0] == 200
            for writer, left, reader in ((quick, 10, second), (idle, 100_000, third)):
                writer.write(bytes(left))
                assert status(await reader.readuntil(b"\r\n\r\n")) == 200


async def test_bodies_that_are_only_announced_take_nothing(tmp_path: Path) -> None:
    async with hosted(tmp_path, Bounds(body_bytes=100_000), Limits(message_bytes=100_000)) as (host, client):
        channel = await client.new_channel()
        async with contextlib.AsyncExitStack() as stack:
            for number in range(30):
                _, writer = await stack.enter_async_context(plain(host))
                writer.write(post_of(channel, "Transfer-Encoding: chunked" if number % 2 else "Content-Length: 100000"))
                await writer.drain()
            for _ in range(3):
                assert (await client.post(channel, bytes(100_000)))[0] == 200


async def test_a_body_that_breaks_off_stores_nothing(tmp_path: Path) -> None:
    async with hosted(tmp_path, Bounds()) as (host, client):
        channel = await client.new_channel()
        async with plain(host) as (_, writer):
            writer.write(post_of(channel, "Content-Length: 10") + b"12345")
            await writer.drain()
        assert (await client.post(channel, b"whole"))[0] == 200
        assert await client.messages(channel) == {1: b"whole"}


async def arrived(host: Host, client: Client, size: int) -> None:
    """Wait until so much of the bodies that are coming has come."""
    async with asyncio.timeout(PATIENCE):
        while host.metrics.registry.get_sample_value("channels_host_body_bytes") != size:
            await client.ask("GET", "/healthz")


# ------------------------------------------------------------------------------------------------------------- answers


@pytest.mark.slow
async def test_an_answer_that_nobody_takes_is_cut_off(tmp_path: Path) -> None:
    async with hosted(tmp_path, Bounds(answer_seconds=1)) as (host, client):
        channel = await client.new_channel()
        for _ in range(3):
            assert (await client.post(channel, bytes(3 * MEGABYTE)))[0] == 200
        lazy = await asyncio.to_thread(raw_socket, host.base_url)
        with lazy:
            lazy.sendall(get_of(channel))
            deadline = time.monotonic() + PATIENCE
            while not refused(host, "slow_reader"):
                assert time.monotonic() < deadline
                assert (await client.ask("GET", "/healthz"))[0] == 200
            lazy.settimeout(PATIENCE)
            with pytest.raises(ConnectionError):
                _drain(lazy)


def _drain(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


@pytest.mark.slow
async def test_an_answer_taken_slowly_arrives(tmp_path: Path) -> None:
    async with hosted(tmp_path, Bounds(answer_seconds=1)) as (host, client), plain(host) as (reader, writer):
        channel = await client.new_channel()
        assert (await client.post(channel, bytes(8 * MEGABYTE)))[0] == 200
        writer.write(get_of(channel))
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = bytearray()
        while len(body) < size:
            body += await reader.readexactly(min(size - len(body), MEGABYTE))
            await client.ask("GET", "/healthz")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.4):  # the pace of the client
                    await asyncio.Event().wait()
        assert len(json.loads(body)) == 1
        assert refused(host, "slow_reader") == 0
