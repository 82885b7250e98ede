"""What comes to a negotiation and what it may ask for: two closed sets, so that every one is handled somewhere.

A `step` gets one event and returns effects. Immediate effects are done inside the same transaction and answer with
events at once (`Fund` with `Funded` or `CannotFund`); deferred ones become rows that background tasks act on
(`Send`, `Broadcast`, `AwaitProof`, `Wake`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from channels_desktop.bitcoin.expanded_tx import ExpandedTx
    from channels_desktop.bitcoin.merkle import MerkleProof
    from channels_desktop.bitcoin.tx import Tx
    from channels_desktop.protocols.fee_requirements import FeeRequirement
    from channels_desktop.protocols.response import Response
    from channels_desktop.wire.bsor import Message


# -- events ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Received:
    """A message of the other side on this thread, authenticated; a bodiless Response has no `message`."""

    message: Message | None
    response: Response | None
    note: str
    at: int


@dataclass(frozen=True, slots=True)
class Asked:
    """The user wants to begin by sending `message`: an order, or the terms of a request."""

    message: Message
    expiry: int
    at: int


@dataclass(frozen=True, slots=True)
class Approved:
    """The user approves what lies before them: makes the invoice, or pays. `expiry` is for what is made."""

    at: int
    expiry: int = 0


@dataclass(frozen=True, slots=True)
class Declined:
    """The user declines, with words for the other side."""

    note: str
    at: int


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The user takes back what they sent."""

    at: int


@dataclass(frozen=True, slots=True)
class Resent:
    """The user wants the same bytes sent again."""

    at: int


@dataclass(frozen=True, slots=True)
class RequestMade:
    """The wallet built the incomplete transaction of a request."""

    tx: ExpandedTx
    fees: tuple[FeeRequirement, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Funded:
    """The wallet completed and signed a request; its coins are committed."""

    tx: ExpandedTx
    fee: int
    held: int
    at: int


@dataclass(frozen=True, slots=True)
class TransferGood:
    """A transfer passed all checks (channels.md 4.7); `locked` says that payments with this contact are locked."""

    fee: int
    at: int
    locked: bool = False


@dataclass(frozen=True, slots=True)
class TransferBad:
    """A transfer failed a check; `code` is of the I protocol."""

    code: int
    note: str
    at: int


@dataclass(frozen=True, slots=True)
class Broadcasted:
    """The network took the transaction."""

    at: int


@dataclass(frozen=True, slots=True)
class BroadcastRefused:
    """The network refuses the transaction for good."""

    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class Seen:
    """Our own source of the chain shows the transaction `tx`: the payment, maybe with other unlocking scripts."""

    tx: Tx
    at: int


@dataclass(frozen=True, slots=True)
class Proven:
    """A merkle proof of the transaction `tx` is in our best header chain."""

    tx: Tx
    proof: MerkleProof
    height: int
    at: int


@dataclass(frozen=True, slots=True)
class Unproven:
    """The block with the proof of `tx` is no longer in the best chain."""

    tx: Tx
    at: int


@dataclass(frozen=True, slots=True)
class Conflicted:
    """Another transaction that spends what `tx` spends is in a block: as long as that stands, `tx` cannot be."""

    tx: Tx
    at: int


@dataclass(frozen=True, slots=True)
class Reopened:
    """The block with the conflict is no longer in the best chain: `tx` may be mined after all."""

    tx: Tx
    at: int


@dataclass(frozen=True, slots=True)
class Woken:
    """The time asked for has come."""

    at: int


Event = (
    Received
    | Asked
    | Approved
    | Declined
    | Withdrawn
    | Resent
    | RequestMade
    | Funded
    | TransferGood
    | TransferBad
    | Broadcasted
    | BroadcastRefused
    | Seen
    | Proven
    | Unproven
    | Conflicted
    | Reopened
    | Woken
)


# -- effects --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message on this thread; `response` wraps it, or goes alone. `note` is for the person there."""

    message: Message | None = None
    response: Response | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class SendAgain:
    """Post the newest message of this thread that carries `kind` again, byte for byte."""

    kind: type[Message]


@dataclass(frozen=True, slots=True)
class MakeRequest:
    """Build the incomplete transaction that pays us, with `record` as its data output; answers RequestMade."""

    satoshis: int
    record: bytes


@dataclass(frozen=True, slots=True)
class Fund:
    """Complete and sign a request from our coins; answers Funded, or raises InsufficientFunds."""

    request: ExpandedTx
    fees: tuple[FeeRequirement, ...]


@dataclass(frozen=True, slots=True)
class CheckTransfer:
    """Check a transfer against the request; answers TransferGood or TransferBad."""

    request: ExpandedTx
    fees: tuple[FeeRequirement, ...]
    transfer: ExpandedTx


@dataclass(frozen=True, slots=True)
class Collect:
    """Take the outputs of a transaction that are ours into the wallet; `trusted` says the network has it.

    It is the expected form of this thread's payment from now on: what was known of it under other txids stays watched,
    but counts in no sum.
    """

    tx: ExpandedTx
    trusted: bool


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Hand a transaction to the network; answers later with Broadcasted or BroadcastRefused."""

    tx: ExpandedTx


@dataclass(frozen=True, slots=True)
class AwaitProof:
    """Watch a transaction: answers later with Seen, Proven, Unproven, Conflicted or Reopened."""

    tx: Tx


@dataclass(frozen=True, slots=True)
class SendProof:
    """Send the proof of this thread's transaction to the other side."""

    proof: MerkleProof


@dataclass(frozen=True, slots=True)
class ProveAgain:
    """Send the proof that is kept of a transaction in a block once more."""

    tx: Tx


@dataclass(frozen=True, slots=True)
class Wake:
    """Answer Woken at a time (nanoseconds since 1970); a later Wake replaces an earlier one, 0 takes it back."""

    at: int


@dataclass(frozen=True, slots=True)
class CancelCoins:
    """The outputs of a transaction will never be: take them out of the wallet."""

    txid: bytes


Effect = (
    Send
    | SendAgain
    | SendProof
    | ProveAgain
    | MakeRequest
    | Fund
    | CheckTransfer
    | Collect
    | Broadcast
    | AwaitProof
    | Wake
    | CancelCoins
)
