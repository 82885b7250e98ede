"""All sub-protocols this program speaks. A new one is one module and one line here."""

from __future__ import annotations

from channels_desktop.protocols import (
    expanded_txs,
    fee_requirements,
    ids,
    invoices,
    merkle_proofs,
    notes,
    relationships,
    reply_to,
    response,
    signed,
    text,
    times,
)
from channels_desktop.protocols.stack import Registry

ALL = (
    signed.PROTOCOL,
    ids.MESSAGE_ID,
    ids.UUID,
    ids.STRING_ID,
    ids.TX_ID,
    reply_to.PROTOCOL,
    response.PROTOCOL,
    notes.PROTOCOL,
    times.TIME,
    times.EXPIRY,
    fee_requirements.PROTOCOL,
    relationships.PROTOCOL,
    invoices.PROTOCOL,
    merkle_proofs.PROTOCOL,
    expanded_txs.PROTOCOL,
    text.PROTOCOL,
)
REGISTRY = Registry(ALL)
