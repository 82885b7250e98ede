from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.host import limits
from channels_desktop.host.limits import Rates, TooFast, Turn

SECOND = 10**9


def test_no_rate_means_no_limit() -> None:
    rates = Rates(0, burst=1)
    for _ in range(10_000):
        rates.take(1, 0)


@given(
    each=st.integers(1, 50),
    burst=st.integers(1, 20),
    steps=st.lists(st.integers(0, 2 * SECOND), min_size=1, max_size=100),
)
def test_any_window_holds_a_burst_and_the_rate(each: int, burst: int, steps: list[int]) -> None:
    rates, at, taken = Rates(each, burst), 0, []
    for step in steps:
        at += step
        with contextlib.suppress(TooFast):
            rates.take(7, at)
            taken.append(at)
    for start in range(len(taken)):
        for end in range(start, len(taken)):
            assert end - start + 1 <= burst + (taken[end] - taken[start]) * each / SECOND + 1e-6


def test_who_is_told_to_wait_may_post_then() -> None:
    rates = Rates(1, burst=2)
    for _ in range(2):
        rates.take(1, 0)
    with pytest.raises(TooFast) as refused:
        rates.take(1, 1)
    assert refused.value.reason == "rate"
    rates.take(1, 1 + refused.value.seconds * SECOND)


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    rates = Rates(1, burst=1)
    rates.take(1, 10**6 * SECOND)
    rates.take(1, 0)
    with pytest.raises(TooFast):
        rates.take(1, 0)


def test_a_rate_may_be_of_longer_times_than_seconds() -> None:
    rates = Rates(2, burst=2, seconds=3600)
    for at in (0, 0, 1800 * SECOND):
        rates.take(1, at)
    with pytest.raises(TooFast) as refused:
        rates.take(1, 1800 * SECOND)
    assert refused.value.seconds == 1800


def test_accounts_that_are_quiet_are_forgotten() -> None:
    rates = Rates(1, burst=1)
    for account in range(limits.KEPT):
        rates.take(account, 0)
    for account in range(limits.KEPT):
        with pytest.raises(TooFast):
            rates.take(account, 1)
    rates.take(-1, SECOND)
    assert rates.known == 1


def test_a_request_takes_its_turn_once() -> None:
    rates = Rates(1, burst=1)
    turn, next_turn = Turn(rates), Turn(rates)
    for _ in range(3):
        turn.take(1, 0)
        with pytest.raises(TooFast):
            next_turn.take(1, 0)
    next_turn.take(1, SECOND)
