"""Large messages on websockets: a frame in fragments, and no reader that keeps a message in memory."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from channels_desktop.host.messages import HostMessage, message_from_json
from channels_desktop.host.notify import PIECE_BYTES, written_length
from channels_desktop.host.options import SQLITE, Options
from channels_desktop.host.serve import Host
from tests import postgres
from tests.contract.host_ports import STORES
from tests.contract.raw_http import connected
from tests.hosts import PATIENCE, Client, running

MEGABYTE = 1024 * 1024
SIZES = (1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, 9 * MEGABYTE + 1, 5)
FULL = {"sendunread": "true", "fullmessages": "true"}


@pytest.fixture(params=STORES)
async def client(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Client]:
    async with contextlib.AsyncExitStack() as undo:
        url = SQLITE if request.param == "sqlite" else await undo.enter_async_context(postgres.database())
        host = await Host.open(Options(data=tmp_path, database=url))
        undo.push_async_callback(host.stop)
        yield await undo.enter_async_context(Client(host.base_url, host.operator_token))


@contextlib.asynccontextmanager
async def line(client: Client, token: str, accept: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    url, headers = f"{client.base_url}/api/v1/notify", {"Accept": accept}
    async with client.session.ws_connect(
        url, params={"token": token, **FULL}, headers=headers, max_msg_size=0, heartbeat=1
    ) as socket:
        yield socket


def transport_of(socket: aiohttp.ClientWebSocketResponse) -> asyncio.Transport:
    connection = socket._response.connection  # noqa: SLF001 - only the transport can stop reading
    assert connection is not None
    assert isinstance(connection.transport, asyncio.Transport)
    return connection.transport


def read(frame: aiohttp.WSMessage) -> HostMessage:
    if frame.type is aiohttp.WSMsgType.BINARY:
        return HostMessage.from_bytes(frame.data)
    assert frame.type is aiohttp.WSMsgType.TEXT
    return message_from_json(frame.json())


@pytest.mark.slow
@pytest.mark.parametrize("accept", ["application/json", "application/octet-stream"])
@pytest.mark.parametrize("whose", ["account", "channel"])
async def test_messages_of_every_size_come_whole_and_in_order(client: Client, accept: str, whose: str) -> None:
    channel = await client.new_channel()
    payloads = [secrets.token_bytes(size) for size in SIZES]
    token = channel.account_token if whose == "account" else channel.read_token
    async with line(client, token, accept) as socket:
        for number, payload in enumerate(payloads, 1):
            assert (await client.post(channel, payload))[0] == 200
            message = read(await socket.receive(PATIENCE))
            assert (message.sequence, message.channel_id) == (number, channel.id)
            assert message.payload == payload
    async with line(client, token, accept) as socket:
        assert [read(await socket.receive(PATIENCE)).payload for _ in payloads] == payloads


@pytest.mark.parametrize(
    ("size", "written"),
    [(0, "00"), (125, "7d"), (126, "7e007e"), (65_535, "7effff"), (65_536, "7f0000000000010000")],
)
def test_a_length_is_told_in_as_few_bytes_as_it_can_be(size: int, written: str) -> None:
    assert written_length(size).hex() == written


@pytest.mark.slow
@pytest.mark.parametrize("accept", ["application/json", "application/octet-stream"])
async def test_every_fragment_tells_its_length_in_the_one_allowed_form(client: Client, accept: str) -> None:
    channel = await client.new_channel()
    payload = secrets.token_bytes(2 * PIECE_BYTES + 1000)
    assert (await client.post(channel, payload))[0] == 200
    async with asyncio.timeout(PATIENCE), connected(client.base_url) as (reader, writer):
        path = f"/api/v1/notify?token={channel.account_token}&sendunread=true&fullmessages=true"
        upgrade = f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nAccept: {accept}\r\n"
        key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: h\r\n{upgrade}{key}\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        sizes, first = list[int](), 0
        while not first & 0x80:
            first, short = await reader.readexactly(2)
            more = {126: 2, 127: 8}.get(short, 0)
            size = int.from_bytes(await reader.readexactly(more)) if more else short
            assert short == (size if size < 126 else 126 if size < 65_536 else 127)
            await reader.readexactly(size)
            sizes.append(size)
    assert any(size >= 65_536 for size in sizes)
    assert any(126 <= size < 65_536 for size in sizes)


@pytest.mark.slow
async def test_a_message_that_goes_while_it_is_told_ends_the_line(client: Client) -> None:
    channel = await client.new_channel()
    assert (await client.post(channel, bytes(9 * MEGABYTE)))[0] == 200
    async with line(client, channel.account_token, "application/json") as socket:
        transport = transport_of(socket)
        transport.pause_reading()
        assert (await client.ask("DELETE", f"/api/v1/channel/{channel.id}/1", channel.read_token))[0] == 200
        assert (await client.post(channel, b"next"))[0] == 200
        transport.resume_reading()
        frame = await socket.receive(PATIENCE)
        assert frame.type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR, aiohttp.WSMsgType.CLOSE}
    async with line(client, channel.account_token, "application/json") as socket:
        assert read(await socket.receive(PATIENCE)).payload == b"next"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir() or os.name != "posix", reason="memory is read from /proc")
@pytest.mark.parametrize("accept", ["application/json", "application/octet-stream"])
async def test_a_large_message_costs_a_silent_line_little(tmp_path: Path, accept: str) -> None:
    lines = 24
    async with running("--data", tmp_path) as process, Client(process.base_url, process.operator_token) as client:
        channel = await client.new_channel()
        assert (await client.post(channel, bytes(9_900_000)))[0] == 200
        async with line(client, channel.account_token, accept) as socket:
            await socket.receive(PATIENCE)
        before = process.resident()
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(lines):
                socket = await stack.enter_async_context(line(client, channel.account_token, accept))
                transport_of(socket).pause_reading()
                stack.callback(transport_of(socket).abort)
                assert (await client.ask("GET", "/healthz"))[0] == 200
            each = (process.resident() - before) / lines
            assert each < 2 * MEGABYTE, f"{each / MEGABYTE:.1f} MiB each"
