"""Which of the two machines an event goes to, and what the user may do in each state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from channels_desktop.protocols import effects as do
from channels_desktop.protocols.invoices import deal as states
from channels_desktop.protocols.invoices import endings, payee, payer
from channels_desktop.protocols.invoices.messages import PurchaseOrder, TransferRequest
from channels_desktop.protocols.protocol import Action, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from channels_desktop.wire.bsor import Message

_STEPS: dict[type[Message], Callable[[Any, do.Event], Step]] = {
    states.OrderSent: payer.step_ordered,
    states.Reviewing: payer.step_reviewing,
    states.Funding: payer.step_funding,
    states.PaymentSent: payer.step_sent,
    states.PaymentRefused: payer.step_sent,
    states.PaymentAccepted: payer.step_accepted,
    states.PaymentConfirmed: payer.step_confirmed,
    states.OrderReceived: payee.step_ordered,
    states.Drafting: payee.step_drafting,
    states.Requested: payee.step_requested,
    states.Checking: payee.step_checking,
    states.Late: payee.step_late,
    states.Broadcasting: payee.step_broadcasting,
    states.Accepted: payee.step_accepted,
    states.Confirmed: payee.step_confirmed,
}

_ACTIONS: dict[type[Message], tuple[Action, ...]] = {
    states.OrderSent: (Action.WITHDRAW,),
    states.Reviewing: (Action.PAY, Action.DECLINE),
    states.PaymentSent: (Action.SEND_AGAIN,),
    states.PaymentRefused: (Action.SEND_AGAIN,),
    states.OrderReceived: (Action.MAKE_INVOICE, Action.DECLINE),
    states.Requested: (Action.WITHDRAW,),
    states.Late: (Action.ACCEPT_ANYWAY, Action.DECLINE),
}

WAITING = tuple(
    number
    for number, cls in states.STATES.items()
    if {Action.PAY, Action.MAKE_INVOICE, Action.ACCEPT_ANYWAY} & set(_ACTIONS.get(cls, ()))
)


def step(state: Message | None, event: do.Event) -> Step:
    """Return the next state and effects; raise ProtocolError if `event` is out of turn."""
    if state is None:
        return _start(event)
    if isinstance(state, states.Closed):
        if isinstance(event, do.Received) and endings.refusal(event):
            return Step(state)
        if isinstance(event, do.Approved | do.Declined | do.Withdrawn | do.Resent):
            raise endings.out_of_turn(state, event)
        return payer.step_closed(state, event) if state.paying else payee.step_closed(state, event)
    return _STEPS[type(state)](state, event)


def actions(state: Message) -> tuple[Action, ...]:
    """Return what the user may do now, most natural first."""
    if isinstance(state, states.Closed) and state.end in (states.End.DECLINED, states.End.EXPIRED):
        return (Action.ORDER_AGAIN,) if state.paying else (Action.INVOICE_AGAIN,)
    return _ACTIONS.get(type(state), ())


def _start(event: do.Event) -> Step:
    """Begin: the payer with an order, the payee with a request; each receives what the other begins with."""
    paying = (isinstance(event, do.Asked) and isinstance(event.message, PurchaseOrder)) or (
        isinstance(event, do.Received) and isinstance(event.message, TransferRequest)
    )
    return payer.start(event) if paying else payee.start(event)
