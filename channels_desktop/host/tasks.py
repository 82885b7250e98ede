"""The tasks that run as long as a host does: each goes on after every failure, and all can see how it fares."""

from __future__ import annotations

import asyncio
import collections
import logging
from collections.abc import Awaitable, Callable

from channels_desktop.errors import StoreError
from channels_desktop.host.rows import Looking, Posting, Store

FIRST_PAUSE_SECONDS = 1.0
READING, WRITING = "reading", "writing"
_NOBODY = bytes(32)
_NOTHING = Posting("", None)
_NEWS_OF_NOBODY = Looking(0, _NOBODY, 1, 1, 1)

_log = logging.getLogger(__name__)


class Tasks:
    """How the tasks of one host fare, by name: `failing` are those that failed when they last ran, and of what kind.

    Any thread may tell.
    """

    def __init__(self) -> None:
        self.failing: dict[str, str] = {}
        self.failures: collections.Counter[str] = collections.Counter()

    def failed(self, name: str, error: BaseException) -> None:
        """Note that a task failed; only the first of many failures alike is worth a line in the log."""
        kind = type(error).__name__
        self.failures[name] += 1
        if self.failing.get(name) != kind:
            _log.error("%s fails and is tried again", name, exc_info=error)
        self.failing[name] = kind

    def went_well(self, name: str) -> None:
        """Note that a task did what it is there for."""
        if self.failing.pop(name, None):
            _log.info("%s goes on", name)


async def keep(name: str, tasks: Tasks, step: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Take a step for ever, `seconds` after the last one has ended; after a failure sooner at first.

    Pauses are elapsed time, whatever the clock says.
    """
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            await step()
        except Exception as error:  # noqa: BLE001 - a task outlives whatever happens to it
            tasks.failed(name, error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, seconds)
        else:
            tasks.went_well(name)
            pause = min(FIRST_PAUSE_SECONDS, seconds)
            await asyncio.sleep(seconds)


class Health:
    """Whether a host can do its work: its store is asked to write and to read, once for all who ask meanwhile."""

    def __init__(self, store: Store, tasks: Tasks) -> None:
        self._store = store
        self._tasks = tasks
        self._asked: dict[str, asyncio.Future[object]] = {}

    async def failing(self, seconds: float) -> list[str]:
        """Return the names of the tasks that do not run; the store has `seconds` to answer."""
        asked = {name: self._ask(name) for name in (WRITING, READING)}
        await asyncio.wait(asked.values(), timeout=seconds)
        silent = [name for name, answer in asked.items() if not answer.done() or answer.exception() is not None]
        for name in silent:
            error = asked[name].exception() if asked[name].done() else TimeoutError()
            _log.warning("%s fails: %s", name, type(error).__name__)
        return sorted({*silent, *self._tasks.failing})

    def _ask(self, name: str) -> asyncio.Future[object]:
        """Return what the store says to a question that is under way, or to a new one."""
        if name not in self._asked or self._asked[name].done():
            self._asked[name] = self._question(name)
            self._asked[name].add_done_callback(_heard)
        return self._asked[name]

    def _question(self, name: str) -> asyncio.Future[object]:
        try:
            if name == WRITING:  # the way of a post, for which most of the work is done
                return self._store.transact(lambda rows: rows.touch(), _NOTHING)
            return self._store.query(lambda rows: rows.account_of(_NOBODY), _NEWS_OF_NOBODY)
        except StoreError as error:
            refused: asyncio.Future[object] = asyncio.get_running_loop().create_future()
            refused.set_exception(error)
            return refused


def _heard(answer: asyncio.Future[object]) -> None:
    """Hear an answer for which nobody may wait any more."""
    if not answer.cancelled():
        answer.exception()
