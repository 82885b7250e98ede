"""The routes of the Tokenized dialect (channels.md 5.4)."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

from aiohttp import web

from channels_desktop.errors import Refused
from channels_desktop.host import notify
from channels_desktop.host.http import API, PREFIX, Handler, bearer, flag, reply, reply_list
from channels_desktop.host.messages import BSOR_TYPE, AccountReply, ChannelData, FullChannel, HostMessage

_DIGITS = 18
_SEQUENCE = r"{sequence:\d{1,18}}"


def routes() -> list[web.RouteDef]:
    """Return the routes, each with and without a slash at its end."""
    account, channel = f"{PREFIX}/account", f"{PREFIX}/channel/{{channel}}"
    table: tuple[tuple[str, str, Handler], ...] = (
        ("POST", account, create_account),
        ("GET", f"{account}/{{account}}", get_account),
        ("POST", f"{account}/{{account}}/channel", create_channel),
        ("GET", f"{account}/{{account}}/channels", list_channels),
        ("GET", f"{account}/{{account}}/channel/{{channel}}", get_channel),
        ("DELETE", f"{account}/{{account}}/channel/{{channel}}", delete_channel),
        ("GET", f"{channel}/metadata", metadata),
        ("POST", channel, post_message),
        ("GET", channel, read_messages),
        ("HEAD", channel, head),
        ("POST", f"{channel}/{_SEQUENCE}", mark),
        ("DELETE", f"{channel}/{_SEQUENCE}", delete_messages),
        ("GET", f"{PREFIX}/notify", listen),
    )
    return [web.route(method, path + end, handler) for method, path, handler in table for end in ("", "/")]


async def create_account(request: web.Request) -> web.Response:
    """Open an account for whoever bears the operator's token."""
    api = request.app[API]
    api.check_operator(request)
    account, token = await api.change(lambda rules: rules.create_account())
    return reply(request, AccountReply(url=f"{api.base_url}{PREFIX}/account/{account}?token={quote(token)}"))


async def get_account(request: web.Request) -> web.Response:
    """Say that the account is there, to its own token."""
    api = request.app[API]
    account = await _account(request)
    return reply(request, AccountReply(url=f"{api.base_url}{PREFIX}/account/{account}"))


async def create_channel(request: web.Request) -> web.Response:
    """Create a channel, public where the query says so."""
    await _account(request)
    token, public = bearer(request), flag(request, "public", default="public" in request.query)
    return reply(request, await request.app[API].change(lambda rules: rules.create_channel(token, public=public)))


async def list_channels(request: web.Request) -> web.Response:
    """List the account's channels."""
    await _account(request)
    token = bearer(request)
    found: tuple[FullChannel, ...] = await request.app[API].look(lambda rules: rules.channels(token))
    return reply_list(request, found, lambda: [channel.json() for channel in found])


async def get_channel(request: web.Request) -> web.Response:
    """Show one channel of the account."""
    await _account(request)
    token, channel = bearer(request), request.match_info["channel"]
    return reply(request, await request.app[API].look(lambda rules: rules.channel(token, channel)))


async def delete_channel(request: web.Request) -> web.Response:
    """Delete one channel of the account."""
    await _account(request)
    token, channel = bearer(request), request.match_info["channel"]
    await request.app[API].change(lambda rules: rules.delete_channel(token, channel))
    return web.Response(status=204)


async def post_message(request: web.Request) -> web.Response:
    """Store a message; the answer names its number, and comes after it is on disk."""
    api = request.app[API]
    token, channel = bearer(request), request.match_info["channel"]
    if (request.content_length or 0) > api.limits.message_bytes:
        raise Refused("too_large")
    payload = await request.read()
    content_type = request.headers.get("Content-Type", BSOR_TYPE)
    stored = await api.change(lambda rules: rules.post(token, channel, content_type, payload))
    return reply(request, stored.notification())


async def read_messages(request: web.Request) -> web.Response:
    """Return messages, oldest first: all, or unread ones, up to a count and to a page."""
    token, channel, unread = bearer(request), request.match_info["channel"], flag(request, "unread")
    count = _count(request)
    api = request.app[API]
    last, found = await api.look(lambda rules: rules.read(token, channel, count, unread=unread))
    answer = reply_list(request, found, lambda: [_plain_json(message) for message in found])
    answer.headers["ETag"] = str(last)
    return answer


async def head(request: web.Request) -> web.Response:
    """Return the highest sequence number as an ETag, without quotes: clients read it as a plain number."""
    token, channel = bearer(request), request.match_info["channel"]
    last = await request.app[API].look(lambda rules: rules.head(token, channel))
    return web.Response(headers={"ETag": str(last)})


async def mark(request: web.Request) -> web.Response:
    """Mark messages as read or unread."""
    token, channel, sequence = bearer(request), request.match_info["channel"], int(request.match_info["sequence"])
    read, older = flag(request, "read", default=True), flag(request, "older")
    await request.app[API].change(lambda rules: rules.mark(token, channel, sequence, read=read, older=older))
    return web.Response()


async def delete_messages(request: web.Request) -> web.Response:
    """Delete messages for the reader."""
    token, channel, sequence = bearer(request), request.match_info["channel"], int(request.match_info["sequence"])
    older = flag(request, "older")
    await request.app[API].change(lambda rules: rules.delete(token, channel, sequence, older=older))
    return web.Response()


async def metadata(request: web.Request) -> web.Response:
    """Say what the token's holder may know of the channel."""
    token, channel = bearer(request), request.match_info["channel"]
    size, auto_delete = await request.app[API].look(lambda rules: rules.metadata(token, channel))
    return reply(request, ChannelData(max_message_payload_size=size, auto_delete_read_messages=auto_delete))


async def listen(request: web.Request) -> web.StreamResponse:
    """Serve a websocket for an account token or a read token."""
    api = request.app[API]
    token = request.query.get("token", "") or bearer(request)
    line = await api.look(lambda rules: rules.line(token))
    if request.headers.get("Upgrade", "").lower() != "websocket":
        raise Refused("bad_request", "this is the place of a websocket")
    bsor = BSOR_TYPE in request.headers.get("Accept", "").lower()
    unread, full = flag(request, "sendunread"), flag(request, "fullmessages")
    return await notify.listen(api, request, line, unread=unread, full=full, bsor=bsor)


async def _account(request: web.Request) -> int:
    """Return the account of the path where the request bears its token; raise Refused otherwise."""
    token = bearer(request)
    account = await request.app[API].look(lambda rules: rules.account(token))
    if request.match_info["account"] != str(account):
        raise Refused("forbidden")
    return account


def _count(request: web.Request) -> int:
    text = request.query.get("count", "0")
    if not (text.isascii() and text.isdigit()) or len(text) > _DIGITS:
        raise Refused("bad_request", "count is a number")
    return int(text)


def _plain_json(message: HostMessage) -> dict[str, Any]:
    """Return the JSON form that the older dialects use on reading, with the payload in base64."""
    return {**message.notification().json(), "payload": base64.b64encode(message.payload).decode()}
