"""The only place of the ui that awaits: engine events become signals, commands become tasks whose errors are told."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QDateTime, QElapsedTimer, QObject, QTimer, Signal

from channels_desktop.engine.events import (
    ConversationChanged,
    EngineFailed,
    EntryChanged,
    EntryRemoved,
    InviteChanged,
    StatusChanged,
)
from channels_desktop.errors import ChannelsError
from channels_desktop.ui import words

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from channels_desktop.engine.api import EngineApi
    from channels_desktop.engine.commands import Command
    from channels_desktop.engine.events import Event

BATCH_MILLISECONDS = 50
GRACE_SECONDS = 5
_log = logging.getLogger(__name__)


def now() -> int:
    """Return the time in nanoseconds since 1970, for showing only: no decision rests on it."""
    return QDateTime.currentMSecsSinceEpoch() * 10**6


class Tasks:
    """Coroutines under way: their references are kept, their results and errors handed to callbacks.

    Must be made while the event loop runs.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._running: set[asyncio.Task[None]] = set()
        self._closed = False

    def run(
        self,
        work: Coroutine[Any, Any, Any],
        on_done: Callable[[Any], None] | None,
        on_error: Callable[[BaseException], None],
    ) -> None:
        """Start `work`; call `on_done` with its result or `on_error` with what it raised. Do nothing once closed."""
        if self._closed:
            work.close()
            return
        task = self._loop.create_task(self._carry(work, on_done, on_error))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda _: work.close())  # it may be cancelled before it has begun

    async def close(self, grace: float = 0) -> None:
        """Start nothing any more; give what runs `grace` seconds to end by itself, then cancel it."""
        self._closed = True
        if self._running and grace:
            await asyncio.wait(self._running, timeout=grace)
        running = tuple(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _carry(
        self,
        work: Coroutine[Any, Any, Any],
        on_done: Callable[[Any], None] | None,
        on_error: Callable[[BaseException], None],
    ) -> None:
        try:
            result = await work
            if on_done is not None:
                on_done(result)
        except ChannelsError as problem:
            on_error(problem)
        except Exception as problem:  # noqa: BLE001 - the last place that can tell the user
            _log.exception("a task of the window failed")
            on_error(problem)


class Bridge(QObject):
    """The engine as views see it. Must be made while the event loop runs.

    `conversations`, `entries` and `invites` carry tuples of whole rows, the newest of each only, at most one batch in
    50 ms; `removed` carries (relationship, entry) pairs. `problem` is a sentence for the message bar.
    """

    conversations = Signal(object)
    entries = Signal(object)
    removed = Signal(object)
    invites = Signal(object)
    status = Signal(object)
    failed = Signal(object)
    problem = Signal(str)

    def __init__(self, engine: EngineApi, clock: Callable[[], int] = now) -> None:
        super().__init__()
        self.engine = engine
        self.now = clock
        self._commands, self._queries = Tasks(), Tasks()
        self._batch: list[Event] = []
        self._since = QElapsedTimer()
        self._since.start()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._publish)
        self._leave = engine.subscribe(self._collect)

    def submit(
        self,
        command: Command,
        on_done: Callable[[Any], None] | None = None,
        on_error: Callable[[str], None] | None = None,
    ) -> None:
        """Ask the engine for `command`; errors become a sentence for `on_error`, or else for the message bar."""
        tell = on_error or self.problem.emit
        self._commands.run(self.engine.submit(command), on_done, lambda error: tell(words.error(error, type(command))))

    def ask(
        self,
        query: Coroutine[Any, Any, Any],
        on_done: Callable[[Any], None] | None = None,
        on_error: Callable[[str], None] | None = None,
    ) -> None:
        """Run a coroutine such as a query of the engine; its result and errors go the same ways."""
        tell = on_error or self.problem.emit
        self._queries.run(query, on_done, lambda error: tell(words.error(error)))

    async def close(self) -> None:
        """Stop listening, let commands come to their end (a last draft, for one), and drop queries."""
        self._leave()
        self._timer.stop()
        await self._queries.close()
        await self._commands.close(GRACE_SECONDS)

    def _collect(self, events: tuple[Event, ...]) -> None:
        """Publish at once after a quiet time, else together with what comes until the next batch is due."""
        self._batch += events
        if not self._timer.isActive():
            self._timer.start(max(0, BATCH_MILLISECONDS - self._since.elapsed()))

    def _publish(self) -> None:
        self._since.restart()
        batch, self._batch = self._batch, []
        entries = {(e.row.relationship, e.row.entry): e.row for e in batch if isinstance(e, EntryChanged)}
        conversations = {e.row.relationship: e.row for e in batch if isinstance(e, ConversationChanged)}
        invites = {e.row.relationship: e.row for e in batch if isinstance(e, InviteChanged)}
        removed = tuple((e.relationship, e.entry) for e in batch if isinstance(e, EntryRemoved))
        status = [e.row for e in batch if isinstance(e, StatusChanged)]
        for signal, rows in (
            (self.entries, tuple(entries.values())),
            (self.removed, removed),
            (self.conversations, tuple(conversations.values())),
            (self.invites, tuple(invites.values())),
        ):
            if rows:
                signal.emit(rows)
        if status:
            self.status.emit(status[-1])
        for failure in (e for e in batch if isinstance(e, EngineFailed)):
            self.failed.emit(failure)
