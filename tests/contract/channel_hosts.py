"""Small hosts that answer as the original servers of the three dialects do, over real sockets (peer-channel-api 1).

They keep everything in memory and know no quotas. Each notes the requests it was asked.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSCloseCode, web

from channels_desktop.engine.ports import Account
from channels_desktop.host.messages import BSOR_TYPE, AccountReply, FullChannel, HostMessage
from channels_desktop.wire.bsor import write_list

RECEIVED = 1_800_000_000_000_000_000
MESSAGE_BYTES = 100_000
PATIENCE = 60


@dataclass
class Token:
    number: int
    text: str
    description: str
    can_read: bool
    can_write: bool


@dataclass
class Channel:
    id: str
    owner: str
    tokens: list[Token] = field(default_factory=list)
    messages: list[HostMessage] = field(default_factory=list)
    read: set[tuple[str, int]] = field(default_factory=set)
    locked: bool = False
    sequenced: bool = False
    public: bool = False

    def token(self, text: str) -> Token | None:
        return next((token for token in self.tokens if token.text == text), None)

    def unread(self, text: str) -> list[HostMessage]:
        return [message for message in self.messages if (text, message.sequence) not in self.read]

    def mark(self, text: str, sequence: int) -> None:
        self.read |= {(text, message.sequence) for message in self.messages if message.sequence <= sequence}


class FakeHost:
    """What all three keep: accounts, channels, sockets, and what was asked."""

    first_sequence = 1
    page = 1000

    def __init__(self) -> None:
        self.base_url = ""
        self.operator_token = secrets.token_urlsafe(16)
        self.accounts: dict[str, str] = {}
        self.channels: dict[str, Channel] = {}
        self.sockets: list[tuple[str, web.WebSocketResponse, web.Request]] = []
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self._sockets_changed = asyncio.Event()
        self.websockets = True
        self.failing: Callable[[web.Request], web.StreamResponse | None] = lambda _: None

    def add_account(self) -> Account:
        """Make an account as the host's operator does."""
        number = str(len(self.accounts) + 1)
        self.accounts[number] = f"user{number}:{secrets.token_urlsafe(8)}"
        return Account(self.base_url, number, self.accounts[number])

    def add_channel(self, owner: str) -> Channel:
        made = Channel(secrets.token_urlsafe(8), owner)
        self.channels[made.id] = made
        return made

    def add_token(self, channel: Channel, description: str, *, can_read: bool, can_write: bool) -> Token:
        made = Token(len(channel.tokens) + 1, secrets.token_urlsafe(8), description, can_read, can_write)
        channel.tokens.append(made)
        return made

    def add_message(self, channel: Channel, content_type: str, payload: bytes, token: str = "") -> HostMessage:
        sequence = len(channel.messages) + self.first_sequence
        made = HostMessage(
            sequence=sequence, received=RECEIVED, content_type=content_type, channel_id=channel.id, payload=payload
        )
        channel.messages.append(made)
        if token:
            channel.read.add((token, sequence))
        return made

    def routes(self) -> list[web.RouteDef]:
        raise NotImplementedError

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[FakeHost]:
        """Serve until the end of the block."""
        app = web.Application(middlewares=[self._note])
        app.router.add_routes(self.routes())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        listening = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(runner, listening).start()
        self.base_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            yield self
        finally:
            await self.hang_up()
            await runner.cleanup()

    async def hang_up(self) -> None:
        """End all websockets."""
        for _, line, _ in [*self.sockets]:
            await line.close(code=WSCloseCode.GOING_AWAY)

    @web.middleware
    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        body = await request.read()
        self.asked.append((request.method, request.path_qs, dict(request.headers), body))
        answer = self.failing(request)
        upgrading = request.headers.get("Upgrade") == "websocket"
        if answer is None and upgrading and not self.websockets:
            answer = web.Response(status=400, text="No WebSocket UPGRADE hdr: None")
        return answer if answer is not None else await handler(request)

    async def _hold(self, request: web.Request, key: str, backlog: list[HostMessage]) -> web.WebSocketResponse:
        """Keep a websocket open until the client goes or says anything."""
        line = web.WebSocketResponse(timeout=1)
        await line.prepare(request)
        entry = (key, line, request)
        for message in backlog:
            await self._tell(line, request, message)
        self.sockets.append(entry)
        self._sockets_changed.set()
        try:
            async for _ in line:
                break
            await line.close()
        finally:
            self.sockets.remove(entry)
            self._sockets_changed.set()
        return line

    async def until_sockets(self, count: int) -> None:
        """Wait until so many websockets are open."""
        async with asyncio.timeout(PATIENCE):
            while len(self.sockets) != count:
                self._sockets_changed.clear()
                await self._sockets_changed.wait()

    async def tell_all(self, message: HostMessage) -> None:
        """Announce a message on all websockets."""
        await self._announce({key for key, _, _ in self.sockets}, message)

    async def _announce(self, keys: set[str], message: HostMessage) -> None:
        for key, line, request in [*self.sockets]:
            if key in keys:
                await self._tell(line, request, message)

    async def _tell(self, line: web.WebSocketResponse, request: web.Request, message: HostMessage) -> None:
        raise NotImplementedError


ENDLESS = b'[{"sequence":1,"payload":"' + b"A" * (40 << 20)
"""The beginning of a list of messages that is larger than anybody reads."""


def endless() -> web.Response:
    """Answer with it."""
    return web.Response(body=ENDLESS, content_type="application/json")


def bearer(request: web.Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


class TokenizedHost(FakeHost):
    """BSOR only, the account token for everything, whole messages over `/notify`."""

    def routes(self) -> list[web.RouteDef]:
        account = "/api/v1/account"
        return [
            web.post(account, self.create_account),
            web.post(account + "/{account}/channel", self.create_channel),
            web.get(account + "/{account}/channels", self.list_channels),
            web.delete(account + "/{account}/channel/{channel}", self.delete_channel),
            web.post("/api/v1/channel/{channel}", self.post),
            web.get("/api/v1/channel/{channel}", self.read),
            web.post("/api/v1/channel/{channel}/{sequence}", self.mark),
            web.get("/api/v1/notify", self.notify),
        ]

    def _account(self, request: web.Request) -> str:
        account = request.match_info["account"]
        if self.accounts.get(account) != bearer(request):
            raise web.HTTPUnauthorized
        return account

    def _own(self, request: web.Request) -> Channel:
        channel = self.channels.get(request.match_info["channel"])
        if channel is None:
            raise web.HTTPNotFound
        if bearer(request) != self.accounts[channel.owner]:
            raise web.HTTPUnauthorized
        return channel

    @staticmethod
    def _full(channel: Channel) -> FullChannel:
        by_name = {token.description: token.text for token in channel.tokens}
        return FullChannel(
            id=channel.id,
            account_id=channel.owner,
            read_token=by_name["read"],
            write_token=by_name.get("write", ""),
        )

    async def create_account(self, request: web.Request) -> web.Response:
        if bearer(request) != self.operator_token:
            raise web.HTTPUnauthorized
        account = self.add_account()
        token = self.accounts[account.account_id] = secrets.token_urlsafe(8)
        url = f"api/v1/account/{account.account_id}?token={token}"
        return web.Response(body=AccountReply(url=url).to_bytes(), content_type=BSOR_TYPE)

    async def create_channel(self, request: web.Request) -> web.Response:
        channel = self.add_channel(self._account(request))
        self.add_token(channel, "read", can_read=True, can_write=False)
        channel.public = "public" in request.query
        if not channel.public:
            self.add_token(channel, "write", can_read=False, can_write=True)
        return web.Response(body=self._full(channel).to_bytes(), content_type=BSOR_TYPE)

    async def list_channels(self, request: web.Request) -> web.Response:
        account = self._account(request)
        found = [self._full(channel) for channel in self.channels.values() if channel.owner == account]
        return web.Response(body=write_list(found), content_type=BSOR_TYPE)

    async def delete_channel(self, request: web.Request) -> web.Response:
        account, channel = self._account(request), self.channels.get(request.match_info["channel"])
        if channel is None or channel.owner != account:
            raise web.HTTPNotFound
        del self.channels[channel.id]
        return web.Response()

    async def post(self, request: web.Request) -> web.Response:
        channel = self.channels.get(request.match_info["channel"])
        if channel is None:
            raise web.HTTPNotFound
        token = channel.token(bearer(request))
        if not (channel.public or (token is not None and token.can_write)):
            raise web.HTTPUnauthorized
        payload = await request.read()
        if len(payload) > MESSAGE_BYTES:
            raise web.HTTPRequestEntityTooLarge(MESSAGE_BYTES, len(payload))
        if not payload:
            raise web.HTTPBadRequest
        message = self.add_message(channel, request.headers["Content-Type"], payload)
        await self._announce({self.accounts[channel.owner]}, message)
        return web.Response()

    async def read(self, request: web.Request) -> web.Response:
        channel = self._own(request)
        assert request.query["unread"] == "true"
        found = channel.unread(bearer(request))[: min(self.page, int(request.query["count"]))]
        return web.Response(body=write_list(found), content_type=BSOR_TYPE)

    async def mark(self, request: web.Request) -> web.Response:
        assert (request.query["read"], request.query["older"]) == ("true", "true")
        self._own(request).mark(bearer(request), int(request.match_info["sequence"]))
        return web.Response()

    async def notify(self, request: web.Request) -> web.StreamResponse:
        token = request.query["token"]
        if token not in self.accounts.values():
            raise web.HTTPUnauthorized
        mine = [channel for channel in self.channels.values() if self.accounts[channel.owner] == token]
        return await self._hold(request, token, [message for channel in mine for message in channel.unread(token)])

    async def _tell(self, line: web.WebSocketResponse, request: web.Request, message: HostMessage) -> None:
        await line.send_bytes(message.to_bytes())
