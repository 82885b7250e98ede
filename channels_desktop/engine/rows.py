"""What a view shows: whole, immutable rows, filled once by a query and then replaced by events.

Codes, numbers and remote text only; sentences live in `ui/words.py`. Remote text is never markup. `entry` numbers the
rows of a conversation in the order of arrival at our store and is what a view keys by. Times are nanoseconds since
1970, amounts satoshis.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from channels_desktop.errors import Cause
from channels_desktop.protocols.protocol import Action as Action  # noqa: PLC0414 - views know it from here

if TYPE_CHECKING:
    from channels_desktop.engine.troubles import TroubleRow


class ContactState(Enum):
    """How far a relationship has come."""

    OFFERED = "offered"  # our invite is open
    SENT = "sent"  # we answered an invite and wait
    RECEIVED = "received"  # someone answered our invite: accept, or not
    ACTIVE = "active"
    REJECTED = "rejected"
    TERMINATED = "terminated"


class Verification(Enum):
    """What the user found when comparing safety numbers."""

    UNVERIFIED = "unverified"
    VERIFIED = "verified"
    MISMATCH = "mismatch"


class TextState(Enum):
    """What is known of a text; never more than is known."""

    INCOMING = "incoming"
    WAITING = "waiting"  # in our outbox
    STORED = "stored"  # the other side's host has it
    RECEIVED = "received"  # the other side's app signed a receipt
    NOT_SENT = "not_sent"  # refused for good: retry or delete


class Role(Enum):
    """Which side of a payment we are on."""

    PAYER = "payer"
    PAYEE = "payee"


class PaymentState(Enum):
    """Where a payment negotiation stands, in the words of the five steps and the ways it can end."""

    ORDERED = "ordered"
    INVOICED = "invoiced"
    PAID = "paid"  # the payer's signed payment is made; it may be on its way, or being checked and broadcast
    ACCEPTED = "accepted"  # the payee says, or we saw, that the network took it
    CONFIRMED = "confirmed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    REFUSED = "refused"  # the payee refused the signed payment; its coins stay held
    FAILED = "failed"  # conflict: the coins were spent elsewhere
    LATE = "late"  # payee: a valid payment came after the deadline, or while locked, and waits for the user


class Step(Enum):
    """The five steps of every payment."""

    ORDER = "order"
    INVOICE = "invoice"
    PAYMENT = "payment"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"


class Link(Enum):
    """The state of the line to our host."""

    CONNECTING = "connecting"
    LISTENING = "listening"
    WAITING = "waiting"  # broken; the next try is in `retry_in`
    OFFLINE = "offline"  # the user chose it
    NO_HOST = "no_host"  # this account has no host yet


@dataclass(frozen=True, slots=True)
class NeedRow:
    """One thing that waits for the user: a code, its amount and deadline.

    The code is an `Action` value, "answer_request", or "mailbox_gone".
    """

    code: str
    thread: str = ""
    satoshis: int = 0
    deadline: int = 0


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """One line of the conversation list."""

    relationship: int
    name: str
    state: ContactState
    verification: Verification
    last_line: str  # newest text as it was written; "" if the newest entry is no text
    last_code: str  # what the newest entry is: "text", "attachments" without text, "payment", "notice", "request", ""
    last_mine: bool
    last_at: int
    unread: int
    draft: str
    needs: tuple[NeedRow, ...]
    payment: PaymentRow | None = None  # the newest entry, where it is a payment
    since: int = 0  # when the relationship became active
    detail: str = ""  # why it was rejected, in the other side's words
    ended: str = ""  # how we ended it: declined_by_us, ignored_by_us, removed_by_us; "" where the other side did
    first_unread: int = 0  # the entry that a view opens at; 0 where nothing is unread
    gone: bool = False  # all mailboxes of the other side are gone


@dataclass(frozen=True, slots=True)
class TextRow:
    """A text message."""

    entry: int
    relationship: int
    mine: bool
    text: str
    at: int  # arrival at our store
    state: TextState
    their_clock: int = 0  # what the sender's clock said; 0 for our own
    reason: str = ""  # code of why it was not sent, or is not yet: "gone", "removed", "too_large", "bad_request"
    attachments: tuple[AttachmentRow, ...] = ()


@dataclass(frozen=True, slots=True)
class AttachmentRow:
    """A file that came with a text; this version shows its name and size, as the sender gave them, and no more."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One line of an order or invoice."""

    name: str
    quantity: int
    satoshis: int  # of one

    @property
    def total(self) -> int:
        """Satoshis of the line."""
        return self.quantity * self.satoshis


@dataclass(frozen=True, slots=True)
class StepRow:
    """One of the five steps: done when `at` is set; `mine` says whose signed message or check did it."""

    step: Step
    at: int = 0
    mine: bool = False


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """A payment card."""

    entry: int
    relationship: int
    thread: str  # 32 hex digits; the card's number is its first four
    version: int  # what an Act must name, so that a stale click is refused
    role: Role
    state: PaymentState
    items: tuple[ItemRow, ...]
    total: int
    note: str  # the order's or invoice's note
    at: int  # when the newest step arrived
    expiry: int = 0  # of the invoice; 0 before there is one
    fee: int | None = None  # the network fee, once known; paid by the payer
    steps: tuple[StepRow, ...] = ()
    actions: tuple[Action, ...] = ()  # open to the user now, most natural first
    sending: bool = False  # our newest message of this payment still waits in the outbox
    gone: bool = False  # and the other side's mailbox is no more
    mine_first: bool = False  # we started it
    ended_by_us: bool = False  # we declined or withdrew
    reason: str = ""  # code of a problem or refusal ("I:6", "conflict", "not_sent"...)
    reason_note: str = ""  # the other side's words for it
    txid: str = ""  # as people write it
    block_height: int = 0
    held: int = 0  # satoshis of ours that stay held until it is settled
    locked: bool = False  # the safety numbers differ: nothing begins or is agreed with this contact

    @property
    def number(self) -> str:
        """The short number shown on the card."""
        return self.thread[:4].upper()


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """A grey line: something that happened, or a message that could not be used; nothing is dropped silently.

    `code` is one of connected, verified, mismatch, unreadable, unknown_protocol, bad_signature, out_of_turn, expired,
    refused, terminated, too_large, missing_before, mailbox_gone; of a text: reply, empty_text; of what this version
    cannot act on: edited, taken_back, reaction, reaction_removed, menu, menu_wanted, moved, sub_channel,
    channel_managed, transaction. `detail` is what the other side says; where it refused, the reason comes first, as in
    "TXT:2".
    """

    entry: int
    relationship: int
    code: str
    at: int
    detail: str = ""


EntryRow = TextRow | PaymentRow | NoticeRow


@dataclass(frozen=True, slots=True)
class InviteRow:
    """One of our open or used invites."""

    relationship: int
    link: str
    note: str
    created: int
    expires: int
    state: str  # waiting, used, expired, withdrawn; removed from the list
    used_by: str = ""


@dataclass(frozen=True, slots=True)
class InvitePreview:
    """What an invite says before anything is done with it. `problem` is a code, "" when it can be used.

    Problems: not_an_invite, expired, own, other_network, already_connected, used.
    """

    name: str = ""
    host: str = ""
    key: str = ""
    expires: int = 0
    network: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class OutputLine:
    """An output of the transaction about to be signed: to "them", to a "script" of theirs, the "record", or "us"."""

    whose: str
    satoshis: int
    size: int
    count: int = 1  # over how many outputs it is spread


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One thing checked before paying; `code` names the sentence."""

    code: str  # signed, not_expired, outputs_explained, fee_fair
    passed: bool


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """All that the approval dialog shows, computed from the transaction itself.

    `blocked` is a code when paying is not possible: mismatch, unauthenticated, unknown_output, expired, already_paid,
    already_waiting, input_spent, not_enough, fee_quote_low, fee_high. `consents` are what the user has to tick one by
    one before paying, and what the Act must name: unverified, similar, inputs_unseen, small_coins.
    """

    thread: str
    version: int
    name: str
    verification: Verification
    items: tuple[ItemRow, ...]
    total: int
    fee: int
    record_bytes: int
    you_pay: int
    left_after: int
    order_items: tuple[ItemRow, ...]  # of our own order, to show what changed; () if we did not order
    note: str
    expiry: int
    coins_in: int
    outputs: tuple[OutputLine, ...]
    checks: tuple[CheckRow, ...]
    blocked: str = ""
    needed: int = 0
    available: int = 0
    consents: tuple[str, ...] = ()
    similar: str = ""  # the thread of a payment to the same contact for the same, a day ago at most or still open
    fee_ours: int = 0  # the part of the fee that our own coins and change cost


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One signed message of a payment: which step, whose, when, and how many bytes.

    Its relationship, its number there and whose it is name it to the query `raw`.
    """

    step: str  # a `Step` value, or "answer" for a Response without content
    mine: bool
    at: int
    relationship: int = 0
    number: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class RawRow:
    """A signed message as a tree for people, in which nothing of the other side is left to interpret, and its hex."""

    text: str = field(repr=False)
    hex: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WalletRow:
    """The wallet's sums.

    `free` can be spent now; `held` goes out with payments under way; `pending` is their change, which is ours but
    rests until they are settled; `unconfirmed` is the part of `free` that is in no block yet.
    """

    free: int
    held: int
    unconfirmed: int
    pending: int = 0

    @property
    def total(self) -> int:
        """Everything that is ours."""
        return self.free + self.held + self.pending


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One line of the wallet's history."""

    txid: str
    at: int
    name: str
    what: str
    satoshis: int  # + in, - out, fee included
    fee: int
    block_height: int
    relationship: int = 0
    entry: int = 0
    seen: bool = True  # our source of the chain has shown it; until then it is under way


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """The account itself."""

    name: str
    host: str
    network: str
    chain: str  # what runs behind the chain port, in words for the status line


@dataclass(frozen=True, slots=True)
class StatusRow:
    """The status bar. `retry_in` counts from when this row was made, in nanoseconds."""

    link: Link
    channels: int
    attempt: int
    retry_in: int
    waiting_to_send: int
    block_height: int
    chain_ok: bool
    wallet: WalletRow
    cause: Cause | None = None  # what keeps the host from serving, while `link` is WAITING
    gone: int = 0  # contacts whose mailboxes are gone
    troubles: tuple[TroubleRow, ...] = ()
