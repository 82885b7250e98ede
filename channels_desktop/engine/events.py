"""What the engine tells whoever subscribed: typed news that carry whole rows, published only after the commit."""

from __future__ import annotations

from dataclasses import dataclass

from channels_desktop.engine.rows import ConversationRow, EntryRow, InviteRow, StatusRow
from channels_desktop.engine.troubles import Task


@dataclass(frozen=True, slots=True)
class ConversationChanged:
    """A conversation is new or its line changed."""

    row: ConversationRow


@dataclass(frozen=True, slots=True)
class EntryChanged:
    """An entry of a conversation is new or changed."""

    row: EntryRow


@dataclass(frozen=True, slots=True)
class EntryRemoved:
    """An entry is gone (a text that was never sent and is dropped)."""

    relationship: int
    entry: int


@dataclass(frozen=True, slots=True)
class InviteChanged:
    """An invite is new or changed."""

    row: InviteRow


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """The line, the chain tip, the outbox or the wallet's sums changed."""

    row: StatusRow


@dataclass(frozen=True, slots=True)
class EngineFailed:
    """A background task of the engine met an error of our own.

    It is tried again; the app says so and offers a restart.
    """

    task: Task


Event = ConversationChanged | EntryChanged | EntryRemoved | InviteChanged | StatusChanged | EngineFailed
