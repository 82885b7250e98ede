"""The computer's clock."""

from __future__ import annotations

import asyncio
import time

_LONGEST_NAP = 30.0


class SystemClock:
    """The Clock port over the wall clock.

    Long waits look at the clock again every 30 seconds: after the computer slept or its clock was set, nobody wakes
    more than that too late, and never too early.
    """

    def now(self) -> int:
        """Return nanoseconds since 1970."""
        return time.time_ns()

    async def sleep_until(self, at: int) -> None:
        """Return when the clock reads `at` (nanoseconds since 1970) or later; always lets others run first."""
        await asyncio.sleep(0)
        while (left := at - self.now()) > 0:  # noqa: ASYNC110 - no event tells that the clock was set
            await asyncio.sleep(min(left / 1e9, _LONGEST_NAP))
