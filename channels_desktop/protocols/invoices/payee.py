"""The payee's machine (channels.md 4.2)."""

from __future__ import annotations

from dataclasses import replace

from channels_desktop.bitcoin.expanded_tx import ExpandedTx
from channels_desktop.bitcoin.tx import Tx
from channels_desktop.protocols import effects as do
from channels_desktop.protocols.invoices.checks import check_fulfils, check_order, is_form_of, refuse
from channels_desktop.protocols.invoices.deal import (
    Accepted,
    Broadcasting,
    Checking,
    Closed,
    Confirmed,
    Deal,
    Drafting,
    End,
    Late,
    OrderReceived,
    Requested,
    Steps,
    Why,
)
from channels_desktop.protocols.invoices.endings import (
    OK,
    cancelled,
    closed,
    decision,
    end_of,
    ended,
    out_of_turn,
    refusal,
)
from channels_desktop.protocols.invoices.messages import (
    ID,
    Invoice,
    InvoiceCode,
    PurchaseOrder,
    Transfer,
    TransferAccept,
    TransferRequest,
    invoice_script,
)
from channels_desktop.protocols.protocol import Step
from channels_desktop.protocols.response import Response, Status
from channels_desktop.wire.bsor import present

GRACE = 5 * 60 * 10**9


def start(event: do.Event) -> Step:
    """Begin as payee: an order came, or the user asks for money."""
    match event:
        case do.Received(message=PurchaseOrder() as order, response=None):
            check_order(order)
            return Step(OrderReceived(deal=Deal(order=order, steps=Steps(ordered=event.at))))
        case do.Asked(message=Invoice() as terms, expiry=expiry, at=at):
            return _draft(Deal(ours=True), terms, expiry, at)
        case _:
            raise out_of_turn(None, event)


def step_ordered(state: OrderReceived, event: do.Event) -> Step:
    """Take an event while an order waits for the user."""
    deal = state.deal
    match event:
        case do.Approved(at=at, expiry=expiry) if deal.order is not None:
            terms = Invoice(items=deal.order.items, notes=deal.order.notes)
            return _draft(deal, terms, expiry, at)
        case do.Declined(note=note):
            no = Response(status=Status.UNWANTED, protocol_id=ID, code=InvoiceCode.PARSE)
            return closed(
                deal, End.DECLINED, paying=False, by_us=True, note=note, effects=(do.Send(response=no, note=note),)
            )
        case do.Received(message=PurchaseOrder() as newer):
            check_order(newer)
            return Step(OrderReceived(deal=Deal(order=newer, steps=Steps(ordered=event.at))))
        case do.Received() if response := decision(event):
            return closed(deal, End.WITHDRAWN, paying=False, response=response, note=event.note)
        case do.Received() if refusal(event):
            return Step(state)
        case _:
            raise out_of_turn(state, event)


def step_drafting(state: Drafting, event: do.Event) -> Step:
    """Take the wallet's answer: the incomplete transaction."""
    deal = state.deal
    match event:
        case do.RequestMade(tx=tx, fees=fees, at=at) if deal.invoice is not None:
            request = TransferRequest(tx=tx, fees=fees)
            asked = replace(deal, request=request, steps=replace(deal.steps, invoiced=at))
            answer = OK if deal.order is not None and not deal.ours else None
            wake = do.Wake(deal.invoice.expiration + GRACE)
            return Step(Requested(deal=asked), (do.Send(request, answer), wake))
        case _:
            raise out_of_turn(state, event)


def step_requested(state: Requested, event: do.Event) -> Step:
    """Take an event while our invoice waits for the payer."""
    deal = state.deal
    request, invoice = deal.request, deal.invoice
    if request is None or request.tx is None or request.tx.tx is None or invoice is None:
        raise out_of_turn(state, event)
    match event:
        case do.Received(message=Transfer() as transfer, response=response):
            if response is None:
                raise refuse(InvoiceCode.MISSING_RESPONSE_ID, "a payment must answer an invoice", status=2)
            if transfer.tx is None or transfer.tx.tx is None:
                raise refuse(InvoiceCode.TX_NOT_VALID, "there is no transaction", status=2)
            check_fulfils(request.tx.tx, transfer.tx.tx)
            return _check(deal, request, transfer.tx, event.at)
        case do.Received() if response := decision(event):
            return closed(deal, end_of(response), paying=False, response=response, note=event.note)
        case do.Received() if refusal(event):
            return Step(state)
        case do.Seen() | do.Proven():
            return _on_chain(deal, ExpandedTx(tx=event.tx), 0, event)
        case do.Unproven() | do.Conflicted() | do.Reopened() | do.Broadcasted() | do.BroadcastRefused():
            return Step(state)
        case do.Withdrawn():
            cancel = Response(status=Status.UNWANTED, protocol_id=ID, code=InvoiceCode.CANCELLED)
            return closed(deal, End.WITHDRAWN, paying=False, by_us=True, effects=(do.Send(response=cancel),))
        case do.Woken(at=at):
            if at < invoice.expiration + GRACE:
                return Step(state, (do.Wake(invoice.expiration + GRACE),))
            return closed(deal, End.EXPIRED, paying=False)
        case _:
            raise out_of_turn(state, event)


def step_checking(state: Checking, event: do.Event) -> Step:
    """Take the answer of the checks."""
    match event:
        case do.TransferGood(fee=fee, locked=locked) if state.tx.tx is not None and (locked or _is_late(state.deal)):
            late = Late(deal=state.deal, tx=state.tx, fee=fee, why=Why.LOCKED if locked else Why.EXPIRED)
            return Step(late, (do.Wake(0), do.AwaitProof(state.tx.tx)))
        case do.TransferGood(fee=fee) if state.tx.tx is not None:
            effects = (do.Wake(0), do.Collect(state.tx, trusted=False), do.Broadcast(state.tx))
            return Step(Broadcasting(deal=state.deal, tx=state.tx, fee=fee), effects)
        case do.TransferBad(code=code, note=note):
            back = _back_to_requested(state.deal, code, note)
            watch = (do.AwaitProof(state.tx.tx),) if state.tx.tx is not None else ()
            return Step(back.state, (*back.effects, *watch))
        case _:
            raise out_of_turn(state, event)


def step_late(state: Late, event: do.Event) -> Step:
    """Take an event while a valid payment that we did not expect waits for the user."""
    deal, tx = state.deal, state.tx
    match event:
        case do.Approved() if deal.request is not None:
            return _check(deal, deal.request, tx, 0)
        case do.Declined(note=note):
            no = Response(status=Status.UNWANTED, protocol_id=ID, code=InvoiceCode.PARSE)
            declined = ended(deal, End.DECLINED, tx, state.fee, paying=False, by_us=True)
            return Step(replace(declined, note=note), (do.Send(response=no, note=note),))
        case do.Received(message=Transfer(tx=ExpandedTx(tx=Tx() as again))) if is_form_of(tx, again):
            return Step(state)
        case do.Seen() | do.Proven() if is_form_of(tx, event.tx):
            return _on_chain(deal, tx, state.fee, event)
        case do.Conflicted() if is_form_of(tx, event.tx):
            return _failed(deal, tx, state.fee)
        case do.Woken() | do.Seen() | do.Proven() | do.Unproven() | do.Conflicted() | do.Reopened():
            return Step(state)
        case do.Received() if refusal(event):
            return Step(state)
        case _:
            raise out_of_turn(state, event)


def step_broadcasting(state: Broadcasting, event: do.Event) -> Step:
    """Take an event while the network has not answered."""
    deal, tx, fee = state.deal, state.tx, state.fee
    match event:
        case do.Broadcasted(at=at):
            return _accepted(deal, tx, fee, at)
        case do.Seen() | do.Proven() if is_form_of(tx, event.tx):
            return _on_chain(deal, tx, fee, event)
        case do.BroadcastRefused(reason=reason):
            back = _back_to_requested(deal, InvoiceCode.TX_NOT_ACCEPTED, reason)
            return Step(back.state, (*cancelled(tx), *back.effects))
        case do.Conflicted() if is_form_of(tx, event.tx):
            return _failed(deal, tx, fee)
        case do.Received(message=Transfer(tx=ExpandedTx(tx=Tx() as again))) if is_form_of(tx, again):
            return Step(state)
        case do.Woken() | do.Seen() | do.Proven() | do.Unproven() | do.Conflicted() | do.Reopened():
            return Step(state)
        case do.Received() if refusal(event):
            return Step(state)
        case _:
            raise out_of_turn(state, event)


def step_accepted(state: Accepted, event: do.Event) -> Step:
    """Take an event while the network has it and a proof is to come."""
    deal, tx, fee = state.deal, state.tx, state.fee
    match event:
        case do.Seen() if event.tx == tx.tx:
            return Step(state)
        case do.Seen() | do.Proven() if is_form_of(tx, event.tx):
            return _on_chain(deal, tx, fee, event)
        case do.Conflicted() if is_form_of(tx, event.tx):
            return _failed(deal, tx, fee)
        case _:
            return _settled(state, event)


def step_confirmed(state: Confirmed, event: do.Event) -> Step:
    """Take an event while it is in a block, until that block is replaced."""
    deal, tx, fee = state.deal, state.tx, state.fee
    match event:
        case do.Unproven() if event.tx == tx.tx:
            deal = replace(deal, steps=replace(deal.steps, confirmed=0))
            return Step(Accepted(deal=deal, tx=tx, fee=fee), (do.Broadcast(tx),))
        case do.Proven() if event.tx == tx.tx:
            return Step(_confirmed(deal, tx, fee, event))
        case do.Proven() if is_form_of(tx, event.tx):
            return _on_chain(deal, tx, fee, event)
        case do.Conflicted() if is_form_of(tx, event.tx):
            return _failed(deal, tx, fee)
        case _:
            return _settled(state, event)


def step_closed(state: Closed, event: do.Event) -> Step:
    """Take news of the chain after the end: a payment of our request counts, however it came (payments.md 1)."""
    deal = state.deal
    tx = state.tx or ExpandedTx()
    request = deal.request.tx.tx if deal.request is not None and deal.request.tx is not None else None
    match event:
        case do.Received(message=Transfer(tx=ExpandedTx(tx=Tx() as payment) as full)) if request is not None:
            check_fulfils(request, payment)
            if state.end == End.EXPIRED and deal.request is not None:
                return _check(deal, deal.request, full, event.at)
            return _watched(state, payment, _REFUSALS[End(state.end)])
        case do.Received():
            raise out_of_turn(state, event)
        case do.Seen() | do.Proven() if deal.request is not None:
            known = tx if is_form_of(tx, event.tx) else ExpandedTx(tx=event.tx)
            return _on_chain(deal, known, state.fee, event)
        case do.Reopened() if is_form_of(tx, event.tx):
            return Step(Accepted(deal=deal, tx=tx, fee=state.fee), (do.Collect(tx, trusted=False), do.Broadcast(tx)))
        case _:
            return Step(state)


_REFUSALS = {
    End.DECLINED: InvoiceCode.TRANSFER_UNKNOWN,
    End.WITHDRAWN: InvoiceCode.CANCELLED,
    End.FAILED: InvoiceCode.TX_NOT_ACCEPTED,
}
"""How a payment is answered that comes after the end."""


def _check(deal: Deal, request: TransferRequest, tx: ExpandedTx, at: int) -> Step:
    """Have a payment checked that came `at`, also one that is late: the user may take it (channels.md 4.12).

    What the user takes is late no more: then `at` is 0.
    """
    assert request.tx is not None  # noqa: S101 - callers have looked
    paid = replace(deal, steps=replace(deal.steps, paid=at))
    return Step(Checking(deal=paid, tx=tx), (do.CheckTransfer(request.tx, present(request.fees), tx),))


def _is_late(deal: Deal) -> bool:
    return deal.invoice is not None and deal.steps.paid > deal.invoice.expiration + GRACE


def _watched(state: Closed, payment: Tx, code: InvoiceCode) -> Step:
    """Refuse a payment of what has ended, and watch it: the payer can publish it, and then it counts."""
    no = Response(status=Status.REJECT, protocol_id=ID, code=code)
    return Step(state, (do.AwaitProof(payment), do.Send(response=no)))


def _settled(state: Accepted | Confirmed, event: do.Event) -> Step:
    """Take what changes nothing any more; the same payment again is answered again."""
    match event:
        case do.Received(message=Transfer(tx=ExpandedTx(tx=Tx() as again))) if is_form_of(state.tx, again):
            answer = do.Send(_acceptance(state.tx, again), OK)
            proof = (do.ProveAgain(state.tx.tx),) if isinstance(state, Confirmed) and state.tx.tx is not None else ()
            return Step(state, (answer, *proof))
        case do.Received() if refusal(event):
            return Step(state)
        case do.Broadcasted() | do.BroadcastRefused() | do.Woken():
            return Step(state)
        case do.Seen() | do.Proven() | do.Unproven() | do.Conflicted() | do.Reopened():
            return Step(state)
        case _:
            raise out_of_turn(state, event)


def _draft(deal: Deal, terms: Invoice, expiry: int, at: int) -> Step:
    invoice = replace(terms, timestamp=at, expiration=expiry)
    total = check_order(PurchaseOrder(items=invoice.items, notes=invoice.notes))
    drafted = replace(deal, invoice=invoice)
    return Step(Drafting(deal=drafted), (do.MakeRequest(total, invoice_script(invoice)),))


def _back_to_requested(deal: Deal, code: int, note: str) -> Step:
    open_again = replace(deal, steps=replace(deal.steps, paid=0))
    no = Response(status=Status.REJECT, protocol_id=ID, code=code, note=note)
    expiry = deal.invoice.expiration + GRACE if deal.invoice is not None else 0
    state = Requested(deal=open_again, refused_code=code, refused_note=note)
    return Step(state, (do.Send(response=no), do.Wake(expiry)))


def _accepted(deal: Deal, tx: ExpandedTx, fee: int, at: int) -> Step:
    accepted = replace(deal, steps=replace(deal.steps, paid=deal.steps.paid or at, accepted=deal.steps.accepted or at))
    effects = (do.Collect(tx, trusted=True), do.Send(TransferAccept(), OK))
    return Step(Accepted(deal=accepted, tx=tx, fee=fee), effects)


def _on_chain(deal: Deal, tx: ExpandedTx, fee: int, event: do.Seen | do.Proven) -> Step:
    """Take the payment as the chain shows it, and tell the payer; its txid too, where that is not what was sent."""
    request = deal.request.tx if deal.request is not None else None
    assert request is not None and request.tx is not None  # noqa: S101, PT018 - we made it before there was a payment
    check_fulfils(request.tx, event.tx)
    shown = replace(tx, tx=event.tx)
    answer = do.Send(_acceptance(shown, tx.tx), OK)
    collect = do.Collect(shown, trusted=True)
    steps = replace(deal.steps, paid=deal.steps.paid or event.at, accepted=deal.steps.accepted or event.at)
    told = replace(deal, steps=steps)
    if isinstance(event, do.Seen):
        return Step(Accepted(deal=told, tx=shown, fee=fee), (do.Wake(0), collect, answer))
    proof = do.SendProof(event.proof)
    answers = (proof,) if deal.steps.accepted and event.tx == tx.tx else (answer, proof)
    return Step(_confirmed(told, shown, fee, event), (do.Wake(0), collect, *answers))


def _acceptance(ours: ExpandedTx, sent: Tx | None) -> TransferAccept:
    """Return the acceptance of a payment; it repeats the transaction where its txid is not that of what was sent."""
    return TransferAccept() if ours.tx == sent else TransferAccept(tx=ours)


def _confirmed(deal: Deal, tx: ExpandedTx, fee: int, event: do.Proven) -> Confirmed:
    steps = replace(deal.steps, accepted=deal.steps.accepted or event.at, confirmed=event.at)
    return Confirmed(deal=replace(deal, steps=steps), tx=tx, fee=fee, height=event.height)


def _failed(deal: Deal, tx: ExpandedTx, fee: int) -> Step:
    no = Response(status=Status.REJECT, protocol_id=ID, code=InvoiceCode.TX_NOT_ACCEPTED)
    return Step(ended(deal, End.FAILED, tx, fee, paying=False), (do.Wake(0), do.Send(response=no)))
