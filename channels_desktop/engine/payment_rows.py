"""A payment's state as a card, and as what the approval dialog shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from channels_desktop.bitcoin.fees import P2PKH_OUTPUT_SIZE, byte_counts, required_fee
from channels_desktop.bitcoin.templates import is_data_script
from channels_desktop.bitcoin.tx import txid_text
from channels_desktop.engine.advance import MACHINE, thaw
from channels_desktop.engine.remote_text import clean
from channels_desktop.engine.rows import (
    CheckRow,
    ItemRow,
    OutputLine,
    PaymentRow,
    PaymentState,
    ReviewRow,
    Role,
    Step,
    StepRow,
    Verification,
)
from channels_desktop.engine.wallet import plan, rates_of
from channels_desktop.errors import InsufficientFunds, Refused, WireError
from channels_desktop.protocols.invoices import deal as states
from channels_desktop.protocols.invoices.checks import find_invoice, items_total
from channels_desktop.protocols.invoices.messages import InvoiceItem, TransferRequest
from channels_desktop.wire.bsor import Message, present

if TYPE_CHECKING:
    from collections.abc import Iterable

    from channels_desktop.bitcoin.coins import Selection
    from channels_desktop.bitcoin.tx import Tx
    from channels_desktop.engine.records import Thread
    from channels_desktop.engine.repositories import Reader
    from channels_desktop.protocols.fee_requirements import FeeRequirement

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
        sending=any(m.outgoing and m.state == "waiting" for m in reader.messages.of_thread(thread.uuid)),
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


def review_row(reader: Reader, thread: Thread, at: int) -> ReviewRow:
    """Return what approving a payment would sign, computed from the transaction itself; raise Refused("stale")."""
    state = thaw(thread)
    deal: states.Deal = state.deal  # type: ignore[attr-defined] # every state has one
    request, invoice = deal.request, deal.invoice
    if not isinstance(state, states.Reviewing) or request is None or request.tx is None or request.tx.tx is None:
        raise Refused("stale")
    if invoice is None:
        raise Refused("stale")
    contact = reader.contacts.get(thread.relationship)
    total = items_total(invoice.items)
    found = find_invoice(request.tx.tx)
    record = request.tx.tx.outputs[found[0]].size if found is not None else 0
    chosen, needed, available = _choose(reader, request)
    fee = chosen.fee if chosen is not None else max(0, needed - total)
    fair = _is_fair(request, chosen)
    blocked = _blocked(contact.verification, invoice.expiration, at, chosen=chosen, fair=fair)
    free = reader.coins.sums()[0]
    return ReviewRow(
        thread=thread.uuid.hex(),
        version=thread.version,
        name=contact.name,
        verification=contact.verification,
        items=item_rows(invoice.items),
        total=total,
        fee=fee,
        record_bytes=record,
        you_pay=total + fee,
        left_after=free - total - fee,
        order_items=item_rows(deal.order.items) if deal.order is not None else (),
        note=clean(invoice.notes or ""),
        expiry=invoice.expiration,
        coins_in=len(chosen.coins) if chosen is not None else 0,
        outputs=_outputs(request.tx.tx, chosen),
        checks=(
            CheckRow("signed", passed=True),
            CheckRow("not_expired", passed=invoice.expiration > at),
            CheckRow("outputs_explained", passed=True),
            CheckRow("fee_fair", passed=fair),
        ),
        blocked=blocked,
        needed=needed,
        available=available,
    )


def _choose(reader: Reader, request: TransferRequest) -> tuple[Selection | None, int, int]:
    """Return the coins that would pay, or what is needed and what there is."""
    if request.tx is None:
        return None, 0, 0
    try:
        return plan(reader, request.tx, present(request.fees)).selection, 0, 0
    except InsufficientFunds as error:
        return None, error.needed, error.available
    except WireError:
        return None, 0, 0


def _is_fair(request: TransferRequest, chosen: Selection | None) -> bool:
    """Say whether the quoted rate is sane and the fee near the quote."""
    fees: tuple[FeeRequirement, ...] = present(request.fees)
    if any(fee.satoshis > HIGHEST_RATE * fee.bytes for fee in fees):
        return False
    if chosen is None or request.tx is None or request.tx.tx is None:
        return True
    size = byte_counts(request.tx.tx)
    quoted = required_fee(size, rates_of(fees))
    total = sum(output.satoshis for output in request.tx.tx.outputs)
    return chosen.fee <= max(1000, 2 * quoted, total // 20)


def _blocked(verification: Verification, expiration: int, at: int, *, chosen: Selection | None, fair: bool) -> str:
    if verification is Verification.MISMATCH:
        return "mismatch"
    if expiration <= at:
        return "expired"
    if chosen is None:
        return "not_enough"
    return "" if fair else "fee_high"


def _outputs(tx: Tx, chosen: Selection | None) -> tuple[OutputLine, ...]:
    lines = [
        OutputLine("record" if is_data_script(output.locking_script) else "them", output.satoshis, output.size)
        for output in tx.outputs
    ]
    if chosen is not None and chosen.change:
        size = P2PKH_OUTPUT_SIZE * chosen.change_outputs
        lines.append(OutputLine("us", chosen.change, size, chosen.change_outputs))
    return tuple(lines)


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
