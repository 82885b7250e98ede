"""What one host gives: sizes, quotas and rates."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from channels_desktop.errors import Refused

_NS = 10**9
KEPT = 10_000
MOST = 10**9
MOST_BYTES = 2**29
"""Of one message: every store can keep it."""


def bounded(default: int, low: int, high: int) -> int:
    """Declare a number that an operator may choose from `low` to `high`."""
    chosen: int = field(default=default, metadata={"low": low, "high": high})
    return chosen


def check_bounds(part: Any) -> None:  # noqa: ANN401 - any dataclass
    """Raise Refused("configuration") that names the first number beyond what its declaration allows."""
    for each in fields(part):
        if not each.metadata:
            continue
        low, high = each.metadata["low"], each.metadata["high"]
        if not low <= getattr(part, each.name) <= high:
            raise Refused("configuration", f"{each.name} is a whole number from {low} to {high}")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one host gives. Sizes are bytes; `page_*` bound one read, `line_*` what a websocket holds at a time.

    `posts_per_second` and `burst` are per account and process, `registrations_per_hour` is per process; 0 means no
    limit. `auto_delete` is what the dialect without a word for it (Tokenized) opens its channels with.
    """

    message_bytes: int = bounded(10 * 1024 * 1024, 1, MOST_BYTES)
    mailbox_bytes: int = bounded(256 * 1024 * 1024, 1, 2**60)
    account_bytes: int = bounded(16 * 1024 * 1024 * 1024, 1, 2**60)
    channels: int = bounded(100_000, 0, MOST)
    tokens: int = bounded(1000, 0, MOST)
    posts_per_second: int = bounded(0, 0, MOST)
    burst: int = bounded(100, 0, MOST)
    registrations_per_hour: int = bounded(60, 0, MOST)
    page_messages: int = bounded(1000, 1, MOST)
    page_bytes: int = bounded(12 * 1024 * 1024, 1, MOST_BYTES)
    line_messages: int = bounded(64, 1, MOST)
    line_bytes: int = bounded(1024 * 1024, 1, MOST_BYTES)
    auto_delete: bool = True

    def __post_init__(self) -> None:
        """Raise Refused where a number is beyond its bounds."""
        check_bounds(self)


class TooFast(Refused):
    """Something is done more often than it may be; it may be done again in `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__("rate", "too many at once; wait a little")
        self.seconds = seconds


class Turn:
    """What one request takes of the rates: once, however often a store runs it."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._taken = False

    def take(self, account: int) -> None:
        """Take as Rates does, the first time."""
        if not self._taken:
            self._rates.take(account)
            self._taken = True


class Rates:
    """How often each account of one process does something: `burst` times at once, then `count` times in `seconds`.

    One number is kept per account: when all it did would have been due, had it been done evenly. A `count` of 0 means
    no limit. `elapsed` gives nanoseconds that pass evenly, whatever becomes of the date.
    """

    def __init__(
        self, count: int, burst: int, seconds: int = 1, elapsed: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._elapsed = elapsed
        self._step = seconds * _NS // count if count else 0
        self._slack = self._step * max(burst - 1, 0)
        self._due: dict[int, int] = {}
        self._most = KEPT

    @property
    def known(self) -> int:
        """How many accounts are remembered."""
        return len(self._due)

    def take(self, account: int) -> None:
        """Count one more; raise TooFast where it comes too early, without counting it."""
        if not self._step:
            return
        at = self._elapsed()
        due = max(self._due.get(account, at), at)
        if due - at > self._slack:
            raise TooFast(-(-(due - at - self._slack) // _NS))
        if len(self._due) >= self._most and account not in self._due:
            self._due = {one: when for one, when in self._due.items() if when > at}
            self._most = max(KEPT, 2 * len(self._due))
        self._due[account] = due + self._step
