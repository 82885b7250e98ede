"""Posts of one process, taken together: what is queued is read, decided and written in a few statements, however many.

A post to an account that somebody else has locked does not hold the others up: it goes to a second queue, whose batches
wait for their locks. Where a batch fails, each of its posts is run alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from channels_desktop.host.postgres_batch import BatchRows
from channels_desktop.host.postgres_rows import OutOfOrder
from channels_desktop.host.postgres_session import ERRORS, Pool, may_be_one_works, store_error, transaction
from channels_desktop.host.rows import Posting, Rows

POSTS_AT_ONCE = 256


class Post(NamedTuple):
    """A post in a queue, and the answer that somebody waits for."""

    work: Callable[[Rows], Awaitable[Any]]
    looks_up: Posting
    answer: asyncio.Future[Any]

    def settle(self, result: object, error: BaseException | None = None) -> None:
        """Answer, unless whoever waited has left."""
        if self.answer.done():
            return
        if error is None:
            self.answer.set_result(result)
        else:
            self.answer.set_exception(error)


class Spoilt(Exception):
    """A post raised something after it had changed something."""


class Posts:
    """A queue and who takes what is in it, batch by batch.

    Those with `patient` wait for locks, others pass on what is locked to `passed`. `alone` takes the posts of a batch
    that failed; `committed` is told the accounts with news, how many posts a commit held and how long it took.
    """

    def __init__(
        self,
        pool: Pool,
        passed: Callable[[Post], None],
        alone: Callable[[Post], None],
        committed: Callable[[set[int], int, float], None],
        *,
        patient: bool,
    ) -> None:
        self._pool = pool
        self._passed = passed
        self._alone = alone
        self._committed = committed
        self._patient = patient
        self._queue: list[Post] = []
        self._bell = asyncio.Event()
        self._closed = False
        self._task = asyncio.get_running_loop().create_task(self._run())

    def put(self, post: Post) -> None:
        """Queue a post."""
        self._queue.append(post)
        self._bell.set()

    async def close(self) -> None:
        """Take what is queued, and end."""
        self._closed = True
        self._bell.set()
        await self._task

    async def _run(self) -> None:
        while self._queue or not self._closed:
            if self._queue:
                batch, self._queue = self._queue[:POSTS_AT_ONCE], self._queue[POSTS_AT_ONCE:]
                await self._take(batch)
            else:
                self._bell.clear()
                await self._bell.wait()

    async def _take(self, batch: list[Post]) -> None:
        try:
            await self._together(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, it fails these posts and none to come
            for post in batch:
                if isinstance(error, Spoilt | OutOfOrder) or may_be_one_works(error):
                    self._alone(post)
                else:
                    post.settle(None, store_error(error) if isinstance(error, ERRORS) else error)

    async def _together(self, batch: list[Post]) -> None:
        """Run posts in one transaction and answer them after its commit."""
        started = time.perf_counter()
        async with transaction(self._pool) as session:
            rows = await BatchRows.load(session, [post.looks_up for post in batch], patient=self._patient)
            held = [post for post in batch if rows.holds(post.looks_up)]
            passed = [post for post in batch if not rows.holds(post.looks_up)]
            outcomes = [await _outcome(rows, post) for post in held]
            await rows.flush()
        for post, (result, error) in zip(held, outcomes, strict=True):
            post.settle(result, error)
        for post in passed:
            self._passed(post)
        self._committed(rows.touched, len(held), time.perf_counter() - started)


async def _outcome(rows: BatchRows, post: Post) -> tuple[object, BaseException | None]:
    """Run a post; return its result or what it raised before it changed anything."""
    before = rows.changes
    try:
        return await post.work(rows), None
    except (*ERRORS, OutOfOrder):
        raise
    except (Exception, asyncio.CancelledError) as error:
        if rows.changes != before:
            raise Spoilt from error
        task = asyncio.current_task()
        if task and task.cancelling():
            raise  # it is not the post that was cancelled
        return None, error
