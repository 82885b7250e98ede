"""Which part of the engine an authentic message goes to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from channels_desktop.engine import contacts, payments, proofs, texts
from channels_desktop.engine.rows import ContactState
from channels_desktop.engine.unsupported import unsupported
from channels_desktop.errors import ProtocolError
from channels_desktop.protocols.ids import IdCode
from channels_desktop.protocols.invoices.messages import PurchaseOrder, Transfer, TransferAccept, TransferRequest
from channels_desktop.protocols.merkle_proofs import ProofMessage
from channels_desktop.protocols.relationships import Initiation, RelationshipCode
from channels_desktop.protocols.response import Response
from channels_desktop.protocols.text import TextMessage, TextReceipt, TextTyping

if TYPE_CHECKING:
    from channels_desktop.engine.arrived import Arrived
    from channels_desktop.engine.records import Contact
    from channels_desktop.engine.turn import Turn


RESEND_PAUSE = 60 * 10**9
RESENT = 10_000
LONGEST_NUMBER = 18  # digits that fit 63 bits whatever they are


def on_initiation(turn: Turn, contact: Contact, initiation: Initiation, script: bytes) -> None:
    """Hand on what somebody answered to our invite."""
    contacts.requested(turn, contact, initiation, script)


def on_message(turn: Turn, contact: Contact, arrived: Arrived) -> None:
    """Hand a message of a relationship to whoever it is for; raise ProtocolError where nobody wants it."""
    body, response = arrived.body, arrived.response
    if contact.state is ContactState.SENT:
        contacts.answered(turn, contact, body, response, arrived.note)
        return
    if contact.state is not ContactState.ACTIVE:
        raise ProtocolError(b"RS", RelationshipCode.NOT_INITIATED, "this relationship is not active")
    match body:
        case TextMessage():
            texts.arrived(turn, contact, body, arrived)
        case TextReceipt():
            texts.receipt(turn, contact, body)
        case ProofMessage(merkle_proof=proof):
            proofs.offered(turn, contact.number, proof)
        case PurchaseOrder() | TransferRequest() | Transfer() | TransferAccept():
            payments.arrived(turn, contact, arrived)
        case Initiation():
            raise ProtocolError(b"RS", RelationshipCode.ALREADY_INITIATED, "we are connected already")
        case None if response is not None:
            _bare_response(turn, contact, arrived, response)
        case None | TextTyping():
            # A message that says nothing keeps the place of one that was deleted before it was sent.
            pass
        case _:
            raise unsupported(turn, contact, body)
    if arrived.note and (response is None or not response.status):
        texts.noted(turn, contact, arrived.note, arrived)


def resend(turn: Turn, contact: Contact, response: Response | None, note: str) -> None:
    """Post again what the other side says it misses, if that is what it says (channels.md 3.4).

    Not more often than once in a pause and so many messages each time, however often it is asked for.
    """
    if response is None or (response.protocol_id, response.code) != (b"ID", IdCode.OUT_OF_SEQUENCE):
        return
    expected = response.note or note
    if expected.isascii() and expected.isdecimal() and len(expected) <= LONGEST_NUMBER:
        contact = turn.tx.contacts.get(contact.number)
        # Elapsed time means nothing to another run: what one has left counts only where it makes no long wait.
        if not contact.resent_at or not 0 <= turn.elapsed - contact.resent_at < RESEND_PAUSE:
            turn.tx.contacts.save(replace(contact, resent_at=turn.elapsed))
            turn.tx.messages.resend_from(contact.number, int(expected), RESENT)


def _bare_response(turn: Turn, contact: Contact, arrived: Arrived, response: Response) -> None:
    code = (response.protocol_id, response.code)
    if code == (b"RS", RelationshipCode.TERMINATED):
        contacts.terminated(turn, contact, response.note or arrived.note)
    elif code == (b"ID", IdCode.OUT_OF_SEQUENCE):
        resend(turn, contact, response, arrived.note)
    elif arrived.message.uuid and _is_open_dialogue(turn, contact, arrived):
        payments.responded(turn, contact, arrived)
    elif response.status:
        words = response.note or arrived.note
        texts.notice(turn, contact.number, "refused", f"{refusal_code(response)} {words}".rstrip())
    elif response.note:
        texts.noted(turn, contact, response.note, arrived)


def refusal_code(response: Response) -> str:
    """Return a refusal's reason under the protocol it is a reason of, as in "TXT:2" (wire-format 9)."""
    return f"{response.protocol_id.decode('ascii', 'replace')}:{response.code}"


def _is_open_dialogue(turn: Turn, contact: Contact, arrived: Arrived) -> bool:
    """Say whether an answer is to be matched with a payment; one that only says something is what a text is."""
    uuid, response = arrived.message.uuid, arrived.response
    says = response is not None and not response.status and (response.note or arrived.note)
    if says and turn.tx.threads.get(uuid) is None:
        return False
    return not _is_text_of_ours(turn, contact, uuid)


def _is_text_of_ours(turn: Turn, contact: Contact, uuid: bytes) -> bool:
    """Say whether a dialogue is a text that we sent to the contact."""
    return any(
        message.outgoing and message.relationship == contact.number and message.kind == TextMessage.__name__
        for message in turn.tx.messages.of_thread(uuid)
    )
