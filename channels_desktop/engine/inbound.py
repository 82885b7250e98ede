"""From delivery to event: the only way in (channels.md 2.7).

A delivery is stored first. Then it is read, its signature is checked against the key we know, its number is brought
into order, and only then does anything look at what it says. What fails is kept with its reason and shown as a grey
row where it was signed by the contact; it never stops what comes after it.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from channels_desktop.engine import dispatch, payments
from channels_desktop.engine.arrived import Arrived
from channels_desktop.engine.complaints import complain
from channels_desktop.engine.records import Entry, StoredMessage
from channels_desktop.engine.rows import ContactState
from channels_desktop.engine.unsupported import Unsupported
from channels_desktop.errors import Misuse, ProtocolError, WireError
from channels_desktop.protocols.ids import IdCode, MessageId, Uuid
from channels_desktop.protocols.invoices.messages import Transfer
from channels_desktop.protocols.notes import Note
from channels_desktop.protocols.policy import TooLarge, check_limits
from channels_desktop.protocols.registry import ONLY_READ, REGISTRY, identity
from channels_desktop.protocols.relationships import Initiation, RelationshipCode
from channels_desktop.protocols.response import Response, Status
from channels_desktop.protocols.signed import Signature, SignatureCode, SignatureStatus, check
from channels_desktop.protocols.times import Expiry, Time
from channels_desktop.wire import limits

if TYPE_CHECKING:
    from channels_desktop.engine.ports import Delivery
    from channels_desktop.engine.records import Contact
    from channels_desktop.engine.turn import Turn
    from channels_desktop.protocols.stack import Stack
    from channels_desktop.wire.bsor import Message

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/octet-stream"
GAP_LIMIT = 1000
GAP_BYTES = 64 * 1024 * 1024
OVERFULL, FAR_AHEAD = "too_much_waits", "out_of_sequence"
EXPIRED = 101  # of any protocol (channels.md 4.9)
SKEW = 120 * 10**9
OUR_FAULTS = (Misuse, ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What our own code fails with on one message. Errors of the database are none of these: they may pass."""
BEFORE = (ContactState.OFFERED, ContactState.RECEIVED)


class Unreadable(ProtocolError):
    """The contact signed it, and some of it follows no declaration that we know: another version, unknown fields."""


def receive(turn: Turn, delivery: Delivery) -> None:
    """Take in one delivery. Repeats and mail for mailboxes that are not ours any more change nothing."""
    owner = turn.tx.mailboxes.owner(delivery.base_url, delivery.channel_id)
    if owner is None and len(delivery.channel_id) > limits.PLACE_BYTES:
        return  # no mailbox of ours has such a name; there is nothing to remember of it
    if not turn.tx.messages.arrived(delivery, turn.at):
        return
    if not owner:
        turn.tx.messages.outcome(delivery, "foreign", "no relationship has this mailbox", keep=True, signed=False)
        return
    if delivery.content_type.partition(";")[0].strip().lower() != CONTENT_TYPE:
        turn.tx.messages.outcome(delivery, "foreign", "not a Channels message", keep=True, signed=False)
        return
    contact = turn.tx.contacts.get(owner)
    if contact.state in BEFORE and len(delivery.payload) > limits.INITIATION_BYTES:
        reason = "too large from somebody unknown"
        turn.tx.messages.outcome(delivery, "foreign", reason, keep=False, signed=False)
        return
    try:
        stack = parse(delivery.payload)
    except WireError as error:
        turn.tx.messages.outcome(delivery, "quarantined", str(error), keep=True, signed=False)
        return
    _take(turn, contact, stack, delivery)


def _take(turn: Turn, contact: Contact, stack: Stack, delivery: Delivery) -> None:
    """Take in what could be read, if it proves its sender; keep and show it where it cannot be used."""
    signed = False
    try:
        authenticate(contact, stack)
        signed = contact.state is ContactState.ACTIVE
        with turn.tx.savepoint():
            kept = _take_in(turn, contact, stack, delivery.payload)
        turn.tx.messages.outcome(delivery, "processed", "", keep=not kept)
    except (WireError, ProtocolError) as error:
        kind = error.kind if isinstance(error, WireError) else ""
        keep = kind != OVERFULL
        turn.tx.messages.outcome(delivery, "quarantined", str(error), keep=keep, signed=signed)
        if signed:
            _show(turn, contact.number, error)
        if signed and kind in (OVERFULL, FAR_AHEAD) and not contact.gap_since:
            # It is not held, so it has to be asked for with all that is missing before it.
            turn.tx.contacts.save(replace(turn.tx.contacts.get(contact.number), gap_since=turn.at))
        if may_be_refused(stack):
            complain(turn, contact.number, error)


def set_aside(turn: Turn, delivery: Delivery, reason: str) -> None:
    """Keep a delivery on which our own code fails, so that it neither is lost nor stops what comes after it."""
    if turn.tx.messages.arrived(delivery, turn.at):
        turn.tx.messages.outcome(delivery, "failed", reason, keep=True)


def _take_in(turn: Turn, contact: Contact, stack: Stack, script: bytes) -> bool:
    """Bring one authentic message into order and use it; return whether a message row keeps its bytes."""
    if contact.state in BEFORE:
        body = body_of(stack)
        if not isinstance(body, Initiation) or stack.error is not None:
            raise ProtocolError(b"RS", RelationshipCode.NOT_INITIATED, "this is not a relationship yet")
        check_limits(stack.messages)
        dispatch.on_initiation(turn, contact, body, script)
        return False
    number = stack.find(MessageId)
    if number is None:
        raise ProtocolError(b"ID", IdCode.PARSE, "there is no message number", status=Status.INVALID)
    message = _message(turn, contact, stack, number.message_id, script)
    _check_room(turn, contact, message)
    if not _in_turn(turn, contact, stack, message):
        return True
    _use(turn, contact.number, stack, message)
    _drain(turn, contact.number)
    return True


def parse(script: bytes) -> Stack:
    """Read a delivery under the inbound policy of channels.md 2.4; keep the outer messages where inner ones fail."""
    stack = REGISTRY.read_as_far_as_possible(script)
    ids = stack.protocol_ids
    if not ids or len(ids) > limits.PROTOCOL_IDS or len(set(ids)) != len(ids):
        raise WireError("invalid_envelope", "none, too many or repeated protocol ids")
    if any(len(name) > limits.PROTOCOL_ID_BYTES for name in ids):
        raise WireError("invalid_envelope", "too long a protocol id")
    if stack.unread_bytes:
        raise WireError("invalid_envelope", "bytes after the envelope")
    if stack.error is None and stack.unread_items:
        stack.error = WireError("invalid_message", f"{stack.unread_items} items that belong to nothing")
        stack.failed = ids[-1]
    foreign = next((name for name in ids if name in ONLY_READ), b"")
    if foreign:
        stack.error, stack.failed = WireError("unsupported_protocol", "not spoken here"), foreign
    return stack


def body_of(stack: Stack) -> Message | None:
    """Return the innermost message, unless that is a wrapper."""
    last = stack.messages[-1]
    return None if REGISTRY.protocol_of(last).wraps else last


def may_be_refused(stack: Stack) -> bool:
    """Say whether a refusal may answer it: not a refusal, nor an answer without content (channels.md 2.7).

    What could not be read as far as its Response counts as a refusal, so that two programs never refuse in turn.
    """
    response = stack.find(Response)
    if response is None:
        return b"RE" not in stack.protocol_ids
    return not response.status and (body_of(stack) is not None or stack.error is not None)


def authenticate(contact: Contact, stack: Stack) -> None:
    """Check the signature against the one key it may be of; raise ProtocolError unless it proves its sender."""
    signature = stack.find(Signature)
    if signature is None or stack.messages[0] is not signature:
        raise ProtocolError(b"S", SignatureCode.REQUIRED, "messages must be signed")
    known, body = contact.their_key, body_of(stack)
    if isinstance(body, Initiation) and not known:
        known = body.data.public_key
    if not known:
        raise ProtocolError(b"RS", RelationshipCode.NOT_INITIATED, "this is not a relationship yet")
    if signature.public_key is not None and signature.public_key != known:
        raise ProtocolError(b"S", SignatureCode.WRONG_PUBLIC_KEY, "another key", status=Status.INVALID)
    status = check(signature, stack.inside(0), known)
    if status is not SignatureStatus.VALID:
        raise ProtocolError(b"S", SignatureCode.INVALID, status.value, status=Status.INVALID)


def _message(turn: Turn, contact: Contact, stack: Stack, number: int, script: bytes) -> StoredMessage:
    uuid = stack.find(Uuid)
    body = body_of(stack)
    return StoredMessage(
        relationship=contact.number,
        outgoing=False,
        number=number,
        uuid=uuid.uuid if uuid is not None else b"",
        kind=type(body).__name__ if body is not None else "Response",
        at=turn.at,
        script=script,
    )


def _in_turn(turn: Turn, contact: Contact, stack: Stack, message: StoredMessage) -> bool:
    """Keep the message in its place of the sequence; return whether its turn is now (channels.md 3.4)."""
    messages = turn.tx.messages
    if message.number < contact.next_in or message.number > contact.next_in:
        stored = messages.get(contact.number, message.number, outgoing=False)
        # Not by the bytes as delivered: a host may encode a signed message anew (channels.md 2.6).
        if stored is not None and identity(stored.script) != stack.identity:
            raise ProtocolError(b"ID", IdCode.CONFLICTING, "this number was used before", status=Status.INVALID)
        if stored is not None or message.number < contact.next_in:
            return False
        if message.number - contact.next_in > GAP_LIMIT:
            raise WireError("out_of_sequence", f"message {message.number} is far ahead of {contact.next_in}")
        messages.add(replace(message, state="gap"))
        if not contact.gap_since:
            turn.tx.contacts.save(replace(contact, gap_since=turn.at))
        # A plea for what is missing there is heard at once: if both sides miss something, its turn would never come.
        dispatch.resend(turn, contact, stack.find(Response), _note(stack))
        return False
    messages.add(message)
    turn.tx.contacts.save(replace(contact, next_in=contact.next_in + 1))
    return True


def _check_room(turn: Turn, contact: Contact, message: StoredMessage) -> None:
    """Raise WireError where too much waits already for what is missing; that is asked for, and this comes again too."""
    if message.number <= contact.next_in:
        return
    held = turn.tx.messages.held_bytes(contact.number)
    known = turn.tx.messages.get(contact.number, message.number, outgoing=False)
    if known is None and held + len(message.script) > GAP_BYTES:
        raise WireError(OVERFULL, f"{held} bytes wait for message {contact.next_in} already")


def _drain(turn: Turn, relationship: int) -> None:
    """Use the messages that waited for the one just used."""
    while True:
        contact = turn.tx.contacts.get(relationship)
        held = turn.tx.messages.get(relationship, contact.next_in, outgoing=False)
        if held is None:
            if contact.gap_since:
                since = turn.at if _holds_later(turn, contact) else 0
                turn.tx.contacts.save(replace(contact, gap_since=since))
            return
        turn.tx.messages.settle(held, "processed")
        turn.tx.contacts.save(replace(contact, next_in=contact.next_in + 1))
        _use(turn, relationship, parse(held.script), replace(held, state="processed"))


def _holds_later(turn: Turn, contact: Contact) -> bool:
    """Say whether messages wait for others that are still missing."""
    numbers = range(contact.next_in + 1, contact.next_in + GAP_LIMIT + 1)
    return any(turn.tx.messages.get(contact.number, number, outgoing=False) for number in numbers)


def _use(turn: Turn, relationship: int, stack: Stack, message: StoredMessage) -> None:
    """Act on an authentic message whose turn it is. What it does wrong costs its effects, not its place."""
    contact = turn.tx.contacts.get(relationship)
    try:
        with turn.tx.savepoint():
            if stack.error is not None:
                raise _unreadable(stack)
            check_limits(stack.messages)
            _check_times(turn, stack)
            time = stack.find(Time)
            arrived = Arrived(
                body=body_of(stack),
                response=stack.find(Response),
                note=_note(stack),
                sent=time.at if time is not None else 0,
                message=message,
                identity=stack.identity,
            )
            dispatch.on_message(turn, contact, arrived)
    except (WireError, ProtocolError, *OUR_FAULTS) as problem:
        error = problem
        if isinstance(problem, OUR_FAULTS):
            log.exception("a message could not be used")
            error = ProtocolError(stack.protocol_ids[-1], 0, "it could not be used here", status=Status.SYSTEM_ISSUE)
        turn.tx.messages.settle(message, "quarantined", reason=str(error))
        _show(turn, relationship, error, uuid=message.uuid)
        if may_be_refused(stack):
            # Money that is open must not be closed by a complaint about another message: it names no such dialogue.
            named = isinstance(body_of(stack), Transfer) or not payments.is_open(turn.tx, message.uuid)
            complain(turn, relationship, error, uuid=message.uuid if named else b"")


def _show(turn: Turn, relationship: int, error: Exception, *, uuid: bytes = b"") -> None:
    """Add a grey row for a message of the contact that could not be used; one for many of a kind without a thread."""
    reason = error.detail if isinstance(error, Unsupported) else str(error)
    for newest in () if uuid else turn.tx.entries.page(relationship, None, 1):
        if (newest.kind, newest.text) == ("notice", notice_code(error)):
            turn.tx.entries.renew(newest.number, turn.at)
            turn.changed(relationship, newest.number)
            return
    entry = Entry(0, relationship, "notice", turn.at, text=notice_code(error), reason=reason, uuid=uuid)
    turn.changed(relationship, turn.tx.entries.add(entry))


def _note(stack: Stack) -> str:
    note = stack.find(Note)
    return note.note if note is not None else ""


def _unreadable(stack: Stack) -> ProtocolError:
    if stack.error is not None and stack.error.kind == "unsupported_protocol":
        return ProtocolError(stack.failed, 0, "unknown protocol", status=Status.UNSUPPORTED_PROTOCOL)
    return Unreadable(stack.failed, 0, str(stack.error), status=Status.INVALID)


def _check_times(turn: Turn, stack: Stack) -> None:
    expiry = stack.find(Expiry)
    if expiry is not None and expiry.at + SKEW < turn.at:
        raise ProtocolError(stack.protocol_ids[len(stack.messages) - 1], EXPIRED, "the message has expired")


def notice_code(error: Exception) -> str:
    """Return the code under which an unusable message is shown."""
    match error:
        case Unsupported(notice=notice):
            return notice
        case TooLarge():
            return "too_large"
        case WireError(kind="out_of_sequence" | "too_much_waits"):
            return "missing_before"
        case ProtocolError(status=Status.UNSUPPORTED_PROTOCOL):
            return "unknown_protocol"
        case ProtocolError(status=Status.SYSTEM_ISSUE):
            return "unreadable"
        case ProtocolError(code=code) if not isinstance(error, Unreadable):
            return "expired" if code == EXPIRED else "out_of_turn"
        case _:
            return "unreadable"
