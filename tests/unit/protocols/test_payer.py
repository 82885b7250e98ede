"""The payer's machine (channels.md 4.3): the table is its picture, and what it does not show must be refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from channels_desktop.bitcoin.expanded_tx import AncestorTx, ExpandedTx
from channels_desktop.bitcoin.templates import p2pkh_to
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput, sign_input
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
    COINS,
    EVENTS,
    EXPIRY,
    FEES,
    NO,
    OK,
    ORDER,
    PAID,
    PAYEE_KEY,
    PAYER_KEY,
    PROOF,
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
_CONFLICT = ("Closed", ("Wake",))
OF_OTHERS = tuple(f"{news} of another" for news in ("seen", "proven", "unproven", "conflicted", "reopened"))

EDGES: Edges = {
    ("", "asked order"): ("OrderSent", ("Send",)),
    ("", "got request"): ("Reviewing", ("Wake",)),
    ("OrderSent", "got answered request"): ("Reviewing", ("Wake",)),
    ("OrderSent", "got refusal"): _CLOSED,
    ("OrderSent", "got cancel"): _CLOSED,
    ("OrderSent", "got complaint"): ("OrderSent", ()),
    ("OrderSent", "withdrawn"): _ENDED_BY_US,
    ("Reviewing", "approved"): ("Funding", ("Fund",)),
    ("Reviewing", "declined"): _ENDED_BY_US,
    ("Reviewing", "got request"): ("Reviewing", ("Wake",)),
    ("Reviewing", "got answered request"): ("Reviewing", ("Wake",)),
    ("Reviewing", "got refusal"): _CLOSED,
    ("Reviewing", "got cancel"): _CLOSED,
    ("Reviewing", "got complaint"): ("Reviewing", ()),
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
            "got complaint": ("PaymentRefused", ()),
            "seen": ("PaymentAccepted", ("Collect",)),
            "proven": ("PaymentConfirmed", ("Collect",)),
            "resent": ("PaymentSent", ("Send",) if state == "PaymentRefused" else ("SendAgain",)),
            "conflicted": _CONFLICT,
            **dict.fromkeys(("woken", "woken late", "unproven", "reopened", *OF_OTHERS), (state, ())),
        }.items()
    },
    ("PaymentAccepted", "proven"): ("PaymentConfirmed", ("Collect",)),
    ("PaymentAccepted", "seen"): ("PaymentAccepted", ("Collect",)),
    ("PaymentAccepted", "conflicted"): _CONFLICT,
    ("PaymentConfirmed", "unproven"): ("PaymentAccepted", ()),
    ("PaymentConfirmed", "proven"): ("PaymentConfirmed", ("Collect",)),
    ("PaymentConfirmed", "seen"): ("PaymentConfirmed", ()),
    ("PaymentAccepted", "unproven"): ("PaymentAccepted", ()),
    ("PaymentConfirmed", "conflicted"): _CONFLICT,
    **{
        (state, event): (state, ())
        for state in ("PaymentAccepted", "PaymentConfirmed")
        for event in (
            *("woken", "woken late", "got accept", "got loose accept", "got refusal", "got cancel", "got complaint"),
            *("reopened", *OF_OTHERS),
        )
    },
    **{
        ("Closed", event): ("Closed", ())
        for event in EVENTS
        if not isinstance(EVENTS[event], do.Approved | do.Declined | do.Withdrawn | do.Resent)
        and (not isinstance(EVENTS[event], do.Received) or event in ("got refusal", "got cancel", "got complaint"))
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
    assert do.AwaitProof(PAID.tx) in sent.effects
    accepted = step(sent.state, received(TransferAccept(), OK, at=AT + 4)).state
    confirmed = step(accepted, do.Proven(PAID.tx, EVENTS["proven"].proof, 7, AT + 5)).state
    assert isinstance(confirmed, states.PaymentConfirmed)
    steps = confirmed.deal.steps
    assert (steps.ordered, steps.invoiced, steps.paid) == (AT, AT + 1, AT + 3)
    assert (steps.accepted, steps.confirmed) == (AT + 4, AT + 5)
    again = step(confirmed, do.Unproven(PAID.tx, AT + 6)).state
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
    confirmed = step(SAMPLES["PaymentSent"], do.Proven(PAID.tx, EVENTS["proven"].proof, 7, AT + 9)).state
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


PAYEES_COIN = Tx(1, (TxInput(Outpoint(b"\x08" * 32, 0)),), (TxOutput(3000, p2pkh_to(PAYEE_KEY.public)),))
_BOTH = replace(
    PAID.tx, inputs=(TxInput(Outpoint(PAYEES_COIN.txid, 0)), replace(PAID.tx.inputs[0], unlocking_script=b""))
)
OURS = ExpandedTx(
    tx=sign_input(_BOTH, 1, PAYER_KEY, COINS.outputs[0]),
    ancestors=(AncestorTx(tx=COINS), AncestorTx(tx=PAYEES_COIN)),
)
"""A payment to whose request the payee added an input, signed by us alone."""
COMPLETED = sign_input(OURS.tx, 0, PAYEE_KEY, PAYEES_COIN.outputs[0])
SENT = replace(SAMPLES["PaymentSent"], tx=OURS)


def test_the_transaction_that_the_payee_completed_is_ours_from_then_on() -> None:
    told = step(SENT, received(TransferAccept(tx=ExpandedTx(tx=COMPLETED)), OK))
    assert told.state.tx == replace(OURS, tx=COMPLETED)
    assert told.effects == (do.Collect(told.state.tx, trusted=False),)
    confirmed = step(told.state, do.Proven(COMPLETED, PROOF, 7, AT)).state
    assert (type(confirmed), confirmed.tx.tx) == (states.PaymentConfirmed, COMPLETED)


@pytest.mark.parametrize(
    "theirs",
    [
        COMPLETED.with_unlocking(0, b""),
        COMPLETED.with_unlocking(0, COMPLETED.inputs[1].unlocking_script),
        COMPLETED.with_unlocking(1, b""),
        replace(COMPLETED, outputs=COMPLETED.outputs[:-1]),
        replace(COMPLETED, inputs=(replace(COMPLETED.inputs[0], sequence=5), COMPLETED.inputs[1])),
    ],
    ids=["not signed", "signed by another key", "our signature gone", "an output less", "another sequence"],
)
def test_a_transaction_that_does_not_unlock_or_is_another_is_not_taken_for_ours(theirs: Tx) -> None:
    for state in (SENT, replace(SAMPLES["PaymentAccepted"], tx=OURS)):
        with pytest.raises(ProtocolError) as caught:
            step(state, received(TransferAccept(tx=ExpandedTx(tx=theirs)), OK))
        assert caught.value.code == InvoiceCode.TX_NOT_VALID


def test_an_input_that_cannot_be_checked_does_not_count_as_unlocked() -> None:
    blind = replace(SENT, tx=replace(OURS, ancestors=OURS.ancestors[:1]))
    with pytest.raises(ProtocolError, match="without what it spends"):
        step(blind, received(TransferAccept(tx=ExpandedTx(tx=COMPLETED)), OK))


def test_another_form_that_comes_once_it_is_accepted_is_watched_and_the_chain_decides() -> None:
    accepted = replace(SAMPLES["PaymentAccepted"], tx=OURS)
    told = step(accepted, received(TransferAccept(tx=ExpandedTx(tx=COMPLETED)), OK))
    assert (told.state, told.effects) == (accepted, (do.AwaitProof(COMPLETED),))


@pytest.mark.parametrize("name", ["PaymentSent", "PaymentRefused", "PaymentAccepted", "PaymentConfirmed", "Closed"])
def test_the_chain_shows_the_payment_under_another_txid(name: str) -> None:
    state = replace(SAMPLES[name], tx=OURS)
    for event, expected in (
        (do.Seen(COMPLETED, AT), states.PaymentAccepted),
        (do.Proven(COMPLETED, PROOF, 7, AT), states.PaymentConfirmed),
    ):
        told = step(state, event)
        if (name, expected) == ("PaymentConfirmed", states.PaymentAccepted):
            assert told.state == state, "what is in a block is seen anyway"
            continue
        assert (type(told.state), told.state.tx.tx) == (expected, COMPLETED)
        assert told.effects == (do.Collect(told.state.tx, trusted=True),)


def test_a_payment_that_lost_and_whose_rival_is_gone_is_expected_again() -> None:
    failed = step(SAMPLES["PaymentAccepted"], EVENTS["conflicted"]).state
    assert (failed.end, failed.tx, failed.fee) == (states.End.FAILED, PAID, 50)
    again = step(failed, EVENTS["reopened"])
    assert (type(again.state), again.state.tx) == (states.PaymentAccepted, PAID)
    assert again.effects == (do.Collect(PAID, trusted=False),)


@pytest.mark.parametrize(
    ("response", "closes"),
    [
        (Response(status=Status.UNWANTED, protocol_id=b"RS", code=99), True),
        *[
            (Response(status=Status.REJECT, protocol_id=b"I", code=code), True)
            for code in (*range(9), *range(101, 105))
        ],
        *[(Response(status=Status.REJECT, protocol_id=b"I", code=code), False) for code in (9, 10, 100, 105)],
        *[(Response(status=Status.REJECT, protocol_id=other, code=1), False) for other in (b"S", b"ID", b"RE", b"RS")],
        (Response(status=Status.INVALID, protocol_id=b"I", code=2), False),
        (Response(status=Status.SYSTEM_ISSUE, protocol_id=b"I"), False),
    ],
)
def test_a_decision_ends_what_it_answers_and_a_complaint_does_not(response: Response, *, closes: bool) -> None:
    for name in ("OrderSent", "Reviewing", "OrderReceived", "Requested"):
        after = step(SAMPLES[name], received(None, response)).state
        assert isinstance(after, states.Closed) == closes
        assert closes or after == SAMPLES[name]
    assert isinstance(step(SAMPLES["PaymentSent"], received(None, response)).state, states.PaymentRefused)


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
        deal=SAMPLES["PaymentSent"].deal, tx=PAID, fee=50, held=50_050, code=1, note="conflict", protocol=b"I"
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
