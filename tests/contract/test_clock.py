"""The Clock port: the computer's clock and the one moved by hand."""

from __future__ import annotations

import asyncio

import pytest

from channels_desktop.adapters.memory import ManualClock
from channels_desktop.adapters.system import SystemClock
from channels_desktop.engine.ports import Clock

TIMEOUT = 60.0
SOON = 20_000_000


@pytest.fixture(params=["system", "manual"])
def clock(request: pytest.FixtureRequest) -> Clock:
    return SystemClock() if request.param == "system" else ManualClock(1_700_000_000_000_000_000)


def _pass(clock: Clock, nanoseconds: int) -> None:
    """Let time go by; the computer's clock does so by itself."""
    if isinstance(clock, ManualClock):
        clock.advance(nanoseconds)


async def test_it_gives_whole_nanoseconds_of_this_century(clock: Clock) -> None:
    now = clock.now()
    assert isinstance(now, int)
    assert 1_600_000_000 < now // 10**9 < 4_200_000_000


async def test_what_has_elapsed_never_goes_back_and_is_no_date(clock: Clock) -> None:
    first = clock.elapsed()
    _pass(clock, SOON)
    assert isinstance(first, int)
    assert 0 < first <= clock.elapsed() < 1_000_000_000 * 10**9
    assert clock.now() - clock.elapsed() > 10**18


async def test_a_time_that_has_come_is_not_waited_for_but_lets_others_run(clock: Clock) -> None:
    async with asyncio.timeout(TIMEOUT), asyncio.TaskGroup() as tasks:
        for at in (clock.elapsed(), 0, -1):
            other = tasks.create_task(asyncio.sleep(0, "ran"))
            await clock.wait_until(at)
            await other


async def test_nobody_wakes_too_early(clock: Clock) -> None:
    woken: list[int] = []

    async def sleeper(at: int) -> None:
        await clock.wait_until(at)
        woken.append(clock.elapsed() - at)

    start = clock.elapsed()
    async with asyncio.timeout(TIMEOUT), asyncio.TaskGroup() as tasks:
        for part in (3, 1, 2):
            tasks.create_task(sleeper(start + part * SOON))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert woken == []
        _pass(clock, 3 * SOON)
    assert len(woken) == 3
    assert min(woken) >= 0


async def test_a_sleeper_can_be_cancelled(clock: Clock) -> None:
    async with asyncio.timeout(TIMEOUT), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(clock.wait_until(clock.elapsed() + 10**18))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        _pass(clock, 10**18)
