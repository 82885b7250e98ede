from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.host import limits
from channels_desktop.host.limits import Rates, TooFast, Turn

SECOND = 10**9


class Elapsed:
    """Time that passes as a test says."""

    def __init__(self) -> None:
        self.at = 0

    def __call__(self) -> int:
        return self.at


def test_no_rate_means_no_limit() -> None:
    rates = Rates(0, burst=1)
    for _ in range(10_000):
        rates.take(1)


@given(
    each=st.integers(1, 50),
    burst=st.integers(1, 20),
    steps=st.lists(st.integers(0, 2 * SECOND), min_size=1, max_size=100),
)
def test_any_window_holds_a_burst_and_the_rate(each: int, burst: int, steps: list[int]) -> None:
    elapsed = Elapsed()
    rates, taken = Rates(each, burst, elapsed=elapsed), []
    for step in steps:
        elapsed.at += step
        with contextlib.suppress(TooFast):
            rates.take(7)
            taken.append(elapsed.at)
    for start in range(len(taken)):
        for end in range(start, len(taken)):
            assert end - start + 1 <= burst + (taken[end] - taken[start]) * each / SECOND + 1e-6


def test_who_is_told_to_wait_may_post_then() -> None:
    elapsed = Elapsed()
    rates = Rates(1, burst=2, elapsed=elapsed)
    for _ in range(2):
        rates.take(1)
    elapsed.at += 1
    with pytest.raises(TooFast) as refused:
        rates.take(1)
    assert refused.value.reason == "rate"
    elapsed.at += refused.value.seconds * SECOND
    rates.take(1)


def test_a_rate_may_be_of_longer_times_than_seconds() -> None:
    elapsed = Elapsed()
    rates = Rates(2, burst=2, seconds=3600, elapsed=elapsed)
    for elapsed.at in (0, 0, 1800 * SECOND):
        rates.take(1)
    with pytest.raises(TooFast) as refused:
        rates.take(1)
    assert refused.value.seconds == 1800


def test_accounts_that_are_quiet_are_forgotten() -> None:
    elapsed = Elapsed()
    rates = Rates(1, burst=1, elapsed=elapsed)
    for account in range(limits.KEPT):
        rates.take(account)
    elapsed.at = 1
    for account in range(limits.KEPT):
        with pytest.raises(TooFast):
            rates.take(account)
    elapsed.at = SECOND
    rates.take(-1)
    assert rates.known == 1


def test_a_request_takes_its_turn_once() -> None:
    elapsed = Elapsed()
    rates = Rates(1, burst=1, elapsed=elapsed)
    turn, next_turn = Turn(rates), Turn(rates)
    for _ in range(3):
        turn.take(1)
        with pytest.raises(TooFast):
            next_turn.take(1)
    elapsed.at = SECOND
    next_turn.take(1)
