"""The store, the keys and the clock without a disk, a secret or the time of day: for tests and services in process."""

from __future__ import annotations

import asyncio
import hashlib
import heapq
from collections.abc import Callable, Sequence
from typing import TypeVar

from channels_desktop.adapters.migrations import Migration
from channels_desktop.adapters.seed_keys import SeedKeys
from channels_desktop.adapters.sqlite import Connection, SqliteStore
from channels_desktop.bitcoin.keys import Seed

R = TypeVar("R")


class ManualClock:
    """The Clock port standing still until it is told to move. `now` and `elapsed` may be read from any thread."""

    def __init__(self, now: int) -> None:
        self._now = now
        self._elapsed = 3600 * 10**9  # another number than any date, so that one never passes for the other
        self._count = 0
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now(self) -> int:
        """Return nanoseconds since 1970."""
        return self._now

    def elapsed(self) -> int:
        """Return the nanoseconds of all calls of `advance`, and an hour."""
        return self._elapsed

    def set(self, now: int) -> None:
        """Put the date at `now`, earlier or later, as a user or the network does: no time goes by."""
        self._now = now

    def advance(self, nanoseconds: int) -> None:
        """Let time go by, awake or asleep; wake who waited for that: earliest first, then who came first.

        To be called in the sleepers' loop, where they run on at its next turn.
        """
        self._now += nanoseconds
        self._elapsed += nanoseconds
        while self._sleepers and self._sleepers[0][0] <= self._elapsed:
            _, _, sleeper = heapq.heappop(self._sleepers)
            if not sleeper.done():  # a cancelled one
                sleeper.set_result(None)

    async def wait_until(self, at: int) -> None:
        """Return when `elapsed` gives `at` or more; always let others run first."""
        await asyncio.sleep(0)
        if self._elapsed < at:
            sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._count += 1
            heapq.heappush(self._sleepers, (at, self._count, sleeper))
            await sleeper


class MemoryKeys(SeedKeys):
    """The Keys port over a seed made of the 16 bytes of `entropy`.

    Its random bytes only look random: the same entropy gives the same ones in every run.
    """

    def __init__(self, entropy: bytes) -> None:
        super().__init__(Seed(entropy))
        self._stream = entropy
        self._count = 0

    def random(self, size: int) -> bytes:
        """Return the next `size` bytes of the stream, each call from a number of its own."""
        self._unlocked()
        self._count += 1
        return hashlib.shake_256(self._stream + self._count.to_bytes(8, "little")).digest(size)


async def memory_store(*, migrations: Sequence[Migration], records: Callable[[Connection], R]) -> SqliteStore[R]:
    """Open a Store that lives in memory and ends with `close`.

    It is the real store over SQLite's own memory, with one difference: queries wait for the transactions before them.
    """
    return await SqliteStore.open(None, None, migrations=migrations, records=records)
