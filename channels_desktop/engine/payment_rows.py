"""A payment's state as a card, and as what the approval dialog shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from channels_desktop.bitcoin.expanded_tx import ExpandedTx
from channels_desktop.bitcoin.tx import Tx, txid_text
from channels_desktop.engine.advance import MACHINE, thaw
from channels_desktop.engine.needs import NEEDED, deadline_of, quantity, total
from channels_desktop.engine.remote_text import clean
from channels_desktop.engine.rows import (
    ItemRow,
    PaymentRow,
    PaymentState,
    Role,
    Step,
    StepRow,
    Verification,
)
from channels_desktop.protocols.invoices import deal as states
from channels_desktop.protocols.invoices.messages import ID, InvoiceItem, PurchaseOrder
from channels_desktop.wire import limits
from channels_desktop.wire.bsor import Message, present

if TYPE_CHECKING:
    from collections.abc import Iterable

    from channels_desktop.engine.records import Thread
    from channels_desktop.engine.repositories import Reader


_STATES: dict[type[Message], PaymentState] = {
    states.OrderSent: PaymentState.ORDERED,
    states.OrderReceived: PaymentState.ORDERED,
    states.Reviewing: PaymentState.INVOICED,
    states.Requested: PaymentState.INVOICED,
    states.PaymentSent: PaymentState.PAID,
    states.Late: PaymentState.LATE,
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


UNSETTLED = (states.PaymentSent, states.PaymentAccepted, states.Broadcasting, states.Accepted)


def payment_row(reader: Reader, thread: Thread) -> PaymentRow:
    """Return the card of a payment."""
    state = thaw(thread)
    deal: states.Deal = state.deal  # type: ignore[attr-defined] # every state has one
    paying = states.is_payer(state)
    terms = deal.invoice or deal.order or PurchaseOrder()
    tx = getattr(state, "tx", None) or ExpandedTx()
    txid = tx.tx.txid if tx.tx is not None else b""
    closed = state if isinstance(state, states.Closed) else None
    code, words = _problem(state)
    if isinstance(state, UNSETTLED) and _is_contested(reader, thread, txid):
        code = "contested"
    contact = reader.contacts.get(thread.relationship)
    locked = contact.verification is Verification.MISMATCH
    sending = reader.messages.is_waiting(thread.uuid)
    return PaymentRow(
        entry=thread.entry,
        relationship=thread.relationship,
        thread=thread.uuid.hex(),
        version=thread.version,
        role=Role.PAYER if paying else Role.PAYEE,
        state=_ENDS[states.End(closed.end)] if closed is not None else _STATES[type(state)],
        items=item_rows(terms.items),
        total=total(terms.items),
        note=clean(terms.notes or ""),
        at=thread.at,
        expiry=deadline_of(deal),
        fee=getattr(state, "fee", 0) or None,
        steps=_steps(deal.steps, paying=paying),
        actions=tuple(action for action in MACHINE.actions(state) if not (locked and action in NEEDED)),
        sending=sending,
        gone=sending and contact.gone_since > 0,
        mine_first=deal.ours,
        ended_by_us=closed.by_us if closed is not None else False,
        reason=code,
        reason_note=clean(words),
        txid=txid_text(txid) if txid else "",
        block_height=getattr(state, "height", 0),
        held=getattr(state, "held", 0),
        locked=locked,
    )


def _is_contested(reader: Reader, thread: Thread, txid: bytes) -> bool:
    """Say whether another transaction is seen that spends what a payment in no block spends."""
    watches = reader.chain.watches_of(thread.uuid)
    ours = [Tx.from_bytes(watch.raw).unsigned_txid for watch in watches if watch.txid == txid]
    rivals = (Tx.from_bytes(rival.raw).unsigned_txid for rival in reader.chain.rivals(txid) if rival.seen)
    return any(rival not in ours for rival in rivals)


def item_rows(items: Iterable[InvoiceItem | None]) -> tuple[ItemRow, ...]:
    """Return the lines of an order or invoice."""
    return tuple(
        ItemRow(
            name=clean(item.id[: limits.NAME_BYTES].decode("utf-8", "replace")),
            quantity=quantity(item),
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
        case states.PaymentRefused(protocol=protocol, code=code, note=note):
            return _reason(protocol, code), note
        case states.Late(why=states.Why.EXPIRED):
            return "late", ""
        case states.Requested(refused_code=code, refused_note=note) if code:
            return _reason(b"", code), note
        case states.Closed(protocol=protocol, code=code, note=note, end=end):
            plain = not code and protocol in (b"", ID)
            return ("conflict" if end == states.End.FAILED else "" if plain else _reason(protocol, code)), note
        case _:
            return "", ""


def _reason(protocol: bytes, code: int) -> str:
    """Return a refusal's code under the protocol it is a code of; without one it is of invoices."""
    return f"{(protocol or ID).decode('ascii', 'replace')}:{code}"
