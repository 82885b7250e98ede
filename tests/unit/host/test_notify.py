"""The websocket: both forms, both kinds of token, old mail and new, readers that are slow or gone."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from channels_desktop.host.limits import Limits
from channels_desktop.host.listeners import Cut
from channels_desktop.host.mailboxes import Line
from channels_desktop.host.management import hashed
from channels_desktop.host.messages import FullChannel, HostMessage, MessageNotification, message_from_json
from channels_desktop.host.options import Options
from channels_desktop.host.serve import Host
from tests import postgres
from tests.unit.host.conftest import Plain

PATIENCE = 60
BOTH = {"Accept": "application/octet-stream, application/json"}


@pytest.fixture
async def paged(tmp_path: Path) -> AsyncIterator[Plain]:
    """Yield a host whose pages hold two messages."""
    host = await Host.start(tmp_path / "paged", limits=Limits(page_messages=2))
    async with aiohttp.ClientSession() as session:
        yield Plain(host, session)
    await host.stop()


@asynccontextmanager
async def line(
    plain: Plain, token: str, query: str = "", headers: dict[str, str] | None = None, *, path: str = "/notify"
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    url = f"{plain.host.base_url}/api/v1{path}?token={token}{query}".replace("http", "ws", 1)
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


async def test_a_socket_at_rest_is_told_without_a_look(plain: Plain) -> None:
    account = await plain.account()
    channel = await plain.channel(account)
    looks = {"work": "look"}

    def looked() -> float:
        return plain.host.metrics.registry.get_sample_value("channels_host_store_seconds_count", looks) or 0

    async with line(plain, account[1], "&sendunread=true&fullmessages=true", headers=BOTH) as socket:
        await post(plain, channel, b"first")
        await frames(socket, 1)
        before = looked()
        for number in range(5):
            await post(plain, channel, b"%d" % number)
            (frame,) = await frames(socket, 1)
            message = HostMessage.from_bytes(frame)
            assert (message.sequence, message.payload) == (number + 2, b"%d" % number)
        assert looked() == before
        await asyncio.gather(*(post(plain, channel, b"x") for _ in range(40)))
        assert [HostMessage.from_bytes(frame).sequence for frame in await frames(socket, 40)] == list(range(7, 47))


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


async def test_a_line_ends_with_its_token(plain: Plain) -> None:
    """Also where it is a channel's own, and where the one taken back has nothing to hear."""
    number, key = await plain.account()
    channel = await plain.channel((number, key))
    place = f"/account/{number}/channel/{channel.id}/api-token"
    for path in ("/notify", f"/channel/{channel.id}/notify"):
        _, _, made = await plain.ask("POST", place, key, data=b'{"can_read": true}')
        token = json.loads(made)
        async with line(plain, token["token"], path=path) as socket, line(plain, key, path=path) as account:
            assert (await plain.ask("DELETE", f"{place}/{token['id']}", key))[0] == 204
            frame = await asyncio.wait_for(socket.receive(), PATIENCE)
            assert (frame.type, frame.data) == (aiohttp.WSMsgType.CLOSE, 1008)
            await post(plain, channel, b"the account hears on")
            assert len(await frames(account, 1)) == 1


async def test_what_clients_say_is_passed_over_unless_it_is_long(plain: Plain) -> None:
    account = await plain.account()
    channel = await plain.channel(account)
    async with line(plain, account[1], headers=BOTH) as socket:
        for _ in range(100):
            await socket.send_str("hello")
        await socket.send_bytes(bytes(4000))
        await post(plain, channel, b"1")
        assert MessageNotification.from_bytes((await frames(socket, 1))[0]).sequence == 1
        await socket.send_bytes(bytes(4097))
        frame = await asyncio.wait_for(socket.receive(), PATIENCE)
        assert (frame.type, frame.data) == (aiohttp.WSMsgType.CLOSE, 1009)


async def test_nothing_is_kept_of_lines_that_are_gone(plain: Plain) -> None:
    listeners = plain.host._front.api.listeners  # noqa: SLF001 - its memory is what this is about
    account = await plain.account()
    channel = await plain.channel(account)
    await post(plain, channel, b"1")
    paths = ("/notify", f"/channel/{channel.id}/notify", "/web-socket")
    async with contextlib.AsyncExitStack() as stack:
        for path in paths * 5:
            await stack.enter_async_context(line(plain, account[1], path=path))
        assert len(listeners._sockets) == 15  # noqa: SLF001
        own = Line(int(account[0]), channel.id, hashed(account[1]))
        listeners.cut(Cut(own, 1))
        assert len(listeners._cut_in[channel.id]) == 10  # noqa: SLF001
    async with asyncio.timeout(PATIENCE):
        while listeners._sockets:  # noqa: SLF001
            await plain.ask("GET", "/endpoints")
    assert not any(vars(listeners).values())


async def read_page(plain: Plain, channel: FullChannel, query: str = "?unread=true") -> list[int]:
    _, _, body = await plain.ask("GET", f"/channel/{channel.id}{query}", channel.read_token)
    return [message["sequence"] for message in json.loads(body)]


@pytest.mark.parametrize("path", ["/channel/{c}/notify", "/web-socket"])
async def test_who_got_a_full_page_is_told_again_once_it_is_dealt_with(paged: Plain, path: str) -> None:
    """Not before, or a client that does not mark would be told for ever; and not twice."""
    account = await paged.account()
    channel = await paged.channel(account)
    token = channel.read_token if "{c}" in path else account[1]
    place = f"/channel/{channel.id}"
    for number in range(5):
        await post(paged, channel, b"%d" % number)
    async with line(paged, token, path=path.replace("{c}", channel.id)) as socket:
        for query in ("?unread=true", "?unread=true&count=2", ""):
            assert await read_page(paged, channel, query) == [1, 2]
        await paged.ask("POST", f"{place}/1?read=true", channel.read_token)
        await paged.ask("POST", f"{place}/2?read=true", channel.read_token)
        assert sequences(await frames(socket, 1)) == [3], "told once, of the next that is unread"
        await paged.ask("POST", f"{place}/2?read=false&older=true", channel.read_token)
        await paged.ask("POST", f"{place}/2?read=true&older=true", channel.read_token)
        assert await read_page(paged, channel) == [3, 4]
        await paged.ask("DELETE", f"{place}/4?older=true", channel.read_token)
        assert sequences(await frames(socket, 1)) == [5]
        assert await read_page(paged, channel) == [5]
        await post(paged, channel, b"new")
        assert sequences(await frames(socket, 1)) == [6], "and nothing else between"


async def test_who_got_a_full_page_by_way_of_another_process_is_told_again_too(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(postgres.database())
        session = await stack.enter_async_context(aiohttp.ClientSession())
        both = []
        for name in ("one", "two"):
            chosen = Options(
                data=tmp_path / name,
                database=url,
                operator_token_file=tmp_path / "token",
                limits=Limits(page_messages=2),
            )
            host = await Host.open(chosen)
            stack.push_async_callback(host.stop)
            both.append(Plain(host, session))
        one, two = both
        account = await one.account()
        channel = await one.channel(account)
        for number in range(3):
            await post(one, channel, b"%d" % number)
        async with line(two, account[1], path="/web-socket") as socket:
            assert await read_page(one, channel) == [1, 2]
            await one.ask("POST", f"/channel/{channel.id}/2?read=true&older=true", channel.read_token)
            assert sequences(await frames(socket, 1)) == [3]


async def test_a_full_page_is_forgotten_with_its_channel(paged: Plain) -> None:
    account = await paged.account()
    channel, other = await paged.channel(account), await paged.channel(account)
    for number in range(3):
        await post(paged, channel, b"%d" % number)
    async with line(paged, account[1], path="/web-socket") as socket:
        assert await read_page(paged, channel) == [1, 2]
        assert (await paged.ask("DELETE", f"/account/{account[0]}/channel/{channel.id}", account[1]))[0] == 204
        await post(paged, other, b"on it goes")
        assert json.loads((await frames(socket, 1))[0])["result"]["channel_id"] == other.id


def sequences(news: list[str]) -> list[int]:
    """Return the numbers that frames of either kind of news name."""
    said = [json.loads(frame) for frame in news]
    return [one.get("result", one)["sequence"] for one in said]


async def test_a_line_without_a_store_is_to_be_opened_again(plain: Plain) -> None:
    front = plain.host._front  # noqa: SLF001 - only here is the store
    account = await plain.account()
    async with line(plain, account[1]) as socket:
        await plain.ask("GET", f"/account/{account[0]}", account[1])  # by now the line has looked once
        await front.api.store.close()
        front.api.listeners.wake_all()
        frame = await asyncio.wait_for(socket.receive(), PATIENCE)
        assert (frame.type, frame.data) == (aiohttp.WSMsgType.CLOSE, 1013)


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


@pytest.mark.slow
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
