"""The SPV Channels dialect: accounts that use Basic, token ids as text, a socket for each channel."""

from __future__ import annotations

from aiohttp import web

from channels_desktop.host import notify
from channels_desktop.host.frames import channel_news
from channels_desktop.host.http import API, channel_id, query_credential
from channels_desktop.host.json_channels import Dialect

CHANNELS = Dialect(token_id=str, listed=lambda channels: {"channels": channels}, lists_nothing=True)


async def listen(request: web.Request) -> web.StreamResponse:
    """Serve the websocket of one channel: text, whatever the client accepts (ESV clients ask for something else)."""
    api = request.app[API]
    token, channel = query_credential(request), channel_id(request)
    line = await api.look(lambda rules: rules.channel_line(token, channel))
    return await notify.listen(api, request, line, channel_news, notify.Habits(tells_again=True))
