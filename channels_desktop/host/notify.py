"""The websockets of all dialects: unread messages first where that is wanted, then every new one (channels.md 5.6).

A socket holds no queue of messages. It holds a position, reads the rows after it page by page at the pace of its
reader, and rests until somebody says that the account's mail has changed (`host/listeners.py`). So there is neither gap
nor duplicate between old and new, a slow reader costs one page of memory, and a lost wake-up costs nothing: the row is
the truth. Where the store tells what a commit added, a socket at rest sends just that instead of reading it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import WSCloseCode, web

from channels_desktop.errors import Refused, StoreError
from channels_desktop.host.frames import Form
from channels_desktop.host.http import Api
from channels_desktop.host.listeners import Wait
from channels_desktop.host.mailboxes import Line
from channels_desktop.host.messages import HostMessage
from channels_desktop.host.rows import Looking, Placed

HEARTBEAT_SECONDS = 30
GOODBYE_SECONDS = 3
LARGEST_CLIENT_FRAME = 4096

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Habits:
    """How a dialect's socket behaves: it begins with what is unread, tells again after a page, or ends at any word."""

    unread: bool = False
    tells_again: bool = False
    silent_client: bool = False


async def listen(api: Api, request: web.Request, line: Line, form: Form, habits: Habits) -> web.WebSocketResponse:
    """Serve one socket on `line` until either side ends it."""
    if request.headers.get("Upgrade", "").lower() != "websocket":
        raise Refused("bad_request", "this is the place of a websocket")
    socket = web.WebSocketResponse(
        timeout=GOODBYE_SECONDS, heartbeat=HEARTBEAT_SECONDS, max_msg_size=LARGEST_CLIENT_FRAME, compress=False
    )
    with api.listeners.waiting(line, socket, tells_again=habits.tells_again) as wait:
        if not habits.unread:
            wait.at = await api.look(lambda rules: rules.newest(line))
        await socket.prepare(request)
        async with asyncio.TaskGroup() as group:
            wait.pump = lambda: group.create_task(_pump(api, socket, wait, form))
            wait.wake()
            async for _ in socket:  # answers pings and sees the end; clients have nothing to say here
                if habits.silent_client:
                    await socket.close()
            wait.stop()
    return socket


async def _pump(api: Api, socket: web.WebSocketResponse, wait: Wait, form: Form) -> None:
    """Send what is unread, until nothing is left."""
    try:
        fresh, wait.fresh = wait.fresh, ()
        await _send_page(socket, wait, form, [one for one in fresh if one[0] > wait.at])
        while wait.changed:
            wait.changed, more = False, True
            while more:
                page, more = await _page(api, wait.line, wait.at)
                await _send_page(socket, wait, form, page)
            for message in await _left_by_pages(api, wait):
                await _send(socket, form(message))
    except ConnectionError:
        return  # the reader's end is gone; the receiving side sees it too
    except Refused:
        await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"there is nothing to listen to any more")
    except StoreError:
        await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"the store does not answer")
    except Exception as error:  # noqa: BLE001 - it fails this socket alone
        _log.error("a socket failed", exc_info=error)
        await socket.close(code=WSCloseCode.INTERNAL_ERROR, message=b"something failed here")
    finally:
        wait.task = None
        wait.rest()


async def _left_by_pages(api: Api, wait: Wait) -> list[HostMessage]:
    """Return, for each answer that a full page ended and whose last message is read by now, the next unread one."""
    found = []
    for channel_id, cut in tuple(wait.cuts.items()):
        try:
            left, _ = await _page(api, cut.line, cut.sequence - 1)
        except Refused:  # who asked has lost the right to read
            left = []
        if left and left[0][1].sequence == cut.sequence:
            continue
        if wait.cuts.get(channel_id) == cut:  # no other page since
            api.listeners.told(wait, channel_id)
        if left:
            found.append(left[0][1])
    return found


async def _page(api: Api, line: Line, at: int) -> tuple[list[Placed], bool]:
    looking = None
    if line.channel_id is None and line.token is not None:
        looking = Looking(line.account, line.token, at, api.limits.line_messages, api.limits.line_bytes)
    return await api.look(lambda rules: rules.unread_after(line, at), looking)


async def _send_page(socket: web.WebSocketResponse, wait: Wait, form: Form, page: Sequence[Placed]) -> None:
    for position, message in page:
        await _send(socket, form(message))
        wait.at = position


async def _send(socket: web.WebSocketResponse, frame: str | bytes) -> None:
    if isinstance(frame, bytes):
        await socket.send_bytes(frame)
    else:
        await socket.send_str(frame)
