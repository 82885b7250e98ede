"""One sample of every state and event of a payment, for the tests of its two machines."""

from __future__ import annotations

from dataclasses import replace

from channels_desktop.bitcoin.expanded_tx import AncestorTx, ExpandedTx
from channels_desktop.bitcoin.keys import PrivateKey
from channels_desktop.bitcoin.merkle import MerkleProof
from channels_desktop.bitcoin.templates import p2pkh_to
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput, sign_input
from channels_desktop.errors import ProtocolError
from channels_desktop.protocols import effects as do
from channels_desktop.protocols.fee_requirements import FeeRequirement
from channels_desktop.protocols.invoices import deal as states
from channels_desktop.protocols.invoices.machine import step
from channels_desktop.protocols.invoices.messages import (
    ID,
    Invoice,
    InvoiceCode,
    InvoiceItem,
    Price,
    PurchaseOrder,
    Transfer,
    TransferAccept,
    TransferRequest,
    invoice_script,
)
from channels_desktop.protocols.invoices.payee import GRACE
from channels_desktop.protocols.response import Response, Status
from channels_desktop.wire.bsor import Message

AT = 1_700_000_000 * 10**9
HOUR = 3600 * 10**9
EXPIRY = AT + HOUR
PAYER_KEY, PAYEE_KEY = PrivateKey(bytes(31) + b"\x11"), PrivateKey(bytes(31) + b"\x12")
FEES = (FeeRequirement(fee_type=0, satoshis=50, bytes=1000), FeeRequirement(fee_type=1, satoshis=50, bytes=1000))


def items(satoshis: int = 50_000) -> tuple[InvoiceItem, ...]:
    return (InvoiceItem(id=b"lunch", price=Price(quantity=satoshis), quantity=1),)


def invoice(satoshis: int = 50_000, expiration: int = EXPIRY) -> Invoice:
    return Invoice(items=items(satoshis), notes="thanks", timestamp=AT, expiration=expiration)


def request_tx(satoshis: int = 50_000, expiration: int = EXPIRY) -> Tx:
    record = TxOutput(0, invoice_script(invoice(satoshis, expiration)))
    return Tx(1, (), (TxOutput(satoshis, p2pkh_to(PAYEE_KEY.public)), record))


def request(satoshis: int = 50_000, expiration: int = EXPIRY) -> TransferRequest:
    return TransferRequest(tx=ExpandedTx(tx=request_tx(satoshis, expiration)), fees=FEES)


COINS = Tx(1, (TxInput(Outpoint(b"\x07" * 32, 0)),), (TxOutput(80_000, p2pkh_to(PAYER_KEY.public)),))


def paid(asked: Tx) -> ExpandedTx:
    """Return a request completed with a coin of the payer and change, signed."""
    change = TxOutput(29_000, p2pkh_to(PAYER_KEY.public))
    filled = replace(asked, inputs=(*asked.inputs, TxInput(Outpoint(COINS.txid, 0))), outputs=(*asked.outputs, change))
    signed = sign_input(filled, len(asked.inputs), PAYER_KEY, COINS.outputs[0])
    return ExpandedTx(tx=signed, ancestors=(AncestorTx(tx=COINS),))


ORDER = PurchaseOrder(items=items(), notes="thanks")
REQUEST = request()
PAID = paid(request_tx())
PAYMENT = Transfer(tx=PAID)
assert PAID.tx is not None
PROOF = MerkleProof(0, PAID.tx.txid, (b"\x09" * 32,), block_hash=b"\x0a" * 32)
RIVAL = Tx(1, PAID.tx.inputs, (TxOutput(79_000, p2pkh_to(PAYER_KEY.public)),))
"""Another transaction that spends the same coin."""
OK = Response()
NO = Response(status=Status.UNWANTED, protocol_id=ID, code=InvoiceCode.PARSE)
COMPLAINT = Response(status=Status.INVALID, protocol_id=b"S", code=2)
CANCELLED = Response(status=Status.UNWANTED, protocol_id=ID, code=InvoiceCode.CANCELLED)


def received(message: Message | None, response: Response | None = None, at: int = AT, note: str = "") -> do.Received:
    return do.Received(message=message, response=response, note=note, at=at)


EVENTS: dict[str, do.Event] = {
    "asked order": do.Asked(ORDER, 0, AT),
    "asked invoice": do.Asked(Invoice(items=items()), EXPIRY, AT),
    "got order": received(ORDER),
    "got request": received(REQUEST),
    "got answered request": received(REQUEST, OK),
    "got transfer": received(PAYMENT, OK),
    "got loose transfer": received(PAYMENT),
    "got late transfer": received(PAYMENT, OK, at=EXPIRY + GRACE + 1),
    "got accept": received(TransferAccept(), OK),
    "got loose accept": received(TransferAccept()),
    "got refusal": received(None, NO),
    "got cancel": received(None, CANCELLED),
    "got complaint": received(None, COMPLAINT),
    "got ok": received(None, OK),
    "approved": do.Approved(AT, EXPIRY),
    "approved late": do.Approved(EXPIRY, EXPIRY + HOUR),
    "declined": do.Declined("no", AT),
    "withdrawn": do.Withdrawn(AT),
    "resent": do.Resent(AT),
    "request made": do.RequestMade(ExpandedTx(tx=request_tx()), FEES, AT),
    "funded": do.Funded(PAID, 50, 50_050, AT),
    "good": do.TransferGood(50, AT),
    "good but locked": do.TransferGood(50, AT, locked=True),
    "bad": do.TransferBad(InvoiceCode.TX_FEE_TOO_LOW, "too little", AT),
    "broadcasted": do.Broadcasted(AT),
    "broadcast refused": do.BroadcastRefused("258: txn-mempool-conflict", AT),
    "seen": do.Seen(PAID.tx, AT),
    "proven": do.Proven(PAID.tx, PROOF, 7, AT),
    "unproven": do.Unproven(PAID.tx, AT),
    "conflicted": do.Conflicted(PAID.tx, AT),
    "reopened": do.Reopened(PAID.tx, AT),
    **{
        f"{what} of another": kind(RIVAL, *more, AT)
        for what, kind, more in (
            ("seen", do.Seen, ()),
            ("proven", do.Proven, (PROOF, 7)),
            ("unproven", do.Unproven, ()),
            ("conflicted", do.Conflicted, ()),
            ("reopened", do.Reopened, ()),
        )
    },
    "woken": do.Woken(AT),
    "woken late": do.Woken(EXPIRY + GRACE),
}
"""Every kind of event, by a name; "late" means after the invoice's expiration and the grace."""

_ORDERED = states.Deal(ours=True, order=ORDER, steps=states.Steps(ordered=AT))
_ASKED = states.Deal(order=ORDER, invoice=invoice(), request=REQUEST, steps=states.Steps(ordered=AT, invoiced=AT))
_ACCEPTED = replace(_ASKED, steps=states.Steps(ordered=AT, invoiced=AT, paid=AT, accepted=AT))

SAMPLES: dict[str, Message] = {
    "OrderSent": states.OrderSent(deal=_ORDERED),
    "Reviewing": states.Reviewing(deal=_ASKED),
    "Funding": states.Funding(deal=_ASKED),
    "PaymentSent": states.PaymentSent(deal=_ASKED, tx=PAID, fee=50, held=50_050),
    "PaymentRefused": states.PaymentRefused(deal=_ASKED, tx=PAID, fee=50, held=50_050, code=1, note="no"),
    "PaymentAccepted": states.PaymentAccepted(deal=_ACCEPTED, tx=PAID, fee=50),
    "PaymentConfirmed": states.PaymentConfirmed(deal=_ACCEPTED, tx=PAID, fee=50, height=7),
    "OrderReceived": states.OrderReceived(deal=replace(_ORDERED, ours=False)),
    "Drafting": states.Drafting(deal=_ASKED),
    "Requested": states.Requested(deal=_ASKED),
    "Checking": states.Checking(deal=_ASKED, tx=PAID),
    "Late": states.Late(deal=_ASKED, tx=PAID, fee=50, why=states.Why.LOCKED),
    "Broadcasting": states.Broadcasting(deal=_ASKED, tx=PAID, fee=50),
    "Accepted": states.Accepted(deal=_ACCEPTED, tx=PAID, fee=50),
    "Confirmed": states.Confirmed(deal=_ACCEPTED, tx=PAID, fee=50, height=7),
    "Closed": states.Closed(deal=_ASKED, paying=True, end=states.End.DECLINED),
}
"""A state of every class."""

Edges = dict[tuple[str, str], tuple[str, tuple[str, ...]]]


def outcome(state: Message | None, event: do.Event) -> tuple[str, tuple[str, ...]] | None:
    """Return the next state's and the effects' class names, or None where the event is out of turn."""
    try:
        done = step(state, event)
    except ProtocolError:
        return None
    return type(done.state).__name__, tuple(type(effect).__name__ for effect in done.effects)


def edges_of(names: tuple[str, ...], samples: dict[str, Message]) -> Edges:
    """Return all edges that lead away from the named states; "" is the state before the first event."""
    found = {(name, kind): outcome(samples.get(name), event) for name in names for kind, event in EVENTS.items()}
    return {where: edge for where, edge in found.items() if edge is not None}
