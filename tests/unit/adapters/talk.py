"""A client and a host of any dialect that it talks to, and what the host was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from channels_desktop.adapters.http_channels import HttpPeerChannels
from channels_desktop.engine.ports import Account
from tests.contract.channel_hosts import Channel, FakeHost, TokenizedHost
from tests.contract.managed_hosts import EsvHost, SpvHost

NOW = 1_800_000_000_000_000_000
HOSTS: dict[str, type[FakeHost]] = {"tokenized": TokenizedHost, "spv": SpvHost, "esv": EsvHost}
MANAGED = pytest.mark.parametrize("kind", ["spv", "esv"])
ALL = pytest.mark.parametrize("kind", [*HOSTS])


@asynccontextmanager
async def talking_to(kind: str) -> AsyncIterator[tuple[FakeHost, HttpPeerChannels, Account]]:
    """Yield a host, a client of it, and an account there that the client has not met."""
    async with HOSTS[kind]().serving() as host:
        client = HttpPeerChannels(home=host.base_url, now=lambda: NOW)
        account = host.add_account()
        if kind == "tokenized":
            token = host.accounts[account.account_id] = "opaque"
            account = Account(host.base_url, account.account_id, token)
        try:
            yield host, client, account
        finally:
            await client.close()


def paths(host: FakeHost) -> list[tuple[str, str]]:
    return [(method, path) for method, path, _, _ in host.asked]


def headers(host: FakeHost, method: str, ending: str) -> dict[str, str]:
    """Return the headers of the last request of that kind."""
    return next(found for asked, path, found, _ in reversed(host.asked) if asked == method and path.endswith(ending))


def body(host: FakeHost, method: str, ending: str) -> bytes:
    return next(found for asked, path, _, found in reversed(host.asked) if asked == method and path.endswith(ending))


def filled(host: FakeHost, channel: str, *payloads: bytes) -> Channel:
    for payload in payloads:
        host.add_message(host.channels[channel], "application/octet-stream", payload)
    return host.channels[channel]
