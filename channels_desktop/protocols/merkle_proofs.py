"""MP: the proof that a transaction is in a block; the Confirm message (channels.md 4.8).

1. Whoever broadcast a transaction sends its proof, unasked and outside any Response, to every relationship it is
   linked to. It is matched by its txid alone; duplicates are ignored.
"""

from __future__ import annotations

from typing import Annotated

from channels_desktop.bitcoin.merkle import MerkleProof
from channels_desktop.protocols.protocol import Protocol
from channels_desktop.wire.bsor import Message, field
from channels_desktop.wire.kinds import Coded


class ProofMessage(Message, bare=True, named="MerkleProof"):
    """A binary merkle proof."""

    merkle_proof: Annotated[
        MerkleProof, Coded(MerkleProof.to_wire, MerkleProof.from_wire, pushed="invalid_merkle_proof")
    ] = field(1)


PROTOCOL = Protocol(
    id=b"MP",
    package="merkle_proofs",
    messages={None: ProofMessage},
    lone_error="remaining_protocols",
    short_error="invalid_merkle_proof",
)
