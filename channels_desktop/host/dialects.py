"""All routes of the API: three dialects over one set of rules (peer channel API 1.6).

Where two dialects share a path, the request says which it speaks: Tokenized asks for BSOR, or sends nothing where the
others send JSON.
"""

from __future__ import annotations

from aiohttp import web

from channels_desktop.host import esv, json_channels, messaging, spv, tokenized
from channels_desktop.host.http import PREFIX, Handler, wants_bsor

_ACCOUNT = f"{PREFIX}/account/{{account}}"
_OWNED = f"{_ACCOUNT}/channel/{{channel}}"
_MANAGE = f"{PREFIX}/channel/manage"
_MANAGED = f"{_MANAGE}/{{channel}}"
CHANNEL = f"{PREFIX}/channel/{{channel}}"
_SEQUENCE = f"{CHANNEL}/{{sequence:[0-9]+}}"
_KEY = "{key:[0-9]+}"


async def create_channel(request: web.Request) -> web.Response:
    """Create a channel in the dialect of the request."""
    if wants_bsor(request.headers) or not await request.read():
        return await tokenized.create_channel(request)
    return await spv.CHANNELS.create_channel(request)


async def get_channel(request: web.Request) -> web.Response:
    """Show a channel in the dialect of the request."""
    show = tokenized.get_channel if wants_bsor(request.headers) else spv.CHANNELS.get_channel
    return await show(request)


# `manage` stands before what would take it for the id of a channel.
TABLE: tuple[tuple[str, str, Handler], ...] = (
    ("GET", f"{PREFIX}/endpoints", esv.endpoints),
    ("POST", f"{PREFIX}/account/register", esv.register),
    ("GET", f"{PREFIX}/account", esv.get_account),
    ("POST", _MANAGE, esv.CHANNELS.create_channel),
    ("GET", f"{_MANAGE}/list", esv.CHANNELS.list_channels),
    ("GET", _MANAGED, esv.CHANNELS.get_channel),
    ("POST", _MANAGED, esv.CHANNELS.amend_channel),
    ("DELETE", _MANAGED, json_channels.delete_channel),
    ("GET", f"{_MANAGED}/api-token", esv.CHANNELS.list_tokens),
    ("POST", f"{_MANAGED}/api-token", esv.CHANNELS.create_token),
    ("GET", f"{_MANAGED}/api-token/{_KEY}", esv.CHANNELS.get_token),
    ("DELETE", f"{_MANAGED}/api-token/{_KEY}", json_channels.revoke_token),
    ("GET", f"{PREFIX}/web-socket", esv.listen),
    ("POST", f"{PREFIX}/account", tokenized.create_account),
    ("GET", _ACCOUNT, tokenized.get_account),
    ("GET", f"{_ACCOUNT}/channels", tokenized.list_channels),
    ("GET", f"{PREFIX}/notify", tokenized.listen),
    ("GET", f"{PREFIX}//notify", tokenized.listen),  # how the reference client writes it
    ("POST", f"{_ACCOUNT}/channel", create_channel),
    ("GET", f"{_ACCOUNT}/channel/list", spv.CHANNELS.list_channels),
    ("GET", _OWNED, get_channel),
    ("POST", _OWNED, spv.CHANNELS.amend_channel),
    ("DELETE", _OWNED, json_channels.delete_channel),
    ("GET", f"{_OWNED}/api-token", spv.CHANNELS.list_tokens),
    ("POST", f"{_OWNED}/api-token", spv.CHANNELS.create_token),
    ("GET", f"{_OWNED}/api-token/{_KEY}", spv.CHANNELS.get_token),
    ("DELETE", f"{_OWNED}/api-token/{_KEY}", json_channels.revoke_token),
    ("POST", CHANNEL, messaging.post),
    ("GET", CHANNEL, messaging.read),
    ("HEAD", CHANNEL, messaging.head),
    ("GET", f"{CHANNEL}/metadata", messaging.metadata),
    ("GET", f"{CHANNEL}/notify", spv.listen),
    ("POST", _SEQUENCE, messaging.mark),
    ("DELETE", _SEQUENCE, messaging.delete),
)


def routes() -> list[web.RouteDef]:
    """Return the routes, each with and without a slash at its end: some clients write one before a query."""
    return [
        web.route(method, path + end, handler, **({"allow_head": False} if method == "GET" else {}))
        for end in ("", "/")
        for method, path, handler in TABLE
    ]
