from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from channels_desktop.adapters.memory import ManualClock
from channels_desktop.adapters.system import SystemClock

TIMEOUT = 60.0
YEAR_2024 = 1_704_067_200 * 10**9


class _JumpingClock(SystemClock):
    """A wall clock that somebody sets: each look at it gives the next time."""

    def __init__(self, times: Iterator[int]) -> None:
        self.times = times

    def now(self) -> int:
        return next(self.times)


def test_the_system_clock_is_in_nanoseconds_and_later_than_this_program() -> None:
    clock = SystemClock()
    assert YEAR_2024 < clock.now() < YEAR_2024 * 100
    assert isinstance(clock.now(), int)


async def test_a_clock_put_forward_during_a_nap_ends_the_wait() -> None:
    async with asyncio.timeout(TIMEOUT):
        await _JumpingClock(iter([0, 10**18])).sleep_until(10**6)


async def test_a_clock_put_back_during_a_nap_makes_it_wait_on() -> None:
    clock = _JumpingClock(iter([10, 5, 10**6, 10**6 + 1]))
    async with asyncio.timeout(TIMEOUT):
        await clock.sleep_until(10**6 + 1)
    assert list(clock.times) == []


async def test_a_time_centuries_away_can_be_waited_for_and_given_up() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await SystemClock().sleep_until(1 << 63)


async def test_the_manual_clock_wakes_in_the_order_of_time_then_of_arrival() -> None:
    clock = ManualClock(1_000)
    woken: list[str] = []

    async def sleeper(name: str, at: int) -> None:
        await clock.sleep_until(at)
        woken.append(f"{name} at {clock.now()}")

    async with asyncio.timeout(TIMEOUT), asyncio.TaskGroup() as tasks:
        tasks.create_task(sleeper("late", 1_300))
        tasks.create_task(sleeper("first", 1_100))
        gone = tasks.create_task(sleeper("cancelled", 1_100))
        tasks.create_task(sleeper("second", 1_100))
        await _turns()
        gone.cancel()
        clock.advance(99)
        await _turns()
        assert woken == []
        clock.advance(1)
        await _turns()
        assert woken == ["first at 1100", "second at 1100"]
        clock.set(500)
        clock.set(5_000)
        await _turns()
    assert woken[2:] == ["late at 5000"]


async def test_a_manual_clock_put_back_before_the_sleeper_ran_makes_it_wait_on() -> None:
    clock = ManualClock(0)
    async with asyncio.timeout(TIMEOUT), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(clock.sleep_until(10))
        await _turns()
        clock.set(10)
        clock.set(0)
        await _turns()
        assert not task.done()
        clock.set(10)


async def _turns() -> None:
    """Let every task that can run do so."""
    for _ in range(5):
        await asyncio.sleep(0)
