"""From commands and messages to the events of a payment's negotiation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from channels_desktop.bitcoin.tx import MOST_SATOSHIS
from channels_desktop.engine.advance import MACHINE, advance, begin
from channels_desktop.engine.needs import NEEDED
from channels_desktop.engine.remote_text import is_blank
from channels_desktop.engine.reviews import Inputs, refuse_blocked
from channels_desktop.engine.rows import ContactState, Verification
from channels_desktop.engine.texts import notice
from channels_desktop.errors import Misuse, ProtocolError, Refused, WireError
from channels_desktop.protocols import effects as do
from channels_desktop.protocols.invoices.deal import Closed
from channels_desktop.protocols.invoices.messages import (
    Invoice,
    InvoiceCode,
    InvoiceItem,
    Price,
    PurchaseOrder,
    Transfer,
    TransferAccept,
)
from channels_desktop.protocols.protocol import Action
from channels_desktop.protocols.response import ResponseCode, Status
from channels_desktop.wire import limits

if TYPE_CHECKING:
    from channels_desktop.engine.arrived import Arrived
    from channels_desktop.engine.commands import Act, OfferPayment, RequestPayment
    from channels_desktop.engine.records import Contact, Thread
    from channels_desktop.engine.repositories import Reader
    from channels_desktop.engine.turn import Turn
    from channels_desktop.wire.bsor import Message

INVOICE_VALID_FOR = 24 * 3600 * 10**9
_CLOSED = MACHINE.number_of(Closed())
WHAT_BYTES = 256


def offer(turn: Turn, command: OfferPayment) -> str:
    """Send an order; return its thread."""
    items, notes = _terms(command.what, command.satoshis, command.note)
    return _ask(turn, command.relationship, PurchaseOrder(items=items, notes=notes), expiry=0)


def request(turn: Turn, command: RequestPayment) -> str:
    """Send an invoice nobody ordered; return its thread."""
    items, notes = _terms(command.what, command.satoshis, command.note)
    return _ask(turn, command.relationship, Invoice(items=items, notes=notes), expiry=turn.at + command.valid_for)


def act(turn: Turn, command: Act, inputs: Inputs = Inputs.UNKNOWN) -> None:
    """Do what a payment's card offers; refuse it where the card is out of date.

    `inputs` is what the chain says of inputs that the payee has put into the request.
    """
    thread = turn.tx.threads.get(bytes.fromhex(command.thread))
    if thread is None or thread.version != command.version:
        raise Refused("stale")
    contact = turn.tx.contacts.get(thread.relationship)
    if contact.state is not ContactState.ACTIVE:
        raise Refused("not_connected")
    if command.action in NEEDED:
        refuse_locked(contact)
    if command.action is Action.PAY:
        refuse_blocked(turn.tx, thread, turn.at, inputs, command.consents)
    try:
        with turn.tx.savepoint():
            advance(turn, thread, _event_of(turn, command))
    except ProtocolError as error:
        raise Refused("expired" if error.code == InvoiceCode.EXPIRED else "stale", error.note) from None
    except WireError as error:
        raise Refused("bad_request", str(error)) from None


def arrived(turn: Turn, contact: Contact, message: Arrived) -> None:
    """Take an order, invoice, payment or acceptance: the next event of its negotiation, or the first of a new one."""
    uuid = message.message.uuid or message.identity[:16]
    event = do.Received(message=message.body, response=message.response, note=message.note, at=turn.at)
    thread = turn.tx.threads.get(uuid)
    if thread is not None:
        advance(turn, _own(thread, contact), event)
    elif isinstance(message.body, Transfer):
        code = InvoiceCode.TRANSFER_UNKNOWN if message.message.uuid else InvoiceCode.MISSING_RESPONSE_ID
        raise ProtocolError(b"I", code, "a payment for no invoice of ours")
    elif isinstance(message.body, TransferAccept) or message.response is not None:
        raise ProtocolError(
            b"RE", ResponseCode.MESSAGE_NOT_FOUND, "an answer to nothing we sent", status=Status.INVALID
        )
    else:
        begin(turn, contact.number, uuid, event)


def responded(turn: Turn, contact: Contact, message: Arrived) -> None:
    """Take a bare Response to one of our dialogues."""
    thread = turn.tx.threads.get(message.message.uuid)
    if thread is None:
        raise ProtocolError(
            b"RE", ResponseCode.MESSAGE_NOT_FOUND, "an answer to nothing we sent", status=Status.INVALID
        )
    event = do.Received(message=None, response=message.response, note=message.note, at=turn.at)
    advance(turn, _own(thread, contact), event)
    after = turn.tx.threads.get(thread.uuid)
    if after is not None and after.version == thread.version and message.response is not None:
        # A complaint that ends nothing is still said: nothing is dropped silently.
        response = message.response
        said = f"{response.protocol_id.decode('utf-8', 'replace')}:{response.code} {message.note or response.note}"
        notice(turn, contact.number, "refused", said.strip())


def is_open(reader: Reader, uuid: bytes) -> bool:
    """Say whether a dialogue is one about money that has not ended."""
    thread = reader.threads.get(uuid) if uuid else None
    return thread is not None and thread.state_number != _CLOSED


def wake(turn: Turn, thread: Thread) -> None:
    """Wake a negotiation at the time it asked for."""
    turn.tx.threads.set_wake(thread.uuid, 0)
    try:
        with turn.tx.savepoint():
            advance(turn, thread, do.Woken(at=turn.at))
    except ProtocolError:
        # It asked to be woken and then moved on to a state that does not care.
        turn.changed(thread.relationship, thread.entry)


def refuse_locked(contact: Contact) -> None:
    """Raise Refused("mismatch") where nothing about money may begin or be agreed with a contact (payments.md 12).

    What settles or undoes is never locked: acceptances, proofs, refusals, taking back.
    """
    if contact.verification is Verification.MISMATCH:
        raise Refused("mismatch")


def _own(thread: Thread, contact: Contact) -> Thread:
    if thread.relationship != contact.number:
        raise ProtocolError(b"I", InvoiceCode.TRANSFER_UNKNOWN, "this dialogue is with somebody else")
    return thread


def _ask(turn: Turn, relationship: int, message: Message, *, expiry: int) -> str:
    contact = turn.tx.contacts.get(relationship)
    if contact.state is not ContactState.ACTIVE:
        raise Refused("not_connected")
    refuse_locked(contact)
    uuid = turn.keys.random(16)
    try:
        begin(turn, relationship, uuid, do.Asked(message=message, expiry=expiry, at=turn.at))
    except ProtocolError as error:
        raise Refused("bad_request", error.note) from None
    return uuid.hex()


def _terms(what: str, satoshis: int, note: str) -> tuple[tuple[InvoiceItem, ...], str | None]:
    name = what.strip().encode("utf-8", "replace")
    if not 0 < satoshis <= MOST_SATOSHIS:
        raise Refused("bad_amount")
    if is_blank(what) or len(name) > WHAT_BYTES or len(note.encode("utf-8", "replace")) > limits.NOTE_BYTES:
        raise Refused("bad_words")
    item = InvoiceItem(id=name, price=Price(quantity=satoshis), quantity=1)
    return (item,), None if is_blank(note) else note.strip().encode("utf-8", "replace").decode()


def _event_of(turn: Turn, command: Act) -> do.Event:
    match command.action:
        case Action.MAKE_INVOICE:
            return do.Approved(at=turn.at, expiry=turn.at + INVOICE_VALID_FOR)
        case Action.PAY | Action.ACCEPT_ANYWAY:
            return do.Approved(at=turn.at)
        case Action.DECLINE:
            note = command.note.encode("utf-8", "replace")[: limits.NOTE_BYTES].decode("utf-8", "ignore")
            return do.Declined(note=note, at=turn.at)
        case Action.WITHDRAW:
            return do.Withdrawn(at=turn.at)
        case Action.SEND_AGAIN:
            return do.Resent(at=turn.at)
        case Action.ORDER_AGAIN | Action.INVOICE_AGAIN:
            raise Misuse(f"{command.action} begins a new payment and is no act on an old one")
