"""The events of a transaction, built while it is still open, so that they show exactly what it commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from channels_desktop.engine.events import (
    ConversationChanged,
    EntryChanged,
    EntryRemoved,
    Event,
    InviteChanged,
    StatusChanged,
)
from channels_desktop.engine.projection import conversation_row, entry_row, invite_row, is_conversation

if TYPE_CHECKING:
    from collections.abc import Callable

    from channels_desktop.engine.repositories import Reader
    from channels_desktop.engine.rows import StatusRow
    from channels_desktop.engine.turn import Turn


def events_of(turn: Turn, status: Callable[[Reader], StatusRow]) -> tuple[Event, ...]:
    """Return what changed, each thing once and whole."""
    events: list[Event] = []
    for number in turn.entries:
        entry = turn.tx.entries.get(number)
        if entry is not None:
            events.append(EntryChanged(entry_row(turn.tx, entry)))
    events += [EntryRemoved(relationship, number) for relationship, number in turn.removed]
    for number in sorted(turn.conversations):
        contact = turn.tx.contacts.get(number)
        if is_conversation(contact):
            events.append(ConversationChanged(conversation_row(turn.tx, contact, turn.at)))
    events += [InviteChanged(invite_row(turn.tx.contacts.get(number), turn.at)) for number in sorted(turn.invites)]
    if turn.status:
        events.append(StatusChanged(status(turn.tx)))
    return tuple(events)
