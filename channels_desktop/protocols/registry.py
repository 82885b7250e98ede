"""All sub-protocols this program speaks. A new one is one module and one line here."""

from __future__ import annotations

from channels_desktop.protocols import (
    authorize,
    contract_operator,
    expanded_txs,
    fee_requirements,
    ids,
    invoices,
    merkle_proofs,
    notes,
    peer_channels,
    relationships,
    reply_to,
    response,
    signed,
    text,
    times,
    unlocking_data,
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
    peer_channels.PROTOCOL,
    text.PROTOCOL,
    authorize.PROTOCOL,
    contract_operator.PROTOCOL,
    unlocking_data.PROTOCOL,
)
REGISTRY = Registry(ALL)


def identity(script: bytes) -> bytes:
    """Return by what a signed script is known again; two with the same are copies of one message (`Stack.identity`)."""
    return REGISTRY.read_as_far_as_possible(script).identity


ONLY_READ = frozenset((authorize.PROTOCOL.id, contract_operator.PROTOCOL.id, unlocking_data.PROTOCOL.id))
"""Ids that can be read and shown, but are neither announced nor accepted from peers (channels.md 2.5)."""
SPOKEN = tuple(protocol.id for protocol in ALL if protocol.id not in ONLY_READ)
