"""What every implementation of PeerChannels does, over real hosts and in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from channels_desktop.adapters.dialects.lines import Lines
from channels_desktop.adapters.dialects.managed import Managed
from channels_desktop.adapters.dialects.spv import Spv
from channels_desktop.adapters.host_requests import Requests
from channels_desktop.adapters.http_channels import HttpPeerChannels
from channels_desktop.adapters.memory_channels import MemoryHost, MemoryPeerChannels
from channels_desktop.engine.ports import Account, Delivery, Listening, Mailbox, MailboxAddress, PeerChannels
from channels_desktop.errors import Refused, TransportError
from channels_desktop.host.limits import Limits
from channels_desktop.host.serve import Host
from tests.contract.channel_hosts import FakeHost, TokenizedHost
from tests.contract.managed_hosts import EsvHost, SpvHost

LIMITS = Limits(message_bytes=100_000, mailbox_bytes=250_000, channels=5, page_messages=4)
PATIENCE = 60
FAKES: dict[str, type[FakeHost]] = {"tokenized": TokenizedHost, "spv": SpvHost, "esv": EsvHost}
MANAGED = {"spv", "esv", "http-spv", "http-esv"}
"""Dialects with one token per channel: the account's own token also writes, and nothing is public."""


class Through:
    """PeerChannels that speak one dialect to a host that knows them all."""

    def __init__(self, client: HttpPeerChannels, paths: Spv) -> None:
        self.client = client
        self.requests = Requests(allow_loopback=True, now=time.time_ns)
        self.dialect = Managed(self.requests, Lines(), paths)
        self.post = client.post
        self.delete_mailbox = self.dialect.delete_mailbox
        self.mailboxes = self.dialect.mailboxes
        self.unread = self.dialect.unread
        self.mark_read = self.dialect.mark_read
        self.listen = self.dialect.listen

    async def create_account(self, base_url: str, operator_token: str) -> Account:
        account = await self.client.create_account(base_url, operator_token)
        return replace(account, token=f"a name:{account.token}")

    async def create_mailbox(self, account: Account, *, public: bool = False) -> Mailbox:
        return await self.dialect.create_mailbox(account, public=public)

    async def close(self) -> None:
        await self.requests.close()
        await self.client.close()


@dataclass
class World:
    """One host, a client of it, and how to open accounts there."""

    kind: str
    channels: PeerChannels
    base_url: str
    operator_token: str
    fake: FakeHost | None = None

    async def account(self) -> Account:
        if self.fake is None or self.kind not in MANAGED:
            made = await self.channels.create_account(self.base_url, self.operator_token)
            # Without an id, only the dialect that needs none is recognised.
            return replace(made, account_id="") if self.kind == "http-esv" else made
        given = self.fake.add_account()
        if not given.account_id:
            return await self.channels.create_account(self.base_url, given.token)
        url = f"{self.base_url}/api/v1/account/{given.account_id}"
        return await self.channels.create_account(url, given.token)


@pytest.fixture(params=["memory", "http", "http-spv", "http-esv", *FAKES])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "memory":
        memory = MemoryHost(limits=LIMITS)
        in_memory = MemoryPeerChannels(memory)
        yield World("memory", in_memory, memory.base_url, memory.operator_token)
        await in_memory.close()
        memory.close()
        return
    client = HttpPeerChannels()
    channels: PeerChannels = client
    if request.param in FAKES:
        async with FAKES[request.param]().serving() as fake:
            yield World(request.param, client, fake.base_url, fake.operator_token, fake)
            await client.close()
        return
    host = await Host.start(tmp_path, limits=LIMITS)
    channels = Through(client, Spv()) if request.param == "http-spv" else client
    yield World(request.param, channels, host.base_url, host.operator_token)
    await channels.close()
    await host.stop()


class Reader:
    """Who takes mail from a line and, as the engine does, marks it as read: some hosts send the next page only then."""

    def __init__(self, world: World, account: Account, line: AsyncGenerator[Listening | Delivery, None]) -> None:
        self.world = world
        self.account = account
        self.line = line

    async def take(self, count: int) -> list[Delivery]:
        """Return the next `count` deliveries."""
        found: list[Delivery] = []
        async with asyncio.timeout(PATIENCE):
            while len(found) < count:
                item = await anext(self.line)
                assert isinstance(item, Delivery)
                found.append(item)
                await self.world.channels.mark_read(self.account, item.channel_id, item.sequence)
        return found


@asynccontextmanager
async def listening(world: World, account: Account) -> AsyncIterator[Reader]:
    """Open a line."""
    line = world.channels.listen(account)
    async with aclosing(line):  # type: ignore[type-var]
        assert isinstance(await anext(line), Listening)
        yield Reader(world, account, line)


async def test_a_post_is_delivered_with_everything_it_needs(world: World) -> None:
    account = await world.account()
    mailbox = await world.channels.create_mailbox(account)
    await world.channels.post(mailbox.address, b"\x00\xffhello")
    (delivery,) = await world.channels.unread(account, mailbox.channel_id, 10)
    assert (delivery.base_url, delivery.channel_id, delivery.sequence) == (world.base_url, mailbox.channel_id, 1)
    assert delivery.payload == b"\x00\xffhello"
    assert delivery.content_type == "application/octet-stream"
    assert delivery.received > 1_700_000_000 * 10**9


async def test_sequences_count_from_one_and_are_never_used_again(world: World) -> None:
    account = await world.account()
    mailbox = await world.channels.create_mailbox(account)
    await world.channels.post(mailbox.address, b"1")
    await world.channels.mark_read(account, mailbox.channel_id, 1)
    await world.channels.post(mailbox.address, b"2")
    found = await world.channels.unread(account, mailbox.channel_id, 10)
    assert [(item.sequence, item.payload) for item in found] == [(2, b"2")]


async def test_marking_reads_all_before_it_and_unread_is_paged(world: World) -> None:
    account = await world.account()
    mailbox = await world.channels.create_mailbox(account)
    for number in range(1, 8):
        await world.channels.post(mailbox.address, bytes([number]))
    found = await world.channels.unread(account, mailbox.channel_id, 3)
    assert [item.sequence for item in found] == [1, 2, 3]
    found = await world.channels.unread(account, mailbox.channel_id, 100)
    bounded = [1, 2, 3, 4] if world.fake is None else [1, 2, 3, 4, 5, 6, 7]
    assert [item.sequence for item in found] == bounded, "the host's page bounds what one call returns"
    await world.channels.mark_read(account, mailbox.channel_id, 5)
    found = await world.channels.unread(account, mailbox.channel_id, 100)
    assert [item.sequence for item in found] == [6, 7]


async def test_a_line_gives_unread_mail_then_new_mail_once_each(world: World) -> None:
    account = await world.account()
    old = await world.channels.create_mailbox(account)
    for number in range(6):
        await world.channels.post(old.address, bytes([number]))
    await world.channels.mark_read(account, old.channel_id, 1)
    async with listening(world, account) as reader:
        assert [item.sequence for item in await reader.take(5)] == [2, 3, 4, 5, 6]
        new = await world.channels.create_mailbox(account)
        await world.channels.post(new.address, b"later channel")
        assert [(item.channel_id, item.sequence) for item in await reader.take(1)] == [(new.channel_id, 1)]
        await world.channels.post(old.address, b"live")
        assert [(item.channel_id, item.sequence) for item in await reader.take(1)] == [(old.channel_id, 7)]


async def test_nothing_is_lost_or_doubled_when_posts_meet_the_opening_of_a_line(world: World) -> None:
    account = await world.account()
    mailbox = await world.channels.create_mailbox(account)

    async def post_all() -> None:
        for number in range(40):
            await world.channels.post(mailbox.address, bytes([number]))

    async with asyncio.TaskGroup() as group:
        group.create_task(post_all())
        async with listening(world, account) as reader:
            found = await reader.take(40)
    assert [item.sequence for item in found] == list(range(1, 41))


async def test_every_line_of_an_account_gets_every_message(world: World) -> None:
    account = await world.account()
    mailbox = await world.channels.create_mailbox(account)
    async with listening(world, account) as one, listening(world, account) as two:
        await world.channels.post(mailbox.address, b"both")
        async with asyncio.timeout(PATIENCE):
            found = await asyncio.gather(anext(one.line), anext(two.line))
        assert [item.payload for item in found if isinstance(item, Delivery)] == [b"both", b"both"]


async def test_nobody_writes_to_a_private_mailbox_without_its_token(world: World) -> None:
    account = await world.account()
    private = await world.channels.create_mailbox(account)
    wrong = ["wrong", account.token] if world.kind in MANAGED else ["", "wrong", private.read_token, account.token]
    for token in wrong:
        with pytest.raises(TransportError) as caught:
            await world.channels.post(MailboxAddress(world.base_url, private.channel_id, token), b"x")
        assert caught.value.gone
    assert await world.channels.unread(account, private.channel_id, 9) == ()


async def test_anyone_writes_to_a_public_mailbox_where_a_host_has_such(world: World) -> None:
    account = await world.account()
    if world.kind in MANAGED:
        with pytest.raises(TransportError):
            await world.channels.create_mailbox(account, public=True)
        assert await world.channels.mailboxes(account) == ()
        return
    public = await world.channels.create_mailbox(account, public=True)
    private = await world.channels.create_mailbox(account)
    assert (public.write_token, bool(private.write_token)) == ("", True)
    await world.channels.post(public.address, b"from a stranger")
    assert len(await world.channels.unread(account, public.channel_id, 9)) == 1


async def test_accounts_list_and_delete_their_own_channels_only(world: World) -> None:
    alice, bob = await world.account(), await world.account()
    first = await world.channels.create_mailbox(alice)
    second = await world.channels.create_mailbox(alice)
    assert await world.channels.mailboxes(alice) == (first.channel_id, second.channel_id)
    assert await world.channels.mailboxes(bob) == ()
    await world.channels.post(first.address, b"private")
    with pytest.raises(TransportError):
        await world.channels.unread(bob, first.channel_id, 1)
    with pytest.raises(TransportError):
        await world.channels.mark_read(bob, first.channel_id, 1)
    await world.channels.delete_mailbox(bob, first.channel_id)  # as if it were not there
    assert len(await world.channels.unread(alice, first.channel_id, 1)) == 1
    await world.channels.delete_mailbox(alice, first.channel_id)
    await world.channels.delete_mailbox(alice, first.channel_id)
    assert await world.channels.mailboxes(alice) == (second.channel_id,)
    with pytest.raises(TransportError) as caught:
        await world.channels.post(first.address, b"too late")
    assert caught.value.gone


async def test_what_is_too_large_is_told_for_good(world: World) -> None:
    account = await world.account()
    mailbox = await world.channels.create_mailbox(account)
    await world.channels.post(mailbox.address, bytes(LIMITS.message_bytes))
    with pytest.raises(Refused, match="too_large"):
        await world.channels.post(mailbox.address, bytes(LIMITS.message_bytes + 1))
    if world.kind != "spv":  # which stores them
        with pytest.raises(Refused, match="bad_request"):
            await world.channels.post(mailbox.address, b"")


@pytest.mark.parametrize("world", ["memory", "http"], indirect=True)
async def test_what_is_full_may_be_emptied(world: World) -> None:
    account = await world.account()
    mailbox = await world.channels.create_mailbox(account)
    for _ in range(2):
        await world.channels.post(mailbox.address, bytes(LIMITS.message_bytes))
    with pytest.raises(TransportError) as caught:
        await world.channels.post(mailbox.address, bytes(LIMITS.message_bytes))
    assert not caught.value.gone
    await world.channels.mark_read(account, mailbox.channel_id, 2)
    await world.channels.post(mailbox.address, bytes(LIMITS.message_bytes))
    for _ in range(LIMITS.channels - 1):
        await world.channels.create_mailbox(account)
    with pytest.raises(TransportError) as caught:
        await world.channels.create_mailbox(account)
    assert not caught.value.gone


async def test_wrong_credentials_are_refused(world: World) -> None:
    with pytest.raises(TransportError) as caught:
        await world.channels.create_account(world.base_url, "not the operator")
    assert caught.value.gone
    account = await world.account()
    stranger = Account(world.base_url, account.account_id, "made up")
    with pytest.raises(TransportError):
        await world.channels.create_mailbox(stranger)
    with pytest.raises(TransportError) as caught:
        await anext(world.channels.listen(stranger))
    assert caught.value.gone


@pytest.mark.parametrize("world", ["http"], indirect=True)
async def test_a_name_and_a_password_are_as_good_as_a_token(world: World) -> None:
    account = await world.account()
    account = replace(account, token=f"a name:{account.token}")
    mailbox = await world.channels.create_mailbox(account)
    await world.channels.post(mailbox.address, b"1")
    async with listening(world, account) as reader:
        assert [item.payload for item in await reader.take(1)] == [b"1"]
    assert await world.channels.unread(account, mailbox.channel_id, 9) == ()
