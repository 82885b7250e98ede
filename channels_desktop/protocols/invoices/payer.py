"""The payer's machine (channels.md 4.3)."""

from __future__ import annotations

from dataclasses import replace

from channels_desktop.bitcoin.expanded_tx import ExpandedTx
from channels_desktop.bitcoin.tx import Tx
from channels_desktop.protocols import effects as do
from channels_desktop.protocols.invoices.checks import adopted, check_order, check_request, is_form_of, refuse
from channels_desktop.protocols.invoices.deal import (
    Closed,
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
from channels_desktop.protocols.invoices.endings import OK, closed, decision, end_of, ended, out_of_turn, refusal
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
        case do.Received() if response := decision(event):
            return closed(state.deal, End.DECLINED, paying=True, response=response, note=event.note)
        case do.Received() if refusal(event):
            return Step(state)
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
        case do.Received() if response := decision(event):
            return closed(deal, end_of(response), paying=True, response=response, note=event.note)
        case do.Received() if refusal(event):
            return Step(state)
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
            effects = (do.Wake(0), do.Send(Transfer(tx=tx), OK), do.AwaitProof(tx.tx))
            return Step(sent, effects)
        case _:
            raise out_of_turn(state, event)


def step_sent(state: PaymentSent | PaymentRefused, event: do.Event) -> Step:
    """Take an event while our payment is out; the payee may complete it whatever it says."""
    deal, tx, fee = state.deal, state.tx, state.fee
    match event:
        case do.Received(message=TransferAccept() as accept, response=Response(status=0)):
            if accept.tx is not None and accept.tx.tx is not None:
                tx = adopted(tx, accept.tx.tx)
            return _accepted(deal, tx, fee, event.at, seen=False)
        case do.Received(message=TransferAccept()):
            raise refuse(InvoiceCode.MISSING_RESPONSE_ID, "an acceptance must answer a payment", status=2)
        case do.Received() if response := refusal(event):
            refused = PaymentRefused(
                deal=deal,
                tx=tx,
                fee=fee,
                held=state.held,
                code=response.code,
                note=event.note or response.note,
                protocol=response.protocol_id,
            )
            return Step(refused)
        case do.Seen() | do.Proven() if is_form_of(tx, event.tx):
            return _on_chain(deal, tx, fee, event)
        case do.Resent():
            # A payee that refused has had the message: the same signed payment goes in a new one.
            anew = do.Send(Transfer(tx=tx), OK)
            again = anew if isinstance(state, PaymentRefused) else do.SendAgain(Transfer)
            return Step(PaymentSent(deal=deal, tx=tx, fee=fee, held=state.held), (again,))
        case do.Conflicted() if is_form_of(tx, event.tx):
            return _failed(deal, tx, fee)
        case do.Woken() | do.Seen() | do.Proven() | do.Unproven() | do.Conflicted() | do.Reopened():
            return Step(state)
        case _:
            raise out_of_turn(state, event)


def step_accepted(state: PaymentAccepted, event: do.Event) -> Step:
    """Take an event while the network has it and a proof is to come."""
    match event:
        case do.Seen() | do.Proven() if is_form_of(state.tx, event.tx):
            return _on_chain(state.deal, state.tx, state.fee, event)
        case do.Conflicted() if is_form_of(state.tx, event.tx):
            return _failed(state.deal, state.tx, state.fee)
        case do.Received(message=TransferAccept(tx=ExpandedTx(tx=Tx() as theirs))):
            adopted(state.tx, theirs)
            return Step(state, (do.AwaitProof(theirs),))
        case do.Received(message=TransferAccept()) | do.Woken():
            return Step(state)
        case do.Seen() | do.Proven() | do.Unproven() | do.Conflicted() | do.Reopened():
            return Step(state)
        case do.Received() if refusal(event):
            # The payee tells us of a conflict; we believe our own source of the chain alone.
            return Step(state)
        case _:
            raise out_of_turn(state, event)


def step_confirmed(state: PaymentConfirmed, event: do.Event) -> Step:
    """Take an event while it is in a block, until that block is replaced."""
    match event:
        case do.Unproven() if event.tx == state.tx.tx:
            deal = replace(state.deal, steps=replace(state.deal.steps, confirmed=0))
            return Step(PaymentAccepted(deal=deal, tx=state.tx, fee=state.fee))
        case do.Proven() if is_form_of(state.tx, event.tx):
            return _on_chain(state.deal, state.tx, state.fee, event)
        case do.Conflicted() if is_form_of(state.tx, event.tx):
            return _failed(state.deal, state.tx, state.fee)
        case do.Woken() | do.Received(message=TransferAccept()):
            return Step(state)
        case do.Seen() | do.Proven() | do.Unproven() | do.Conflicted() | do.Reopened():
            return Step(state)
        case do.Received() if refusal(event):
            return Step(state)  # as above
        case _:
            raise out_of_turn(state, event)


def step_closed(state: Closed, event: do.Event) -> Step:
    """Take news of the chain where a payment was made and failed: whatever we thought, the chain decides."""
    tx = state.tx
    match event:
        case do.Seen() | do.Proven() if tx is not None and is_form_of(tx, event.tx):
            return _on_chain(state.deal, tx, state.fee, event)
        case do.Reopened() if tx is not None and is_form_of(tx, event.tx):
            return Step(PaymentAccepted(deal=state.deal, tx=tx, fee=state.fee), (do.Collect(tx, trusted=False),))
        case do.Received():
            raise out_of_turn(state, event)
        case _:
            return Step(state)


def _review(deal: Deal, request: TransferRequest, at: int) -> Step:
    invoice = check_request(request, at)
    steps = replace(deal.steps, invoiced=at)
    seen = replace(deal, request=request, invoice=invoice, steps=steps)
    return Step(Reviewing(deal=seen), (do.Wake(invoice.expiration),))


def _accepted(deal: Deal, tx: ExpandedTx, fee: int, at: int, *, seen: bool) -> Step:
    """Accept the payee's word for the card; our change counts only once our own source shows the transaction."""
    accepted = replace(deal, steps=replace(deal.steps, accepted=deal.steps.accepted or at))
    return Step(PaymentAccepted(deal=accepted, tx=tx, fee=fee), (do.Collect(tx, trusted=seen),))


def _on_chain(deal: Deal, tx: ExpandedTx, fee: int, event: do.Seen | do.Proven) -> Step:
    """Take the payment as the chain shows it: its txid is another where somebody signed an input of theirs."""
    tx = replace(tx, tx=event.tx)
    if isinstance(event, do.Seen):
        return _accepted(deal, tx, fee, event.at, seen=True)
    steps = replace(deal.steps, accepted=deal.steps.accepted or event.at, confirmed=event.at)
    state = PaymentConfirmed(deal=replace(deal, steps=steps), tx=tx, fee=fee, height=event.height)
    return Step(state, (do.Collect(tx, trusted=True),))


def _failed(deal: Deal, tx: ExpandedTx, fee: int) -> Step:
    return Step(ended(deal, End.FAILED, tx, fee, paying=True), (do.Wake(0),))
