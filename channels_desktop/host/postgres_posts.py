"""Posts of one process, taken together: what is queued is read, decided and written in a few statements, however many.

Most posts go quickly, with two statements and no transaction around them. What cannot go so, or is about an account
that somebody else has changed meanwhile, goes to a second queue, whose batches lock the accounts first. A post to an
account that somebody else has locked does not hold the others up: it goes to a third queue, whose batches wait for
their locks. Where one of these batches fails, each of its posts is run alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from channels_desktop.host.postgres_batch import NotQuick, PgBatch, PgQuick
from channels_desktop.host.postgres_lane import Job, Lane, attempt
from channels_desktop.host.postgres_rows import OutOfOrder
from channels_desktop.host.postgres_session import ERRORS, Pool, may_be_one_works, session, store_error, transaction

POSTS_AT_ONCE = 256


class Spoilt(Exception):
    """A post raised something after it had changed something: its batch is run again, post by post."""


class Posts:
    """Who takes the posts of a queue.

    Those with `patient` wait for locks, others pass on what is locked to `passed`. `alone` takes the posts of a batch
    that failed; `committed` is told the accounts with news, how many posts a commit held and how long it took.
    """

    def __init__(
        self,
        pool: Pool,
        passed: Callable[[Job], None],
        alone: Callable[[Job], None],
        committed: Callable[[set[int], int, float], None],
        *,
        patient: bool,
    ) -> None:
        self._pool = pool
        self._passed = passed
        self._alone = alone
        self._committed = committed
        self._patient = patient
        self._lane = Lane(self._take, POSTS_AT_ONCE)
        self.put = self._lane.put
        self.close = self._lane.close

    async def _take(self, batch: list[Job]) -> None:
        try:
            await self._together(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, it fails these posts and none to come
            for job in batch:
                if isinstance(error, Spoilt | OutOfOrder) or may_be_one_works(error):
                    self._alone(job)
                else:
                    job.settle(None, store_error(error) if isinstance(error, ERRORS) else error)

    async def _together(self, batch: list[Job]) -> None:
        """Run posts in one transaction and answer them after its commit."""
        started = time.perf_counter()
        async with transaction(self._pool) as taken:
            rows = await PgBatch.load(taken, [job.post for job in batch], patient=self._patient)
            held = [job for job in batch if rows.holds(job.post)]
            passed = [job for job in batch if not rows.holds(job.post)]
            outcomes = [await _outcome(rows, job) for job in held]
            await rows.flush()
        for job, (result, error) in zip(held, outcomes, strict=True):
            job.settle(result, error)
        for job in passed:
            self._passed(job)
        self._committed(rows.touched, len(held), time.perf_counter() - started)


class QuickPosts:
    """Who takes the posts of a queue that can go quickly; all others are given to `passed`."""

    def __init__(
        self, pool: Pool, passed: Callable[[Job], None], committed: Callable[[set[int], int, float], None]
    ) -> None:
        self._pool = pool
        self._passed = passed
        self._committed = committed
        self._lane = Lane(self._take, POSTS_AT_ONCE)
        self.put = self._lane.put
        self.close = self._lane.close

    async def _take(self, batch: list[Job]) -> None:
        writing = False
        try:
            async with session(self._pool) as taken:
                rows = await PgQuick.look(taken, [job.post for job in batch])
                started = time.perf_counter()
                outcomes = [(job, *await _quick_outcome(rows, job)) for job in batch if rows.is_quick(job.post)]
                writing = True
                await rows.write()
        except Exception as error:  # noqa: BLE001 - whatever it is, it fails these posts and none to come
            for job in batch:
                if writing and not may_be_one_works(error):  # nobody knows whether it was written
                    job.settle(None, store_error(error) if isinstance(error, ERRORS) else error)
                else:
                    self._passed(job)
            return
        settled: set[Job] = set()
        news: set[int] = set()
        for job, result, refused, touched in outcomes:
            if touched <= rows.held and not isinstance(refused, NotQuick):
                job.settle(result, refused)
                settled.add(job)
                news |= touched
        for job in batch:
            if job not in settled:
                self._passed(job)
        self._committed(news, len(settled), time.perf_counter() - started)


async def _quick_outcome(rows: PgQuick, job: Job) -> tuple[object, BaseException | None, set[int]]:
    """Run a post; return its outcome and the account that it changes, if any."""
    rows.touched = set()
    result, error = await _outcome(rows, job)
    if len(rows.touched) > 1:
        raise Spoilt  # it would be written as a whole or not at all
    return result, error, rows.touched


async def _outcome(rows: PgBatch, job: Job) -> tuple[object, BaseException | None]:
    before = rows.changes
    result, error = await attempt(job.work, rows)
    if error is not None and rows.changes != before:
        raise Spoilt from error
    return result, error
