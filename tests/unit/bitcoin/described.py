"""Transactions and merkle proofs made from what the vectors say of them."""

from __future__ import annotations

from typing import Any

from channels_desktop.bitcoin.expanded_tx import AncestorTx, ExpandedTx, MinerResponse, SpentOutput
from channels_desktop.bitcoin.merkle import MerkleProof
from channels_desktop.bitcoin.tx import Tx

Case = dict[str, Any]


def hexed(text: str | None) -> bytes:
    return bytes.fromhex(text or "")


def tx_of(text: str | None) -> Tx | None:
    return Tx.from_bytes(hexed(text)) if text else None


def proof_of(fields: Case) -> MerkleProof:
    """Return the proof that the vectors describe."""
    path = iter(fields["path"])
    layers = range(1, 1 + len(fields["path"]) + len(fields["duplicated_layers"]))
    return MerkleProof(
        fields["index"],
        hexed(fields["txid"]),
        tuple(None if at in fields["duplicated_layers"] else hexed(next(path)) for at in layers),
        block_hash=hexed(fields["block_hash"]),
        header=hexed(fields["block_header"]),
        merkle_root=hexed(fields["merkle_root"]),
        tx=tx_of(fields["tx"]),
    )


def expanded_of(fields: Case) -> ExpandedTx:
    """Return the expanded transaction that the vectors describe."""
    return ExpandedTx(
        tx=tx_of(fields["tx"]),
        ancestors=tuple(ancestor and _ancestor_of(ancestor) for ancestor in fields["ancestors"] or ()),
        spent_outputs=tuple(
            output and SpentOutput(value=output["value"], locking_script=hexed(output["locking_script"]))
            for output in fields["spent_outputs"] or ()
        ),
        merkle_proofs=tuple(proof and proof_of(proof) for proof in fields["merkle_proofs"] or ()),
    )


def _ancestor_of(fields: Case) -> AncestorTx:
    return AncestorTx(
        tx=tx_of(fields["tx"]),
        merkle_proofs=tuple(proof and proof_of(proof) for proof in fields["merkle_proofs"] or ()),
        miner_responses=tuple(
            response
            and MinerResponse(
                payload=response["payload"],
                signature=hexed(response["signature"]) or None,
                public_key=hexed(response["publicKey"]) or None,
                encoding=response["encoding"],
                mimetype=response["mimetype"],
            )
            for response in fields["miner_responses"] or ()
        ),
    )
