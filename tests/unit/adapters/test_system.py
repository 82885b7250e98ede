from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator

import pytest

from channels_desktop.adapters.memory import ManualClock
from channels_desktop.adapters.system import SystemClock

TIMEOUT = 60.0
YEAR_2024 = 1_704_067_200 * 10**9


class _SleptClock(SystemClock):
    """A clock that counts the computer's sleep: each look at it gives the next time."""

    def __init__(self, times: Iterator[int]) -> None:
        self.times = times

    def elapsed(self) -> int:
        return next(self.times)


def test_the_system_clock_is_in_nanoseconds_and_later_than_this_program() -> None:
    clock = SystemClock()
    assert YEAR_2024 < clock.now() < YEAR_2024 * 100
    assert isinstance(clock.now(), int)


def test_what_has_elapsed_is_what_the_system_says_with_its_sleep() -> None:
    if sys.platform == "linux":
        before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        assert before <= SystemClock().elapsed() <= time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    else:
        before = time.monotonic_ns()
        assert before <= SystemClock().elapsed() <= time.monotonic_ns()


async def test_a_computer_that_slept_during_a_nap_ends_the_wait() -> None:
    async with asyncio.timeout(TIMEOUT):
        await _SleptClock(iter([0, 10**18])).wait_until(10**6)


async def test_a_nap_that_was_too_short_is_followed_by_another() -> None:
    clock = _SleptClock(iter([10, 5 * 10**5, 10**6, 10**6 + 1]))
    async with asyncio.timeout(TIMEOUT):
        await clock.wait_until(10**6 + 1)
    assert list(clock.times) == []


async def test_a_time_centuries_away_can_be_waited_for_and_given_up() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await SystemClock().wait_until(1 << 63)


async def test_the_manual_clock_wakes_in_the_order_of_time_then_of_arrival() -> None:
    clock = ManualClock(1_000)
    start, woken = clock.elapsed(), list[str]()

    async def sleeper(name: str, at: int) -> None:
        await clock.wait_until(start + at)
        woken.append(f"{name} at {clock.elapsed() - start}")

    async with asyncio.timeout(TIMEOUT), asyncio.TaskGroup() as tasks:
        tasks.create_task(sleeper("late", 300))
        tasks.create_task(sleeper("first", 100))
        gone = tasks.create_task(sleeper("cancelled", 100))
        tasks.create_task(sleeper("second", 100))
        await _turns()
        gone.cancel()
        clock.advance(99)
        await _turns()
        assert woken == []
        clock.advance(1)
        await _turns()
        assert woken == ["first at 100", "second at 100"]
        clock.advance(4_000)
        await _turns()
    assert woken[2:] == ["late at 4100"]


async def test_a_date_that_is_set_wakes_nobody() -> None:
    clock = ManualClock(0)
    async with asyncio.timeout(TIMEOUT), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(clock.wait_until(clock.elapsed() + 10))
        await _turns()
        clock.set(10**18)
        await _turns()
        assert not task.done()
        assert (clock.now(), clock.elapsed()) == (10**18, 3600 * 10**9)
        clock.set(0)
        clock.advance(10)
    assert clock.now() == 10


async def _turns() -> None:
    """Let every task that can run do so."""
    for _ in range(5):
        await asyncio.sleep(0)
