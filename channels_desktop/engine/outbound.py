"""Compose, sign and freeze: the final bytes of a message, kept before anything is sent (channels.md 2.4, 3.4).

A message gets its number and its bytes once. Whatever happens later, these bytes and no others are posted under that
number.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from channels_desktop.engine.records import StoredMessage
from channels_desktop.protocols.ids import MessageId, Uuid
from channels_desktop.protocols.notes import Note
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.protocols.signed import sign
from channels_desktop.protocols.times import Time

if TYPE_CHECKING:
    from channels_desktop.engine.records import Contact
    from channels_desktop.engine.turn import Turn
    from channels_desktop.protocols.response import Response
    from channels_desktop.wire.bsor import Message


def promise(
    turn: Turn,
    relationship: int,
    body: Message | None,
    *,
    uuid: bytes = b"",
    response: Response | None = None,
    note: str = "",
    first_contact: bool = False,
) -> int:
    """Put a signed message into the outbox of a relationship; return its number.

    `response` wraps the body, or goes alone where there is none. The first contact carries nothing but number and
    body, since nothing is known yet of what the other side understands (channels.md 2.5).
    """
    contact = turn.tx.contacts.get(relationship)
    layers: list[Message] = [MessageId(message_id=contact.next_out)]
    if not first_contact:
        layers += [Uuid(uuid=uuid)] if uuid else []
        layers.append(Time(at=turn.at))
        layers += [Note(note=note)] if note else []
    layers += [response] if response is not None else []
    layers += [body] if body is not None else []
    script = signed_script(turn, contact, layers)
    turn.tx.messages.add(
        StoredMessage(
            relationship=relationship,
            outgoing=True,
            number=contact.next_out,
            uuid=uuid,
            kind=kind_of(body, response),
            at=turn.at,
            script=script,
            state="waiting",
        )
    )
    turn.tx.contacts.save(replace(contact, next_out=contact.next_out + 1))
    turn.status = True
    return contact.next_out


def signed_script(turn: Turn, contact: Contact, layers: list[Message]) -> bytes:
    """Return the envelope script of `layers` inside a signature of our key in a relationship."""
    key = turn.keys.relationship_key(contact.number)
    return REGISTRY.write(layers, partial(sign, key))


def kind_of(body: Message | None, response: Response | None) -> str:
    """Return the short name under which a message is kept."""
    if body is not None:
        return type(body).__name__
    return f"Response {response.status}" if response is not None else "empty"
