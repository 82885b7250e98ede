"""The wallet's part in a payment: make a request, complete and sign one, check a transfer, collect what is ours.

All of it happens inside one transaction, synchronously, so that coins are never promised twice (channels.md 4.5 to
4.7, 6.5, 6.6).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from channels_desktop.bitcoin.coins import Coin, Selection, select, split_change
from channels_desktop.bitcoin.expanded_tx import AncestorTx, ExpandedTx
from channels_desktop.bitcoin.fees import byte_counts, funding_rates, is_enough, is_overpaid, required_fee
from channels_desktop.bitcoin.headers import ProofState, check_proof
from channels_desktop.bitcoin.merkle import MerkleProof
from channels_desktop.bitcoin.templates import p2pkh_to
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput, check_sound, sign_input, txid_text
from channels_desktop.bitcoin.verify import verify_inputs
from channels_desktop.engine.records import OwnCoin
from channels_desktop.engine.remote_text import clean
from channels_desktop.engine.rows import HistoryRow, Verification
from channels_desktop.errors import Misuse, TxRejected, WireError
from channels_desktop.protocols import effects as do
from channels_desktop.protocols.fee_requirements import FeeRequirement, rates_of
from channels_desktop.protocols.invoices.checks import find_invoice
from channels_desktop.protocols.invoices.messages import InvoiceCode
from channels_desktop.wire import limits
from channels_desktop.wire.bsor import present

if TYPE_CHECKING:
    from collections.abc import Sequence

    from channels_desktop.engine.records import Thread
    from channels_desktop.engine.repositories import Reader
    from channels_desktop.engine.turn import Turn

STANDARD_FEES = tuple(FeeRequirement(fee_type=kind, satoshis=100, bytes=1000) for kind in (0, 1))
"""What we quote: what miners take where no source says otherwise (chain-sources.md 1)."""
CHANGE_OUTPUTS = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """How a request would be completed: the coins added, and what changes hands."""

    request: Tx
    selection: Selection


def make_request(turn: Turn, relationship: int, satoshis: int, record: bytes) -> do.RequestMade:
    """Build the incomplete transaction of a request: one output to a fresh key, one with the invoice."""
    context = turn.keys.relationship_context(relationship)
    script = _fresh_script(turn, context)
    tx = Tx(1, (), (TxOutput(satoshis, script), TxOutput(0, record)))
    return do.RequestMade(tx=ExpandedTx(tx=tx), fees=STANDARD_FEES, at=turn.at)


def plan(reader: Reader, request: ExpandedTx, fees: Sequence[FeeRequirement]) -> Plan:
    """Choose the coins that complete a request; raise InsufficientFunds where they do not reach."""
    tx = _tx_of(request)
    coins = [
        Coin(own.outpoint, own.satoshis, own.locking_script, own.height or None) for own in reader.coins.spendable()
    ]
    provided = 0
    for position in range(len(tx.inputs)):
        spent = request.spent(position)
        if spent is None:
            raise WireError("missing_input", "an input comes without what it spends")
        if reader.coins.get(tx.inputs[position].outpoint) is not None:
            raise WireError("own_input", "an input that the other side lists is ours")
        provided += spent.satoshis
    return Plan(tx, select(coins, tx, funding_rates(rates_of(fees)), provided=provided, change_outputs=CHANGE_OUTPUTS))


def fund(turn: Turn, thread: Thread, request: ExpandedTx, fees: Sequence[FeeRequirement]) -> do.Funded:
    """Complete a request from our coins, sign the inputs we added and no other, and commit the coins to it."""
    chosen = plan(turn.tx, request, fees).selection
    tx = _tx_of(request)
    first_own = len(tx.inputs)
    inputs = (*tx.inputs, *(TxInput(coin.outpoint) for coin in chosen.coins))
    context = turn.keys.relationship_context(thread.relationship)
    change = split_change(chosen.change, chosen.change_outputs, turn.keys.random(32)) if chosen.change else ()
    outputs = (*tx.outputs, *(TxOutput(satoshis, _fresh_script(turn, context)) for satoshis in change))
    signed = replace(tx, inputs=inputs, outputs=outputs)
    for position, coin in enumerate(chosen.coins, first_own):
        own = turn.tx.coins.get(coin.outpoint)
        if own is None:
            raise Misuse(f"{coin.outpoint} is not ours")
        key = turn.keys.coin_key(own.context, own.key_index)
        signed = sign_input(signed, position, key, TxOutput(own.satoshis, own.locking_script))
    for coin in chosen.coins:
        turn.tx.coins.commit(coin.outpoint, thread.uuid, signed.txid)
    for output in tx.outputs:
        if output.satoshis:
            turn.tx.coins.note_paid(output.locking_script, thread.uuid)
    expanded = replace(request, tx=signed, ancestors=_ancestors(turn, signed, request))
    collect(turn, thread, expanded, trusted=False)
    held = sum(coin.satoshis for coin in chosen.coins) - chosen.change
    return do.Funded(tx=expanded, fee=chosen.fee, held=held, at=turn.at)


def check_transfer(
    turn: Turn, thread: Thread, request: ExpandedTx, fees: Sequence[FeeRequirement], transfer: ExpandedTx
) -> do.TransferGood | do.TransferBad:
    """Check a transfer that fulfils our request, before we hand it to the network (channels.md 4.7, 5 to 9)."""
    tx = _tx_of(transfer)

    def bad(code: InvoiceCode, note: str) -> do.TransferBad:
        return do.TransferBad(code, note, turn.at)

    locked = turn.tx.contacts.get(thread.relationship).verification is Verification.MISMATCH
    asked = {item.outpoint for item in _tx_of(request).inputs}
    spent = []
    for position, item in enumerate(tx.inputs):
        output = transfer.spent(position)
        if output is None:
            return bad(InvoiceCode.TX_MISSING_INPUT, f"input {position} comes without what it spends")
        if item.outpoint not in asked and turn.tx.coins.get(item.outpoint) is not None:
            return bad(InvoiceCode.TX_NOT_VALID, f"input {position} spends a coin of ours")
        spent.append(output)
    if len({item.outpoint for item in tx.inputs}) != len(tx.inputs) or not tx.inputs:
        return bad(InvoiceCode.TX_NOT_VALID, "no inputs, or one twice")
    try:
        verify_inputs(tx, spent)
    except TxRejected as error:
        return bad(InvoiceCode.TX_NOT_VALID, f"a script does not unlock what it spends: {error.reason}")
    if not _ancestors_agree(turn, transfer):
        return bad(InvoiceCode.TX_NOT_VALID, "a merkle proof is wrong")
    fee = sum(output.satoshis for output in spent) - sum(output.satoshis for output in tx.outputs)
    rates = rates_of(fees)
    needed = required_fee(byte_counts(tx), rates)
    if fee < 0 or not is_enough(fee, needed):
        return bad(InvoiceCode.TX_FEE_TOO_LOW, f"the fee is {fee} of {needed} satoshis")
    if is_overpaid(fee, tx.size, rates):
        return bad(InvoiceCode.TX_NOT_VALID, "fee overpaid")
    return do.TransferGood(fee=fee, at=turn.at, locked=locked)


def collect(turn: Turn, thread: Thread, expanded: ExpandedTx, *, trusted: bool) -> None:
    """Keep a transaction of a negotiation with its ancestors, and take what it pays us into the wallet.

    It is the form of the payment that counts from now on: coins that another form of it would spend are this one's.
    """
    tx = _tx_of(expanded)
    turn.tx.chain.watch(tx, thread.uuid, turn.headers.tip.height)
    for other in turn.tx.chain.rivals(tx.txid):
        if Tx.from_bytes(other.raw).unsigned_txid == tx.unsigned_txid:
            for coin in turn.tx.coins.spent_in(other.txid):
                turn.tx.coins.move(coin.outpoint, other.txid, tx.txid, coin.reserved_by)
            turn.tx.coins.cancel(other.txid)
            turn.tx.chain.drop_history(other.txid)
    for ancestor in present(expanded.ancestors):
        if ancestor.tx is not None:
            turn.tx.chain.add_tx(ancestor.tx.txid, ancestor.tx.to_bytes(), turn.at)
            for proof in present(ancestor.merkle_proofs):
                _keep_proof(turn, proof)
    _add_own_outputs(turn, tx)
    if trusted:
        turn.tx.coins.settle(tx.txid)
    _write_history(turn, thread, expanded)
    turn.status = True


def take_in(turn: Turn, tx: Tx, uuid: bytes) -> None:
    """Take a transaction that spends a coin of ours, and is no payment of ours, into the wallet: it is in a block."""
    _add_own_outputs(turn, tx)
    turn.tx.coins.settle(tx.txid)
    thread = turn.tx.threads.get(uuid) if uuid else None
    if thread is not None:
        _write_history(turn, thread, ExpandedTx(tx=tx))


def import_coin(turn: Turn, tx: Tx, proof: MerkleProof) -> int:
    """Take a plain payment with its merkle proof into the wallet; return the satoshis that are ours.

    Raises WireError where the proof is not of a block in our best header chain, or the transaction is none.
    """
    check_sound(tx)
    if check_proof(proof, turn.headers).state is not ProofState.CONFIRMED or proof.txid != tx.txid:
        raise WireError("bad_proof", "the proof does not match our headers")
    _add_own_outputs(turn, tx)
    _keep_proof(turn, proof)
    turn.tx.chain.watch(tx, b"", turn.headers.tip.height)  # so that a reorganisation takes its confirmation back
    turn.tx.coins.settle(tx.txid)
    received = sum(output.satoshis for output in tx.outputs if turn.tx.coins.owner_of(output.locking_script))
    row = HistoryRow(txid_text(tx.txid), turn.at, "", "", received, 0, 0)
    turn.tx.chain.add_history(row, turn.at)
    turn.status = True
    return received


def receive_script(turn: Turn) -> bytes:
    """Return a fresh locking script for a plain payment to us."""
    return _fresh_script(turn, turn.keys.receive_context())


def _fresh_script(turn: Turn, context: bytes) -> bytes:
    index = turn.tx.coins.next_index(context)
    script = p2pkh_to(turn.keys.coin_key(context, index).public)
    turn.tx.coins.add_script(script, context, index)
    return script


def _add_own_outputs(turn: Turn, tx: Tx) -> None:
    turn.tx.chain.add_tx(tx.txid, tx.to_bytes(), turn.at)
    for index, output in enumerate(tx.outputs):
        owner = turn.tx.coins.owner_of(output.locking_script)
        if owner is not None:
            context, key_index = owner
            outpoint = Outpoint(tx.txid, index)
            coin = OwnCoin(outpoint, output.satoshis, output.locking_script, context, key_index, "pending", turn.at)
            turn.tx.coins.add(coin)


def _write_history(turn: Turn, thread: Thread, expanded: ExpandedTx) -> None:
    tx = _tx_of(expanded)
    received = sum(output.satoshis for output in tx.outputs if turn.tx.coins.owner_of(output.locking_script))
    spent = fee = 0
    for item in tx.inputs:
        own = turn.tx.coins.get(item.outpoint)
        spent += own.satoshis if own is not None else 0
    if spent:
        fee = max(0, _total_in(expanded) - sum(output.satoshis for output in tx.outputs))
    row = HistoryRow(
        txid=txid_text(tx.txid),
        at=turn.at,
        name=turn.tx.contacts.get(thread.relationship).name,
        what=_what(tx),
        satoshis=received - spent,
        fee=fee,
        block_height=0,
        relationship=thread.relationship,
        entry=thread.entry,
    )
    turn.tx.chain.add_history(row, turn.at)


def _what(tx: Tx) -> str:
    """Return what the invoice in a transaction is for."""
    found = find_invoice(tx)
    items = present(found[1].items) if found is not None else ()
    return clean(", ".join(item.id.decode("utf-8", "replace") for item in items))


def _total_in(expanded: ExpandedTx) -> int:
    spent = (expanded.spent(position) for position in range(len(_tx_of(expanded).inputs)))
    return sum(output.satoshis for output in spent if output is not None)


def _ancestors(turn: Turn, tx: Tx, request: ExpandedTx) -> tuple[AncestorTx | None, ...]:
    """Return the transactions back to those that are in a block, with their proofs (channels.md 6.6)."""
    given = {ancestor.tx.txid for ancestor in present(request.ancestors) if ancestor.tx is not None}
    found: dict[bytes, AncestorTx] = {}
    queue = [item.outpoint.txid for item in tx.inputs]
    while queue and len(found) < limits.ANCESTORS:
        txid = queue.pop(0)
        raw = turn.tx.chain.tx(txid)
        if txid in found or txid in given or raw is None:
            continue
        parent = Tx.from_bytes(raw)
        proofs = [MerkleProof.from_wire(data) for _, data in turn.tx.chain.proofs(txid)]
        best = tuple(p for p in proofs if check_proof(p, turn.headers).state is ProofState.CONFIRMED)
        found[txid] = AncestorTx(tx=parent, merkle_proofs=best[:1])
        if not best:
            queue += [item.outpoint.txid for item in parent.inputs]
    return (*request.ancestors, *found.values())


def _ancestors_agree(turn: Turn, transfer: ExpandedTx) -> bool:
    """Say whether no ancestor's proof contradicts its transaction or our headers."""
    for ancestor in present(transfer.ancestors):
        for proof in present(ancestor.merkle_proofs):
            if ancestor.tx is None or proof.txid != ancestor.tx.txid:
                return False
            if check_proof(proof, turn.headers).state is ProofState.WRONG:
                return False
    return True


def _keep_proof(turn: Turn, proof: MerkleProof) -> None:
    verdict = check_proof(proof, turn.headers)
    if verdict.state is ProofState.CONFIRMED and verdict.header is not None:
        turn.tx.chain.add_proof(proof.txid, verdict.header.hash, proof.to_wire(), verdict.header.height)
        turn.tx.chain.set_height(proof.txid, verdict.header.height)


def _tx_of(expanded: ExpandedTx) -> Tx:
    if expanded.tx is None:
        raise Misuse("an expanded transaction without a transaction")
    return expanded.tx
