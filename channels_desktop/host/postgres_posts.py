"""Posts of one process, taken together: what is queued is read, decided and written in a few statements, however many.

Most posts go quickly, with one or two statements and no transaction around them. What cannot go so, or is about an
account that somebody else has changed meanwhile, goes to a second queue, whose batches lock the accounts first. A post
to an account that somebody else has locked does not hold the others up: it goes to a third queue, whose batches wait
for their locks. Where one of these batches fails, each of its posts is run alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from channels_desktop.host.postgres_batch import NotQuick, PgBatch, PgQuick
from channels_desktop.host.postgres_known import Known, Seen
from channels_desktop.host.postgres_lane import Job, Lane, attempt
from channels_desktop.host.postgres_session import (
    Pool,
    Session,
    may_be_one_works,
    session,
    store_error,
    transaction,
)
from channels_desktop.host.rows import Posting

POSTS_AT_ONCE = 256
LIVES_SECONDS = 0.1
"""How long after its last use a session is taken to live. Whoever posts just when it dies gets a StoreError."""


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
        """Run posts in one transaction and answer them after its commit."""
        started = time.perf_counter()
        try:
            async with transaction(self._pool) as taken:
                rows = await PgBatch.load(taken, [job.post for job in batch], patient=self._patient)
                held = [job for job in batch if rows.holds(job.post)]
                passed = [job for job in batch if not rows.holds(job.post)]
                outcomes = [await _outcome(rows, job) for job in held]
                await rows.flush()
        except Exception as error:  # noqa: BLE001 - whatever it is, it fails one post, or these and none to come
            for job in batch:
                if may_be_one_works(error):
                    self._alone(job)
                else:
                    job.settle(None, store_error(error))
            return
        for job, (result, refused) in zip(held, outcomes, strict=True):
            job.settle(result, refused)
        for job in passed:
            self._passed(job)
        self._committed(rows.touched, len(held), time.perf_counter() - started)


class QuickPosts:
    """Who takes the posts of a queue that can go quickly; all others are given to `passed`.

    What was looked up is `known` to the next batch. A post that fails by it is taken once more, and looked up.
    """

    def __init__(
        self,
        pool: Pool,
        known: Known,
        passed: Callable[[Job], None],
        committed: Callable[[set[int], int, float], None],
    ) -> None:
        self._pool = pool
        self._known = known
        self._passed = passed
        self._committed = committed
        self._doubted: set[Job] = set()
        self._lived = 0, 0.0
        self._lane = Lane(self._take, POSTS_AT_ONCE)
        self.put = self._lane.put
        self.close = self._lane.close

    async def _take(self, batch: list[Job]) -> None:
        writing = False
        recalled = self._recall(batch)
        try:
            async with session(self._pool) as taken:
                rows = await PgQuick.look(taken, [job.post for job in batch], recalled if self._lives(taken) else {})
                started = time.perf_counter()
                outcomes = [(job, *await _quick_outcome(rows, job)) for job in batch if rows.is_quick(job.post)]
                writing = True
                await rows.write()
                self._lived = taken.get_server_pid(), time.monotonic()
        except Exception as error:  # noqa: BLE001 - whatever it is, it fails these posts and none to come
            self._known.clear()
            for job in batch:
                if writing and not may_be_one_works(error):  # nobody knows whether it was written
                    job.settle(None, store_error(error))
                else:
                    self._passed(job)
            return
        settled: set[Job] = set()
        news: set[int] = set()
        for job, result, refused, touched in outcomes:
            if refused is None and touched <= rows.held:
                rows.remember(job.post, self._known)
            elif refused is None or isinstance(refused, NotQuick) or not rows.is_sure(job.post):
                continue
            job.settle(result, refused)
            settled.add(job)
            news |= touched
        self._pass_on(rows, [job for job in batch if job not in settled])
        self._committed(news, len(settled), time.perf_counter() - started)

    def _lives(self, taken: Session) -> bool:
        """Whether a session was just used: one that died since is found out by a look, which can be tried again."""
        number, at = self._lived
        return number == taken.get_server_pid() and time.monotonic() - at < LIVES_SECONDS

    def _pass_on(self, rows: PgQuick, left: list[Job]) -> None:
        for job in left:
            self._known.doubt(job.post)
            if rows.is_sure(job.post):
                self._passed(job)
            else:
                self._doubted.add(job)
                self.put(job)

    def _recall(self, batch: list[Job]) -> dict[Posting, Seen]:
        """Return what is known of what a batch looks up, without what is doubted."""
        doubted = {job.post for job in batch if job in self._doubted}
        self._doubted.difference_update(batch)
        return {job.post: seen for job in batch if job.post not in doubted and (seen := self._known.find(job.post))}


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
