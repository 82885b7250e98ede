"""A transaction with its ancestors, the outputs it spends and merkle proofs, as it travels (wire-format 6)."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

from channels_desktop.bitcoin.keys import low_s_der
from channels_desktop.bitcoin.merkle import MerkleProof
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxOutput
from channels_desktop.errors import WireError
from channels_desktop.wire import limits
from channels_desktop.wire.bsor import Message, field, present
from channels_desktop.wire.kinds import U64, Coded, Key33


def _read_tx(data: bytes) -> Tx:
    return Tx.from_bytes(data, strict=False)


WireTx = Annotated[Tx, Coded(Tx.to_bytes, _read_tx)]
WireProof = Annotated[MerkleProof, Coded(MerkleProof.to_wire, MerkleProof.from_wire)]
WireSignature = Annotated[bytes, Coded(bytes, low_s_der)]
"""A signature in DER, read as the reference does: with low s, and without what follows it."""


class MinerResponse(Message):
    """A miner's signed word on a transaction; kept, not relied on."""

    payload: str = field(1)
    signature: WireSignature | None = field(2)
    public_key: Key33 | None = field(3, shown_as="publicKey")
    encoding: str = field(4, most=limits.NAME_BYTES)
    mimetype: str = field(5, most=limits.NAME_BYTES)


class AncestorTx(Message):
    """An earlier transaction, with proofs where it is in a block."""

    tx: WireTx | None = field(1)
    merkle_proofs: tuple[WireProof | None, ...] = field(2)
    miner_responses: tuple[MinerResponse | None, ...] = field(3)


class SpentOutput(Message):
    """What an input spends; a claim, until a signature that commits to it verifies (channels.md 6.6)."""

    value: U64 = field(1)
    locking_script: bytes = field(2, most=limits.MESSAGE_BYTES)


class ExpandedTx(Message, named="ExpandedTxMessage"):
    """A transaction, complete or not, and what is known of where its inputs come from."""

    tx: WireTx | None = field(1)
    ancestors: tuple[AncestorTx | None, ...] = field(2, most=limits.ANCESTORS)
    spent_outputs: tuple[SpentOutput | None, ...] = field(3, most=limits.TX_INPUTS)
    merkle_proofs: tuple[WireProof | None, ...] = field(4)

    def spent(self, position: int) -> TxOutput | None:
        """Return the output that input `position` spends, from the ancestors first, or None where it is not given.

        An ancestor is identified by its hash, so what it says cannot be made up; `spent_outputs` can.
        """
        if self.tx is None:
            return None
        outpoint = self.tx.inputs[position].outpoint
        parent = self._parent(outpoint)
        if parent is not None:
            return parent.outputs[outpoint.index] if outpoint.index < len(parent.outputs) else None
        if position < len(self.spent_outputs):
            claimed = self.spent_outputs[position]
            if claimed is not None:
                return TxOutput(claimed.value, claimed.locking_script)
        return None

    def fee(self) -> int:
        """Return what the inputs hold above the outputs; below zero while inputs are yet to be added.

        Raises WireError("missing_input") where it is not given what an input spends.
        """
        if self.tx is None:
            raise WireError("missing_input", "no transaction")
        spent = [self.spent(position) for position in range(len(self.tx.inputs))]
        if None in spent:
            raise WireError("missing_input", f"what input {spent.index(None)} spends is not given")
        return sum(output.satoshis for output in present(spent)) - sum(output.satoshis for output in self.tx.outputs)

    @property
    def has_spent_outputs(self) -> bool:
        """Whether it is given, or claimed, what every input spends."""
        return self.tx is not None and all(self.spent(position) for position in range(len(self.tx.inputs)))

    @property
    def has_parents(self) -> bool:
        """Whether every input's own transaction is among the ancestors, with the output it spends."""
        outpoints = [spent.outpoint for spent in self.tx.inputs] if self.tx else []
        parents = [(self._parent(outpoint), outpoint.index) for outpoint in outpoints]
        return self.tx is not None and all(parent and index < len(parent.outputs) for parent, index in parents)

    def _parent(self, outpoint: Outpoint) -> Tx | None:
        """Return the ancestor of an outpoint: by its txid, or by the txid it has while it is not signed."""
        return self._parents.get(outpoint.txid)

    @cached_property
    def _parents(self) -> dict[bytes, Tx]:
        ancestors = [ancestor.tx for ancestor in reversed(present(self.ancestors)) if ancestor.tx is not None]
        return {tx.unsigned_txid: tx for tx in ancestors} | {tx.txid: tx for tx in ancestors}
