"""What both machines keep, whatever the order of events."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.bitcoin.expanded_tx import ExpandedTx
from channels_desktop.errors import Misuse, ProtocolError
from channels_desktop.protocols import effects as do
from channels_desktop.protocols.invoices import NEGOTIATION, PROTOCOL
from channels_desktop.protocols.invoices import deal as states
from channels_desktop.protocols.invoices.machine import actions, step
from channels_desktop.protocols.invoices.messages import Transfer, TransferAccept
from channels_desktop.protocols.protocol import Action
from channels_desktop.wire.bsor import Message
from tests.unit.protocols.samples import (
    AT,
    EVENTS,
    EXPIRY,
    FEES,
    OK,
    PAID,
    PROOF,
    SAMPLES,
    paid,
    received,
    request,
    request_tx,
)

OTHER = paid(request_tx(60_000))
MORE: dict[str, do.Event] = {
    "got other request": received(request(60_000), OK),
    "got other transfer": received(Transfer(tx=OTHER), OK),
    "got full accept": received(TransferAccept(tx=PAID), OK),
    "got other accept": received(TransferAccept(tx=OTHER), OK),
    "other request made": do.RequestMade(ExpandedTx(tx=request_tx(60_000)), FEES, AT),
    "funded otherwise": do.Funded(OTHER, 70, 60_070, AT),
    "proven elsewhere": do.Proven(PAID.tx, PROOF, 9, AT + 5),
}
ALL = {**EVENTS, **MORE}
BEGINNINGS = ("asked order", "asked invoice", "got order", "got request")
FORWARD = {
    "OrderSent": "got answered request",
    "Reviewing": "approved",
    "Funding": "funded",
    "PaymentSent": "got accept",
    "PaymentRefused": "resent",
    "PaymentAccepted": "proven",
    "OrderReceived": "approved",
    "Drafting": "request made",
    "Requested": "got transfer",
    "Checking": "good",
    "Broadcasting": "broadcasted",
    "Accepted": "proven",
}
"""What leads from a state to the next one, when all goes well."""
ACTS: dict[Action, do.Event] = {
    Action.MAKE_INVOICE: do.Approved(AT, EXPIRY),
    Action.PAY: do.Approved(AT),
    Action.DECLINE: do.Declined("", AT),
    Action.WITHDRAW: do.Withdrawn(AT),
    Action.SEND_AGAIN: do.Resent(AT),
    Action.ACCEPT_ANYWAY: do.Approved(AT),
}
BEGIN_ANEW = {Action.ORDER_AGAIN, Action.INVOICE_AGAIN}
"""These two begin a payment of their own: they are no event of this one."""

runs = st.tuples(
    st.sampled_from(BEGINNINGS),
    # Half of the time what leads forward, so that runs reach the late states.
    st.lists(st.one_of(st.just("forward"), st.sampled_from(sorted(ALL))), max_size=40),
)


class Run:
    """One negotiation, and what it asked for so far."""

    def __init__(self) -> None:
        self.state: Message | None = None
        self.paid = False
        self.good: set[bytes] = set()
        self.signed: set[bytes] = set()

    @property
    def forward(self) -> do.Event:
        """What leads on from here."""
        return ALL[FORWARD.get(_name(self.state), "woken")]

    def take(self, event: do.Event) -> None:
        """Take a step and check it; an event out of turn changes nothing."""
        before = self.state
        try:
            done = step(before, event)
        except ProtocolError:
            return
        self.state = done.state
        self.check(before, event, done.effects)

    def check(self, before: Message | None, event: do.Event, effects: tuple[do.Effect, ...]) -> None:
        transfers = [e.message for e in effects if isinstance(e, do.Send) and isinstance(e.message, Transfer)]
        if transfers:
            assert isinstance(before, states.Funding | states.PaymentRefused)
            assert isinstance(event, do.Funded | do.Resent)
            self.signed.add(transfers[0].tx.tx.txid)
            self.paid = True
        if isinstance(event, do.TransferGood):
            self.good.add(before.tx.tx.txid)
        for effect in effects:
            assert not (self.paid and isinstance(effect, do.Fund)), "a second payment"
            if isinstance(effect, do.Broadcast):
                assert effect.tx.tx.txid in self.good
        assert len(self.signed) <= 1
        if isinstance(before, states.Closed) and self.state != before:
            assert isinstance(event, do.Seen | do.Proven | do.Reopened), "the chain alone opens what is closed"


def _name(of: object) -> str:
    return type(of).__name__


@given(runs)
def test_any_order_of_events_keeps_the_rules(run: tuple[str, list[str]]) -> None:
    beginning, kinds = run
    it = Run()
    it.take(ALL[beginning])
    assert it.state is not None
    for kind in kinds:
        it.take(it.forward if kind == "forward" else ALL[kind])
        check_actions(it.state)
        assert type(it.state).from_bytes(it.state.to_bytes()) == it.state


def check_actions(state: Message) -> None:
    for action in set(actions(state)) - BEGIN_ANEW:
        step(state, ACTS[action])


def test_runs_reach_the_end_when_all_goes_well() -> None:
    """The property above would be empty if its runs never came far."""
    for beginning, last in (("asked order", "PaymentConfirmed"), ("asked invoice", "Confirmed")):
        it = Run()
        it.take(ALL[beginning])
        for _ in range(8):
            it.take(it.forward)
        assert _name(it.state) == last


@pytest.mark.parametrize("name", SAMPLES)
def test_states_survive_the_database(name: str) -> None:
    state: Any = SAMPLES[name]
    number = NEGOTIATION.number_of(state)
    thawed = NEGOTIATION.states[number].from_bytes(state.to_bytes())
    assert thawed == state
    assert actions(thawed) == NEGOTIATION.actions(state)
    assert states.is_payer(state) == (name in {cls.__name__ for cls in states.PAYER_STATES} or name == "Closed")


def test_every_state_has_its_number_and_its_place_in_the_protocol() -> None:
    assert set(SAMPLES) == {cls.__name__ for cls in states.STATES.values()}
    assert PROTOCOL.negotiation is NEGOTIATION
    with pytest.raises(Misuse, match="PurchaseOrder"):
        NEGOTIATION.number_of(EVENTS["got order"].message)
