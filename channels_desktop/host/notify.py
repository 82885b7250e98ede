"""The websockets of all dialects: unread messages first where that is wanted, then every new one (channels.md 5.6).

A socket holds no queue of messages. It holds a position, reads the rows after it page by page at the pace of its
reader, and rests until somebody says that the account's mail has changed (`host/listeners.py`). So there is neither gap
nor duplicate between old and new, a slow reader costs a page of small messages and a piece of a large one, and a lost
wake-up costs nothing: the row is the truth. A large message goes in fragments of one frame, each looked up when the one
before it has been taken. Where the store tells what a commit added, a socket at rest sends just that instead of reading
it again.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import WSCloseCode, WSMsgType, web

from channels_desktop.errors import Refused, StoreError
from channels_desktop.host.frames import Form, Parts
from channels_desktop.host.http import Api
from channels_desktop.host.listeners import Wait
from channels_desktop.host.mailboxes import Line
from channels_desktop.host.messages import HostMessage
from channels_desktop.host.rows import Looking, Placed

HEARTBEAT_SECONDS = 30
GOODBYE_SECONDS = 3
LARGEST_CLIENT_FRAME = 4096
PIECE_BYTES = 64 * 1024
FINAL = 0x80  # the bit of a frame's last fragment

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Habits:
    """How a dialect's socket behaves: it begins with what is unread, tells again after a page, or ends at any word.

    `parts` takes apart what holds a payload.
    """

    unread: bool = False
    tells_again: bool = False
    silent_client: bool = False
    parts: Callable[[HostMessage], Parts] | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    """An open socket and all that sends on it."""

    api: Api
    request: web.Request
    socket: web.WebSocketResponse
    wait: Wait
    form: Form
    parts: Callable[[HostMessage], Parts] | None

    async def send(self, frame: str | bytes) -> None:
        """Send a whole frame."""
        if isinstance(frame, bytes):
            await self.socket.send_bytes(frame)
        else:
            await self.socket.send_str(frame)

    async def send_page(self, left: deque[Placed]) -> None:
        """Send messages one after the other, and take each out of the page."""
        while left:
            position, message = left.popleft()
            if self.parts is None or len(message.payload) <= PIECE_BYTES:
                frame = self.form(message)
                del message
                await self.send(frame)
            else:
                parts, place = self.parts(message), (message.channel_id, message.sequence, len(message.payload))
                del message
                await self._send_parts(parts, *place)
            self.wait.at = position

    async def _send_parts(self, parts: Parts, channel_id: str, sequence: int, size: int) -> None:
        kind = WSMsgType.TEXT if parts.is_text else WSMsgType.BINARY
        await self._send_fragment(kind, parts.head)
        for start in range(0, size, PIECE_BYTES):
            piece = await self._piece(channel_id, sequence, start)
            if piece is None:  # the message has gone everywhere, and a frame that cannot be ended ends its connection
                if self.request.transport is not None:
                    self.request.transport.abort()
                raise ConnectionResetError
            await self._send_fragment(WSMsgType.CONTINUATION, parts.written(piece))
        await self._send_fragment(WSMsgType.CONTINUATION, parts.tail, last=True)

    async def _piece(self, channel_id: str, sequence: int, start: int) -> bytes | None:
        line = self.wait.line
        return await self.api.look(lambda rules: rules.piece(line, channel_id, sequence, start, PIECE_BYTES))

    async def _send_fragment(self, kind: WSMsgType, data: bytes, *, last: bool = False) -> None:
        """Send a part of a frame, as aiohttp itself does not; pings and pongs may come between."""
        transport = self.request.transport
        if transport is None or transport.is_closing() or self.socket.closed:
            raise ConnectionResetError
        transport.write(bytes([FINAL * last | kind]) + written_length(len(data)) + data)
        await self.request.writer.drain()


def written_length(size: int) -> bytes:
    """Return how a frame tells the length of its payload: in as few bytes as it can be told (RFC 6455 5.2)."""
    if size < 126:  # noqa: PLR2004 - as the standard has it
        return bytes([size])
    return struct.pack("!BH", 126, size) if size < 1 << 16 else struct.pack("!BQ", 127, size)


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
            line_to = _Line(api, request, socket, wait, form, habits.parts)
            wait.pump = lambda: group.create_task(_pump(line_to))
            wait.wake()
            async for _ in socket:  # answers pings and sees the end; clients have nothing to say here
                if habits.silent_client:
                    await socket.close()
            wait.stop()
    return socket


async def _pump(to: _Line) -> None:
    """Send what is unread, until nothing is left."""
    socket, wait = to.socket, to.wait
    try:
        fresh, wait.fresh = wait.fresh, ()
        left, fresh = deque(one for one in fresh if one[0] > wait.at), ()
        await to.send_page(left)
        while wait.changed:
            wait.changed = False
            while await _send_next(to):
                pass
            for frame in [to.form(message) for message in await _left_by_pages(to.api, wait)]:
                await to.send(frame)
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


async def _send_next(to: _Line) -> bool:
    """Send a page; return whether there may be more."""
    page, more = await _page(to.api, to.wait.line, to.wait.at)
    left, page = deque(page), []
    await to.send_page(left)
    return more


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
