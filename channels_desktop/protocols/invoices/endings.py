"""What both machines say alike: an event out of turn, a refusal, and an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from channels_desktop.protocols import effects as do
from channels_desktop.protocols.invoices.checks import refuse
from channels_desktop.protocols.invoices.deal import Closed, End
from channels_desktop.protocols.invoices.messages import ID, InvoiceCode
from channels_desktop.protocols.protocol import Step
from channels_desktop.protocols.response import Response, Status

if TYPE_CHECKING:
    from channels_desktop.bitcoin.expanded_tx import ExpandedTx
    from channels_desktop.errors import ProtocolError
    from channels_desktop.protocols.invoices.deal import Deal
    from channels_desktop.wire.bsor import Message

OK = Response()


def out_of_turn(state: Message | None, event: do.Event) -> ProtocolError:
    """Return the error for an event that the state has no place for."""
    what = type(event.message).__name__ if isinstance(event, do.Received) else type(event).__name__
    where = type(state).__name__ if state is not None else "nothing"
    return refuse(InvoiceCode.TRANSFER_UNKNOWN, f"{what} does not follow {where}")


_DECISIONS = frozenset(range(InvoiceCode.TRANSFER_UNKNOWN)) | frozenset(
    range(InvoiceCode.EXPIRED, InvoiceCode.INSUFFICIENT_FUNDS + 1)
)


def refusal(event: do.Received) -> Response | None:
    """Return the Response of a bodiless refusal, or None."""
    response = event.response
    return response if event.message is None and response is not None and response.status else None


def decision(event: do.Received) -> Response | None:
    """Return the Response of a refusal that ends what it answers, or None (payments.md 9).

    A complaint about one message is none: it is shown and closes nothing.
    """
    response = refusal(event)
    if response is None or response.status == Status.UNWANTED:
        return response
    decided = response.status == Status.REJECT and response.protocol_id == ID and response.code in _DECISIONS
    return response if decided else None


def end_of(response: Response) -> End:
    """Say whether a refusal takes an own document back or declines ours."""
    return End.WITHDRAWN if (response.protocol_id, response.code) == (ID, InvoiceCode.CANCELLED) else End.DECLINED


def closed(
    deal: Deal,
    end: End,
    *,
    paying: bool,
    by_us: bool = False,
    response: Response | None = None,
    note: str = "",
    effects: tuple[do.Effect, ...] = (),
) -> Step:
    """End a payment that is not made; `response` is the other side's refusal, if it was that."""
    response = response or OK
    state = Closed(
        deal=deal,
        paying=paying,
        end=end,
        by_us=by_us,
        code=response.code,
        note=note or response.note,
        protocol=response.protocol_id,
    )
    return Step(state, (do.Wake(0), *effects))


def ended(deal: Deal, end: End, tx: ExpandedTx, fee: int, *, paying: bool, by_us: bool = False) -> Closed:
    """Return the end of a payment that was made: the chain may take it all the same."""
    return Closed(deal=deal, paying=paying, end=end, by_us=by_us, tx=tx, fee=fee)


def cancelled(tx: ExpandedTx) -> tuple[do.Effect, ...]:
    """Return the effect that takes the outputs of a transaction out of the wallet."""
    return (do.CancelCoins(tx.tx.txid),) if tx.tx is not None else ()
