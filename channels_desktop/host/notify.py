"""The websocket of the Tokenized dialect: unread messages first, then every new one (channels.md 5.6).

A socket holds no queue of messages. It holds a position, reads the rows after it page by page at the pace of its
reader, and sleeps until somebody says that the account's mail has changed. So there is neither gap nor duplicate
between old and new, a slow reader costs one page of memory, and a lost wake-up costs nothing: the row is the truth.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from aiohttp import WSCloseCode, web

from channels_desktop.errors import ChannelsError
from channels_desktop.host.mailboxes import Line, Placed
from channels_desktop.host.messages import HostMessage

if TYPE_CHECKING:
    from channels_desktop.host.http import Api

HEARTBEAT_SECONDS = 30
GOODBYE_SECONDS = 3
LARGEST_CLIENT_FRAME = 4096


class Listeners:
    """Who waits for mail of which account, and all open sockets."""

    def __init__(self) -> None:
        self._waiting: dict[int, set[asyncio.Event]] = {}
        self._sockets: set[web.WebSocketResponse] = set()

    def wake(self, accounts: Iterable[int]) -> None:
        """Let everybody who waits for one of `accounts` look again."""
        for account in accounts:
            for event in self._waiting.get(account, ()):
                event.set()

    @contextlib.contextmanager
    def waiting(self, account: int, socket: web.WebSocketResponse) -> Iterator[asyncio.Event]:
        """Yield an event that is set whenever the account's mail may have changed."""
        event = asyncio.Event()
        self._waiting.setdefault(account, set()).add(event)
        self._sockets.add(socket)
        try:
            yield event
        finally:
            self._sockets.discard(socket)
            self._waiting[account].discard(event)
            if not self._waiting[account]:
                del self._waiting[account]

    async def close(self) -> None:
        """Say good-bye on all sockets."""
        await asyncio.gather(*(socket.close(code=WSCloseCode.GOING_AWAY) for socket in self._sockets))


async def listen(
    api: Api, request: web.Request, line: Line, *, unread: bool, full: bool, bsor: bool
) -> web.WebSocketResponse:
    """Serve one socket on `line` until either side ends it."""
    socket = web.WebSocketResponse(
        timeout=GOODBYE_SECONDS, heartbeat=HEARTBEAT_SECONDS, max_msg_size=LARGEST_CLIENT_FRAME, compress=False
    )
    with api.listeners.waiting(line.account, socket) as changed:
        start = 0 if unread else await api.look(lambda rules: rules.newest(line))
        await socket.prepare(request)
        send = _sender(socket, full=full, bsor=bsor)
        async with asyncio.TaskGroup() as group:
            pump = group.create_task(_pump(api, socket, line, start, changed, send))
            async for _ in socket:  # answers pings and sees the end; clients have nothing to say here
                pass
            pump.cancel()
    return socket


async def _pump(
    api: Api,
    socket: web.WebSocketResponse,
    line: Line,
    start: int,
    changed: asyncio.Event,
    send: Callable[[HostMessage], Awaitable[None]],
) -> None:
    """Send what is unread after position `start`, for ever."""
    at = start
    try:
        while True:
            changed.clear()
            page, more = await _page(api, line, at)
            for position, message in page:
                await send(message)
                at = position
            if not more:
                await changed.wait()
    except ConnectionError:
        return  # the reader's end is gone; the receiving side sees it too
    except ChannelsError:
        await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"the channel or the store is gone")


async def _page(api: Api, line: Line, at: int) -> tuple[list[Placed], bool]:
    return await api.look(lambda rules: rules.unread_after(line, at))


def _sender(socket: web.WebSocketResponse, *, full: bool, bsor: bool) -> Callable[[HostMessage], Awaitable[None]]:
    """Return what sends a message in the form that the socket asked for."""

    async def send(message: HostMessage) -> None:
        frame = message if full else message.notification()
        if bsor:
            await socket.send_bytes(frame.to_bytes())
        else:
            await socket.send_str(json.dumps(frame.json()))

    return send
