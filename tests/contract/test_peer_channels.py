"""What every implementation of PeerChannels does, over real hosts and in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from channels_desktop.adapters.http_channels import HttpPeerChannels
from channels_desktop.adapters.memory_channels import MemoryHost, MemoryPeerChannels
from channels_desktop.engine.ports import Account, Delivery, Listening, MailboxAddress, PeerChannels
from channels_desktop.errors import Refused, TransportError
from channels_desktop.host.mailboxes import Limits
from channels_desktop.host.serve import Host

LIMITS = Limits(message_bytes=100_000, mailbox_bytes=250_000, channels=5, page_messages=4)
PATIENCE = 10


class World:
    """One host, a client of it, and how to open accounts there."""

    def __init__(self, channels: PeerChannels, base_url: str, operator_token: str) -> None:
        self.channels = channels
        self.base_url = base_url
        self.operator_token = operator_token

    async def account(self) -> Account:
        return await self.channels.create_account(self.base_url, self.operator_token)


@pytest.fixture(params=["memory", "http"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "memory":
        memory = MemoryHost(limits=LIMITS)
        channels = MemoryPeerChannels(memory)
        yield World(channels, memory.base_url, memory.operator_token)
        await channels.close()
        memory.close()
        return
    host = await Host.start(tmp_path, limits=LIMITS)
    client = HttpPeerChannels(allow_loopback=True)
    yield World(client, host.base_url, host.operator_token)
    await client.close()
    await host.stop()


async def take(line: AsyncIterator[Listening | Delivery], count: int) -> list[Delivery]:
    """Return the next `count` deliveries of a line."""
    found: list[Delivery] = []
    async with asyncio.timeout(PATIENCE):
        while len(found) < count:
            item = await anext(line)
            assert isinstance(item, Delivery)
            found.append(item)
    return found


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
    assert [item.sequence for item in found] == [1, 2, 3, 4], "the host's page bounds what one call returns"
    await world.channels.mark_read(account, mailbox.channel_id, 5)
    found = await world.channels.unread(account, mailbox.channel_id, 100)
    assert [item.sequence for item in found] == [6, 7]


async def test_a_line_gives_unread_mail_then_new_mail_once_each(world: World) -> None:
    account = await world.account()
    old = await world.channels.create_mailbox(account)
    for number in range(6):
        await world.channels.post(old.address, bytes([number]))
    await world.channels.mark_read(account, old.channel_id, 1)
    async with aclosing(world.channels.listen(account)) as line:  # type: ignore[type-var]
        assert isinstance(await anext(line), Listening)
        assert [item.sequence for item in await take(line, 5)] == [2, 3, 4, 5, 6]
        new = await world.channels.create_mailbox(account)
        await world.channels.post(new.address, b"later channel")
        await world.channels.post(old.address, b"live")
        found = await take(line, 2)
        assert [(item.channel_id, item.sequence) for item in found] == [(new.channel_id, 1), (old.channel_id, 7)]


async def test_nothing_is_lost_or_doubled_when_posts_meet_the_opening_of_a_line(world: World) -> None:
    account = await world.account()
    mailbox = await world.channels.create_mailbox(account)

    async def post_all() -> None:
        for number in range(40):
            await world.channels.post(mailbox.address, bytes([number]))

    async with asyncio.TaskGroup() as group:
        group.create_task(post_all())
        async with aclosing(world.channels.listen(account)) as line:  # type: ignore[type-var]
            assert isinstance(await anext(line), Listening)
            found = await take(line, 40)
    assert [item.sequence for item in found] == list(range(1, 41))


async def test_every_line_of_an_account_gets_every_message(world: World) -> None:
    account = await world.account()
    mailbox = await world.channels.create_mailbox(account)
    async with (
        aclosing(world.channels.listen(account)) as one,  # type: ignore[type-var]
        aclosing(world.channels.listen(account)) as two,  # type: ignore[type-var]
    ):
        assert isinstance(await anext(one), Listening)
        assert isinstance(await anext(two), Listening)
        await world.channels.post(mailbox.address, b"both")
        assert [item.payload for item in await take(one, 1) + await take(two, 1)] == [b"both", b"both"]


async def test_anyone_writes_to_a_public_mailbox_and_nobody_else_to_a_private_one(world: World) -> None:
    account = await world.account()
    public = await world.channels.create_mailbox(account, public=True)
    private = await world.channels.create_mailbox(account)
    assert (public.write_token, bool(private.write_token)) == ("", True)
    await world.channels.post(public.address, b"from a stranger")
    assert len(await world.channels.unread(account, public.channel_id, 9)) == 1
    for token in ("", "wrong", private.read_token, account.token):
        with pytest.raises(TransportError) as caught:
            await world.channels.post(MailboxAddress(world.base_url, private.channel_id, token), b"x")
        assert caught.value.gone
    assert await world.channels.unread(account, private.channel_id, 9) == ()


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


async def test_limits_are_told_by_kind(world: World) -> None:
    account = await world.account()
    mailbox = await world.channels.create_mailbox(account)
    await world.channels.post(mailbox.address, bytes(LIMITS.message_bytes))
    with pytest.raises(Refused, match="too_large"):
        await world.channels.post(mailbox.address, bytes(LIMITS.message_bytes + 1))
    with pytest.raises(Refused, match="bad_request"):
        await world.channels.post(mailbox.address, b"")
    await world.channels.post(mailbox.address, bytes(LIMITS.message_bytes))
    with pytest.raises(TransportError) as caught:
        await world.channels.post(mailbox.address, bytes(LIMITS.message_bytes))
    assert not caught.value.gone, "a full mailbox may be emptied"
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
