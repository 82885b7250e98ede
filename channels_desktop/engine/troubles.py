"""What a background task could not do, and why: for the status line."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from channels_desktop.errors import StoreError, TransportError, WalletLocked


class Task(Enum):
    """The tasks that run as long as the engine does."""

    TAKE_IN = "take_in"  # stores and decides what came
    MARK = "mark"  # tells the host what is read
    LISTEN = "listen"  # holds the line to the host
    OUTBOX = "outbox"
    TIMERS = "timers"
    MAILROOM = "mailroom"
    CHAIN = "chain"
    STATUS = "status"  # tells how all is


class Obstacle(Enum):
    """Why a task could not go on, by what would have to change."""

    STORE = "store"  # the database cannot be read or written
    LOCKED = "locked"  # the secrets are not at hand
    NO_ANSWER = "no_answer"  # a host or a node gives no usable answer
    BUG = "bug"  # an error of our own


@dataclass(frozen=True, slots=True)
class TroubleRow:
    """A task that is not well; it is tried again until it is. `since` is nanoseconds since 1970."""

    task: Task
    obstacle: Obstacle
    since: int


def obstacle_of(error: Exception) -> Obstacle:
    """Return whose fault an error is."""
    match error:
        case StoreError():
            return Obstacle.STORE
        case WalletLocked():
            return Obstacle.LOCKED
        case TransportError():
            return Obstacle.NO_ANSWER
        case _:
            return Obstacle.BUG
