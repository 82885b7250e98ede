"""The states of a payment, as they are kept in the database: one class per state, holding what is true in it."""

from __future__ import annotations

from enum import IntEnum

from channels_desktop.bitcoin.expanded_tx import ExpandedTx
from channels_desktop.protocols.invoices.messages import Invoice, PurchaseOrder, TransferRequest
from channels_desktop.wire.bsor import Message, field
from channels_desktop.wire.kinds import U8, U32, U64, Nanoseconds


class Steps(Message):
    """When each of the five steps happened; 0 where it has not."""

    ordered: Nanoseconds = field(1)
    invoiced: Nanoseconds = field(2)
    paid: Nanoseconds = field(3)
    accepted: Nanoseconds = field(4)
    confirmed: Nanoseconds = field(5)


class Deal(Message):
    """What both sides have put on the table so far. `ours` says that we began."""

    ours: bool = field(1)
    order: PurchaseOrder | None = field(2)
    request: TransferRequest | None = field(3)
    invoice: Invoice | None = field(4)
    steps: Steps = field(5)


class End(IntEnum):
    """How a payment ended without being made."""

    DECLINED = 1
    WITHDRAWN = 2
    EXPIRED = 3
    FAILED = 4


class OrderSent(Message):
    """Payer: our order waits for the other side."""

    deal: Deal = field(1)


class Reviewing(Message):
    """Payer: an invoice waits for us."""

    deal: Deal = field(1)


class Funding(Message):
    """Payer: approved; the wallet completes and signs. Never at rest."""

    deal: Deal = field(1)


class PaymentSent(Message):
    """Payer: our signed payment is made; the payee can complete it at any time."""

    deal: Deal = field(1)
    tx: ExpandedTx = field(2)
    fee: U64 = field(3)
    held: U64 = field(4)


class PaymentRefused(Message):
    """Payer: the payee refused our payment, and still holds it; the coins stay held.

    The code is one of `protocol`; where that is empty, one of invoices.
    """

    deal: Deal = field(1)
    tx: ExpandedTx = field(2)
    fee: U64 = field(3)
    held: U64 = field(4)
    code: U32 = field(5)
    note: str = field(6)
    protocol: bytes = field(7)


class PaymentAccepted(Message):
    """Payer: the network has it, as the payee says or as we saw ourselves."""

    deal: Deal = field(1)
    tx: ExpandedTx = field(2)
    fee: U64 = field(3)


class PaymentConfirmed(Message):
    """Payer: in a block, with a proof checked against our headers."""

    deal: Deal = field(1)
    tx: ExpandedTx = field(2)
    fee: U64 = field(3)
    height: U32 = field(4)


class OrderReceived(Message):
    """Payee: an order waits for us."""

    deal: Deal = field(1)


class Drafting(Message):
    """Payee: the wallet builds the request. Never at rest."""

    deal: Deal = field(1)


class Requested(Message):
    """Payee: our invoice waits for the other side. A payment that failed a check leaves its code here."""

    deal: Deal = field(1)
    refused_code: U32 = field(2)
    refused_note: str = field(3)


class Checking(Message):
    """Payee: a payment is being checked. Never at rest."""

    deal: Deal = field(1)
    tx: ExpandedTx = field(2)


class Why(IntEnum):
    """Why a valid payment is not taken without asking."""

    LOCKED = 1  # payments with the contact were locked when it came
    EXPIRED = 2  # it came later than the invoice allows


class Late(Message):
    """Payee: a valid payment that is not taken without asking; nothing is broadcast before the user decides."""

    deal: Deal = field(1)
    tx: ExpandedTx = field(2)
    fee: U64 = field(3)
    why: U8 = field(4)


class Broadcasting(Message):
    """Payee: the payment is good and on its way to the network."""

    deal: Deal = field(1)
    tx: ExpandedTx = field(2)
    fee: U64 = field(3)


class Accepted(Message):
    """Payee: the network took it."""

    deal: Deal = field(1)
    tx: ExpandedTx = field(2)
    fee: U64 = field(3)


class Confirmed(Message):
    """Payee: in a block, with a proof checked against our headers."""

    deal: Deal = field(1)
    tx: ExpandedTx = field(2)
    fee: U64 = field(3)
    height: U32 = field(4)


class Closed(Message):
    """Either side: it ended without payment. `paying` is our role, `by_us` who ended it.

    `tx` is the payment that was made all the same, if there is one: the chain may still take it. The code is one of
    `protocol`; where that is empty, one of invoices.
    """

    deal: Deal = field(1)
    paying: bool = field(2)
    end: U8 = field(3)
    by_us: bool = field(4)
    code: U32 = field(5)
    note: str = field(6)
    tx: ExpandedTx | None = field(7)
    fee: U64 = field(8)
    protocol: bytes = field(9)


State = (
    OrderSent
    | Reviewing
    | Funding
    | PaymentSent
    | PaymentRefused
    | PaymentAccepted
    | PaymentConfirmed
    | OrderReceived
    | Drafting
    | Requested
    | Checking
    | Late
    | Broadcasting
    | Accepted
    | Confirmed
    | Closed
)

# The numbers stand in databases: never reuse one.
STATES: dict[int, type[Message]] = {
    1: OrderSent,
    2: Reviewing,
    3: Funding,
    4: PaymentSent,
    5: PaymentRefused,
    6: PaymentAccepted,
    7: PaymentConfirmed,
    11: OrderReceived,
    12: Drafting,
    13: Requested,
    14: Checking,
    15: Broadcasting,
    16: Accepted,
    17: Confirmed,
    18: Late,
    21: Closed,
}

PAYER_STATES = (OrderSent, Reviewing, Funding, PaymentSent, PaymentRefused, PaymentAccepted, PaymentConfirmed)


def is_payer(state: Message) -> bool:
    """Say whether we pay in this state."""
    return state.paying if isinstance(state, Closed) else isinstance(state, PAYER_STATES)
