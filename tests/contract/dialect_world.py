"""One host with an account, and the clients of three dialects that use it."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from channels_desktop.bitcoin.signed_messages import is_signed_message
from channels_desktop.host.limits import Limits
from channels_desktop.host.messages import AccountReply, FullChannel
from channels_desktop.host.options import SQLITE, Options
from channels_desktop.host.serve import Host
from tests import postgres
from tests.contract.channel_clients import BSOR, Axios, ElectrumSV, Go, Tokenized, basic
from tests.contract.raw_http import Answer

LIMITS = Limits(message_bytes=65_536, page_messages=4, registrations_per_hour=3)
RETENTION = {"min_age_days": 0, "max_age_days": 0, "auto_prune": True}
CREATE = {"public_read": False, "public_write": False, "sequenced": False, "retention": RETENTION}
CHANNEL_KEYS = {
    "id",
    "href",
    "public_read",
    "public_write",
    "sequenced",
    "locked",
    "head",
    "head_sequence",
    "retention",
    "access_tokens",
}
TOKEN_KEYS = {"id", "token", "description", "can_read", "can_write"}
MESSAGE_KEYS = ["sequence", "received", "content_type", "payload"]


@dataclass(frozen=True)
class World:
    """One host with an account, whose token is `key`."""

    host: Host
    account: str
    key: str

    @property
    def url(self) -> str:
        return self.host.base_url

    def go(self, token: str = "") -> Go:
        return Go(self.url, f"Bearer {token}" if token else basic("dev", self.key))

    def axios(self, token: str = "") -> Axios:
        return Axios(self.url, f"Bearer {token}" if token else basic("dev", self.key))

    def wallet(self, token: str = "") -> ElectrumSV:
        return ElectrumSV(self.url, f"Bearer {token or self.key}")

    def tokenized(self, token: str = "") -> Tokenized:
        return Tokenized(self.url, f"Bearer {token}" if token else "")

    async def spv_channel(self, **settings: object) -> Any:
        """Create a channel as go-spvchannels does."""
        body = {"accountid": int(self.account), **CREATE, **settings}
        answer = await self.go().call("POST", f"/account/{self.account}/channel", body)
        assert (answer.status, answer.reason) == (200, "OK")
        return answer.json

    async def spv_token(self, channel: str, *, can_read: bool = True, can_write: bool = True) -> Any:
        body = {
            "accountid": int(self.account),
            "channelid": channel,
            "description": "a peer",
            "can_read": can_read,
            "can_write": can_write,
        }
        answer = await self.go().call("POST", f"/account/{self.account}/channel/{channel}/api-token", body)
        assert answer.status == 200
        return answer.json

    async def esv_channel(self, **settings: object) -> Any:
        """Create a channel as ElectrumSV does."""
        body = {**CREATE, "public_write": True, "sequenced": True, **settings}
        answer = await self.wallet().call("POST", "/channel/manage", body)
        assert answer.status == 200
        return answer.json

    async def tokenized_channel(self, query: str = "") -> FullChannel:
        """Create a channel as tokenized/pkg does."""
        answer = await self.tokenized(self.key).call("POST", f"/account/{self.account}/channel{query}", reads=True)
        return FullChannel.from_bytes(bsor(answer))


def bsor(answer: Answer) -> bytes:
    """Return a body that tokenized/pkg accepts: its content type is compared as a whole."""
    assert (answer.status, answer.headers["content-type"]) == (200, BSOR)
    return answer.body


def payloads(answer: Answer) -> list[bytes]:
    return [base64.b64decode(message["payload"], validate=True) for message in answer.json]


async def account_of(host: Host) -> World:
    answer = await Tokenized(host.base_url, f"Bearer {host.operator_token}").call("POST", "/account", reads=True)
    url = urlsplit(AccountReply.from_bytes(bsor(answer)).url)
    return World(host, url.path.rpartition("/")[2], parse_qs(url.query)["token"][0])


@asynccontextmanager
async def opened(folder: Path, store: str, limits: Limits = LIMITS) -> AsyncIterator[World]:
    """Start a host on one of the `STORES` and open an account there."""
    async with AsyncExitStack() as undo:
        url = await undo.enter_async_context(postgres.database()) if store == "postgres" else SQLITE
        chosen = Options(data=folder, database=url, limits=limits, registration=True)
        host = await Host.open(chosen, is_signed=is_signed_message)
        undo.push_async_callback(host.stop)
        yield await account_of(host)
