"""What is shown anew when a contact changes: its line, and all in its timeline that follows from the contact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from channels_desktop.protocols.invoices import NEGOTIATION as MACHINE
from channels_desktop.protocols.invoices import deal as states

if TYPE_CHECKING:
    from channels_desktop.engine.turn import Turn

_FINAL = (states.Closed, states.PaymentConfirmed, states.Confirmed)
_OPEN = tuple(number for number, cls in MACHINE.states.items() if not issubclass(cls, _FINAL))


def contact_changed(turn: Turn, relationship: int) -> None:
    """Show a conversation anew, with the texts that wait in it and the newest hundred payments that are open.

    Whether payments are locked and whether the mailbox is gone stands in their rows, too.
    """
    turn.changed(relationship)
    for number in turn.tx.entries.waiting(relationship):
        turn.changed(relationship, number)
    for thread in turn.tx.threads.of(relationship, _OPEN):
        turn.changed(relationship, thread.entry)
