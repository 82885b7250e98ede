"""One stream of mail, whether a host sends messages, only notifies, or has no websockets: nothing lost or doubled."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import pytest
from aiohttp import web

from channels_desktop.adapters.dialects.lines import Lines
from channels_desktop.adapters.dialects.managed import Managed
from channels_desktop.adapters.dialects.spv import Spv
from channels_desktop.adapters.host_requests import Requests
from channels_desktop.adapters.http_channels import HttpPeerChannels
from channels_desktop.engine.ports import Delivery, Listening, Mailbox
from channels_desktop.errors import TransportError
from tests.contract.channel_hosts import FakeHost, endless
from tests.contract.managed_hosts import SpvHost
from tests.unit.adapters.talk import ALL, HOSTS, MANAGED

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

PATIENCE = 60
NEVER = 1000
SOON = 0.02


class Listener:
    """A client that listens, and marks as read what it took, as the engine does."""

    def __init__(self, host: FakeHost, poll_seconds: float) -> None:
        self.host = host
        self.client = HttpPeerChannels(home=host.base_url, poll_seconds=poll_seconds)
        self.line: AsyncGenerator[Listening | Delivery, None] | None = None

    async def open(self, kind: str) -> None:
        if kind == "tokenized":
            self.account = await self.client.create_account(self.host.base_url, self.host.operator_token)
        else:
            self.account = self.host.add_account()
        self.mailbox = await self.client.create_mailbox(self.account)

    async def listen(self) -> None:
        """Begin anew."""
        self.line = cast("AsyncGenerator[Listening | Delivery, None]", self.client.listen(self.account))
        async with asyncio.timeout(PATIENCE):
            assert isinstance(await anext(self.line), Listening)

    async def take(self, count: int, *, mark: bool = True) -> list[bytes]:
        """Return the payloads of the next messages."""
        assert self.line is not None
        found: list[Delivery] = []
        async with asyncio.timeout(PATIENCE):
            while len(found) < count:
                item = await anext(self.line)
                assert isinstance(item, Delivery)
                found.append(item)
                if mark:
                    await self.client.mark_read(self.account, item.channel_id, item.sequence)
        return [item.payload for item in found]

    async def post(self, *payloads: bytes, mailbox: Mailbox | None = None) -> None:
        for payload in payloads:
            await self.client.post((mailbox or self.mailbox).address, payload)

    async def breaks(self) -> TransportError:
        """Return why the line breaks; messages may come before."""
        assert self.line is not None
        try:
            async with asyncio.timeout(PATIENCE):
                async for _ in self.line:
                    pass
        except TransportError as error:
            return error
        raise AssertionError("a line has no end but an error")

    async def close(self) -> None:
        if self.line is not None:
            await self.line.aclose()
        await self.client.close()


@asynccontextmanager
async def listening(kind: str, *, poll_seconds: float = NEVER, websockets: bool = True) -> AsyncIterator[Listener]:
    async with HOSTS[kind]().serving() as host:
        host.websockets = websockets
        listener = Listener(host, poll_seconds)
        try:
            await listener.open(kind)
            yield listener
        finally:
            await listener.close()


# --------------------------------------------------------------------------------------------------------- in order


@ALL
async def test_old_mail_then_new_mail_each_once(kind: str) -> None:
    async with listening(kind) as it:
        await it.post(b"1", b"2")
        await it.listen()
        assert await it.take(2, mark=False) == [b"1", b"2"]
        await it.post(b"3")
        assert await it.take(1, mark=False) == [b"3"], "what is unmarked is not told again"
        await it.client.mark_read(it.account, it.mailbox.channel_id, 3)
        await it.post(b"4")
        assert await it.take(1) == [b"4"]


@ALL
async def test_what_came_while_nobody_listened_comes_after_the_next_connection(kind: str) -> None:
    async with listening(kind) as it:
        await it.listen()
        await it.host.until_sockets(1)
        await it.post(b"1", b"2")
        assert await it.take(1) == [b"1"]
        assert it.line is not None
        await it.line.aclose()
        await it.host.until_sockets(0)
        await it.post(b"3")
        await it.listen()
        assert await it.take(2) == [b"2", b"3"], "what was taken but not marked comes again"


@ALL
async def test_a_burst_from_many_sides_is_delivered_in_order(kind: str) -> None:
    async with listening(kind) as it:
        mailboxes = [it.mailbox] + [await it.client.create_mailbox(it.account) for _ in range(4)]

        async def post_all(mailbox: Mailbox) -> None:
            for number in range(20):
                await it.post(b"%s %02d" % (mailbox.channel_id.encode(), number), mailbox=mailbox)

        async with asyncio.TaskGroup() as group:
            for mailbox in mailboxes:
                group.create_task(post_all(mailbox))
            await it.listen()
            found = await it.take(100)
        for mailbox in mailboxes:
            name = mailbox.channel_id.encode()
            assert [payload for payload in found if payload.startswith(name)] == [
                b"%s %02d" % (name, number) for number in range(20)
            ]


@ALL
async def test_mailboxes_made_and_deleted_while_listening(kind: str) -> None:
    async with listening(kind) as it:
        await it.listen()
        later = await it.client.create_mailbox(it.account)
        await it.post(b"later", mailbox=later)
        assert await it.take(1) == [b"later"]
        if kind == "spv":
            await it.host.until_sockets(2)
        await it.client.delete_mailbox(it.account, later.channel_id)
        if kind == "spv":
            await it.host.until_sockets(1)
        await it.post(b"still there")
        assert await it.take(1) == [b"still there"]


@ALL
async def test_nobody_is_left_behind_when_listening_ends(kind: str) -> None:
    async with listening(kind) as it:
        before = asyncio.all_tasks()
        await it.post(b"1", b"2")
        await it.listen()
        await it.take(1, mark=False)
        assert it.line is not None
        await it.line.aclose()
        await it.host.until_sockets(0)
        assert {task for task in asyncio.all_tasks() - before if "channels_desktop" in repr(task)} == set()


# -------------------------------------------------------------------------------------------------------- when broken


@pytest.mark.parametrize("kind", ["tokenized", "esv"])
async def test_the_line_breaks_with_the_accounts_socket(kind: str) -> None:
    async with listening(kind) as it:
        await it.listen()
        await it.host.until_sockets(1)
        await it.host.hang_up()
        error = await it.breaks()
        assert "1001" in str(error)
        assert not error.gone


@ALL
async def test_an_account_that_is_no_more_breaks_the_line_for_good(kind: str) -> None:
    async with listening(kind, poll_seconds=SOON, websockets=False) as it:
        await it.listen()
        it.host.accounts.clear()
        it.host.channels.clear()
        assert (await it.breaks()).gone


@ALL
async def test_a_host_in_trouble_breaks_the_line_for_a_while(kind: str) -> None:
    async with listening(kind, poll_seconds=SOON, websockets=False) as it:
        await it.listen()
        it.host.failing = lambda _: web.Response(status=503, headers={"Retry-After": "60"})
        error = await it.breaks()
        assert not error.gone
        assert error.retry_at is not None


async def test_one_socket_of_many_may_break_without_the_others() -> None:
    async with listening("spv", poll_seconds=SOON) as it:
        other = await it.client.create_mailbox(it.account)
        await it.listen()
        await it.host.until_sockets(2)
        _, socket, _ = it.host.sockets[0]
        await socket.close()
        await it.post(b"1")
        await it.post(b"2", mailbox=other)
        assert sorted(await it.take(2)) == [b"1", b"2"]
        await it.host.until_sockets(2)
        await it.post(b"3")
        assert await it.take(1) == [b"3"]


async def test_a_channel_deleted_elsewhere_does_not_break_the_line() -> None:
    async with listening("spv", poll_seconds=SOON) as it:
        other = await it.client.create_mailbox(it.account)
        await it.listen()
        await it.host.until_sockets(2)
        del it.host.channels[other.channel_id]
        await it.host.hang_up()
        await it.host.until_sockets(1)
        await it.post(b"1")
        assert await it.take(1) == [b"1"]


# ------------------------------------------------------------------------------------------------------ notifications


@MANAGED
async def test_many_notifications_are_few_questions(kind: str) -> None:
    async with listening(kind) as it:
        await it.listen()
        await it.host.until_sockets(1)
        channel = it.host.channels[it.mailbox.channel_id]
        for number in range(50):  # stored at once, told one by one
            it.host.add_message(channel, "application/octet-stream", bytes([number]))
        for message in channel.messages:
            await it.host.tell_all(message)
        assert len(await it.take(50, mark=False)) == 50
        await it.post(b"last")
        await it.take(1, mark=False)
        asked = len([path for _, path, _, _ in it.host.asked if "?unread" in path])
        assert asked < 20


async def test_frames_of_the_account_socket_that_are_about_other_things() -> None:
    async with listening("esv") as it:
        await it.listen()
        await it.host.until_sockets(1)
        _, socket, _ = it.host.sockets[0]
        await socket.send_str('{"message_type":"bsvapi.headers.tip","result":{}}')
        await socket.send_str("[]")
        await socket.send_bytes(struct.pack(">I", 2) + b"something else")
        await socket.send_bytes(b"")
        channel = it.host.channels[it.mailbox.channel_id]
        it.host.add_message(channel, "application/octet-stream", b"1")
        result = f'{{"channel_id":"{channel.id}","sequence":1}}'
        await socket.send_str(f'{{"message_type":"bsvapi.channels.notification","result":{result}}}')
        assert await it.take(1) == [b"1"]
        await socket.send_bytes(struct.pack(">I", 1) + b"nonsense")
        assert "no sense" in str(await it.breaks())


@MANAGED
async def test_a_lost_notification_is_made_up_for(kind: str) -> None:
    async with listening(kind, poll_seconds=SOON) as it:
        await it.listen()
        await it.host.until_sockets(1)
        it.host.add_message(it.host.channels[it.mailbox.channel_id], "text/plain", b"nobody was told")
        assert await it.take(1) == [b"nobody was told"]


@MANAGED
async def test_a_channel_that_cannot_be_read_stops_no_other(kind: str) -> None:
    async with listening(kind) as it:
        unread, huge = it.host.add_channel("1"), await it.client.create_mailbox(it.account)
        it.host.add_token(unread, "write", can_read=False, can_write=True)
        it.host.failing = lambda request: endless() if f"{huge.channel_id}?unread" in request.path_qs else None
        await it.post(b"1")
        await it.listen()
        assert await it.take(1) == [b"1"]
        await it.post(b"2")
        assert await it.take(1) == [b"2"]


async def test_more_channels_than_sockets_are_polled() -> None:
    requests = Requests(allow_loopback=True, now=lambda: 0)
    host = Managed(requests, Lines(SOON), Spv(most_sockets=1))
    async with SpvHost().serving() as fake:
        account = fake.add_account()
        mailboxes = [await host.create_mailbox(account, public=False) for _ in range(3)]
        line = host.listen(account)
        assert isinstance(await anext(line), Listening)
        await fake.until_sockets(1)
        for mailbox in mailboxes:
            fake.add_message(fake.channels[mailbox.channel_id], "text/plain", b"x")
        async with asyncio.timeout(PATIENCE):
            found = [await anext(line) for _ in mailboxes]
        assert len({item.channel_id for item in found if isinstance(item, Delivery)}) == 3
        assert len(fake.sockets) == 1
        await line.aclose()
        await requests.close()


# ----------------------------------------------------------------------------------------------------------- polling


@ALL
async def test_without_websockets_mail_is_polled(kind: str) -> None:
    async with listening(kind, poll_seconds=SOON, websockets=False) as it:
        await it.post(b"1")
        await it.listen()
        assert await it.take(1) == [b"1"]
        await it.post(b"2", b"3")
        assert await it.take(2) == [b"2", b"3"]
        assert it.host.sockets == []


@ALL
async def test_websockets_are_used_again_when_they_pass(kind: str) -> None:
    async with listening(kind, poll_seconds=SOON, websockets=False) as it:
        await it.post(b"1")
        await it.listen()
        assert await it.take(1, mark=False) == [b"1"]
        it.host.websockets = True
        await it.host.until_sockets(1)
        await it.post(b"2")
        assert await it.take(1) == [b"2"], "what was polled is not told again"


@ALL
async def test_mail_behind_a_page_comes_when_the_page_is_marked(kind: str) -> None:
    """A host that sends unread messages by the page, without websockets: no pause between the pages."""
    async with listening(kind, websockets=False) as it:
        it.host.page = 3
        await it.post(*[bytes([number]) for number in range(10)])
        await it.listen()
        assert await it.take(10) == [bytes([number]) for number in range(10)]


@ALL
async def test_a_host_that_counts_from_zero(kind: str) -> None:
    async with listening(kind, websockets=False) as it:
        it.host.first_sequence = 0
        await it.post(b"0", b"1")
        await it.listen()
        assert await it.take(2) == [b"0", b"1"]
