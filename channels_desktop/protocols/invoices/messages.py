"""The messages of I and the script that embeds an invoice in a transaction (wire-format 6)."""

from __future__ import annotations

from enum import IntEnum

from channels_desktop.bitcoin.expanded_tx import ExpandedTx
from channels_desktop.protocols.fee_requirements import FeeRequirement
from channels_desktop.wire import limits
from channels_desktop.wire.amounts import Decimal, Period
from channels_desktop.wire.bsor import Message, field
from channels_desktop.wire.envelope import Envelope
from channels_desktop.wire.kinds import I64, U64, Nanoseconds
from channels_desktop.wire.script import number

ID = b"I"
_INVOICE_TYPE = 4


class InvoiceCode(IntEnum):
    """Response codes of I; from 100 on they are ours (channels.md 4.9)."""

    PARSE = 0
    TX_NOT_ACCEPTED = 1
    INVALID_ORDER = 2
    UNKNOWN_ITEM = 3
    WRONG_PRICE = 4
    TX_NOT_VALID = 5
    TX_FEE_TOO_LOW = 6
    TX_MISSING_ANCESTOR = 7
    TX_MISSING_INPUT = 8
    TRANSFER_UNKNOWN = 9
    MISSING_RESPONSE_ID = 10
    EXPIRED = 101
    CANCELLED = 102
    SUPERSEDED = 103
    INSUFFICIENT_FUNDS = 104


class TokenId(Message):
    """What a price is in; an empty protocol is bitcoin."""

    protocol: bytes = field(1, most=limits.PROTOCOL_ID_BYTES)
    id: bytes = field(2, most=limits.NAME_BYTES)

    @property
    def is_bitcoin(self) -> bool:
        """Say whether the price is in satoshis; some write the protocol's name out (channels.md 2.3)."""
        return self.protocol in (b"", b"Bitcoin", b"BSV") and not self.id


class Price(Message):
    """The price of one: a whole number (satoshis, for bitcoin) or an amount with decimals."""

    token: TokenId = field(1)
    quantity: U64 | None = field(2)
    amount: Decimal | None = field(3)


class MenuItem(Message):
    """Something on offer."""

    id: bytes = field(1, most=limits.NAME_BYTES)
    name: str = field(2, most=limits.NAME_BYTES)
    description: str = field(3, most=limits.NOTE_BYTES)
    prices: tuple[Price | None, ...] = field(4)
    available: I64 = field(5)
    period: Period = field(6)
    max: U64 = field(7)


class InvoiceItem(Message):
    """Something ordered or charged: how many of it, each at a price. No quantity means one."""

    id: bytes = field(1, most=limits.NAME_BYTES)
    price: Price = field(2)
    quantity: U64 | None = field(3)
    amount: Decimal | None = field(4)


class RequestMenu(Message):
    """Ask what is on offer."""


class Menu(Message):
    """What is on offer."""

    items: tuple[MenuItem | None, ...] = field(1, most=limits.MENU_ITEMS)


class PurchaseOrder(Message):
    """What the payer wants and would pay; the payee sends one to counter."""

    items: tuple[InvoiceItem | None, ...] = field(1, most=limits.MENU_ITEMS)
    notes: str | None = field(2, most=limits.NOTE_BYTES)


class Invoice(Message):
    """What is charged; only ever sent inside the transaction of a TransferRequest."""

    items: tuple[InvoiceItem | None, ...] = field(1, most=limits.MENU_ITEMS)
    notes: str | None = field(2, most=limits.NOTE_BYTES)
    timestamp: Nanoseconds = field(3)
    expiration: Nanoseconds = field(4)


class TransferRequest(Message):
    """An incomplete transaction for the payer to complete and sign."""

    tx: ExpandedTx | None = field(1)
    fees: tuple[FeeRequirement | None, ...] = field(2)


class Transfer(Message):
    """The transaction, completed and signed by the payer."""

    tx: ExpandedTx | None = field(1)


class TransferAccept(Message):
    """The network took it; the transaction is repeated only if the payee changed it."""

    tx: ExpandedTx | None = field(1)


MESSAGES: dict[int | None, type[Message]] = {
    1: RequestMenu,
    2: Menu,
    3: PurchaseOrder,
    _INVOICE_TYPE: Invoice,
    5: TransferRequest,
    6: Transfer,
    7: TransferAccept,
}


def invoice_script(invoice: Invoice) -> bytes:
    """Return the locking script of the output that embeds an invoice."""
    items = [number(0), number(_INVOICE_TYPE), *invoice.to_items()]
    return Envelope((ID,), b"".join(items), len(items)).to_script()
