"""What a sub-protocol declares of itself: its id, its messages, its codes and, where it negotiates, its machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from channels_desktop.errors import Misuse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from enum import IntEnum

    from channels_desktop.protocols.effects import Effect, Event
    from channels_desktop.wire.bsor import Message, Reader


class Action(Enum):
    """What a user may do with a negotiation; its machine says which are open."""

    MAKE_INVOICE = "make_invoice"
    PAY = "pay"
    DECLINE = "decline"
    WITHDRAW = "withdraw"
    ORDER_AGAIN = "order_again"
    INVOICE_AGAIN = "invoice_again"
    SEND_AGAIN = "send_again"
    ACCEPT_ANYWAY = "accept_anyway"


@dataclass(frozen=True, slots=True)
class Step:
    """The outcome of one event: the next state, and what is to be done, in order."""

    state: Message
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True)
class Negotiation:
    """A state machine. `states` numbers the classes of its states: the numbers are kept in the database for good.

    `step(state, event)` is pure: it returns a `Step` or raises ProtocolError where the event is out of turn.
    `actions(state)` says what the user may do now; `waiting` numbers the states that wait for the user's approval.
    """

    states: Mapping[int, type[Message]]
    step: Callable[[Message | None, Event], Step]
    actions: Callable[[Message], tuple[Action, ...]]
    waiting: tuple[int, ...]

    def number_of(self, state: Message) -> int:
        """Return the number of a state's class; raise Misuse where it is none of this machine."""
        for number, cls in self.states.items():
            if cls is type(state):
                return number
        raise Misuse(f"{type(state).__name__} is no state of this negotiation")


@dataclass(frozen=True, slots=True)
class Protocol:
    """One sub-protocol as the stack reader and writer need it (wire-format 5).

    `package` and a class's name together are what the reference calls a message. `messages` maps message types to
    classes, or holds the single key None for a protocol without a type item. `minimum` is how many payload items must
    be left when its turn comes. `lone_error` is the kind of error when it is not the last id though it can not wrap.
    `older` reads the bodies of older versions, which are never written.
    """

    id: bytes
    package: str
    messages: Mapping[int | None, type[Message]]
    wraps: bool = False
    minimum: int = 2
    version: int = 0
    older: Mapping[int, Reader] = field(default_factory=dict)
    lone_error: str = "invalid_message"
    short_error: str = "invalid_message"
    codes: type[IntEnum] | None = None
    negotiation: Negotiation | None = field(default=None, compare=False)
