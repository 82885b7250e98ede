"""The payee's machine (channels.md 4.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from channels_desktop.protocols import effects as do
from channels_desktop.protocols.invoices.checks import check_fulfils, check_order, refuse
from channels_desktop.protocols.invoices.deal import (
    Accepted,
    Broadcasting,
    Checking,
    Confirmed,
    Deal,
    Drafting,
    End,
    OrderReceived,
    Requested,
    Steps,
)
from channels_desktop.protocols.invoices.endings import OK, cancelled, closed, end_of, out_of_turn, refusal
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

if TYPE_CHECKING:
    from channels_desktop.bitcoin.expanded_tx import ExpandedTx

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
        case do.Received() if response := refusal(event):
            return closed(deal, End.WITHDRAWN, paying=False, response=response, note=event.note)
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
            if event.at > invoice.expiration + GRACE:
                raise refuse(InvoiceCode.EXPIRED, "the invoice has expired")
            if transfer.tx is None or transfer.tx.tx is None:
                raise refuse(InvoiceCode.TX_NOT_VALID, "there is no transaction", status=2)
            check_fulfils(request.tx.tx, transfer.tx.tx)
            fees = tuple(fee for fee in request.fees if fee is not None)
            paid = replace(deal, steps=replace(deal.steps, paid=event.at))
            return Step(Checking(deal=paid, tx=transfer.tx), (do.CheckTransfer(request.tx, fees, transfer.tx),))
        case do.Received() if response := refusal(event):
            return closed(deal, end_of(response), paying=False, response=response, note=event.note)
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
        case do.TransferGood(fee=fee) if state.tx.tx is not None:
            effects = (
                do.Wake(0),
                do.Collect(state.tx, trusted=False),
                do.Broadcast(state.tx),
                do.AwaitProof(state.tx.tx.txid),
            )
            return Step(Broadcasting(deal=state.deal, tx=state.tx, fee=fee), effects)
        case do.TransferBad(code=code, note=note):
            return _back_to_requested(state.deal, code, note)
        case _:
            raise out_of_turn(state, event)


def step_broadcasting(state: Broadcasting, event: do.Event) -> Step:
    """Take an event while the network has not answered."""
    match event:
        case do.Broadcasted(at=at) | do.Seen(at=at):
            return _accepted(state, at)
        case do.Proven(proof=proof, height=height, at=at):
            accepted = _accepted(state, at)
            confirmed = _confirmed(state.deal, state.tx, state.fee, height, at)
            return Step(confirmed, (*accepted.effects, do.SendProof(proof)))
        case do.BroadcastRefused(reason=reason):
            back = _back_to_requested(state.deal, InvoiceCode.TX_NOT_ACCEPTED, reason)
            return Step(back.state, (*cancelled(state.tx), *back.effects))
        case do.Conflicted():
            return _failed(state.deal, state.tx)
        case do.Woken():
            return Step(state)
        case _:
            raise out_of_turn(state, event)


def step_accepted(state: Accepted, event: do.Event) -> Step:
    """Take an event while the network has it and a proof is to come."""
    match event:
        case do.Proven(proof=proof, height=height, at=at):
            return Step(_confirmed(state.deal, state.tx, state.fee, height, at), (do.SendProof(proof),))
        case do.Conflicted():
            return _failed(state.deal, state.tx)
        case do.Broadcasted() | do.Seen() | do.Unproven() | do.Woken():
            return Step(state)
        case _:
            raise out_of_turn(state, event)


def step_confirmed(state: Confirmed, event: do.Event) -> Step:
    """Take an event while it is in a block, until that block is replaced."""
    match event:
        case do.Unproven():
            deal = replace(state.deal, steps=replace(state.deal.steps, confirmed=0))
            return Step(Accepted(deal=deal, tx=state.tx, fee=state.fee), (do.Broadcast(state.tx),))
        case do.Conflicted():
            return _failed(state.deal, state.tx)
        case do.Proven(height=height, at=at):
            return Step(_confirmed(state.deal, state.tx, state.fee, height, at))
        case do.Broadcasted() | do.Seen() | do.Woken():
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


def _accepted(state: Broadcasting, at: int) -> Step:
    deal = replace(state.deal, steps=replace(state.deal.steps, accepted=at))
    effects = (do.Collect(state.tx, trusted=True), do.Send(TransferAccept(), OK))
    return Step(Accepted(deal=deal, tx=state.tx, fee=state.fee), effects)


def _confirmed(deal: Deal, tx: ExpandedTx, fee: int, height: int, at: int) -> Confirmed:
    steps = replace(deal.steps, accepted=deal.steps.accepted or at, confirmed=at)
    return Confirmed(deal=replace(deal, steps=steps), tx=tx, fee=fee, height=height)


def _failed(deal: Deal, tx: ExpandedTx) -> Step:
    no = Response(status=Status.REJECT, protocol_id=ID, code=InvoiceCode.TX_NOT_ACCEPTED)
    return closed(deal, End.FAILED, paying=False, effects=(*cancelled(tx), do.Send(response=no)))
