"""Who waits for mail, and what they have to be told of.

A wait holds no queue of messages, only how far it is: whoever changes an account's mail wakes all its waits, and each
looks for itself (`host/notify.py`).

Clients that are only told of news then ask once for all that is unread. Where a full page ended such an answer, they
are told again as soon as its last message has been read or deleted (`Cut`). The answer, and what is done with it, may
come by way of another process of the host: that one tells of the answer, and the rest is looked for now and then.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from aiohttp import WSCloseCode, web

from channels_desktop.host.mailboxes import Line
from channels_desktop.host.rows import LARGEST, NOTHING_FRESH, Fresh, Placed

_log = logging.getLogger(__name__)

MOST_FRESH = 256 * 1024
"""Bytes of payload that are kept for a socket besides its pages."""

LOOK_SECONDS = (1.0, 60.0)
"""How soon, and at last how seldom, it is looked whether the end of an answer has been dealt with."""


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
            cut = cls(line, int(sequence))
        except (ValueError, TypeError, RecursionError, OverflowError):
            return None
        return cut if 0 < cut.line.account <= LARGEST and 0 < cut.sequence <= LARGEST else None


@dataclass(eq=False, slots=True)
class Wait:
    """What one socket waits for, and how far it is: only while there is something to send does a task send it.

    `pump` begins that task; it is None unless the socket is open. `fresh` is what it sends first, before it looks: a
    socket at rest has been sent all that commits have told of so far. `cuts` are by channel; while there are any,
    `timer` looks after them every so many seconds.
    """

    line: Line
    tells_again: bool
    at: int = 0
    changed: bool = True
    fresh: Sequence[Placed] = ()
    pump: Callable[[], asyncio.Task[None]] | None = None
    task: asyncio.Task[None] | None = None
    cuts: dict[str, Cut] = field(default_factory=dict)
    seconds: float = LOOK_SECONDS[0]
    timer: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """Look again: the mail may have changed."""
        self.changed = True
        self._begin()

    def give(self, fresh: Sequence[Placed]) -> None:
        """Send what a commit added, which is all that it changed; look for it where it is much, or not all there is."""
        at_rest = self.task is None and not self.changed
        if self.line.channel_id is not None or not at_rest or sum(len(one.payload) for _, one in fresh) > MOST_FRESH:
            self.wake()
        elif fresh:
            self.fresh = fresh
            self._begin()

    def _begin(self) -> None:
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

    def wake(self, accounts: Iterable[int], fresh: Fresh = NOTHING_FRESH) -> None:
        """Let everybody who waits for one of `accounts` look again, or have what is fresh where that is known."""
        for account in accounts:
            for wait in tuple(self._waiting.get(account, ())):
                try:
                    if account in fresh:
                        wait.give(fresh[account])
                    else:
                        wait.wake()
                except Exception as error:  # noqa: BLE001 - the others are woken all the same
                    _log.error("a socket could not be woken", exc_info=error)

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
