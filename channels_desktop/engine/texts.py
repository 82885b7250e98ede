"""Text messages, their receipts, and the grey lines of a conversation (channels.md 9.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from channels_desktop.engine.attachments import described
from channels_desktop.engine.complaints import complain
from channels_desktop.engine.outbound import promise, signed_script
from channels_desktop.engine.records import Entry
from channels_desktop.engine.remote_text import is_blank
from channels_desktop.engine.rows import ContactState, TextState
from channels_desktop.engine.unsupported import quoted
from channels_desktop.errors import Misuse, ProtocolError, Refused
from channels_desktop.protocols.ids import MessageId
from channels_desktop.protocols.text import ReceiptKind, TextCode, TextMessage, TextReceipt
from channels_desktop.protocols.times import Time
from channels_desktop.wire import limits
from channels_desktop.wire.bsor import present

if TYPE_CHECKING:
    from channels_desktop.engine.arrived import Arrived
    from channels_desktop.engine.commands import DeleteText, MarkSeen, RetryText, SaveDraft, SendText
    from channels_desktop.engine.records import Contact, StoredMessage
    from channels_desktop.engine.turn import Turn

DRAFT_CHARACTERS = 100_000


def send(turn: Turn, command: SendText) -> int:
    """Send a text; return its entry."""
    contact = turn.tx.contacts.get(command.relationship)
    if contact.state is not ContactState.ACTIVE:
        raise Refused("not_connected")
    if is_blank(command.text):
        raise Refused("empty_text")
    if len(command.text.encode("utf-8", "surrogatepass")) > limits.TEXT_BYTES:
        raise Refused("text_too_long")
    text = command.text.encode("utf-8", "replace").decode("utf-8")
    uuid = turn.keys.random(16)
    message = promise(turn, contact.number, TextMessage(text=text), uuid=uuid)
    entry = turn.tx.entries.add(
        Entry(
            number=0,
            relationship=contact.number,
            kind="text",
            at=turn.at,
            mine=True,
            text=text,
            state=TextState.WAITING.value,
            uuid=uuid,
            message=message,
        )
    )
    turn.tx.contacts.save(replace(turn.tx.contacts.get(contact.number), draft=""))
    turn.changed(contact.number, entry)
    return entry


def arrived(turn: Turn, contact: Contact, body: TextMessage, message: Arrived) -> None:
    """Show a text of the other side, and owe a receipt.

    The receipt says that it came. Attachments, which this version cannot open, are named in the text's row and refused
    to the other side too, so that nobody takes them for seen; their bytes are kept with the message.
    """
    attachments = present(body.attachments)
    if body.reply_to is not None:
        notice(turn, contact.number, "reply", quoted(turn, contact, body.reply_to))
    if body.text or attachments:
        noted(turn, contact, body.text, message, attachments=described(attachments))
    else:
        notice(turn, contact.number, "empty_text")
    turn.receipts[contact.number] = message.message.number
    if attachments and message.response is None:
        refused = ProtocolError(b"TXT", TextCode.ATTACHMENT_REFUSED, "this version cannot open attachments")
        complain(turn, contact.number, refused, uuid=message.message.uuid)


def noted(turn: Turn, contact: Contact, words: str, message: Arrived, *, attachments: str = "") -> None:
    """Show what the other side says, as a text or beside something else; without TXT a peer writes no other way."""
    entry = turn.tx.entries.add(
        Entry(
            number=0,
            relationship=contact.number,
            kind="text",
            at=turn.at,
            text=words,
            state=TextState.INCOMING.value,
            their_clock=message.sent,
            reason=attachments,
            uuid=message.message.uuid,
            message=message.message.number,
        )
    )
    turn.changed(contact.number, entry)


def send_receipts(turn: Turn) -> None:
    """Send the receipts this turn owes: one for each conversation, however many texts came."""
    for relationship, number in turn.receipts.items():
        if turn.tx.contacts.get(relationship).state is ContactState.ACTIVE:
            promise(turn, relationship, TextReceipt(kind=ReceiptKind.DELIVERED, up_to=number))


def receipt(turn: Turn, contact: Contact, body: TextReceipt) -> None:
    """Note that the other side's app has our texts up to a number."""
    if body.up_to >= contact.next_out:
        raise ProtocolError(b"TXT", TextCode.TARGET_NOT_FOUND, "a receipt for what was never sent")
    for entry in turn.tx.entries.received_up_to(contact.number, body.up_to):
        turn.changed(contact.number, entry)


def retry(turn: Turn, command: RetryText) -> None:
    """Send a text again that its host refused: the same bytes under the same number, so that no gap stays."""
    entry, message = _unsent(turn, command.entry)
    turn.tx.messages.settle(message, "waiting")
    turn.tx.entries.set_text_state(entry, TextState.WAITING)
    turn.changed(entry.relationship, entry.number)


def delete(turn: Turn, command: DeleteText) -> None:
    """Take a text that was not sent out of the conversation; an empty message fills its place in the sequence.

    Raises Refused("may_have_arrived") after an attempt that got no answer: other bytes must never follow under its
    number (channels.md 3.4).
    """
    entry, message = _unsent(turn, command.entry)
    if message.attempts:
        raise Refused("may_have_arrived")
    contact = turn.tx.contacts.get(entry.relationship)
    filler = signed_script(turn, contact, [MessageId(message_id=message.number), Time(at=message.at)])
    turn.tx.messages.refill(message, filler)
    turn.tx.entries.remove(entry)
    turn.removed.append((entry.relationship, entry.number))
    turn.changed(entry.relationship)


def save_draft(turn: Turn, command: SaveDraft) -> None:
    """Keep what the user has typed."""
    contact = turn.tx.contacts.get(command.relationship)
    text = command.text[:DRAFT_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
    turn.tx.contacts.save(replace(contact, draft=text))
    turn.changed(contact.number)


def mark_seen(turn: Turn, command: MarkSeen) -> None:
    """Note how far the user has seen."""
    contact = turn.tx.contacts.get(command.relationship)
    if command.entry > contact.seen_entry:
        turn.tx.contacts.save(replace(contact, seen_entry=command.entry))
        turn.changed(contact.number)


def notice(turn: Turn, relationship: int, code: str, detail: str = "") -> None:
    """Add a grey line to a conversation."""
    entry = turn.tx.entries.add(Entry(0, relationship, "notice", turn.at, text=code, reason=detail))
    turn.changed(relationship, entry)


def _unsent(turn: Turn, number: int) -> tuple[Entry, StoredMessage]:
    entry = turn.tx.entries.get(number)
    if entry is None or entry.kind != "text" or entry.state != TextState.NOT_SENT.value:
        raise Refused("stale")
    message = turn.tx.messages.get(entry.relationship, entry.message, outgoing=True)
    if message is None:
        raise Misuse(f"entry {number} has no message")
    if message.state != "failed":  # the other side asked for it in the meantime, and it is on its way again
        raise Refused("stale")
    return entry, message
