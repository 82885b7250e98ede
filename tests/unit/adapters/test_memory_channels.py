"""What only the hosts in memory can do: several in one process, and going away at will."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from channels_desktop.adapters.memory_channels import MemoryHost, MemoryPeerChannels
from channels_desktop.engine.ports import Account, Delivery, Listening
from channels_desktop.errors import Misuse, TransportError


@pytest.fixture
def hosts() -> Iterator[tuple[MemoryHost, MemoryHost]]:
    one, two = MemoryHost("memory://one"), MemoryHost("memory://two")
    yield one, two
    one.close()
    two.close()


async def account_at(channels: MemoryPeerChannels, host: MemoryHost) -> Account:
    return await channels.create_account(host.base_url, host.operator_token)


async def test_clients_share_hosts_and_hosts_know_nothing_of_each_other(hosts: tuple[MemoryHost, MemoryHost]) -> None:
    alice, bob = MemoryPeerChannels(*hosts), MemoryPeerChannels(*hosts)
    account = await account_at(alice, hosts[0])
    mailbox = await alice.create_mailbox(account)
    await bob.post(mailbox.address, b"hello")
    assert [item.payload for item in await alice.unread(account, mailbox.channel_id, 9)] == [b"hello"]
    with pytest.raises(TransportError):
        await alice.mailboxes(Account(hosts[1].base_url, account.account_id, account.token))
    with pytest.raises(TransportError):
        await alice.mailboxes(Account("memory://three", "1", "t"))
    await alice.close()
    with pytest.raises(Misuse):
        await alice.mailboxes(account)


@pytest.mark.parametrize("what", ["host", "client"])
async def test_lines_break_and_mail_waits_while_somebody_is_offline(
    hosts: tuple[MemoryHost, MemoryHost], what: str
) -> None:
    alice, bob = MemoryPeerChannels(*hosts), MemoryPeerChannels(*hosts)
    account = await account_at(alice, hosts[0])
    mailbox = await alice.create_mailbox(account)
    line = alice.listen(account)
    assert isinstance(await anext(line), Listening)
    away: Callable[[], None] = hosts[0].go_offline if what == "host" else alice.go_offline
    back: Callable[[], None] = hosts[0].come_back if what == "host" else alice.come_back
    asyncio.get_running_loop().call_soon(away)  # while the line waits for mail
    async with asyncio.timeout(60):
        with pytest.raises(TransportError):
            await anext(line)
    with pytest.raises(TransportError) as caught:
        await alice.post(mailbox.address, b"x")
    assert not caught.value.gone
    if what == "client":
        await bob.post(mailbox.address, b"meanwhile")
    back()
    if what == "host":
        await bob.post(mailbox.address, b"meanwhile")
    line = alice.listen(account)
    assert isinstance(await anext(line), Listening)
    item = await anext(line)
    assert isinstance(item, Delivery)
    assert item.payload == b"meanwhile"
