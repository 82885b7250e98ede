"""The Tokenized dialect: the operator opens accounts, bodies in BSOR, one socket for an account (channels.md 5.4)."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from channels_desktop.host import notify
from channels_desktop.host.frames import tokenized_form, tokenized_parts
from channels_desktop.host.http import API, PREFIX, as_account, channel_id, flag, query_credential, reply, reply_list
from channels_desktop.host.management import ChannelView
from channels_desktop.host.messages import BSOR_TYPE, AccountReply, FullChannel
from channels_desktop.host.rows import Settings


async def create_account(request: web.Request) -> web.Response:
    """Open an account for whoever bears the operator's token."""
    api = request.app[API]
    api.check_operator(request)
    account, token = await api.change(lambda rules: rules.create_account())
    return reply(request, AccountReply(url=f"{api.base_url}{PREFIX}/account/{account}?token={quote(token)}"))


async def get_account(request: web.Request) -> web.Response:
    """Say that the account is there, to its own token."""
    account = await as_account(request, lambda rules, token: rules.account(token), change=False)
    return reply(request, AccountReply(url=f"{request.app[API].base_url}{PREFIX}/account/{account}"))


async def create_channel(request: web.Request) -> web.Response:
    """Create a channel, public where the query says so."""
    public = flag(request, "public", default="public" in request.query)
    settings = Settings(public_write=public, auto_delete=request.app[API].limits.auto_delete)
    made = await as_account(
        request, lambda rules, token: rules.create_channel(token, settings, one_owner=False), change=True
    )
    return reply(request, _full(made))


async def list_channels(request: web.Request) -> web.Response:
    """List the account's channels."""
    found = await as_account(request, lambda rules, token: rules.channels(token), change=False)
    channels = tuple(_full(view) for view in found)
    return reply_list(request, channels, lambda: [channel.json() for channel in channels])


async def get_channel(request: web.Request) -> web.Response:
    """Show one channel of the account."""
    channel = channel_id(request)
    found = await as_account(request, lambda rules, token: rules.channel(token, channel), change=False)
    return reply(request, _full(found))


async def listen(request: web.Request) -> web.StreamResponse:
    """Serve a websocket for an account token or a read token."""
    api = request.app[API]
    token = query_credential(request)
    line = await api.look(lambda rules: rules.line(token))
    bsor = BSOR_TYPE in request.headers.get("Accept", "").lower()
    full = flag(request, "fullmessages")
    habits = notify.Habits(unread=flag(request, "sendunread"), parts=tokenized_parts(bsor=bsor) if full else None)
    return await notify.listen(api, request, line, tokenized_form(full=full, bsor=bsor), habits)


def _full(view: ChannelView) -> FullChannel:
    """Return a channel with the first token to read by and the first to write with; none to write where anybody may."""
    reads = (token.token for token in view.tokens if token.can_read)
    writes = (token.token for token in view.tokens if token.can_write)
    return FullChannel(
        id=view.id,
        account_id=str(view.account),
        read_token=next(reads, ""),
        write_token="" if view.settings.anybody_writes else next(writes, ""),
    )
