"""The host's store on PostgreSQL: any number of processes over one database, which is the only truth.

Posts are taken together, so that many share a commit (postgres_posts.py), and so are looks, which share a view of what
is committed (postgres_lane.py); everything else has a transaction of its own.
Whatever a transaction reads of an account it reads under the account's lock. A result is handed out only after its
commit is on the server's disk. Nothing waits for ever: what cannot be had in time is a StoreError.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import asyncpg

from channels_desktop.errors import StoreError
from channels_desktop.host.postgres_known import Known
from channels_desktop.host.postgres_lane import Job, Looks, QuickLooks
from channels_desktop.host.postgres_posts import Posts, QuickPosts
from channels_desktop.host.postgres_rows import OutOfOrder, PgRows
from channels_desktop.host.postgres_schema import prepare
from channels_desktop.host.postgres_session import (
    LOOKING,
    SETTINGS,
    GiveUp,
    Pool,
    close,
    connect,
    failures,
    pool,
    transaction,
)
from channels_desktop.host.postgres_wakeups import Wakeups
from channels_desktop.host.rows import Looking, OnChange, Posting, Rows, unheard
from channels_desktop.host.tasks import Tasks

T = TypeVar("T")
OnBatch = Callable[[int, float], None]

POST_SESSIONS = 3
WORK_SESSIONS = 8
WAIT_SESSIONS = 4
LOOK_SESSIONS = 4
QUICK_LOOK_SESSIONS = 1


class PostgresStore:
    """Transactions over `PgRows` (see Store)."""

    def __init__(
        self,
        pools: tuple[Pool, Pool, Pool, Pool],
        wakeups: Wakeups,
        known: Known,
        on_change: OnChange,
        on_batch: OnBatch,
    ) -> None:
        self._pools = pools
        posts, self._works, self._waits, looks = pools
        self._wakeups = wakeups
        self._on_change = on_change
        self._on_batch = on_batch
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False
        self._looks = Looks(looks, LOOK_SESSIONS)
        self._quick_looks = QuickLooks(looks, self._looks.put)
        self._known = known
        self._waiting = Posts(posts, self._post_alone, self._post_alone, self._committed, patient=True)
        self._posts = Posts(posts, self._waiting.put, self._post_alone, self._committed, patient=False)
        self._quick = QuickPosts(posts, known, self._posts.put, self._tell)

    @classmethod
    async def open(
        cls,
        url: str,
        on_change: OnChange,
        on_batch: OnBatch = unheard,
        on_gap: Callable[[], None] = unheard,
        on_notice: Callable[[str], None] = unheard,
        tasks: Tasks | None = None,
    ) -> PostgresStore:
        """Open the database at `url` (postgresql://...), and make or migrate its tables.

        `on_change` also gets what other processes on the same database changed. Raises StoreError where the database
        cannot be reached, or is newer than this program.
        """
        try:
            with failures():
                session = await connect(url)
                try:
                    await prepare(session)
                except BaseException:
                    session.terminate()
                    raise
                kin: list[GiveUp] = []
                posts, works = [await pool(url, most, SETTINGS, kin) for most in (POST_SESSIONS, WORK_SESSIONS)]
                waits = await pool(url, WAIT_SESSIONS, SETTINGS, kin)
                looks = await pool(url, LOOK_SESSIONS + QUICK_LOOK_SESSIONS, LOOKING, kin)
        except (ValueError, OverflowError):  # what they say may repeat a part of the password
            raise StoreError("the URL of the database is wrong") from None
        known = Known()

        def heard(accounts: set[int]) -> None:
            known.forget(accounts)
            on_change(accounts)

        wakeups = Wakeups(url, session, heard, on_gap, on_notice, tasks or Tasks())
        kin.append(wakeups.give_up)
        return cls((posts, works, waits, looks), wakeups, known, on_change, on_batch)

    def transact(self, work: Callable[[Rows], Awaitable[T]], post: Posting | None = None) -> asyncio.Future[T]:
        """See Store."""
        self._check_open()
        if post is None:
            return asyncio.shield(self._start(self._alone(work)))  # who leaves does not stop the work
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._quick.put(Job(work, answer, post))
        return answer

    def query(self, work: Callable[[Rows], Awaitable[T]], look: Looking | None = None) -> asyncio.Future[T]:
        """See Store."""
        self._check_open()
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        looks = self._quick_looks if look is not None and look.after else self._looks
        looks.put(Job(work, answer, look=look))
        return answer

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the host's store is closed")

    def tell(self, notice: str) -> None:
        """See Store."""
        self._wakeups.tell(notice=notice)

    async def close(self) -> None:
        """Finish what is queued and let go of the database."""
        self._closed = True
        await self._quick_looks.close()
        await self._looks.close()
        await self._quick.close()
        await self._posts.close()
        await self._waiting.close()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._wakeups.close()
        for each in self._pools:
            await close(each)

    async def _alone(self, work: Callable[[Rows], Awaitable[T]]) -> T:
        """Run work in a transaction of its own.

        Where somebody else has its account it waits on one of the sessions that are there for that, so that those who
        need not wait find one.
        """
        accounts: set[int] = set()
        sessions = self._works
        with failures():
            while True:
                try:
                    return await self._attempt(sessions, work, accounts)
                except OutOfOrder as order:
                    accounts = order.accounts
                except asyncpg.LockNotAvailableError:
                    if sessions is self._waits:
                        raise
                    sessions = self._waits

    async def _attempt(self, sessions: Pool, work: Callable[[Rows], Awaitable[T]], accounts: set[int]) -> T:
        started = time.perf_counter()
        async with transaction(sessions) as session:
            rows = PgRows(session, set(), patient=sessions is self._waits)
            await rows.lock(accounts)
            result = await work(rows)
        self._committed(rows.touched, 1, time.perf_counter() - started)
        return result

    def _post_alone(self, post: Job) -> None:
        async def settled() -> None:
            try:
                post.settle(await self._alone(post.work))
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whoever waits for this post gets it
                post.settle(None, error)

        self._start(settled())

    def _start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # heard, where nobody waits for it any more

    def _committed(self, touched: set[int], works: int, seconds: float) -> None:
        """Forget what a commit changed, and tell everybody."""
        self._known.forget(touched)
        self._tell(touched, works, seconds)

    def _tell(self, touched: set[int], works: int, seconds: float) -> None:
        if touched:
            self._on_change(touched)
            self._on_batch(works, seconds)
            self._wakeups.tell(touched)
