"""The computer's clock."""

from __future__ import annotations

import asyncio
import sys
import time

_LONGEST_NAP = 30.0


class SystemClock:
    """The Clock port over the clocks of the operating system.

    What has elapsed is read from the clock that counts the computer's sleep too, where there is one. The loop's own
    timers need not count it, so long waits look again every 30 seconds: nobody wakes more than that too late.
    """

    def now(self) -> int:
        """Return nanoseconds since 1970."""
        return time.time_ns()

    def elapsed(self) -> int:
        """Return nanoseconds since the computer started."""
        if sys.platform == "linux":
            return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        return time.monotonic_ns()

    async def wait_until(self, at: int) -> None:
        """Return when `elapsed` gives `at` or more; always let others run first."""
        await asyncio.sleep(0)
        while (left := at - self.elapsed()) > 0:  # noqa: ASYNC110 - no event tells that the computer woke up
            await asyncio.sleep(min(left / 1e9, _LONGEST_NAP))
