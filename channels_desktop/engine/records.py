"""What the store keeps, as the engine sees it: plain, immutable records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from channels_desktop.engine.needs import Need

if TYPE_CHECKING:
    from channels_desktop.bitcoin.tx import Outpoint
    from channels_desktop.engine.ports import MailboxAddress
    from channels_desktop.engine.rows import ContactState, Verification


@dataclass(frozen=True, slots=True)
class Contact:
    """One relationship. Its number is also the index of its keys."""

    number: int
    state: ContactState
    name: str
    their_key: bytes
    verification: Verification
    next_in: int
    next_out: int
    outgoing: tuple[MailboxAddress, ...]
    created: int
    expires: int = 0
    note: str = ""  # our private note on an invite
    link: str = ""  # the invite: ours, or the one we answered
    since: int = 0
    draft: str = ""
    seen_entry: int = 0
    initiation: bytes = b""  # the script of the other side's Initiation, waiting for an answer or kept against repeats
    detail: str = ""
    complained_at: int = 0
    gap_since: int = 0
    gone_since: int = 0  # when a host first said that their mailboxes are no more; 0 once one of them takes a message
    resent_at: int = 0  # when the other side was last sent again what it missed


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One signed message of a relationship, either way, kept as it was sent."""

    relationship: int
    outgoing: bool
    number: int
    uuid: bytes
    kind: str
    at: int
    script: bytes = field(repr=False)
    state: str = "processed"  # in: gap, processed, quarantined; out: waiting, posted, failed
    reason: str = ""
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a conversation's timeline, as it is kept."""

    number: int
    relationship: int
    kind: str  # text, payment, notice
    at: int
    mine: bool = False
    text: str = ""
    state: str = ""
    their_clock: int = 0
    reason: str = ""  # why our text was not sent; what came with theirs (`engine.attachments`); detail of a notice
    uuid: bytes = b""
    message: int = -1  # the ID of the message that carried it


@dataclass(frozen=True, slots=True)
class Thread:
    """One negotiation: the number of its state's class and the state's bytes."""

    uuid: bytes
    relationship: int
    entry: int
    state_number: int
    state: bytes
    version: int
    at: int
    wake: int = 0
    txid: bytes = b""
    need: Need = Need()  # noqa: RUF009 - a tuple


@dataclass(frozen=True, slots=True)
class OwnCoin:
    """An output that is ours, and which key opens it."""

    outpoint: Outpoint
    satoshis: int
    locking_script: bytes
    context: bytes
    key_index: int
    state: str  # pending, safe, cancelled
    at: int
    reserved_by: bytes = b""
    spent_by: bytes = b""
    height: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """A transaction whose fate a thread waits for."""

    txid: bytes
    uuid: bytes
    raw: bytes
    to_broadcast: bool
    attempts: int
    next_at: int
    seen: bool
    block: bytes
    height: int
    searched: int = 0  # blocks to this height hold nothing else that spends its inputs
