"""A payment's state as a card, and as what the approval dialog shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from channels_desktop.bitcoin.tx import txid_text
from channels_desktop.engine.advance import MACHINE, thaw
from channels_desktop.engine.remote_text import clean
from channels_desktop.engine.rows import (
    ItemRow,
    PaymentRow,
    PaymentState,
    Role,
    Step,
    StepRow,
)
from channels_desktop.protocols.invoices import deal as states
from channels_desktop.protocols.invoices.messages import InvoiceItem
from channels_desktop.wire.bsor import Message, present

if TYPE_CHECKING:
    from collections.abc import Iterable

    from channels_desktop.engine.records import Thread
    from channels_desktop.engine.repositories import Reader

HIGHEST_RATE = 1  # satoshis for a byte; above it a quote is not paid without asking (channels.md 4.4)

_STATES: dict[type[Message], PaymentState] = {
    states.OrderSent: PaymentState.ORDERED,
    states.OrderReceived: PaymentState.ORDERED,
    states.Reviewing: PaymentState.INVOICED,
    states.Requested: PaymentState.INVOICED,
    states.PaymentSent: PaymentState.PAID,
    states.Broadcasting: PaymentState.PAID,
    states.PaymentRefused: PaymentState.REFUSED,
    states.PaymentAccepted: PaymentState.ACCEPTED,
    states.Accepted: PaymentState.ACCEPTED,
    states.PaymentConfirmed: PaymentState.CONFIRMED,
    states.Confirmed: PaymentState.CONFIRMED,
}
_ENDS = {
    states.End.DECLINED: PaymentState.DECLINED,
    states.End.WITHDRAWN: PaymentState.WITHDRAWN,
    states.End.EXPIRED: PaymentState.EXPIRED,
    states.End.FAILED: PaymentState.FAILED,
}


def payment_row(reader: Reader, thread: Thread) -> PaymentRow:
    """Return the card of a payment."""
    state = thaw(thread)
    deal: states.Deal = state.deal  # type: ignore[attr-defined] # every state has one
    paying = states.is_payer(state)
    items = deal.invoice.items if deal.invoice is not None else deal.order.items if deal.order is not None else ()
    notes = deal.invoice.notes if deal.invoice is not None else deal.order.notes if deal.order is not None else None
    tx = getattr(state, "tx", None)
    txid = tx.tx.txid if tx is not None and tx.tx is not None else b""
    closed = state if isinstance(state, states.Closed) else None
    code, words = _problem(state)
    return PaymentRow(
        entry=thread.entry,
        relationship=thread.relationship,
        thread=thread.uuid.hex(),
        version=thread.version,
        role=Role.PAYER if paying else Role.PAYEE,
        state=_ENDS[states.End(closed.end)] if closed is not None else _STATES[type(state)],
        items=item_rows(items),
        total=_total(items),
        note=clean(notes or ""),
        at=thread.at,
        expiry=deal.invoice.expiration if deal.invoice is not None else 0,
        fee=getattr(state, "fee", None),
        steps=_steps(deal.steps, paying=paying),
        actions=MACHINE.actions(state),
        sending=reader.messages.is_waiting(thread.uuid),
        mine_first=deal.ours,
        ended_by_us=closed.by_us if closed is not None else False,
        reason=code,
        reason_note=clean(words),
        txid=txid_text(txid) if txid else "",
        block_height=getattr(state, "height", 0),
        held=getattr(state, "held", 0),
        order_total=_total(deal.order.items) if deal.order is not None else 0,
    )


def item_rows(items: Iterable[InvoiceItem | None]) -> tuple[ItemRow, ...]:
    """Return the lines of an order or invoice."""
    return tuple(
        ItemRow(
            name=clean(item.id.decode("utf-8", "replace")),
            quantity=1 if item.quantity is None else item.quantity,
            satoshis=item.price.quantity or 0,
        )
        for item in present(items)
    )


def _steps(steps: states.Steps, *, paying: bool) -> tuple[StepRow, ...]:
    """Return the five steps: orders and payments are the payer's, invoices and acceptances the payee's word.

    Confirmation is always our own check.
    """
    return (
        StepRow(Step.ORDER, steps.ordered, paying),
        StepRow(Step.INVOICE, steps.invoiced, not paying),
        StepRow(Step.PAYMENT, steps.paid, paying),
        StepRow(Step.ACCEPTED, steps.accepted, not paying),
        StepRow(Step.CONFIRMED, steps.confirmed, mine=True),
    )


def _problem(state: Message) -> tuple[str, str]:
    match state:
        case states.PaymentRefused(code=code, note=note):
            return f"I:{code}", note
        case states.Requested(refused_code=code, refused_note=note) if code:
            return f"I:{code}", note
        case states.Closed(code=code, note=note, end=end):
            return ("conflict" if end == states.End.FAILED else f"I:{code}" if code else ""), note
        case _:
            return "", ""


def _total(items: Iterable[InvoiceItem | None]) -> int:
    return sum(row.total for row in item_rows(items))
