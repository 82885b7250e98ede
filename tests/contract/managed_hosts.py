"""Small hosts that answer as the SPV and ElectrumSV servers do; see `channel_hosts`."""

from __future__ import annotations

import base64
import json
import secrets
import struct
from typing import Any

from aiohttp import web

from channels_desktop.engine.ports import Account
from channels_desktop.host.messages import BSOR_TYPE, HostMessage
from tests.contract.channel_hosts import MESSAGE_BYTES, Channel, FakeHost, Token, bearer


class ManagedHost(FakeHost):
    """What the two servers with channels in JSON share."""

    head = ""

    def _json(self, channel: Channel) -> dict[str, Any]:
        return {
            "id": channel.id,
            "href": f"{self.base_url}/api/v1/channel/{channel.id}",
            "public_read": False,
            "public_write": False,
            "sequenced": channel.sequenced,
            "locked": channel.locked,
            self.head: len(channel.messages),
            "retention": {"min_age_days": 0, "max_age_days": 0, "auto_prune": False},
            "access_tokens": [self._token_json(token) for token in channel.tokens],
        }

    def _token_json(self, token: Token) -> dict[str, Any]:
        return {
            "id": token.number,
            "token": token.text,
            "description": token.description,
            "can_read": token.can_read,
            "can_write": token.can_write,
        }

    def _owner(self, request: web.Request) -> str:
        """Return the account that manages; raise what the server answers to strangers."""
        raise NotImplementedError

    def _managed(self, request: web.Request) -> Channel:
        """Return a channel of the account; raise what the server answers where it is none."""
        raise NotImplementedError

    def _readable(self, request: web.Request) -> tuple[Channel, Token]:
        """Return the channel and the token that a message call is about."""
        raise NotImplementedError

    def _routes(self, manage: str) -> list[web.RouteDef]:
        channel = "/api/v1/channel/{channel}"
        return [
            web.get(manage + "/list", self.list_channels),
            web.post(manage, self.create_channel),
            web.get(manage + "/{channel}", self.get_channel),
            web.delete(manage + "/{channel}", self.delete_channel),
            web.post(manage + "/{channel}/api-token", self.create_token),
            web.post(channel, self.post),
            web.get(channel, self.read),
            web.post(channel + "/{sequence}", self.mark),
        ]

    async def list_channels(self, request: web.Request) -> web.Response:
        owner = self._owner(request)
        return self._listed([self._json(channel) for channel in self.channels.values() if channel.owner == owner])

    def _listed(self, channels: list[dict[str, Any]]) -> web.Response:
        raise NotImplementedError

    async def create_channel(self, request: web.Request) -> web.Response:
        owner, wanted = self._owner(request), await request.json()
        assert {"public_read", "public_write", "sequenced", "retention"} == set(wanted)
        assert {"min_age_days", "max_age_days", "auto_prune"} == set(wanted["retention"])
        channel = self.add_channel(owner)
        self.add_token(channel, "Owner", can_read=True, can_write=True)
        return web.json_response(self._json(channel))

    async def get_channel(self, request: web.Request) -> web.Response:
        return web.json_response(self._json(self._managed(request)))

    async def delete_channel(self, request: web.Request) -> web.Response:
        del self.channels[self._managed(request).id]
        return web.Response(status=204)

    async def create_token(self, request: web.Request) -> web.Response:
        channel, wanted = self._managed(request), await request.json()
        token = self.add_token(
            channel, wanted["description"], can_read=wanted["can_read"], can_write=wanted["can_write"]
        )
        return web.json_response(self._token_json(token))

    async def post(self, request: web.Request) -> web.Response:
        raise NotImplementedError

    async def read(self, request: web.Request) -> web.Response:
        channel, token = self._readable(request)
        only_unread = request.query.get("unread") == "true"
        found = channel.unread(token.text) if only_unread else channel.messages
        return web.json_response([self._message_json(message) for message in found[: self.page]], headers={"ETag": ""})

    @staticmethod
    def _message_json(message: HostMessage) -> dict[str, Any]:
        payload = base64.b64encode(message.payload).decode()
        return {
            "sequence": message.sequence,
            "received": message.notification().json()["received"],
            "content_type": message.content_type,
            "payload": payload,
        }

    async def mark(self, request: web.Request) -> web.Response:
        channel, token = self._readable(request)
        assert request.content_type == "application/json"
        assert await request.json() == {"read": True}
        assert request.query["older"] == "true"
        sequence = int(request.match_info["sequence"])
        if sequence not in {message.sequence for message in channel.messages}:
            raise web.HTTPNotFound
        channel.mark(token.text, sequence)
        return web.Response()


class SpvHost(ManagedHost):
    """The C# server: Basic, ProblemDetails (400 around other errors), string ids, a socket for each channel."""

    head = "head"

    def routes(self) -> list[web.RouteDef]:
        notify = web.get("/api/v1/channel/{channel}/notify", self.notify)
        return [*self._routes("/api/v1/account/{account}/channel"), notify]

    def _token_json(self, token: Token) -> dict[str, Any]:
        return {**super()._token_json(token), "id": str(token.number)}

    def _listed(self, channels: list[dict[str, Any]]) -> web.Response:
        return web.json_response({"channels": channels})

    def _owner(self, request: web.Request) -> str:
        kind, _, pair = request.headers.get("Authorization", "").partition(" ")
        shown = base64.b64decode(pair).decode() if kind == "Basic" else ""
        account = next((number for number, known in self.accounts.items() if known == shown), "")
        if not account:
            raise web.HTTPUnauthorized
        if request.match_info["account"] != account:
            raise web.HTTPForbidden
        return account

    def _managed(self, request: web.Request) -> Channel:
        owner, channel = self._owner(request), self.channels.get(request.match_info["channel"])
        if channel is None or channel.owner != owner:
            raise web.HTTPForbidden
        return channel

    def _readable(self, request: web.Request) -> tuple[Channel, Token]:
        return self._by_token(bearer(request), request.match_info["channel"])

    def _by_token(self, text: str, channel_id: str) -> tuple[Channel, Token]:
        for channel in self.channels.values():
            token = channel.token(text)
            if token is not None:
                if channel.id != channel_id:
                    raise web.HTTPForbidden
                return channel, token
        raise web.HTTPUnauthorized

    async def post(self, request: web.Request) -> web.Response:
        channel, token = self._readable(request)
        payload = await request.read()
        if not token.can_write:
            raise web.HTTPForbidden
        if len(payload) > MESSAGE_BYTES:
            return problem(413, "Payload Too Large")
        if channel.locked:
            return problem(403, "Channel is locked")
        if channel.sequenced and channel.unread(token.text):
            return problem(409, "Sequencing failure")
        message = self.add_message(channel, request.headers["Content-Type"], payload, token.text)
        await self._announce({reader.text for reader in channel.tokens if reader is not token}, message)
        return web.json_response(self._message_json(message))

    async def notify(self, request: web.Request) -> web.StreamResponse:
        _, token = self._by_token(request.query["token"], request.match_info["channel"])
        return await self._hold(request, token.text, [])

    async def _tell(self, line: web.WebSocketResponse, request: web.Request, message: HostMessage) -> None:
        await line.send_str(json.dumps("New message arrived"))


def problem(status: int, title: str) -> web.Response:
    """Answer as the C# server does: whatever the error, the status is 400."""
    body = {"type": "about:blank", "title": title, "status": status, "traceId": "|1.2"}
    return web.json_response(body, status=400, content_type="application/problem+json")


class EsvHost(ManagedHost):
    """ElectrumSV's server: a master key, errors in the reason phrase, one socket for the account."""

    head = "head_sequence"

    def routes(self) -> list[web.RouteDef]:
        more = [web.get("/api/v1/account", self.account), web.get("/api/v1/web-socket", self.notify)]
        return [*more, *self._routes("/api/v1/channel/manage")]

    def add_account(self) -> Account:
        account = super().add_account()
        key = self.accounts[account.account_id] = base64.urlsafe_b64encode(secrets.token_bytes(64)).decode()
        return Account(self.base_url, "", key)

    def _listed(self, channels: list[dict[str, Any]]) -> web.Response:
        return web.json_response(channels)

    def _owner(self, request: web.Request) -> str:
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            raise web.HTTPBadRequest(reason="10020: Missing header")
        account = next((number for number, key in self.accounts.items() if key == bearer(request)), "")
        if not account:
            raise web.HTTPUnauthorized
        return account

    def _managed(self, request: web.Request) -> Channel:
        owner, channel = self._owner(request), self.channels.get(request.match_info["channel"])
        if channel is None or channel.owner != owner:
            raise web.HTTPNotFound
        return channel

    def _readable(self, request: web.Request) -> tuple[Channel, Token]:
        if not bearer(request):
            raise web.HTTPBadRequest(reason="10020: Missing header")
        if request.method == "GET" and request.headers["Accept"] not in {"application/json", "*/*"}:
            raise web.HTTPBadRequest(reason="10010: Unsupported accept header")
        found = [(channel, channel.token(bearer(request))) for channel in self.channels.values()]
        for channel, token in found:
            if token is not None:
                if channel.id != request.match_info["channel"]:
                    raise web.HTTPInternalServerError
                return channel, token
        raise web.HTTPUnauthorized

    async def account(self, request: web.Request) -> web.Response:
        return web.json_response({"public_key_hex": "02" * 33, "api_key": self.accounts[self._owner(request)]})

    async def post(self, request: web.Request) -> web.Response:
        channel, token = self._readable(request)
        payload = await request.read()
        if request.content_type not in {"application/json", "application/octet-stream"}:
            raise web.HTTPBadRequest(reason="Unsupported content type")
        if not request.content_length:
            raise web.HTTPBadRequest(reason="Payload is empty")
        if len(payload) > MESSAGE_BYTES:
            return web.Response(status=413, reason="10009: Payload Too Large")
        if channel.locked:
            return web.Response(status=400, reason="10001: Channel is locked")
        if channel.sequenced and channel.unread(token.text):
            return web.Response(status=400, reason="10002: Sequencing failure")
        message = self.add_message(channel, request.content_type, payload, token.text)
        if token.description != "Owner":
            await self._announce({self.accounts[channel.owner]}, message)
        return web.json_response(self._message_json(message))

    async def notify(self, request: web.Request) -> web.StreamResponse:
        if request.query["token"] not in self.accounts.values():
            raise web.HTTPUnauthorized
        return await self._hold(request, request.query["token"], [])

    async def _tell(self, line: web.WebSocketResponse, request: web.Request, message: HostMessage) -> None:
        result = message.notification().json()
        if request.headers["Accept"] == BSOR_TYPE:
            await line.send_bytes(struct.pack(">I", 1) + json.dumps(result).encode())
        else:
            await line.send_json({"message_type": "bsvapi.channels.notification", "result": result})
