"""The payer's machine (channels.md 4.3)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from channels_desktop.protocols import effects as do
from channels_desktop.protocols.invoices.checks import check_order, check_request, check_same_payment, refuse
from channels_desktop.protocols.invoices.deal import (
    Deal,
    End,
    Funding,
    OrderSent,
    PaymentAccepted,
    PaymentConfirmed,
    PaymentRefused,
    PaymentSent,
    Reviewing,
    Steps,
)
from channels_desktop.protocols.invoices.endings import OK, cancelled, closed, end_of, out_of_turn, refusal
from channels_desktop.protocols.invoices.messages import (
    ID,
    InvoiceCode,
    PurchaseOrder,
    Transfer,
    TransferAccept,
    TransferRequest,
)
from channels_desktop.protocols.protocol import Step
from channels_desktop.protocols.response import Response, Status
from channels_desktop.wire.bsor import present

if TYPE_CHECKING:
    from channels_desktop.bitcoin.expanded_tx import ExpandedTx


def start(event: do.Event) -> Step:
    """Begin as payer: our order, or an invoice nobody ordered."""
    match event:
        case do.Asked(message=PurchaseOrder() as order, at=at):
            check_order(order)
            return Step(OrderSent(deal=Deal(ours=True, order=order, steps=Steps(ordered=at))), (do.Send(order),))
        case do.Received(message=TransferRequest() as request, response=None):
            return _review(Deal(), request, event.at)
        case _:
            raise out_of_turn(None, event)


def step_ordered(state: OrderSent, event: do.Event) -> Step:
    """Take an event while our order waits."""
    match event:
        case do.Received(message=TransferRequest() as request, response=Response(status=0)):
            return _review(state.deal, request, event.at)
        case do.Received() if response := refusal(event):
            return closed(state.deal, End.DECLINED, paying=True, response=response, note=event.note)
        case do.Withdrawn():
            cancel = Response(status=Status.UNWANTED, protocol_id=ID, code=InvoiceCode.CANCELLED)
            return closed(state.deal, End.WITHDRAWN, paying=True, by_us=True, effects=(do.Send(response=cancel),))
        case _:
            raise out_of_turn(state, event)


def step_reviewing(state: Reviewing, event: do.Event) -> Step:
    """Take an event while an invoice waits for the user."""
    deal = state.deal
    request, invoice = deal.request, deal.invoice
    if request is None or request.tx is None or invoice is None:
        raise out_of_turn(state, event)
    match event:
        case do.Approved(at=at):
            if at >= invoice.expiration:
                raise refuse(InvoiceCode.EXPIRED, "the invoice has expired")
            return Step(Funding(deal=deal), (do.Fund(request.tx, present(request.fees)),))
        case do.Declined(note=note):
            no = Response(status=Status.UNWANTED, protocol_id=ID, code=InvoiceCode.PARSE)
            return closed(
                deal, End.DECLINED, paying=True, by_us=True, note=note, effects=(do.Send(response=no, note=note),)
            )
        case do.Received(message=TransferRequest() as newer):
            return _review(deal, newer, event.at)
        case do.Received() if response := refusal(event):
            return closed(deal, end_of(response), paying=True, response=response, note=event.note)
        case do.Woken(at=at):
            if at < invoice.expiration:
                return Step(state, (do.Wake(invoice.expiration),))
            return closed(deal, End.EXPIRED, paying=True)
        case _:
            raise out_of_turn(state, event)


def step_funding(state: Funding, event: do.Event) -> Step:
    """Take the wallet's answer: the signed payment."""
    match event:
        case do.Funded(tx=tx, fee=fee, held=held, at=at) if tx.tx is not None:
            deal = replace(state.deal, steps=replace(state.deal.steps, paid=at))
            sent = PaymentSent(deal=deal, tx=tx, fee=fee, held=held)
            effects = (do.Wake(0), do.Send(Transfer(tx=tx), OK), do.AwaitProof(tx.tx.txid))
            return Step(sent, effects)
        case _:
            raise out_of_turn(state, event)


def step_sent(state: PaymentSent | PaymentRefused, event: do.Event) -> Step:
    """Take an event while our payment is out; the payee may complete it whatever it says."""
    deal, tx, fee = state.deal, state.tx, state.fee
    match event:
        case do.Received(message=TransferAccept() as accept, response=Response(status=0)):
            if accept.tx is not None and accept.tx.tx is not None and tx.tx is not None:
                check_same_payment(tx.tx, accept.tx.tx)
            return _accepted(deal, tx, fee, event.at, seen=False)
        case do.Received(message=TransferAccept()):
            raise refuse(InvoiceCode.MISSING_RESPONSE_ID, "an acceptance must answer a payment", status=2)
        case do.Received() if response := refusal(event):
            refused = PaymentRefused(
                deal=deal, tx=tx, fee=fee, held=state.held, code=response.code, note=event.note or response.note
            )
            return Step(refused)
        case do.Seen(at=at):
            return _accepted(deal, tx, fee, at, seen=True)
        case do.Proven(height=height, at=at):
            return _confirmed(deal, tx, fee, height, at)
        case do.Resent():
            # A payee that refused has had the message: the same signed payment goes in a new one.
            anew = do.Send(Transfer(tx=tx), OK)
            again = anew if isinstance(state, PaymentRefused) else do.SendAgain()
            return Step(PaymentSent(deal=deal, tx=tx, fee=fee, held=state.held), (again,))
        case do.Conflicted():
            return _failed(deal, tx)
        case do.Woken():
            return Step(state)
        case _:
            raise out_of_turn(state, event)


def step_accepted(state: PaymentAccepted, event: do.Event) -> Step:
    """Take an event while the network has it and a proof is to come."""
    match event:
        case do.Proven(height=height, at=at):
            return _confirmed(state.deal, state.tx, state.fee, height, at)
        case do.Conflicted():
            return _failed(state.deal, state.tx)
        case do.Seen():
            return Step(state, (do.Collect(state.tx, trusted=True),))
        case do.Unproven() | do.Woken() | do.Received(message=TransferAccept()):
            return Step(state)
        case do.Received() if refusal(event):
            # The payee tells us of a conflict; we believe our own source of the chain alone.
            return Step(state)
        case _:
            raise out_of_turn(state, event)


def step_confirmed(state: PaymentConfirmed, event: do.Event) -> Step:
    """Take an event while it is in a block, until that block is replaced."""
    match event:
        case do.Unproven():
            deal = replace(state.deal, steps=replace(state.deal.steps, confirmed=0))
            return Step(PaymentAccepted(deal=deal, tx=state.tx, fee=state.fee))
        case do.Proven(height=height, at=at):
            return _confirmed(state.deal, state.tx, state.fee, height, at)
        case do.Conflicted():
            return _failed(state.deal, state.tx)
        case do.Seen() | do.Woken() | do.Received(message=TransferAccept()):
            return Step(state)
        case do.Received() if refusal(event):
            return Step(state)  # as above
        case _:
            raise out_of_turn(state, event)


def _review(deal: Deal, request: TransferRequest, at: int) -> Step:
    invoice = check_request(request, at)
    steps = replace(deal.steps, invoiced=at)
    seen = replace(deal, request=request, invoice=invoice, steps=steps)
    return Step(Reviewing(deal=seen), (do.Wake(invoice.expiration),))


def _accepted(deal: Deal, tx: ExpandedTx, fee: int, at: int, *, seen: bool) -> Step:
    """Accept the payee's word for the card; our change counts only once our own source shows the transaction."""
    accepted = replace(deal, steps=replace(deal.steps, accepted=deal.steps.accepted or at))
    return Step(PaymentAccepted(deal=accepted, tx=tx, fee=fee), (do.Collect(tx, trusted=seen),))


def _confirmed(deal: Deal, tx: ExpandedTx, fee: int, height: int, at: int) -> Step:
    steps = replace(deal.steps, accepted=deal.steps.accepted or at, confirmed=at)
    state = PaymentConfirmed(deal=replace(deal, steps=steps), tx=tx, fee=fee, height=height)
    return Step(state, (do.Collect(tx, trusted=True),))


def _failed(deal: Deal, tx: ExpandedTx) -> Step:
    return closed(deal, End.FAILED, paying=True, effects=cancelled(tx))
