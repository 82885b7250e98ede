"""News between the processes of one host: which accounts have something new, and notices (texts).

A wake-up travels by NOTIFY after the commit it tells of, as one transaction of its own for all that happened meanwhile:
inside the commit it would make all commits of the database wait for each other's disk. So it can be lost with its
process or its connection. Therefore everybody is woken after every reconnection and once a minute. A notice that got
lost stays lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, repeat

from channels_desktop.errors import StoreError
from channels_desktop.host.postgres_session import CONNECT_SECONDS, Connection, connect
from channels_desktop.host.tasks import Tasks

CHANNEL = "channels_host"
POLL_SECONDS = 60
PATIENCE_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5)
IDS_AT_ONCE = 300  # a payload has less than 8,000 bytes, an id at most 19 digits
MOST_NOTICES = 1000
_NAME_CHARS = 16
_NOTICE = ":"
TASK = "wake-ups of other processes"


class Wakeups:
    """One session that listens and tells.

    `on_change` gets the accounts that other processes tell of; `on_gap` is called when some may have been missed: at
    the start, after every reconnection and every `poll_seconds`.
    """

    def __init__(
        self,
        url: str,
        session: Connection,
        on_change: Callable[[set[int]], None],
        on_gap: Callable[[], None],
        on_notice: Callable[[str], None],
        tasks: Tasks,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._url = url
        self._tasks = tasks
        self._on_change = on_change
        self._on_gap = on_gap
        self._on_notice = on_notice
        self._poll_seconds = poll_seconds
        self._name = secrets.token_hex(_NAME_CHARS // 2)
        self._pending: set[int] = set()
        self._notices: deque[str] = deque(maxlen=MOST_NOTICES)
        self._bell = asyncio.Event()
        self._closed = asyncio.Event()
        self._session: Connection | None = None
        self._task = asyncio.get_running_loop().create_task(self._run(session))

    def tell(self, accounts: Iterable[int] = (), notice: str | None = None) -> None:
        """Let the other processes know that accounts have something new, or a notice of less than 4,000 bytes."""
        self._pending.update(accounts)
        if notice is not None:
            self._notices.append(notice)
        self._bell.set()

    async def give_up(self) -> None:
        """Use the session that is open now no more."""
        if self._session is not None:
            self._session.terminate()
            self._bell.set()

    async def close(self) -> None:
        """Tell what is left to tell, and end."""
        self._closed.set()
        self._bell.set()
        await self._task

    async def _run(self, first: Connection) -> None:
        session: Connection | None = first
        while session is not None:
            self._session = session
            error: Exception = StoreError("the database ended it")
            try:
                await self._serve(session)
            except Exception as raised:  # noqa: BLE001 - a task outlives whatever happens to it
                error = raised
            finally:
                session.terminate()
            if self._closed.is_set():
                return
            self._tasks.failed(TASK, error)
            session = await self._again()

    async def _again(self) -> Connection | None:
        """Connect anew, however long it takes; return None where there is no need any more."""
        for seconds in chain(PATIENCE_SECONDS, repeat(PATIENCE_SECONDS[-1])):
            if await _within(seconds, self._closed):
                break
            try:
                return await connect(self._url)
            except Exception as error:  # noqa: BLE001 - as above
                self._tasks.failed(TASK, error)
        return None

    async def _serve(self, session: Connection) -> None:
        session.add_termination_listener(lambda _: self._bell.set())
        await session.add_listener(CHANNEL, self._heard)
        clock = asyncio.get_running_loop()
        due = clock.time()
        while not session.is_closed():
            self._bell.clear()
            await self._tell(session)
            if clock.time() >= due:
                await session.fetchval("SELECT 1")  # a dead line does not say so itself
                self._on_gap()
                self._tasks.went_well(TASK)
                due = clock.time() + self._poll_seconds
            if self._closed.is_set():
                await session.close(timeout=CONNECT_SECONDS)
            else:
                await _within(due - clock.time(), self._bell)

    async def _tell(self, session: Connection) -> None:
        told, self._pending = self._pending, set()
        try:
            for ids in _parts(sorted(told)):
                await self._notify(session, f"{self._name} {ids}")
        except BaseException:
            self._pending |= told
            raise
        while self._notices:
            await self._notify(session, f"{self._name}{_NOTICE}{self._notices.popleft()}")

    async def _notify(self, session: Connection, payload: str) -> None:
        await session.execute("SELECT pg_notify($1, $2)", CHANNEL, payload)

    def _heard(self, _session: object, _process: int, _channel: str, payload: object) -> None:
        name, news = str(payload)[:_NAME_CHARS], str(payload)[_NAME_CHARS:]
        if name == self._name:
            return
        if news.startswith(_NOTICE):
            self._on_notice(news.removeprefix(_NOTICE))
            return
        with contextlib.suppress(ValueError):  # anybody with access to the database can say anything
            self._on_change(set(map(int, news.split())))


async def _within(seconds: float, event: asyncio.Event) -> bool:
    """Wait for an event; return whether it came in time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await event.wait()
    return False


def _parts(ids: list[int]) -> Iterator[str]:
    for start in range(0, len(ids), IDS_AT_ONCE):
        yield " ".join(map(str, ids[start : start + IDS_AT_ONCE]))
