"""How the host talks to PostgreSQL: what holds for every session, how long anything may take, what errors mean."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg
from asyncpg.connect_utils import SessionAttribute
from asyncpg.pool import PoolConnectionProxy
from asyncpg.transaction import Transaction

from channels_desktop.errors import StoreError

Record = asyncpg.Record
# Only type checkers know these classes as generic.
Connection: TypeAlias = "asyncpg.Connection[Record]"
Session: TypeAlias = "asyncpg.Connection[Record] | PoolConnectionProxy[Record]"

CONNECT_SECONDS = 5
LOCK_SECONDS = 2
"""For each wait: one statement may wait twice, for its turn and for the lock."""
STATEMENT_SECONDS = 8
BULK_SECONDS = 300
"""For statements whose work grows with what is stored."""

SETTINGS = {
    "application_name": "channels-desktop host",
    "synchronous_commit": "on",
    "default_transaction_isolation": "read committed",
    # What a host that vanished holds does not stay locked.
    "lock_timeout": f"{LOCK_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{STATEMENT_SECONDS}s",
    "statement_timeout": f"{BULK_SECONDS}s",
    # Every statement is made for its indexes; its plan must not depend on when tables were last analyzed.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_material": "off",
    "jit": "off",
}
LOOKING = {**SETTINGS, "default_transaction_isolation": "repeatable read", "default_transaction_read_only": "on"}
"""For sessions that change nothing: a transaction sees the same throughout."""

ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""Everything that a call to the database raises; a timeout is an OSError."""

READ_ONLY = asyncpg.ReadOnlySQLTransactionError
"""What is raised where a server takes no writes any more: another one may have taken its place."""

_NOBODYS = (asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError, READ_ONLY)
LOST = (*_NOBODYS, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What is raised where a session is no more, as when the server is started anew."""


@contextlib.contextmanager
def failures() -> Iterator[None]:
    """Raise StoreError for every error of the database."""
    try:
        yield
    except ERRORS as error:
        raise store_error(error) from None


def store_error(error: BaseException) -> StoreError:
    """Return an error of the database as ours, in one line and without the values that its details name."""
    words = str(error).partition("\n")[0] or type(error).__name__
    return StoreError(f"the database failed: {words}")


def may_be_one_works(error: BaseException) -> bool:
    """Whether an error may come from one work of a batch: the others can be run again without it.

    Where the connection is lost nobody knows what was committed, so nothing is run again. Whatever is no error of the
    database comes from a work, or from what was made of it, before anything was committed.
    """
    if isinstance(error, ERRORS):
        return isinstance(error, asyncpg.PostgresError | asyncpg.DataError) and not isinstance(error, _NOBODYS)
    return True


async def connect(url: str) -> Connection:
    """Open a session of its own, outside any pool."""
    return await asyncpg.connect(
        url,
        timeout=CONNECT_SECONDS,
        command_timeout=STATEMENT_SECONDS,
        server_settings=SETTINGS,
        target_session_attrs=SessionAttribute.primary,
    )


GiveUp = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Pool:
    """Sessions that are opened as they are needed, and anew where they were lost.

    `kin` gives up all sessions of one store: none of them is used again once the server of one has turned read-only.
    """

    sessions: asyncpg.Pool[Record]
    kin: list[GiveUp]

    async def give_up_all(self) -> None:
        """Use no session of the store again that is open now."""
        for give_up in self.kin:
            with contextlib.suppress(asyncpg.InterfaceError):  # closed already
                await give_up()


async def pool(url: str, most: int, settings: dict[str, str], kin: list[GiveUp]) -> Pool:
    """Return a pool of up to `most` sessions, and add it to its kin."""
    sessions = await asyncpg.create_pool(
        url,
        min_size=0,
        max_size=most,
        timeout=CONNECT_SECONDS,
        command_timeout=STATEMENT_SECONDS,
        server_settings=settings,
        reset=_nothing_to_reset,
        target_session_attrs=SessionAttribute.primary,
    )
    kin.append(sessions.expire_connections)
    return Pool(sessions, [] if settings is LOOKING else kin)  # who only looks learns nothing of the server


async def _nothing_to_reset(_connection: Connection) -> None:
    """Keep the session as it is: nothing here changes its settings, and transactions have ended."""


async def close(of: Pool) -> None:
    """Close the sessions of a pool, whether the server answers or not."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await of.sessions.close()
    except TimeoutError:
        of.sessions.terminate()


@contextlib.asynccontextmanager
async def transaction(of: Pool) -> AsyncIterator[Session]:
    """Run a transaction on a session of a pool; it is committed at the end, or nothing of it remains.

    A session that has not answered in time, or that nobody waits for any more, is given up: the server undoes what it
    was about. One that died while nobody used it, as all do when the server is started anew, is replaced.
    """
    taken, begun = await _begun(of)
    try:
        try:
            yield taken
        except (OSError, asyncio.CancelledError):
            raise
        except BaseException:
            await begun.rollback()
            raise
        await begun.commit()
    except (OSError, READ_ONLY, asyncio.CancelledError) as error:
        _give_up(taken)
        if isinstance(error, READ_ONLY):
            await of.give_up_all()
        raise
    finally:
        await of.sessions.release(taken)


@contextlib.asynccontextmanager
async def session(of: Pool) -> AsyncIterator[Session]:
    """Take a session of a pool, for statements that are transactions of their own."""
    taken = await of.sessions.acquire(timeout=CONNECT_SECONDS)
    try:
        yield taken
    except (*LOST, OSError, asyncio.CancelledError) as error:
        _give_up(taken)
        if isinstance(error, READ_ONLY):
            await of.give_up_all()
        raise
    finally:
        await of.sessions.release(taken)


async def _begun(of: Pool, dead: int = 0) -> tuple[PoolConnectionProxy[Record], Transaction]:
    """Begin a transaction on a session of a pool of which `dead` have just been found dead."""
    taken = await of.sessions.acquire(timeout=CONNECT_SECONDS)
    begun = taken.transaction()
    try:
        await begun.start()
    except BaseException as error:
        _give_up(taken)
        await of.sessions.release(taken)
        if isinstance(error, LOST) and dead < of.sessions.get_max_size():
            return await _begun(of, dead + 1)
        raise
    return taken, begun


def _give_up(taken: PoolConnectionProxy[Record]) -> None:
    """End a session at once, unless it has ended by itself."""
    with contextlib.suppress(asyncpg.InterfaceError):  # the pool has it back already
        taken.terminate()
