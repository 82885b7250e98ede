"""The websocket: both forms, both kinds of token, old mail and new, readers that are slow or gone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from channels_desktop.host.messages import FullChannel, HostMessage, MessageNotification, message_from_json
from tests.unit.host.conftest import Plain

PATIENCE = 10
BOTH = {"Accept": "application/octet-stream, application/json"}


@asynccontextmanager
async def line(
    plain: Plain, token: str, query: str = "", headers: dict[str, str] | None = None
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    url = f"{plain.host.base_url}/api/v1/notify?token={token}{query}".replace("http", "ws", 1)
    async with plain.session.ws_connect(url, headers=headers) as socket:
        yield socket


async def frames(socket: aiohttp.ClientWebSocketResponse, count: int) -> list[Any]:
    async with asyncio.timeout(PATIENCE):
        return [(await socket.receive()).data for _ in range(count)]


async def post(plain: Plain, channel: FullChannel, payload: bytes) -> None:
    assert (await plain.ask("POST", f"/channel/{channel.id}", channel.write_token, data=payload))[0] == 200


async def test_without_sendunread_only_news_comes(plain: Plain) -> None:
    account = await plain.account()
    channel = await plain.channel(account)
    await post(plain, channel, b"old")
    async with line(plain, account[1], "&fullmessages=true", headers=BOTH) as socket:
        await post(plain, channel, b"new")
        (frame,) = await frames(socket, 1)
        message = HostMessage.from_bytes(frame)
        assert (message.channel_id, message.sequence, message.payload) == (channel.id, 2, b"new")


async def test_without_fullmessages_there_is_no_payload(plain: Plain) -> None:
    account = await plain.account()
    channel = await plain.channel(account)
    await post(plain, channel, b"hello")
    async with line(plain, account[1], "&sendunread=true", headers=BOTH) as socket:
        (frame,) = await frames(socket, 1)
        assert MessageNotification.from_bytes(frame).sequence == 1
        assert b"hello" not in frame


async def test_without_bsor_in_accept_frames_are_json_with_hex(plain: Plain) -> None:
    account = await plain.account()
    channel = await plain.channel(account)
    async with line(plain, account[1], "&sendunread=true&fullmessages=true") as socket:
        await post(plain, channel, b"\x01\xff")
        (frame,) = await frames(socket, 1)
        assert json.loads(frame)["payload"] == "01ff"
        assert message_from_json(json.loads(frame)).sequence == 1


async def test_a_read_token_hears_its_own_channel_alone(plain: Plain) -> None:
    account = await plain.account()
    mine, other = await plain.channel(account), await plain.channel(account)
    await post(plain, mine, b"1")
    async with line(plain, mine.read_token, "&sendunread=true&fullmessages=true", headers=BOTH) as socket:
        await post(plain, other, b"not for this line")
        await post(plain, mine, b"2")
        found = [HostMessage.from_bytes(frame) for frame in await frames(socket, 2)]
        assert [(m.channel_id, m.payload) for m in found] == [(mine.id, b"1"), (mine.id, b"2")]


async def test_lines_of_other_accounts_stay_silent(plain: Plain) -> None:
    mine, theirs = await plain.account(), await plain.account()
    channel, other = await plain.channel(mine), await plain.channel(theirs)
    async with line(plain, theirs[1], "&sendunread=true&fullmessages=true", headers=BOTH) as socket:
        await post(plain, channel, b"mine")
        await post(plain, other, b"theirs")
        assert HostMessage.from_bytes((await frames(socket, 1))[0]).payload == b"theirs"


async def test_who_may_not_listen_gets_a_status(plain: Plain) -> None:
    channel = await plain.channel(await plain.account())
    for token, status in (("", 401), ("wrong", 401), (channel.write_token, 403), (plain.host.operator_token, 401)):
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await line(plain, token).__aenter__()
        assert caught.value.status == status


async def test_a_line_ends_with_its_channel(plain: Plain) -> None:
    account = await plain.account()
    channel = await plain.channel(account)
    async with line(plain, channel.read_token) as socket:
        assert (await plain.ask("DELETE", f"/account/{account[0]}/channel/{channel.id}", account[1]))[0] == 204
        frame = await asyncio.wait_for(socket.receive(), PATIENCE)
        assert (frame.type, frame.data) == (aiohttp.WSMsgType.CLOSE, 1008)


async def test_all_lines_end_with_the_host(plain: Plain) -> None:
    account = await plain.account()
    async with line(plain, account[1]) as socket:
        async with asyncio.TaskGroup() as group:
            stopping = group.create_task(plain.host.stop())
            frame = await asyncio.wait_for(socket.receive(), PATIENCE)
        assert (frame.type, frame.data) == (aiohttp.WSMsgType.CLOSE, 1001)
        assert stopping.done()


def transport_of(socket: aiohttp.ClientWebSocketResponse) -> asyncio.ReadTransport:
    connection = socket._response.connection  # noqa: SLF001 - only the transport can stop reading
    assert connection is not None
    assert isinstance(connection.transport, asyncio.ReadTransport)
    return connection.transport


async def test_a_reader_that_does_not_read_costs_the_host_no_memory_and_loses_nothing(plain: Plain) -> None:
    """Far more is posted than a connection buffers; others go on, and every message comes in the end."""
    account = await plain.account()
    channel = await plain.channel(account)
    count, payload = 150, bytes(59_000)
    async with line(plain, account[1], "&sendunread=true&fullmessages=true", headers=BOTH) as slow:
        transport = transport_of(slow)
        transport.pause_reading()
        for _ in range(count):
            await post(plain, channel, payload)
        async with line(plain, account[1], "&sendunread=true&fullmessages=true", headers=BOTH) as quick:
            found = [HostMessage.from_bytes(frame).sequence for frame in await frames(quick, count)]
            assert found == list(range(1, count + 1))
        transport.resume_reading()
        found = [HostMessage.from_bytes(frame).sequence for frame in await frames(slow, count)]
        assert found == list(range(1, count + 1))
