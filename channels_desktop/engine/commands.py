"""What a user, or a service's policy, may ask of the engine. One frozen class per wish; `Engine.submit` takes them.

A command raises one of `errors` (most often `Refused(reason)`) and then nothing has happened.
"""

from __future__ import annotations

from dataclasses import dataclass

from channels_desktop.engine.rows import Action


@dataclass(frozen=True, slots=True)
class CreateInvite:
    """Make an invite for one person; returns its InviteRow."""

    note: str = ""
    valid_for: int = 7 * 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class WithdrawInvite:
    """Close an invite that nobody has used."""

    relationship: int


@dataclass(frozen=True, slots=True)
class UseInvite:
    """Answer somebody's invite; returns the relationship's number."""

    link: str


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """Accept or turn down somebody who used our invite; `silently` turned down, they are sent nothing."""

    relationship: int
    accept: bool
    silently: bool = False


@dataclass(frozen=True, slots=True)
class CheckedSafetyNumber:
    """Record what the user found when comparing the safety number."""

    relationship: int
    matches: bool


@dataclass(frozen=True, slots=True)
class RemoveContact:
    """End a relationship: tell the other side and stop listening for it. Messages are kept.

    One that never came to be (an invite of theirs that nobody answers, or a refusal) is taken off the list.
    """

    relationship: int


@dataclass(frozen=True, slots=True)
class RemoveInvite:
    """Take an invite of ours off the list that is used, withdrawn or has expired."""

    relationship: int


@dataclass(frozen=True, slots=True)
class SendText:
    """Send a text; returns its TextRow."""

    relationship: int
    text: str


@dataclass(frozen=True, slots=True)
class RetryText:
    """Try again to send a text that was not sent."""

    entry: int


@dataclass(frozen=True, slots=True)
class DeleteText:
    """Drop a text that was not sent."""

    entry: int


@dataclass(frozen=True, slots=True)
class SaveDraft:
    """Keep what the user has typed."""

    relationship: int
    text: str


@dataclass(frozen=True, slots=True)
class MarkSeen:
    """Note that the user has seen a conversation up to `entry`."""

    relationship: int
    entry: int


@dataclass(frozen=True, slots=True)
class OfferPayment:
    """Send an order: "I want to pay you this". Returns the thread."""

    relationship: int
    what: str
    satoshis: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class RequestPayment:
    """Send an invoice nobody ordered: "please pay me this". Returns the thread."""

    relationship: int
    what: str
    satoshis: int
    note: str = ""
    valid_for: int = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class Act:
    """Do one of the actions a payment offers; `version` is the one of the row that was shown.

    `consents` are those of the ReviewRow that the user ticked: paying without one of them is refused.
    """

    thread: str
    action: Action
    version: int
    note: str = ""
    consents: frozenset[str] = frozenset()


Command = (
    CreateInvite
    | WithdrawInvite
    | UseInvite
    | AnswerRequest
    | CheckedSafetyNumber
    | RemoveContact
    | RemoveInvite
    | SendText
    | RetryText
    | DeleteText
    | SaveDraft
    | MarkSeen
    | OfferPayment
    | RequestPayment
    | Act
)
