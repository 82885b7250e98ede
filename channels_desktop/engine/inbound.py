"""From delivery to event: the only way in (channels.md 2.7).

A delivery is stored first. Then it is read, its signature is checked against the key we know, its number is brought
into order, and only then does anything look at what it says. What fails is kept with its reason and shown as a grey
row where it was signed by the contact; it never stops what comes after it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from channels_desktop.bitcoin.keys import sha256
from channels_desktop.engine import dispatch
from channels_desktop.engine.complaints import complain
from channels_desktop.engine.records import Entry, StoredMessage
from channels_desktop.engine.rows import ContactState
from channels_desktop.errors import InsufficientFunds, ProtocolError, WireError
from channels_desktop.protocols.ids import IdCode, MessageId, Uuid
from channels_desktop.protocols.notes import Note
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.protocols.relationships import Initiation, RelationshipCode
from channels_desktop.protocols.response import Response, Status
from channels_desktop.protocols.signed import Signature, SignatureCode, SignatureStatus, check
from channels_desktop.protocols.times import Expiry, Time
from channels_desktop.wire import limits
from channels_desktop.wire.envelope import Envelope, read_envelope

if TYPE_CHECKING:
    from channels_desktop.engine.ports import Delivery
    from channels_desktop.engine.records import Contact
    from channels_desktop.engine.turn import Turn
    from channels_desktop.protocols.stack import Layer
    from channels_desktop.wire.bsor import Message

M = TypeVar("M", bound="Message")

CONTENT_TYPE = "application/octet-stream"
GAP_LIMIT = 1000
EXPIRED = 101  # of any protocol (channels.md 4.9)
SKEW = 120 * 10**9
BEFORE = (ContactState.OFFERED, ContactState.RECEIVED)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A message as far as it could be read. `failed` is the protocol at which reading ended, `error` why."""

    layers: tuple[Layer, ...]
    error: WireError | None = None
    failed: bytes = b""

    def find(self, of: type[M]) -> M | None:
        """Return the layer of a class, or None."""
        return next((layer.message for layer in self.layers if isinstance(layer.message, of)), None)

    @property
    def body(self) -> Message | None:
        """The innermost message, unless that is a wrapper."""
        last = self.layers[-1].message
        return None if REGISTRY.protocol_of(last).wraps else last


def receive(turn: Turn, delivery: Delivery) -> None:
    """Take in one delivery. Repeats and mail for mailboxes that are not ours any more change nothing."""
    owner = turn.tx.mailboxes.owner(delivery.base_url, delivery.channel_id)
    try:
        if not turn.tx.messages.arrived(delivery, turn.at, sha256(delivery.payload)):
            return
    except WireError:
        # A host that numbers beyond 63 bits is broken; nothing can be remembered of it.
        return
    if not owner:
        turn.tx.messages.outcome(delivery, "foreign", "no relationship has this mailbox", keep=True)
        return
    if delivery.content_type.partition(";")[0].strip().lower() != CONTENT_TYPE:
        turn.tx.messages.outcome(delivery, "foreign", "not a Channels message", keep=True)
        return
    contact = turn.tx.contacts.get(owner)
    if contact.state in BEFORE and len(delivery.payload) > limits.INITIATION_BYTES:
        turn.tx.messages.outcome(delivery, "foreign", "too large from somebody unknown", keep=False)
        return
    try:
        with turn.tx.savepoint():
            kept = _take_in(turn, contact, delivery.payload)
        turn.tx.messages.outcome(delivery, "processed", "", keep=not kept)
    except (WireError, ProtocolError) as error:
        turn.tx.messages.outcome(delivery, "quarantined", str(error), keep=True)
        if isinstance(error, ProtocolError):
            complain(turn, owner, error)


def _take_in(turn: Turn, contact: Contact, script: bytes) -> bool:
    """Read, authenticate and order one message; return whether a message row keeps its bytes."""
    parsed = parse(script)
    signature_status = authenticate(contact, parsed)
    if contact.state in BEFORE:
        if not isinstance(parsed.body, Initiation) or parsed.error is not None:
            raise ProtocolError(b"RS", RelationshipCode.NOT_INITIATED, "this is not a relationship yet")
        dispatch.on_initiation(turn, contact, parsed.body, script)
        return False
    number = parsed.find(MessageId)
    if number is None:
        raise ProtocolError(b"ID", IdCode.PARSE, "there is no message number", status=Status.INVALID)
    message = _message(turn, contact, parsed, number.message_id, script)
    message = replace(message, legacy=signature_status is SignatureStatus.LEGACY)
    if not _in_turn(turn, contact, message):
        return True
    _use(turn, contact.number, parsed, message)
    _drain(turn, contact.number)
    return True


def parse(script: bytes) -> Parsed:
    """Read a delivery under the inbound policy of channels.md 2.4; keep the outer layers where the inner ones fail."""
    envelope = read_envelope(script)
    _check_policy(envelope)
    result = REGISTRY.read_as_far_as_possible(envelope)
    if not result.layers:
        raise result.error or WireError("invalid_message", "there is nothing in it")
    error = result.error
    if error is None and result.left:
        error = WireError("invalid_message", f"{result.left} items that belong to nothing")
    return Parsed(result.layers, error, result.failed or result.layers[-1].protocol_id)


def _check_policy(envelope: Envelope) -> None:
    ids = envelope.protocol_ids
    if not ids or len(ids) > limits.PROTOCOL_IDS or len(set(ids)) != len(ids):
        raise WireError("invalid_envelope", "none, too many or repeated protocol ids")
    if envelope.unread:
        raise WireError("invalid_envelope", "bytes after the envelope")
    if envelope.count > limits.ITEMS or any(len(name) > limits.PROTOCOL_ID_BYTES for name in ids):
        raise WireError("invalid_envelope", "too many items, or too long a protocol id")
    if ids[0] != b"S":
        raise ProtocolError(b"S", SignatureCode.REQUIRED, "messages must be signed")


def authenticate(contact: Contact, parsed: Parsed) -> SignatureStatus:
    """Check the signature against the one key it may be of; raise ProtocolError unless it proves its sender."""
    outer = parsed.layers[0]
    signature, body = outer.message, parsed.body
    if not isinstance(signature, Signature):
        raise ProtocolError(b"S", SignatureCode.REQUIRED, "messages must be signed")
    known = contact.their_key
    if isinstance(body, Initiation) and not known:
        known = body.data.public_key
    if not known:
        raise ProtocolError(b"RS", RelationshipCode.NOT_INITIATED, "this is not a relationship yet")
    if signature.public_key is not None and signature.public_key != known:
        raise ProtocolError(b"S", SignatureCode.WRONG_PUBLIC_KEY, "another key", status=Status.INVALID)
    status = check(signature, outer.inside, known)
    if status is not SignatureStatus.VALID:
        raise ProtocolError(b"S", SignatureCode.INVALID, status.value, status=Status.INVALID)
    return status


def _message(turn: Turn, contact: Contact, parsed: Parsed, number: int, script: bytes) -> StoredMessage:
    uuid = parsed.find(Uuid)
    body = parsed.body
    return StoredMessage(
        relationship=contact.number,
        outgoing=False,
        number=number,
        uuid=uuid.uuid if uuid is not None else b"",
        kind=type(body).__name__ if body is not None else "Response",
        at=turn.at,
        script=script,
    )


def _in_turn(turn: Turn, contact: Contact, message: StoredMessage) -> bool:
    """Keep the message in its place of the sequence; return whether its turn is now (channels.md 3.4)."""
    messages = turn.tx.messages
    if message.number < contact.next_in or message.number > contact.next_in:
        stored = messages.get(contact.number, message.number, outgoing=False)
        if stored is not None and stored.script != message.script:
            raise ProtocolError(b"ID", IdCode.CONFLICTING, "this number was used before", status=Status.INVALID)
        if stored is not None or message.number < contact.next_in:
            return False
        if message.number - contact.next_in > GAP_LIMIT:
            raise WireError("out_of_sequence", f"message {message.number} is far ahead of {contact.next_in}")
        messages.add(replace(message, state="gap"))
        if not contact.gap_since:
            turn.tx.contacts.save(replace(contact, gap_since=turn.at))
        return False
    messages.add(message)
    turn.tx.contacts.save(replace(contact, next_in=contact.next_in + 1))
    return True


def _drain(turn: Turn, relationship: int) -> None:
    """Use the messages that waited for the one just used."""
    while True:
        contact = turn.tx.contacts.get(relationship)
        held = turn.tx.messages.get(relationship, contact.next_in, outgoing=False)
        if held is None or held.state != "gap":
            if contact.gap_since:
                turn.tx.contacts.save(replace(contact, gap_since=turn.at if held is not None else 0))
            return
        turn.tx.messages.settle(held, "processed")
        turn.tx.contacts.save(replace(contact, next_in=contact.next_in + 1))
        _use(turn, relationship, parse(held.script), replace(held, state="processed"))


def _use(turn: Turn, relationship: int, parsed: Parsed, message: StoredMessage) -> None:
    """Act on an authentic message whose turn it is. What it does wrong costs its effects, not its place."""
    contact = turn.tx.contacts.get(relationship)
    try:
        with turn.tx.savepoint():
            if parsed.error is not None:
                raise _unreadable(parsed)
            _check_times(turn, parsed)
            note, response = parsed.find(Note), parsed.find(Response)
            time = parsed.find(Time)
            arrived = dispatch.Arrived(
                body=parsed.body,
                response=response,
                note=note.note if note is not None else "",
                sent=time.at if time is not None else 0,
                message=message,
            )
            dispatch.on_message(turn, contact, arrived)
    except (WireError, ProtocolError, InsufficientFunds) as error:
        turn.tx.messages.settle(message, "quarantined", reason=str(error))
        entry = Entry(0, relationship, "notice", turn.at, text=notice_code(error), reason=str(error), uuid=message.uuid)
        turn.changed(relationship, turn.tx.entries.add(entry))
        if (isinstance(error, ProtocolError) and parsed.find(Response) is None) or _is_answer(parsed):
            complain(turn, relationship, error, uuid=message.uuid)


def _is_answer(parsed: Parsed) -> bool:
    """Say whether a message is an answer with content, which may be refused in its turn; a bare refusal may not."""
    response = parsed.find(Response)
    return response is not None and not response.status and parsed.body is not None


def _unreadable(parsed: Parsed) -> ProtocolError:
    if parsed.error is not None and parsed.error.kind == "unsupported_protocol":
        return ProtocolError(parsed.failed, 0, "unknown protocol", status=Status.UNSUPPORTED_PROTOCOL)
    return ProtocolError(parsed.failed, 0, str(parsed.error), status=Status.INVALID)


def _check_times(turn: Turn, parsed: Parsed) -> None:
    expiry = parsed.find(Expiry)
    if expiry is not None and expiry.at + SKEW < turn.at:
        raise ProtocolError(parsed.layers[-1].protocol_id, EXPIRED, "the message has expired")


def notice_code(error: Exception) -> str:
    """Return the code under which an unusable message is shown."""
    if isinstance(error, ProtocolError):
        if error.status == Status.UNSUPPORTED_PROTOCOL:
            return "unknown_protocol"
        return "expired" if error.code == EXPIRED else "out_of_turn"
    return "unreadable"
