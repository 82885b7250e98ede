"""The addresses that strangers cannot send us to, in whatever disguise."""

from __future__ import annotations

import socket
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from channels_desktop.adapters.host_requests import Requests
from channels_desktop.adapters.http_channels import HttpPeerChannels
from channels_desktop.adapters.public_addresses import check_url, public_sockets
from channels_desktop.engine.ports import Account, MailboxAddress
from channels_desktop.errors import TransportError
from tests.contract.channel_hosts import TokenizedHost
from tests.unit.adapters.web_server import serving

REFUSED = [
    "http://peers.example",
    "ftp://peers.example",
    "file:///etc/passwd",
    "https://",
    "",
    "peers.example",
    "https://127.0.0.1",
    "https://localhost:8443",
    "https://LOCALHOST",
    "https://10.0.0.1",
    "https://192.168.1.1",
    "https://169.254.169.254",
    "https://[::1]",
    "https://[fe80::1]",
    "https://[fe80::1%25eth0]",
    "https://[fd00::1]",
    "https://[fec0::1]",
    "https://0.0.0.0",
    "https://[::]",
    "https://[::ffff:127.0.0.1]",
    "https://[::ffff:7f00:1]",
    "https://[::127.0.0.1]",
    "https://[::10.0.0.1]",
    "https://[0:0:0:0:0:0:0:1]",
    "https://[fc00::1]",
    "https://[64:ff9b::10.0.0.1]",
    "https://[64:ff9b:1::1]",
    "https://[2002:7f00:1::]",
    "https://224.0.0.1",
    "https://255.255.255.255",
    "https://100.64.0.1",
    "https://user:pass@peers.example",
    "https://:pass@peers.example",
    "https://peers.example:99999",
    "https://peers.example:0",
    "https://peers.example:22",
    "https://peers.example:80",
    "https://peers.example:6667",
    "https://1.1.1.1\\@10.0.0.1",
    "https://[",
]


@pytest.mark.parametrize("base", REFUSED)
async def test_strangers_cannot_send_us_into_private_networks(base: str) -> None:
    client = HttpPeerChannels()
    with pytest.raises(TransportError) as caught:
        await client.post(MailboxAddress(base, "c", ""), b"x")
    assert caught.value.gone
    await client.close()


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0177.0.0.1", "１２７.0.0.1", "127.0.0.1."])
async def test_other_ways_to_write_an_address_lead_nowhere(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = HttpPeerChannels()
        base = f"https://{host}:{listening.getsockname()[1]}"
        with pytest.raises(TransportError):
            await client.post(MailboxAddress(base, "c", ""), b"x")
        await client.close()
        assert nobody_called(listening)


class Names(AbstractResolver):
    """What says that every name is at these addresses."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in self.addresses
        ]

    async def close(self) -> None:
        pass


def nobody_called(listening: socket.socket) -> bool:
    listening.setblocking(False)
    try:
        caller, _ = listening.accept()
    except BlockingIOError:
        return True
    caller.close()
    return False


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["127.0.0.1", "10.0.0.1"]])
async def test_names_that_lead_there_are_refused_when_a_socket_is_made(addresses: list[str]) -> None:
    names = Names(*addresses)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        requests = Requests(allow_loopback=False, now=lambda: 0, resolver=lambda: names)
        base = f"https://peers.example:{listening.getsockname()[1]}"
        with pytest.raises(TransportError) as caught:
            await requests.post(base, "/channel/c", {}, b"x")
        assert not caught.value.gone, "a name may lead elsewhere tomorrow"
        with pytest.raises(TransportError):
            async with requests.socket(base, "/notify", accept=""):
                pass
        await requests.close()
        assert names.asked == 1
        assert nobody_called(listening)


async def test_the_address_that_was_checked_is_the_one_that_is_called() -> None:
    """One name with a private and an allowed address: the first is left out, the second called."""
    names = Names("169.254.169.254", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        requests = Requests(allow_loopback=True, now=lambda: 0, resolver=lambda: names, total_seconds=0.3)
        base = f"http://localhost:{listening.getsockname()[1]}"
        with pytest.raises(TransportError):
            await requests.post(base, "/channel/c", {}, b"x")  # TCP answers, nobody reads
        await requests.close()
        assert not nobody_called(listening)


def test_sockets_are_made_for_allowed_addresses_only() -> None:
    make = public_sockets(allow_loopback=False)
    kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
    make((*kind, ("1.1.1.1", 443))).close()
    with pytest.raises(OSError, match="not a public address"):
        make((*kind, ("127.0.0.1", 443)))
    public_sockets(allow_loopback=True)((*kind, ("127.0.0.1", 443))).close()


@pytest.mark.parametrize(
    "base",
    ["https://peers.example", "https://peers.example:8443/some/path?x=1", "https://1.1.1.1", "https://[2606:4700::1]"],
)
def test_public_addresses_are_fine(base: str) -> None:
    check_url(URL(base), allow_loopback=False)
    check_url(URL(base), allow_loopback=True)


def test_even_with_loopback_allowed_plain_http_stays_at_home() -> None:
    for base in ("http://127.0.0.1:1", "http://localhost", "http://192.168.0.9", "http://[::1]:5", "https://10.1.1.1"):
        check_url(URL(base), allow_loopback=True)
    for base in ("http://peers.example", "http://1.1.1.1", "https://169.254.169.254", "http://0.0.0.0"):
        with pytest.raises(TransportError):
            check_url(URL(base), allow_loopback=True)


async def test_the_host_of_our_account_alone_may_be_posted_to_on_this_computer() -> None:
    asked: list[str] = []

    async def take(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        return web.Response()

    async with serving(take) as home, serving(take) as other:
        client = HttpPeerChannels(home=home)
        await client.post(MailboxAddress(home, "c", ""), b"x")
        await client.post(MailboxAddress(f"{home}/", "c", ""), b"x")
        assert asked == ["/api/v1/channel/c"] * 2
        port = URL(home).port
        for elsewhere in (
            other,
            f"http://localhost:{port}",
            f"http://127.0.0.2:{port}",
            f"http://[::1]:{port}",
            f"http://[::ffff:127.0.0.1]:{port}",
            f"http://2130706433:{port}",
            f"https://127.0.0.1:{port}",
            f"{home}/admin",
            f"{home}?delete=1",
            f"{home}#x",
            home.replace("//", "//user@"),
            home.replace("//", "//@"),
            home.replace("127.0.0.1", "127.0.0.1\\"),
            "http://127.0.0.1",
            "http://127.0.0.1:x",
        ):
            with pytest.raises(TransportError):
                await client.post(MailboxAddress(elsewhere, "c", ""), b"x")
        assert len(asked) == 2
        await client.close()


async def test_an_account_that_is_opened_here_has_its_home_here() -> None:
    async with TokenizedHost().serving() as host:
        client = HttpPeerChannels()
        with pytest.raises(TransportError):
            await client.post(MailboxAddress(host.base_url, "c", ""), b"x")
        account = await client.create_account(host.base_url, host.operator_token)
        mailbox = await client.create_mailbox(account)
        await client.post(mailbox.address, b"x")
        await client.close()


@pytest.mark.parametrize("host", ["peers.example", "localhost.", "0x7f000001", "0x7f.1", "127.0.0.1.nip.example"])
async def test_what_a_name_leads_to_is_checked_for_every_connection(host: str) -> None:
    """It may have led to a public place a moment ago."""
    names = Names()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        requests = Requests(allow_loopback=False, now=lambda: 0, resolver=lambda: names, total_seconds=5)
        for address in ("10.0.0.1", "127.0.0.1", "::1", "::ffff:127.0.0.1", "::127.0.0.1"):
            names.addresses = (address,)
            with pytest.raises(TransportError):
                await requests.post(f"https://{host}:{listening.getsockname()[1]}", "/channel/c", {}, b"x")
        await requests.close()
        assert names.asked > 0
        assert nobody_called(listening)


async def test_our_own_host_may_be_on_this_computer_and_a_strangers_may_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        base = f"http://127.0.0.1:{free.getsockname()[1]}"
    client = HttpPeerChannels()
    with pytest.raises(TransportError) as caught:
        await client.mailboxes(Account(base, "1", "t"))
    assert not caught.value.gone, "nobody answers there now"
    with pytest.raises(TransportError) as caught:
        await client.post(MailboxAddress(base, "c", ""), b"x")
    assert caught.value.gone, "not a place to post to"
    await client.close()


async def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        assert aiohttp.helpers.proxies_from_env()
        requests = Requests(allow_loopback=True, now=lambda: 0)
        with pytest.raises(TransportError):
            await requests.post("http://127.0.0.1:1", "/channel/c", {}, b"x")
        await requests.close()
        assert nobody_called(proxy)
