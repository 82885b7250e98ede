"""Works that are taken together: a queue of them, those who wait for answers, and the tasks that take batches of it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from channels_desktop.host.postgres_pages import PgPages
from channels_desktop.host.postgres_rows import OutOfOrder
from channels_desktop.host.postgres_session import ERRORS, LOST, Pool, session, store_error, transaction
from channels_desktop.host.rows import Looking, Posting, Rows

LOOKS_AT_ONCE = 16
QUICK_LOOKS_AT_ONCE = 32
NO_POST = Posting("", None)

Work = Callable[[Rows], Awaitable[Any]]

_log = logging.getLogger(__name__)


class Job(NamedTuple):
    """A work in a queue, the answer that somebody waits for, and what it looks up: a post, or a look for news."""

    work: Work
    answer: asyncio.Future[Any]
    post: Posting = NO_POST
    look: Looking | None = None

    def settle(self, result: object, error: BaseException | None = None) -> None:
        """Answer, unless whoever waited has left."""
        if self.answer.done():
            return
        if error is None:
            self.answer.set_result(result)
        else:
            self.answer.set_exception(error)


class Lane:
    """Tasks that give what is queued to `take`, up to `most` at a time, and a fair share each.

    What `take` raises fails the works that it was given, and none to come.
    """

    def __init__(self, take: Callable[[list[Job]], Awaitable[None]], most: int, tasks: int = 1) -> None:
        self._take = take
        self._most = most
        self._queue: list[Job] = []
        self._bell = asyncio.Event()
        self._closed = False
        self._tasks = [asyncio.get_running_loop().create_task(self._run()) for _ in range(tasks)]

    def put(self, job: Job) -> None:
        """Queue a work."""
        self._queue.append(job)
        self._bell.set()

    async def close(self) -> None:
        """Take what is queued, and end."""
        self._closed = True
        self._bell.set()
        await asyncio.gather(*self._tasks)

    async def _run(self) -> None:
        while self._queue or not self._closed:
            if self._queue:
                share = min(self._most, -(-len(self._queue) // len(self._tasks)))
                batch, self._queue = self._queue[:share], self._queue[share:]
                await self._survive(batch)
                del batch  # it would keep its answers until the next one
            else:
                self._bell.clear()
                await self._bell.wait()

    async def _survive(self, batch: list[Job]) -> None:
        try:
            await self._take(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, it fails these works and none to come
            _log.error("works failed together", exc_info=error)
            for job in batch:
                job.settle(None, error)


class Looks:
    """Works that change nothing: a batch shares a transaction, whose view is never older than the request."""

    def __init__(self, pool: Pool, sessions: int) -> None:
        self._pool = pool
        self._lane = Lane(self._take, LOOKS_AT_ONCE, sessions)
        self.put = self._lane.put
        self.close = self._lane.close

    async def _take(self, batch: list[Job]) -> None:
        left = deque(batch)
        again: Job | None = None
        while left:
            begun = False
            try:
                async with transaction(self._pool) as session:
                    begun = True
                    rows = await PgPages.load(session, [job.look for job in left if job.look])
                    while left:
                        outcome = await attempt(left[0].work, rows)
                        left.popleft().settle(*outcome)
            except ERRORS as error:  # it ends the transaction: what is left begins another, if there is a session
                if not begun:
                    for job in left:
                        job.settle(None, store_error(error))
                    return
                if left and left[0] is not again and isinstance(error, LOST):
                    again = left[0]  # it was not the work's fault
                elif left:
                    left.popleft().settle(None, store_error(error))


class QuickLooks:
    """Looks for news that one statement answers, without a transaction. What fails is given to `passed`."""

    def __init__(self, pool: Pool, passed: Callable[[Job], None]) -> None:
        self._pool = pool
        self._passed = passed
        self._lane = Lane(self._take, QUICK_LOOKS_AT_ONCE)
        self.put = self._lane.put
        self.close = self._lane.close

    async def _take(self, batch: list[Job]) -> None:
        left = deque(batch)
        try:
            async with session(self._pool) as taken:
                rows = await PgPages.load(taken, [job.look for job in batch if job.look])
                while left:
                    outcome = await attempt(left[0].work, rows)
                    left.popleft().settle(*outcome)
        except ERRORS:
            for job in left:
                self._passed(job)


async def attempt(work: Work, rows: Rows) -> tuple[object, BaseException | None]:
    """Run a work; return its result, or what it raised that is not for the transaction to deal with."""
    try:
        return await work(rows), None
    except (*ERRORS, OutOfOrder):
        raise
    except (Exception, asyncio.CancelledError) as error:
        task = asyncio.current_task()
        if task and task.cancelling():
            raise  # it is not the work that was cancelled
        return None, error
