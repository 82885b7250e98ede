"""Behind a proxy that sends everybody's requests over one connection, each request is its sender's alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from channels_desktop.host.serve import Host
from tests import haproxy
from tests.contract.dialect_world import World, account_of
from tests.contract.raw_http import ask

STATUSES = {200, 400, 422, 501}
"""What the host says, or the proxy for itself."""


@dataclass(frozen=True)
class Pair:
    """Two accounts of one host, and the proxy before it."""

    host: Host
    proxy: str
    attacker: World
    victim: World

    async def victim_is_seen_as(self) -> str:
        """Return whose token the host says that the victim has shown."""
        answer = await ask(self.proxy, _request("GET", "/api/v1/account", self.victim.key))
        assert answer.status == 200
        return answer.json["api_key"]

    @property
    def connections(self) -> float | None:
        return self.host.metrics.registry.get_sample_value("channels_host_connections")


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    host = await Host.start(tmp_path / "host")
    try:
        attacker, victim = await account_of(host), await account_of(host)
        async with haproxy.sharing(host.base_url, tmp_path) as proxy:
            yield Pair(host, proxy, attacker, victim)
    finally:
        await host.stop()


def _request(method: str, path: str, token: str, *lines: str, body: bytes = b"") -> bytes:
    first = (f"{method} {path} HTTP/1.1", "Host: h", f"Authorization: Bearer {token}")
    return "\r\n".join((*first, *lines, "", "")).encode("latin-1") + body


async def test_two_clients_share_a_connection(pair: Pair) -> None:
    """Without this the tests below could be right for the wrong reason."""
    channel = await pair.attacker.tokenized_channel()
    post = _request("POST", f"/api/v1/channel/{channel.id}", channel.write_token, "Content-Length: 1", body=b"x")
    for _ in range(3):
        assert (await ask(pair.proxy, post)).status == 200
        assert await pair.victim_is_seen_as() == pair.victim.key
    assert pair.connections == 1


CHUNKED = "Transfer-Encoding: chunked"
TRAILERS = ("Authorization: Bearer {token}", "X-Any: 1", "Content-Length: 60", "Transfer-Encoding: chunked")
FRAMINGS: dict[str, tuple[tuple[str, ...], bytes]] = {
    **{f"the trailer {line}": ((CHUNKED,), b"1\r\nx\r\n0\r\n%b\r\n\r\n" % line.encode()) for line in TRAILERS},
    "two trailers": ((CHUNKED,), b"1\r\nx\r\n0\r\nX: y\r\nAuthorization: Bearer {token}\r\n\r\n"),
    "a trailer that begins with a blank": ((CHUNKED,), b"1\r\nx\r\n0\r\n Authorization: Bearer {token}\r\n\r\n"),
    "a chunk extension": ((CHUNKED,), b'1;a="b"\r\nx\r\n0\r\n\r\n'),
    "a bare line feed after a chunk extension": ((CHUNKED,), b"1;\nx\r\n0\r\n\r\n"),
    "a bare line feed after a chunk": ((CHUNKED,), b"1\r\nx\n0\r\n\r\n"),
    "a huge chunk": ((CHUNKED,), b"10000000000000001\r\nx\r\n0\r\n\r\n"),
    "a negative chunk": ((CHUNKED,), b"-1\r\nx\r\n0\r\n\r\n"),
    "two lengths": (("Content-Length: 1", "Content-Length: 2"), b"xy"),
    "the same length twice": (("Content-Length: 1", "Content-Length: 1"), b"x"),
    "a list of lengths": (("Content-Length: 1, 1",), b"x"),
    "a length with a sign": (("Content-Length: +1",), b"x"),
    "a length and chunks": (("Content-Length: 1", CHUNKED), b"1\r\nx\r\n0\r\n\r\n"),
    "a coding twice": ((CHUNKED, CHUNKED), b"1\r\nx\r\n0\r\n\r\n"),
    "another coding": (("Transfer-Encoding: identity, chunked",), b"1\r\nx\r\n0\r\n\r\n"),
    "a coding and a control character": (("Transfer-Encoding: \x0bchunked",), b"1\r\nx\r\n0\r\n\r\n"),
    "a blank before a colon": (("Content-Length : 1",), b"x"),
    "a folded header": (("X: y", " Content-Length: 1", "Content-Length: 1"), b"x"),
    "a folded coding": (("Transfer-Encoding:", " chunked"), b"1\r\nx\r\n0\r\n\r\n"),
    "a zero": (("X: \0", "Content-Length: 1"), b"x"),
    "a bare line feed in the head": (("X: y\nContent-Length: 1",), b"x"),
    "a bare carriage return in the head": (("X: y\rContent-Length: 1",), b"x"),
    "a body where there is none": ((), b"GET /x HTTP/1.1\r\nX: "),
    "what is upgraded": (("Connection: Upgrade", "Upgrade: websocket", "Content-Length: 1"), b"x"),
}


@pytest.mark.parametrize("name", FRAMINGS)
async def test_no_bytes_of_one_client_become_another_ones_request(pair: Pair, name: str) -> None:
    lines, body = FRAMINGS[name]
    channel = await pair.attacker.tokenized_channel()
    body = body.replace(b"{token}", pair.attacker.key.encode())
    assert await pair.victim_is_seen_as() == pair.victim.key  # the connection is there
    for path in (f"/api/v1/channel/{channel.id}", f"/api/v1/channel/{channel.id}/"):
        attack = _request("POST", path, channel.write_token, *lines, body=body)
        assert (await ask(pair.proxy, attack)).status in STATUSES
        assert await pair.victim_is_seen_as() == pair.victim.key
        assert await pair.victim_is_seen_as() == pair.victim.key
    path = f"/api/v1/channel/{channel.id}"
    stored = await ask(pair.proxy, _request("GET", path, channel.read_token, "Accept: application/json"))
    assert {message["payload"] for message in stored.json} <= {"eA=="}, "what is stored is what the body says"
