"""The engine's background tasks: whatever fails, they go on, and what they could not do is told."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from channels_desktop.engine.troubles import Obstacle, Task, TroubleRow, obstacle_of
from channels_desktop.errors import Misuse, StoreError, TransportError, WalletLocked

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable
    from typing import Any

    from channels_desktop.engine.ports import Clock

    Run = Callable[["Health"], Coroutine[Any, Any, None]]

log = logging.getLogger(__name__)

SECOND = 10**9
LONGEST_PAUSE = 60
LONGEST_ASKED = 86_400 * SECOND
PASSING = (StoreError, WalletLocked)
"""What has nothing to do with the one thing that was tried, and goes away by itself or by the user's hand."""


class Health:
    """How one task is. Whoever runs it says `well` after each round, and `ill` where a part failed and it goes on."""

    def __init__(self, task: Task, clock: Clock, told: Callable[[TroubleRow | None], None]) -> None:
        self.task = task
        self.trouble: TroubleRow | None = None
        self._clock = clock
        self._told = told

    def well(self) -> None:
        """Note that the task did all it had to do."""
        if self.trouble is not None:
            self.trouble = None
            self._told(None)

    def ill(self, error: Exception) -> None:
        """Note what the task failed on, and tell it where it is news."""
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        obstacle, known = obstacle_of(error), self.trouble
        if known is not None and known.obstacle is obstacle:
            return
        self.trouble = TroubleRow(self.task, obstacle, known.since if known is not None else self._clock.now())
        if obstacle is Obstacle.BUG:
            log.error("background task %s failed", self.task.value, exc_info=error)
        else:
            log.info("background task %s waits: %s", self.task.value, error)
        self._told(self.trouble)


class Tasks:
    """Runs tasks until `stop`. One that fails is run again after a pause, for ever; `told` hears of news of that."""

    def __init__(self, clock: Clock, told: Callable[[TroubleRow | None], None]) -> None:
        self._clock = clock
        self._told = told
        self._health: dict[Task, Health] = {}
        self._running: set[asyncio.Task[None]] = set()

    @property
    def troubles(self) -> tuple[TroubleRow, ...]:
        """What is not well now; may be read from any thread."""
        found = (health.trouble for health in tuple(self._health.values()))
        return tuple(trouble for trouble in found if trouble is not None)

    def keep(self, task: Task, run: Run) -> None:
        """Run `run`, which never ends by itself, in the background."""
        health = self._health[task] = Health(task, self._clock, self._told)
        self._running.add(asyncio.create_task(self._keep(health, run), name=task.value))

    async def stop(self) -> None:
        """Cancel everything and wait until it is gone."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _keep(self, health: Health, run: Run) -> None:
        attempt = 0
        while True:
            began = self._clock.elapsed()
            try:
                await run(health)
                error: Exception = Misuse(f"the task {health.task.value} has ended")
            except Exception as caught:  # noqa: BLE001 - the one place that keeps tasks alive, whatever happens to them
                error = caught
            health.ill(error)
            now = self._clock.elapsed()
            attempt = 1 if now - began >= LONGEST_PAUSE * SECOND else attempt + 1
            await self._clock.wait_until(now + max(pause(attempt), asked_pause(error, self._clock)))


def pause(attempt: int, longest: int = LONGEST_PAUSE) -> int:
    """Return how long to wait after a failed attempt, in nanoseconds: doubling from a second to `longest`."""
    return min(longest, 1 << min(attempt - 1, 20)) * SECOND


def asked_pause(error: Exception, clock: Clock) -> int:
    """Return how long the other side wants to be left alone, in nanoseconds; it names a date, and at most a day."""
    if not isinstance(error, TransportError) or error.retry_at is None:
        return 0
    return max(0, min(error.retry_at - clock.now(), LONGEST_ASKED))


async def each(works: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Do all of `works`, also those after one that failed; then raise the first failure."""
    failures: list[Exception] = []
    for work in works:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - raised below
            failures.append(error)
    if failures:
        raise failures[0]


class Bell:
    """Wakes a task early: rung by whoever has work for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake the task now, or at once when it next waits."""
        self._event.set()

    async def wait(self, until: int = 0) -> None:
        """Return when rung, or when the clock's `elapsed` gives `until` if that is not 0."""
        waits: list[asyncio.Future[object]] = [asyncio.ensure_future(self._event.wait())]
        if until:
            waits.append(asyncio.ensure_future(self._clock.wait_until(until)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            self._event.clear()  # before anything else is awaited: a ring from here on must be heard
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
