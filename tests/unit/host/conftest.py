"""A real host on loopback, and a plain HTTP client that shows what is on the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from channels_desktop.host.limits import Limits
from channels_desktop.host.messages import AccountReply, FullChannel
from channels_desktop.host.serve import Host

BSOR = {"Accept": "application/octet-stream"}
LIMITS = Limits(message_bytes=60_000)


class Plain:
    """One host and requests to it."""

    def __init__(self, host: Host, session: aiohttp.ClientSession) -> None:
        self.host = host
        self.session = session

    async def ask(
        self,
        method: str,
        path: str,
        token: str = "",
        *,
        data: bytes | AsyncIterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Make a request below /api/v1 and return status, headers and body."""
        sent = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        url = f"{self.host.base_url}/api/v1{path}"
        async with self.session.request(method, url, data=data, headers=sent, allow_redirects=False) as answer:
            return answer.status, answer.headers, await answer.read()

    async def account(self) -> tuple[str, str]:
        """Open an account; return its id and token."""
        status, _, body = await self.ask("POST", "/account", self.host.operator_token, headers=BSOR)
        assert status == 200
        url = urlsplit(AccountReply.from_bytes(body).url)
        return url.path.rpartition("/")[2], parse_qs(url.query)["token"][0]

    async def channel(self, account: tuple[str, str], query: str = "") -> FullChannel:
        """Create a channel."""
        status, headers, body = await self.ask(
            "POST", f"/account/{account[0]}/channel{query}", account[1], headers=BSOR
        )
        assert (status, headers["Content-Type"]) == (200, "application/octet-stream")
        return FullChannel.from_bytes(body)


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[Plain]:
    host = await Host.start(tmp_path / "host", limits=LIMITS)
    async with aiohttp.ClientSession() as session:
        yield Plain(host, session)
    await host.stop()
