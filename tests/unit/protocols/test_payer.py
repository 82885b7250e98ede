"""The payer's machine (channels.md 4.3): the table is its picture, and what it does not show must be refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from channels_desktop.bitcoin.expanded_tx import ExpandedTx
from channels_desktop.errors import ProtocolError
from channels_desktop.protocols import effects as do
from channels_desktop.protocols.invoices import deal as states
from channels_desktop.protocols.invoices.machine import actions, step
from channels_desktop.protocols.invoices.messages import InvoiceCode, Transfer, TransferAccept
from channels_desktop.protocols.protocol import Action
from channels_desktop.protocols.response import Response, Status
from tests.unit.protocols.samples import (
    AT,
    CANCELLED,
    EVENTS,
    EXPIRY,
    FEES,
    NO,
    OK,
    ORDER,
    PAID,
    REQUEST,
    SAMPLES,
    Edges,
    edges_of,
    outcome,
    paid,
    received,
    request_tx,
)

STATES = (
    "OrderSent",
    "Reviewing",
    "Funding",
    "PaymentSent",
    "PaymentRefused",
    "PaymentAccepted",
    "PaymentConfirmed",
    "Closed",
)
_CLOSED = ("Closed", ("Wake",))
_ENDED_BY_US = ("Closed", ("Wake", "Send"))
_CONFLICT = ("Closed", ("Wake", "CancelCoins"))

EDGES: Edges = {
    ("", "asked order"): ("OrderSent", ("Send",)),
    ("", "got request"): ("Reviewing", ("Wake",)),
    ("OrderSent", "got answered request"): ("Reviewing", ("Wake",)),
    ("OrderSent", "got refusal"): _CLOSED,
    ("OrderSent", "got cancel"): _CLOSED,
    ("OrderSent", "withdrawn"): _ENDED_BY_US,
    ("Reviewing", "approved"): ("Funding", ("Fund",)),
    ("Reviewing", "declined"): _ENDED_BY_US,
    ("Reviewing", "got request"): ("Reviewing", ("Wake",)),
    ("Reviewing", "got answered request"): ("Reviewing", ("Wake",)),
    ("Reviewing", "got refusal"): _CLOSED,
    ("Reviewing", "got cancel"): _CLOSED,
    ("Reviewing", "woken"): ("Reviewing", ("Wake",)),
    ("Reviewing", "woken late"): _CLOSED,
    ("Funding", "funded"): ("PaymentSent", ("Wake", "Send", "AwaitProof")),
    **{
        (state, event): edge
        for state in ("PaymentSent", "PaymentRefused")
        for event, edge in {
            "got accept": ("PaymentAccepted", ("Collect",)),
            "got refusal": ("PaymentRefused", ()),
            "got cancel": ("PaymentRefused", ()),
            "seen": ("PaymentAccepted", ("Collect",)),
            "proven": ("PaymentConfirmed", ("Collect",)),
            "resent": ("PaymentSent", ("Send",) if state == "PaymentRefused" else ("SendAgain",)),
            "conflicted": _CONFLICT,
            "woken": (state, ()),
            "woken late": (state, ()),
        }.items()
    },
    ("PaymentAccepted", "proven"): ("PaymentConfirmed", ("Collect",)),
    ("PaymentAccepted", "seen"): ("PaymentAccepted", ("Collect",)),
    ("PaymentAccepted", "conflicted"): _CONFLICT,
    ("PaymentAccepted", "unproven"): ("PaymentAccepted", ()),
    ("PaymentConfirmed", "unproven"): ("PaymentAccepted", ()),
    ("PaymentConfirmed", "proven"): ("PaymentConfirmed", ("Collect",)),
    ("PaymentConfirmed", "seen"): ("PaymentConfirmed", ()),
    ("PaymentConfirmed", "conflicted"): _CONFLICT,
    **{
        (state, event): (state, ())
        for state in ("PaymentAccepted", "PaymentConfirmed")
        for event in ("woken", "woken late", "got accept", "got loose accept", "got refusal", "got cancel")
    },
    **{
        ("Closed", event): ("Closed", ())
        for event in ("woken", "woken late", "seen", "unproven", "got refusal", "got cancel")
    },
}


def test_the_machine_has_these_edges_and_no_others() -> None:
    assert edges_of(STATES, SAMPLES) == {where: edge for where, edge in EDGES.items() if where[0]}


@pytest.mark.parametrize("event", sorted(kind for state, kind in EDGES if not state))
def test_it_begins_with_an_order_of_ours_or_an_invoice(event: str) -> None:
    assert outcome(None, EVENTS[event]) == EDGES["", event]


@pytest.mark.parametrize(
    ("state", "open_actions"),
    [
        ("OrderSent", (Action.WITHDRAW,)),
        ("Reviewing", (Action.PAY, Action.DECLINE)),
        ("Funding", ()),
        ("PaymentSent", (Action.SEND_AGAIN,)),
        ("PaymentRefused", (Action.SEND_AGAIN,)),
        ("PaymentAccepted", ()),
        ("PaymentConfirmed", ()),
        ("Closed", (Action.ORDER_AGAIN,)),
    ],
)
def test_the_user_may_do_this(state: str, open_actions: tuple[Action, ...]) -> None:
    assert actions(SAMPLES[state]) == open_actions


def test_a_payment_that_failed_or_was_withdrawn_offers_nothing() -> None:
    for end in (states.End.FAILED, states.End.WITHDRAWN):
        assert actions(states.Closed(paying=True, end=end)) == ()


def test_the_steps_and_the_deal_are_written_down_on_the_way() -> None:
    ordered = step(None, do.Asked(ORDER, 0, AT)).state
    reviewing = step(ordered, received(REQUEST, OK, at=AT + 1)).state
    assert isinstance(reviewing, states.Reviewing)
    assert (reviewing.deal.order, reviewing.deal.request, reviewing.deal.ours) == (ORDER, REQUEST, True)
    funding = step(reviewing, do.Approved(AT + 2))
    assert funding.effects == (do.Fund(REQUEST.tx, FEES),)
    sent = step(funding.state, do.Funded(PAID, 50, 50_050, AT + 3))
    assert do.Send(Transfer(tx=PAID), OK) in sent.effects
    assert do.AwaitProof(PAID.tx.txid) in sent.effects
    accepted = step(sent.state, received(TransferAccept(), OK, at=AT + 4)).state
    confirmed = step(accepted, do.Proven(EVENTS["proven"].proof, 7, AT + 5)).state
    assert isinstance(confirmed, states.PaymentConfirmed)
    steps = confirmed.deal.steps
    assert (steps.ordered, steps.invoiced, steps.paid) == (AT, AT + 1, AT + 3)
    assert (steps.accepted, steps.confirmed) == (AT + 4, AT + 5)
    again = step(confirmed, do.Unproven(AT + 6)).state
    assert isinstance(again, states.PaymentAccepted)
    assert (again.deal.steps.accepted, again.deal.steps.confirmed) == (AT + 4, 0)


def test_our_change_counts_once_our_own_source_shows_the_payment() -> None:
    """The payee's word that the network has it may be wrong, and change of nothing would be spent."""
    told = step(SAMPLES["PaymentSent"], EVENTS["got accept"])
    assert told.effects == (do.Collect(PAID, trusted=False),)
    for state in (told.state, SAMPLES["PaymentSent"], SAMPLES["PaymentRefused"]):
        assert step(state, EVENTS["seen"]).effects == (do.Collect(PAID, trusted=True),)
        assert step(state, EVENTS["proven"]).effects == (do.Collect(PAID, trusted=True),)


def test_a_proof_that_comes_before_the_acceptance_counts_as_both() -> None:
    confirmed = step(SAMPLES["PaymentSent"], do.Proven(EVENTS["proven"].proof, 7, AT + 9)).state
    assert isinstance(confirmed, states.PaymentConfirmed)
    assert (confirmed.deal.steps.accepted, confirmed.deal.steps.confirmed) == (AT + 9, AT + 9)


def test_an_invoice_that_expired_meanwhile_is_not_paid() -> None:
    with pytest.raises(ProtocolError) as caught:
        step(SAMPLES["Reviewing"], do.Approved(EXPIRY))
    assert caught.value.code == InvoiceCode.EXPIRED
    assert step(SAMPLES["Reviewing"], do.Woken(EXPIRY)).state == states.Closed(
        deal=SAMPLES["Reviewing"].deal, paying=True, end=states.End.EXPIRED
    )


def test_an_acceptance_must_be_of_our_transaction() -> None:
    sent = SAMPLES["PaymentSent"]
    same = step(sent, received(TransferAccept(tx=PAID), OK)).state
    assert isinstance(same, states.PaymentAccepted)
    assert step(sent, received(TransferAccept(tx=ExpandedTx()), OK)).state == same
    other = paid(request_tx(60_000))
    with pytest.raises(ProtocolError) as caught:
        step(sent, received(TransferAccept(tx=other), OK))
    assert caught.value.code == InvoiceCode.TX_NOT_VALID


def test_an_acceptance_that_answers_nothing_is_refused() -> None:
    with pytest.raises(ProtocolError) as caught:
        step(SAMPLES["PaymentSent"], received(TransferAccept()))
    assert (caught.value.code, caught.value.status) == (InvoiceCode.MISSING_RESPONSE_ID, Status.INVALID)


def test_who_ended_it_and_why_is_kept() -> None:
    closed = step(SAMPLES["OrderSent"], received(None, NO, note="not mine")).state
    assert (closed.end, closed.by_us, closed.code, closed.note) == (states.End.DECLINED, False, 0, "not mine")
    words = Response(status=Status.REJECT, protocol_id=b"I", code=2, note="odd")
    closed = step(SAMPLES["Reviewing"], received(None, words)).state
    assert (closed.end, closed.code, closed.note) == (states.End.DECLINED, 2, "odd")
    closed = step(SAMPLES["Reviewing"], received(None, CANCELLED)).state
    assert (closed.end, closed.by_us) == (states.End.WITHDRAWN, False)
    declined = step(SAMPLES["Reviewing"], do.Declined("too much", AT))
    assert (declined.state.by_us, declined.state.note) == (True, "too much")
    assert declined.effects[1] == do.Send(response=NO, note="too much")
    withdrawn = step(SAMPLES["OrderSent"], do.Withdrawn(AT))
    assert (withdrawn.state.end, withdrawn.effects[1]) == (states.End.WITHDRAWN, do.Send(response=CANCELLED))


def test_a_refused_payment_keeps_its_coins_and_the_reason() -> None:
    words = Response(status=Status.REJECT, protocol_id=b"I", code=InvoiceCode.TX_NOT_ACCEPTED, note="conflict")
    refused = step(SAMPLES["PaymentSent"], received(None, words))
    assert refused.effects == ()
    assert refused.state == states.PaymentRefused(
        deal=SAMPLES["PaymentSent"].deal, tx=PAID, fee=50, held=50_050, code=1, note="conflict"
    )


def test_states_that_hold_less_than_they_must_take_no_step() -> None:
    empty = states.Deal()
    for state, event in (
        (states.Reviewing(deal=empty), "approved"),
        (states.Reviewing(deal=replace(empty, request=REQUEST)), "approved"),
        (states.Funding(deal=empty), "got ok"),
    ):
        assert outcome(state, EVENTS[event]) is None
    assert outcome(SAMPLES["Funding"], do.Funded(ExpandedTx(), 0, 0, AT)) is None
