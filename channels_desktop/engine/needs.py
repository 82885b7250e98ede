"""What a payment waits for the user for, known without reading it: kept beside its state whenever that changes.

An open invoice may hold a large transaction, and the line of a conversation is drawn anew for every text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from channels_desktop.protocols.invoices import NEGOTIATION as MACHINE
from channels_desktop.protocols.protocol import Action
from channels_desktop.wire.bsor import present

if TYPE_CHECKING:
    from collections.abc import Iterable

    from channels_desktop.protocols.invoices.deal import Deal
    from channels_desktop.protocols.invoices.messages import InvoiceItem
    from channels_desktop.wire.bsor import Message

NEEDED = (Action.MAKE_INVOICE, Action.PAY, Action.ACCEPT_ANYWAY)
"""What the user agrees to, and what a lock therefore stops; the other actions undo, or repeat what was agreed."""


class Need(NamedTuple):
    """An `Action` value that waits for the user ("" for none), the satoshis it is about, and until when."""

    code: str = ""
    satoshis: int = 0
    deadline: int = 0


def need_of(state: Message) -> Need:
    """Return what a payment in `state` waits for the user for."""
    code = next((action.value for action in MACHINE.actions(state) if action in NEEDED), "")
    if not code:
        return Need()
    deal: Deal = state.deal  # type: ignore[attr-defined] # every state has one
    late = code == Action.ACCEPT_ANYWAY.value
    return Need(code, total(items_of(deal)), 0 if late else deadline_of(deal))


def items_of(deal: Deal) -> tuple[InvoiceItem | None, ...]:
    """Return what is charged or, before there is an invoice, ordered."""
    return deal.invoice.items if deal.invoice is not None else deal.order.items if deal.order is not None else ()


def deadline_of(deal: Deal) -> int:
    """Return until when the invoice can be paid; 0 before there is one."""
    return deal.invoice.expiration if deal.invoice is not None else 0


def total(items: Iterable[InvoiceItem | None]) -> int:
    """Return the satoshis of all items; no quantity means one."""
    return sum(quantity(item) * (item.price.quantity or 0) for item in present(items))


def quantity(item: InvoiceItem) -> int:
    """Return how many of an item are meant."""
    return 1 if item.quantity is None else item.quantity
