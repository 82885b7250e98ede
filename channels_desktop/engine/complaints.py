"""Answers to what could not be used (channels.md 2.7): signed and numbered like any message, and rarely."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from channels_desktop.engine.outbound import promise
from channels_desktop.engine.rows import ContactState
from channels_desktop.errors import ProtocolError
from channels_desktop.protocols.response import Response

if TYPE_CHECKING:
    from channels_desktop.engine.turn import Turn

INTERVAL = 60 * 10**9


def complain(turn: Turn, relationship: int, error: Exception, *, uuid: bytes = b"") -> None:
    """Tell the other side of an active relationship what was wrong, once a minute unless it names a dialogue.

    Messages that nobody authenticated (`uuid` is empty then) must not make us write much.
    """
    contact = turn.tx.contacts.get(relationship)
    if contact.state is not ContactState.ACTIVE or not isinstance(error, ProtocolError):
        return
    if not uuid:
        # Elapsed time means nothing to another run: what one has left counts only where it makes no long wait.
        if contact.complained_at and 0 <= turn.elapsed - contact.complained_at < INTERVAL:
            return
        turn.tx.contacts.save(replace(contact, complained_at=turn.elapsed))
    response = Response(status=error.status, protocol_id=error.protocol, code=error.code, note=error.note)
    promise(turn, relationship, None, uuid=uuid, response=response)
