"""The websockets of all dialects: unread messages first where that is wanted, then every new one (channels.md 5.6).

A socket holds no queue of messages. It holds a position, reads the rows after it page by page at the pace of its
reader, and rests until somebody says that the account's mail has changed. So there is neither gap nor duplicate between
old and new, a slow reader costs one page of memory, and a lost wake-up costs nothing: the row is the truth.

Clients that are only told of news then ask once for all that is unread. Where a full page ended such an answer, they
are told again as soon as its last message has been read or deleted (`Cut`). The answer, and what is done with it, may
come by way of another process of the host: that one tells of the answer, and the rest is looked for now and then.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import WSCloseCode, web

from channels_desktop.errors import Refused, StoreError
from channels_desktop.host.frames import Form
from channels_desktop.host.mailboxes import Line
from channels_desktop.host.messages import HostMessage
from channels_desktop.host.rows import Placed

if TYPE_CHECKING:
    from channels_desktop.host.http import Api

HEARTBEAT_SECONDS = 30
GOODBYE_SECONDS = 3
LARGEST_CLIENT_FRAME = 4096
LOOK_SECONDS = (1.0, 60.0)
"""How soon, and at last how seldom, it is looked whether the end of an answer has been dealt with."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How a dialect's socket behaves: it begins with what is unread, tells again after a page, or ends at any word."""

    unread: bool = False
    tells_again: bool = False
    silent_client: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """A full page ended, with message `sequence`, an answer with all that the reader of a channel's line has unread."""

    line: Line
    sequence: int

    def text(self) -> str:
        """Return what another process of the host is told."""
        token = None if self.line.token is None else self.line.token.hex()
        return json.dumps([self.line.account, self.line.channel_id, token, self.sequence])

    @classmethod
    def read(cls, text: str) -> Cut | None:
        """Return what another process told, None for anything else."""
        try:
            account, channel, token, sequence = json.loads(text)
            line = Line(int(account), str(channel), None if token is None else bytes.fromhex(token))
            return cls(line, int(sequence))
        except (ValueError, TypeError, RecursionError):
            return None


@dataclass(eq=False, slots=True)
class Wait:
    """What one socket waits for, and how far it is: only while there is something to send does a task send it.

    `pump` begins that task; it is None unless the socket is open. `cuts` are by channel; while there are any, `timer`
    looks after them every so many seconds.
    """

    line: Line
    tells_again: bool
    at: int = 0
    changed: bool = True
    pump: Callable[[], asyncio.Task[None]] | None = None
    task: asyncio.Task[None] | None = None
    cuts: dict[str, Cut] = field(default_factory=dict)
    seconds: float = LOOK_SECONDS[0]
    timer: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """Look again: the mail may have changed."""
        self.changed = True
        if self.task is None and self.pump is not None:
            self.task = self.pump()

    def add(self, channel_id: str, cut: Cut) -> None:
        """Look after the end of an answer."""
        self.cuts[channel_id] = cut
        self.seconds = LOOK_SECONDS[0]
        self.wake()

    def rest(self) -> None:
        """Look again later where nobody here may learn of what is waited for."""
        if self.cuts and self.timer is None and self.pump is not None:
            self.timer = asyncio.get_running_loop().call_later(self.seconds, self._look)
            self.seconds = min(2 * self.seconds, LOOK_SECONDS[1])

    def stop(self) -> None:
        """Do nothing any more."""
        self.pump = None
        for running in (self.task, self.timer):
            if running is not None:
                running.cancel()

    def _look(self) -> None:
        self.timer = None
        self.wake()


class Listeners:
    """Who waits for mail of which account, and all open sockets."""

    def __init__(self) -> None:
        self._waiting: dict[int, set[Wait]] = {}
        self._cut_in: dict[str, set[Wait]] = {}
        self._sockets: set[web.WebSocketResponse] = set()

    def wake(self, accounts: Iterable[int]) -> None:
        """Let everybody who waits for one of `accounts` look again."""
        for account in accounts:
            for wait in self._waiting.get(account, ()):
                wait.wake()

    def wake_all(self) -> None:
        """Let everybody look again."""
        self.wake(tuple(self._waiting))

    def cut(self, cut: Cut) -> None:
        """Remember the end of an answer for those who are to be told of what is behind it."""
        line = cut.line
        for wait in self._waiting.get(line.account, ()):
            if line.channel_id and wait.tells_again and (wait.line.channel_id is None or wait.line == line):
                self._cut_in.setdefault(line.channel_id, set()).add(wait)
                wait.add(line.channel_id, cut)

    def told_by_others(self, text: str) -> None:
        """Remember what another process of the host tells."""
        if cut := Cut.read(text):
            self.cut(cut)

    def marked(self, channel_id: str) -> None:
        """Let those look again to whom a full page of a channel was given: somebody has read or deleted there."""
        for wait in self._cut_in.get(channel_id, ()):
            wait.wake()

    def told(self, wait: Wait, channel_id: str) -> None:
        """Forget that a full page of a channel was given."""
        del wait.cuts[channel_id]
        self._cut_in[channel_id].discard(wait)
        if not self._cut_in[channel_id]:
            del self._cut_in[channel_id]

    @contextlib.contextmanager
    def waiting(self, line: Line, socket: web.WebSocketResponse, *, tells_again: bool) -> Iterator[Wait]:
        """Yield what is told whenever the mail of the line's account may have changed."""
        wait = Wait(line, tells_again)
        self._waiting.setdefault(line.account, set()).add(wait)
        self._sockets.add(socket)
        try:
            yield wait
        finally:
            wait.stop()
            for channel_id in tuple(wait.cuts):
                self.told(wait, channel_id)
            self._sockets.discard(socket)
            self._waiting[line.account].discard(wait)
            if not self._waiting[line.account]:
                del self._waiting[line.account]

    async def close(self) -> None:
        """Say good-bye on all sockets."""
        await asyncio.gather(*(socket.close(code=WSCloseCode.GOING_AWAY) for socket in self._sockets))


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
        while wait.changed:
            wait.changed, more = False, True
            while more:
                page, more = await _page(api, wait.line, wait.at)
                for position, message in page:
                    await _send(socket, form(message))
                    wait.at = position
            for message in await _left_by_pages(api, wait):
                await _send(socket, form(message))
    except ConnectionError:
        return  # the reader's end is gone; the receiving side sees it too
    except Refused:
        await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"there is nothing to listen to any more")
    except StoreError:
        await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"the store does not answer")
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
    return await api.look(lambda rules: rules.unread_after(line, at))


async def _send(socket: web.WebSocketResponse, frame: str | bytes) -> None:
    if isinstance(frame, bytes):
        await socket.send_bytes(frame)
    else:
        await socket.send_str(frame)
