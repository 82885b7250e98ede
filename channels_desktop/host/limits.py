"""What one host gives: sizes, quotas and rates."""

from __future__ import annotations

from dataclasses import dataclass

from channels_desktop.errors import Refused

_NS = 10**9
KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What one host gives. Sizes are bytes; `page_*` bound one read, `line_*` what a websocket holds at a time.

    `posts_per_second` and `burst` are per account and process, `registrations_per_hour` is per process; 0 means no
    limit. `auto_delete` is what the dialect without a word for it (Tokenized) opens its channels with.
    """

    message_bytes: int = 10 * 1024 * 1024
    mailbox_bytes: int = 256 * 1024 * 1024
    account_bytes: int = 16 * 1024 * 1024 * 1024
    channels: int = 100_000
    tokens: int = 1000
    posts_per_second: int = 0
    burst: int = 100
    registrations_per_hour: int = 60
    page_messages: int = 1000
    page_bytes: int = 12 * 1024 * 1024
    line_messages: int = 64
    line_bytes: int = 1024 * 1024
    auto_delete: bool = True


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

    def take(self, account: int, at: int) -> None:
        """Take as Rates does, the first time."""
        if not self._taken:
            self._rates.take(account, at)
            self._taken = True


class Rates:
    """How often each account of one process does something: `burst` times at once, then `count` times in `seconds`.

    One number is kept per account: when all it did would have been due, had it been done evenly. A `count` of 0 means
    no limit.
    """

    def __init__(self, count: int, burst: int, seconds: int = 1) -> None:
        self._step = seconds * _NS // count if count else 0
        self._slack = self._step * max(burst - 1, 0)
        self._due: dict[int, int] = {}
        self._most = KEPT

    @property
    def known(self) -> int:
        """How many accounts are remembered."""
        return len(self._due)

    def take(self, account: int, at: int) -> None:
        """Count one more at time `at`; raise TooFast where it comes too early, without counting it."""
        if not self._step:
            return
        due = max(self._due.get(account, 0), at)
        if due - at > self._slack + self._step:  # the clock was set back
            due = at
        if due - at > self._slack:
            raise TooFast(-(-(due - at - self._slack) // _NS))
        if len(self._due) >= self._most and account not in self._due:
            self._due = {one: when for one, when in self._due.items() if when > at}
            self._most = max(KEPT, 2 * len(self._due))
        self._due[account] = due + self._step
