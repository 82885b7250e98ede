"""Writing, reading, marking and deleting messages: the routes below `/channel/{channel}` that all dialects share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

from aiohttp import hdrs, web

from channels_desktop.errors import Refused
from channels_desktop.host.frames import message_json
from channels_desktop.host.http import (
    API,
    Api,
    channel_id,
    credential,
    flag,
    is_plain,
    json_body,
    number,
    reply,
    reply_list,
    wants_bsor,
)
from channels_desktop.host.listeners import Cut
from channels_desktop.host.mailboxes import Head, Metadata
from channels_desktop.host.management import posting
from channels_desktop.host.messages import BSOR_TYPE, ChannelData, HostMessage

JSON_TYPE = "application/json; charset=utf-8"


async def post(request: web.Request) -> web.Response:
    """Store a message; the answer comes after it is on disk."""
    stored = await store(request.app[API], request.headers, channel_id(request), await request.read())
    body, kind = told(request.headers, stored)
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: kind})


def store(api: Api, headers: Mapping[str, str], channel: str, payload: bytes) -> asyncio.Future[HostMessage]:
    """Begin to store the message that a request brings; its headers say who writes, and what."""
    token = credential(headers)
    content_type = headers.get(hdrs.CONTENT_TYPE, BSOR_TYPE)
    if not is_plain(content_type):
        raise Refused("bad_request", "the content type is no plain text")
    return api.change(lambda rules: rules.post(token, channel, content_type, payload), posting(channel, token))


def told(headers: Mapping[str, str], stored: HostMessage) -> tuple[bytes, str]:
    """Return the body and the type of the answer to a post, which names the message's number.

    The answer repeats the payload in base64, as clients of SPV and ESV read it; not so in BSOR, nor for those who do
    not say what they accept: they do not read it.
    """
    if wants_bsor(headers):
        return stored.notification().to_bytes(), BSOR_TYPE
    body = message_json(stored, payload=hdrs.ACCEPT in headers)
    return json.dumps(body).encode(), JSON_TYPE


async def read(request: web.Request) -> web.Response:
    """Return messages, oldest first: all, or unread ones, up to a count and to a page."""
    api = request.app[API]
    token, channel, unread = credential(request.headers), channel_id(request), flag(request, "unread")
    count = number(request.query.get("count", "0"), "count")
    last, found = await api.look(lambda rules: rules.read(token, channel, count, unread=unread))
    answer = reply_list(request, found, lambda: [message_json(message) for message in found])
    answer.headers["ETag"] = str(last)
    if unread and token and not count and _fills_a_page(api, found, last):
        cut = Cut(await api.look(lambda rules: rules.channel_line(token, channel)), found[-1].sequence)
        api.listeners.cut(cut)
        api.store.tell(cut.text())
    return answer


async def head(request: web.Request) -> web.Response:
    """Return the highest sequence number as an ETag, without quotes: clients read it as a plain number."""
    token, channel = credential(request.headers), channel_id(request)
    found: Head = await request.app[API].look(lambda rules: rules.head(token, channel))
    flags = "r" * found.can_read + "w" * found.can_write
    return web.Response(headers={"ETag": str(found.sequence), "Channel-Flags": flags})


async def mark(request: web.Request) -> web.Response:
    """Mark messages as read or unread, as the query says or else the body; read where neither does."""
    token, channel, sequence = credential(request.headers), channel_id(request), _sequence(request)
    api, older, as_read = request.app[API], flag(request, "older"), flag(request, "read", default=True)
    if not request.query.get("read") and await request.read():
        said = (await json_body(request)).get("read")
        if not isinstance(said, bool):
            raise Refused("bad_request", "read is true or false")
        as_read = said
    await api.change(lambda rules: rules.mark(token, channel, sequence, read=as_read, older=older))
    api.listeners.marked(channel)
    return web.Response()


async def delete(request: web.Request) -> web.Response:
    """Delete messages for the reader."""
    token, channel, sequence = credential(request.headers), channel_id(request), _sequence(request)
    api, older = request.app[API], flag(request, "older")
    await api.change(lambda rules: rules.delete(token, channel, sequence, older=older))
    api.listeners.marked(channel)
    return web.Response()


async def metadata(request: web.Request) -> web.Response:
    """Say what the token's holder may know of the channel; in JSON also what the host allows and what is used."""
    token, channel = credential(request.headers), channel_id(request)
    found: Metadata = await request.app[API].look(lambda rules: rules.metadata(token, channel))
    # False would be written as true (wire-format 11), so it is left out.
    known = ChannelData(
        max_message_payload_size=found.max_message_payload_size, auto_delete_read_messages=found.auto_delete or None
    )
    if wants_bsor(request.headers):
        return reply(request, known)
    limits, account = found.limits, found.account
    quotas = {
        "stored_bytes": found.stored,
        "max_mailbox_bytes": limits.mailbox_bytes,
        "max_page_messages": limits.page_messages,
        "max_page_bytes": limits.page_bytes,
        "posts_per_second": limits.posts_per_second or None,
    }
    if account is not None:
        quotas |= {
            "account_stored_bytes": account.stored,
            "max_account_bytes": limits.account_bytes,
            "account_channels": account.channels,
            "max_channels": limits.channels,
            "max_tokens": limits.tokens,
        }
    return web.json_response({**known.json(), **{name: value for name, value in quotas.items() if value is not None}})


def _sequence(request: web.Request) -> int:
    return number(request.match_info["sequence"], "sequence")


def _fills_a_page(api: Api, found: tuple[HostMessage, ...], last: int) -> bool:
    """Whether a page's bound, not the end of what is unread, may have ended an answer."""
    if not found or found[-1].sequence >= last:
        return False
    size = sum(len(message.payload) for message in found)
    return len(found) >= api.limits.page_messages or size >= api.limits.page_bytes
