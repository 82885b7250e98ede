"""The engine's background tasks: kept, awaited at the end, and never failing in silence."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from channels_desktop.engine.ports import Clock

log = logging.getLogger(__name__)


class Tasks:
    """Runs coroutines until `stop`; one that ends with an error is reported by name."""

    def __init__(self, failed: Callable[[str, str], None]) -> None:
        self._failed = failed
        self._running: set[asyncio.Task[None]] = set()

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` in the background."""
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Cancel everything and wait until it is gone."""
        running = tuple(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            log.error("background task %s ended", task.get_name(), exc_info=error)
            self._failed(task.get_name(), type(error).__name__)


class Bell:
    """Wakes a task early: rung by whoever has work for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake the task now, or at once when it next waits."""
        self._event.set()

    async def wait(self, until: int = 0) -> None:
        """Return when rung, or when the clock reads `until` (nanoseconds since 1970) if that is not 0."""
        waits: list[asyncio.Future[object]] = [asyncio.ensure_future(self._event.wait())]
        if until:
            waits.append(asyncio.ensure_future(self._clock.sleep_until(until)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            self._event.clear()  # before anything else is awaited: a ring from here on must be heard
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
