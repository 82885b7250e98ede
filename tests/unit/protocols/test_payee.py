"""The payee's machine (channels.md 4.2): the table is its picture, and what it does not show must be refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from channels_desktop.bitcoin.expanded_tx import ExpandedTx
from channels_desktop.errors import ProtocolError
from channels_desktop.protocols import effects as do
from channels_desktop.protocols.invoices import deal as states
from channels_desktop.protocols.invoices.machine import actions, step
from channels_desktop.protocols.invoices.messages import (
    Invoice,
    InvoiceCode,
    PurchaseOrder,
    Transfer,
    TransferAccept,
    TransferRequest,
    invoice_script,
)
from channels_desktop.protocols.invoices.payee import GRACE
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
    PROOF,
    SAMPLES,
    Edges,
    edges_of,
    items,
    outcome,
    paid,
    received,
    request_tx,
)
from tests.unit.protocols.test_payer import EDGES as PAYER_EDGES
from tests.unit.protocols.test_payer import OF_OTHERS

STATES = ("OrderReceived", "Drafting", "Requested", "Checking", "Late", "Broadcasting", "Accepted", "Confirmed")
_CLOSED = ("Closed", ("Wake",))
_ENDED_BY_US = ("Closed", ("Wake", "Send"))
_CONFLICT = ("Closed", ("Wake", "Send"))
_REFUSALS = ("got refusal", "got cancel", "got complaint")

_TRANSFERS = ("got transfer", "got loose transfer", "got late transfer")

EDGES: Edges = {
    ("", "got order"): ("OrderReceived", ()),
    ("", "asked invoice"): ("Drafting", ("MakeRequest",)),
    ("OrderReceived", "approved"): ("Drafting", ("MakeRequest",)),
    ("OrderReceived", "approved late"): ("Drafting", ("MakeRequest",)),
    ("OrderReceived", "declined"): _ENDED_BY_US,
    ("OrderReceived", "got order"): ("OrderReceived", ()),
    ("OrderReceived", "got refusal"): _CLOSED,
    ("OrderReceived", "got cancel"): _CLOSED,
    ("OrderReceived", "got complaint"): ("OrderReceived", ()),
    ("Drafting", "request made"): ("Requested", ("Send", "Wake")),
    ("Requested", "got transfer"): ("Checking", ("CheckTransfer",)),
    ("Requested", "got refusal"): _CLOSED,
    ("Requested", "got late transfer"): ("Checking", ("CheckTransfer",)),
    ("Requested", "got cancel"): _CLOSED,
    ("Requested", "got complaint"): ("Requested", ()),
    ("Requested", "seen"): ("Accepted", ("Wake", "Collect", "Send")),
    ("Requested", "proven"): ("Confirmed", ("Wake", "Collect", "Send", "SendProof")),
    **{
        ("Requested", event): ("Requested", ())
        for event in ("unproven", "conflicted", "reopened", "broadcasted", "broadcast refused")
    },
    **{("Requested", f"{event} of another"): ("Requested", ()) for event in ("unproven", "conflicted", "reopened")},
    ("Requested", "withdrawn"): _ENDED_BY_US,
    ("Requested", "woken"): ("Requested", ("Wake",)),
    ("Requested", "woken late"): _CLOSED,
    ("Checking", "good"): ("Broadcasting", ("Wake", "Collect", "Broadcast")),
    ("Checking", "good but locked"): ("Late", ("Wake", "AwaitProof")),
    ("Checking", "bad"): ("Requested", ("Send", "Wake", "AwaitProof")),
    ("Late", "approved"): ("Checking", ("CheckTransfer",)),
    ("Late", "approved late"): ("Checking", ("CheckTransfer",)),
    ("Late", "declined"): ("Closed", ("Send",)),
    ("Late", "seen"): ("Accepted", ("Wake", "Collect", "Send")),
    ("Late", "proven"): ("Confirmed", ("Wake", "Collect", "Send", "SendProof")),
    ("Late", "conflicted"): _CONFLICT,
    **{
        ("Late", event): ("Late", ())
        for event in ("woken", "woken late", "unproven", "reopened", *OF_OTHERS, *_REFUSALS, *_TRANSFERS)
    },
    ("Broadcasting", "broadcasted"): ("Accepted", ("Collect", "Send")),
    ("Broadcasting", "seen"): ("Accepted", ("Wake", "Collect", "Send")),
    ("Broadcasting", "proven"): ("Confirmed", ("Wake", "Collect", "Send", "SendProof")),
    **{
        ("Broadcasting", event): ("Broadcasting", ())
        for event in ("unproven", "reopened", *OF_OTHERS, *_REFUSALS, *_TRANSFERS)
    },
    ("Broadcasting", "broadcast refused"): ("Requested", ("CancelCoins", "Send", "Wake")),
    ("Accepted", "proven"): ("Confirmed", ("Wake", "Collect", "SendProof")),
    ("Accepted", "unproven"): ("Accepted", ()),
    ("Confirmed", "unproven"): ("Accepted", ("Broadcast",)),
    ("Confirmed", "proven"): ("Confirmed", ()),
    **{(state, "conflicted"): _CONFLICT for state in ("Broadcasting", "Accepted", "Confirmed")},
    **{
        (state, event): (state, ())
        for state in ("Accepted", "Confirmed")
        for event in ("broadcasted", "broadcast refused", "seen", "reopened", *OF_OTHERS, *_REFUSALS)
    },
    **{("Accepted", event): ("Accepted", ("Send",)) for event in _TRANSFERS},
    **{("Confirmed", event): ("Confirmed", ("Send", "ProveAgain")) for event in _TRANSFERS},
    **{
        (state, event): (state, ())
        for state in ("Broadcasting", "Accepted", "Confirmed")
        for event in ("woken", "woken late")
    },
}


def test_the_machine_has_these_edges_and_no_others() -> None:
    assert edges_of(STATES, SAMPLES) == {where: edge for where, edge in EDGES.items() if where[0]}


def test_a_payment_begins_in_four_ways_and_no_other() -> None:
    begin = {where: edge for where, edge in {**EDGES, **PAYER_EDGES}.items() if not where[0]}
    assert edges_of(("",), SAMPLES) == begin


@pytest.mark.parametrize(
    ("state", "open_actions"),
    [
        ("OrderReceived", (Action.MAKE_INVOICE, Action.DECLINE)),
        ("Drafting", ()),
        ("Requested", (Action.WITHDRAW,)),
        ("Checking", ()),
        ("Late", (Action.ACCEPT_ANYWAY, Action.DECLINE)),
        ("Broadcasting", ()),
        ("Accepted", ()),
        ("Confirmed", ()),
    ],
)
def test_the_user_may_do_this(state: str, open_actions: tuple[Action, ...]) -> None:
    assert actions(SAMPLES[state]) == open_actions


def test_a_payment_that_was_declined_or_expired_can_be_invoiced_again() -> None:
    for end in (states.End.DECLINED, states.End.EXPIRED):
        assert actions(states.Closed(end=end)) == (Action.INVOICE_AGAIN,)


def test_the_invoice_is_what_was_ordered_and_its_payment_is_what_was_invoiced() -> None:
    ordered = step(None, received(ORDER)).state
    drafting = step(ordered, do.Approved(AT + 1, EXPIRY))
    terms = Invoice(items=items(), notes="thanks", timestamp=AT + 1, expiration=EXPIRY)
    assert drafting.effects == (do.MakeRequest(50_000, invoice_script(terms)),)
    made = do.RequestMade(ExpandedTx(tx=request_tx()), FEES, AT + 2)
    requested = step(drafting.state, made)
    request = TransferRequest(tx=made.tx, fees=FEES)
    assert requested.effects == (do.Send(request, OK), do.Wake(EXPIRY + GRACE))
    checking = step(requested.state, received(Transfer(tx=PAID), OK, at=AT + 3))
    assert checking.effects == (do.CheckTransfer(made.tx, FEES, PAID),)
    broadcasting = step(checking.state, do.TransferGood(50, AT + 4))
    assert broadcasting.effects == (
        do.Wake(0),
        do.Collect(PAID, trusted=False),
        do.Broadcast(PAID),
    )
    accepted = step(broadcasting.state, do.Broadcasted(AT + 5))
    assert accepted.effects == (do.Collect(PAID, trusted=True), do.Send(TransferAccept(), OK))
    confirmed = step(accepted.state, do.Proven(PAID.tx, PROOF, 7, AT + 6))
    assert confirmed.effects == (do.Wake(0), do.Collect(PAID, trusted=True), do.SendProof(PROOF))
    steps = confirmed.state.deal.steps
    assert (steps.ordered, steps.invoiced, steps.paid) == (AT, AT + 2, AT + 3)
    assert (steps.accepted, steps.confirmed) == (AT + 5, AT + 6)
    back = step(confirmed.state, do.Unproven(PAID.tx, AT + 7))
    assert (back.state.deal.steps.confirmed, back.effects) == (0, (do.Broadcast(PAID),))


def test_an_invoice_nobody_ordered_answers_nothing() -> None:
    drafting = step(None, EVENTS["asked invoice"])
    assert drafting.state.deal.ours
    requested = step(drafting.state, EVENTS["request made"])
    assert requested.effects[0].response is None


def test_an_order_that_cannot_be_is_refused() -> None:
    for order in (PurchaseOrder(), replace(ORDER, notes="x" * 5000)):
        for state in (None, SAMPLES["OrderReceived"]):
            with pytest.raises(ProtocolError) as caught:
                step(state, received(order))
            assert caught.value.code == InvoiceCode.INVALID_ORDER


REFUSED = [
    (received(Transfer(tx=PAID)), InvoiceCode.MISSING_RESPONSE_ID, Status.INVALID),
    (received(Transfer(), OK), InvoiceCode.TX_NOT_VALID, Status.INVALID),
    (received(Transfer(tx=ExpandedTx()), OK), InvoiceCode.TX_NOT_VALID, Status.INVALID),
    (received(Transfer(tx=paid(request_tx(49_999))), OK), InvoiceCode.TRANSFER_UNKNOWN, Status.REJECT),
]


@pytest.mark.parametrize(("event", "code", "status"), REFUSED)
def test_a_payment_that_does_not_fit_is_refused_and_the_invoice_stays_open(
    event: do.Event, code: int, status: int
) -> None:
    with pytest.raises(ProtocolError) as caught:
        step(SAMPLES["Requested"], event)
    assert (caught.value.protocol, caught.value.code, caught.value.status) == (b"I", code, status)


def test_a_payment_just_within_the_grace_counts() -> None:
    assert outcome(SAMPLES["Requested"], received(Transfer(tx=PAID), OK, at=EXPIRY + GRACE)) is not None


def test_a_payment_that_fails_a_check_leaves_its_reason_and_the_invoice_open() -> None:
    back = step(SAMPLES["Checking"], EVENTS["bad"])
    assert (back.state.refused_code, back.state.refused_note) == (InvoiceCode.TX_FEE_TOO_LOW, "too little")
    no = Response(status=Status.REJECT, protocol_id=b"I", code=InvoiceCode.TX_FEE_TOO_LOW, note="too little")
    assert back.effects == (do.Send(response=no), do.Wake(EXPIRY + GRACE), do.AwaitProof(PAID.tx))
    assert actions(back.state) == (Action.WITHDRAW,)


def test_what_the_network_refuses_is_told_and_the_coins_that_will_never_be_are_taken_out() -> None:
    back = step(SAMPLES["Broadcasting"], EVENTS["broadcast refused"])
    assert back.effects[0] == do.CancelCoins(PAID.tx.txid)
    assert back.effects[1].response.code == InvoiceCode.TX_NOT_ACCEPTED
    assert back.state.deal.steps.paid == 0


CLOSED = {
    states.End.DECLINED: InvoiceCode.TRANSFER_UNKNOWN,
    states.End.WITHDRAWN: InvoiceCode.CANCELLED,
    states.End.FAILED: InvoiceCode.TX_NOT_ACCEPTED,
}


@pytest.mark.parametrize("end", CLOSED)
def test_a_payment_after_the_end_is_refused_and_watched_and_counts_once_the_chain_shows_it(end: states.End) -> None:
    closed = states.Closed(deal=SAMPLES["Requested"].deal, end=end)
    told = step(closed, received(Transfer(tx=PAID), OK))
    no = Response(status=Status.REJECT, protocol_id=b"I", code=CLOSED[end])
    assert (told.state, told.effects) == (closed, (do.AwaitProof(PAID.tx), do.Send(response=no)))
    assert outcome(closed, received(Transfer(tx=paid(request_tx(49_999))), OK)) is None
    assert outcome(closed, EVENTS["got request"]) is None
    seen = step(closed, EVENTS["seen"])
    assert (type(seen.state), seen.state.tx.tx) == (states.Accepted, PAID.tx)
    mined = step(closed, EVENTS["proven"])
    assert (type(mined.state), mined.state.height) == (states.Confirmed, 7)
    assert mined.effects[2:] == (do.Send(TransferAccept(), OK), do.SendProof(PROOF))
    assert outcome(closed, EVENTS["seen of another"]) is None, "it pays us nothing"


def test_a_request_that_was_never_made_hears_nothing_of_the_chain() -> None:
    closed = states.Closed(deal=states.Deal(order=ORDER), end=states.End.DECLINED)
    for event in ("seen", "proven", "conflicted", "reopened", "unproven", "woken"):
        assert step(closed, EVENTS[event]).state == closed
    assert outcome(closed, EVENTS["got transfer"]) is None


def test_the_payer_is_told_the_txid_that_the_chain_gave_the_payment() -> None:
    renamed = PAID.tx.with_unlocking(0, b"\x51")
    for name in ("Broadcasting", "Accepted"):
        told = step(SAMPLES[name], do.Seen(renamed, AT))
        assert told.state.tx.tx == renamed
        assert do.Send(TransferAccept(tx=replace(PAID, tx=renamed)), OK) in told.effects
    told = step(SAMPLES["Confirmed"], do.Proven(renamed, PROOF, 8, AT))
    assert told.effects[2:] == (do.Send(TransferAccept(tx=replace(PAID, tx=renamed)), OK), do.SendProof(PROOF))
    again = step(told.state, received(Transfer(tx=PAID), OK))
    assert again.effects == (do.Send(TransferAccept(tx=replace(PAID, tx=renamed)), OK), do.ProveAgain(renamed))


def test_a_payment_that_lost_and_whose_rival_is_gone_is_broadcast_again() -> None:
    failed = step(SAMPLES["Accepted"], EVENTS["conflicted"])
    assert failed.effects[1].response.code == InvoiceCode.TX_NOT_ACCEPTED
    again = step(failed.state, EVENTS["reopened"])
    assert (type(again.state), again.state.tx) == (states.Accepted, PAID)
    assert again.effects == (do.Collect(PAID, trusted=False), do.Broadcast(PAID))


def test_a_payment_that_comes_while_locked_waits_and_is_checked_again_or_refused() -> None:
    late = step(SAMPLES["Checking"], EVENTS["good but locked"])
    assert late.state == SAMPLES["Late"]
    again = step(late.state, do.Approved(AT))
    assert again.effects == (do.CheckTransfer(SAMPLES["Late"].deal.request.tx, FEES, PAID),)
    refused = step(late.state, do.Declined("no", AT))
    assert (refused.state.end, refused.state.by_us, refused.state.tx) == (states.End.DECLINED, True, PAID)
    assert refused.effects == (do.Send(response=NO, note="no"),)
    assert outcome(late.state, received(Transfer(tx=paid(request_tx(60_000))), OK)) is None


@pytest.mark.parametrize("ended", [False, True])
def test_a_payment_that_comes_after_the_deadline_waits_for_the_user(*, ended: bool) -> None:
    asked = SAMPLES["Requested"]
    waiting = states.Closed(deal=asked.deal, end=states.End.EXPIRED) if ended else asked
    checking = step(waiting, EVENTS["got late transfer"])
    assert checking.effects == (do.CheckTransfer(asked.deal.request.tx, FEES, PAID),)
    late = step(checking.state, EVENTS["good"])
    assert (type(late.state), late.state.why) == (states.Late, states.Why.EXPIRED)
    assert late.effects == (do.Wake(0), do.AwaitProof(PAID.tx)), "nothing is published, and nothing is said yet"
    taken = step(step(late.state, do.Approved(AT)).state, EVENTS["good"])
    assert isinstance(taken.state, states.Broadcasting)
    bad = step(checking.state, EVENTS["bad"])
    assert step(bad.state, do.Woken(EXPIRY + GRACE)).state.end == states.End.EXPIRED


def test_who_ended_it_is_kept() -> None:
    closed = step(SAMPLES["OrderReceived"], received(None, CANCELLED, note="changed my mind")).state
    assert (closed.end, closed.by_us, closed.paying, closed.note) == (
        states.End.WITHDRAWN,
        False,
        False,
        "changed my mind",
    )
    assert step(SAMPLES["Requested"], received(None, NO)).state.end == states.End.DECLINED
    assert step(SAMPLES["Requested"], do.Withdrawn(AT)).state.by_us
    assert step(SAMPLES["Requested"], do.Woken(EXPIRY + GRACE)).state.end == states.End.EXPIRED


def test_states_that_hold_less_than_they_must_take_no_step() -> None:
    bare = states.Deal()
    tx = ExpandedTx()
    for state, event in (
        (states.Requested(deal=bare), "got transfer"),
        (states.OrderReceived(deal=bare), "approved"),
        (states.Drafting(deal=bare), "request made"),
        (states.Checking(deal=bare, tx=tx), "good"),
    ):
        assert outcome(state, EVENTS[event]) is None
