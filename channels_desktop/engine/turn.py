"""One transaction's worth of work: the repositories, the time, the keys, and the news to publish after the commit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from channels_desktop.bitcoin.headers import HeaderChain
    from channels_desktop.engine.ports import Keys
    from channels_desktop.engine.repositories import Tx


@dataclass(slots=True)
class Turn:
    """What a handler works with. Lives for one transaction on the store's thread.

    `at` is the date, `elapsed` what has gone by; both are the Clock's.
    """

    tx: Tx
    at: int
    keys: Keys
    headers: HeaderChain
    network: str
    elapsed: int = 0
    conversations: set[int] = field(default_factory=set)
    entries: dict[int, None] = field(default_factory=dict)
    removed: list[tuple[int, int]] = field(default_factory=list)
    invites: set[int] = field(default_factory=set)
    receipts: dict[int, int] = field(default_factory=dict)
    status: bool = False
    headers_moved: bool = False

    def changed(self, relationship: int, entry: int | None = None) -> None:
        """Note that a conversation, and an entry of it, is to be shown anew."""
        self.conversations.add(relationship)
        if entry is not None:
            self.entries[entry] = None
