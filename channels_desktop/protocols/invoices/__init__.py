"""I: order, invoice, payment, acceptance and proof between two parties (channels.md 4).

1. The payer sends a PurchaseOrder, or the payee begins at 2 unasked.
2. The payee answers with a TransferRequest: an incomplete transaction that pays it and carries the Invoice as a data
   output.
3. The payer completes and signs that transaction and sends it back as a Transfer.
4. The payee checks it, hands it to the network and sends a TransferAccept.
5. The payee sends the merkle proof once the transaction is in a block.

Either side may end it with a Response before 3; afterwards the payee holds a payment it can complete at any time.
`messages` declares what is sent, `deal` the states, `payer` and `payee` the two machines, `checks` what must hold.
"""

from __future__ import annotations

from channels_desktop.protocols.invoices.deal import STATES
from channels_desktop.protocols.invoices.machine import WAITING, actions, step
from channels_desktop.protocols.invoices.messages import ID, MESSAGES, InvoiceCode
from channels_desktop.protocols.protocol import Negotiation, Protocol

NEGOTIATION = Negotiation(states=STATES, step=step, actions=actions, waiting=WAITING)
PROTOCOL = Protocol(
    id=ID,
    package="invoices",
    messages=MESSAGES,
    minimum=1,
    codes=InvoiceCode,
    negotiation=NEGOTIATION,
)
