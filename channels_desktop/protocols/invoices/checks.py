"""What must hold of an order, a request and a transfer, as far as their bytes alone can tell (channels.md 4.4, 4.7)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from channels_desktop.bitcoin.templates import is_data_script, pays_to_key
from channels_desktop.bitcoin.tx import MOST_SATOSHIS
from channels_desktop.bitcoin.verify import verify_inputs
from channels_desktop.errors import ProtocolError, TxRejected, WireError
from channels_desktop.protocols.invoices.messages import ID, Invoice, InvoiceCode, invoice_script
from channels_desktop.wire import limits
from channels_desktop.wire.bsor import present
from channels_desktop.wire.envelope import read_envelope
from channels_desktop.wire.script import read_number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from channels_desktop.bitcoin.expanded_tx import ExpandedTx
    from channels_desktop.bitcoin.tx import Tx
    from channels_desktop.protocols.invoices.messages import InvoiceItem, PurchaseOrder, TransferRequest

MOST_ITEMS = 1000
MOST_OUTPUTS = 100
MOST_RECORD = 64 << 10
"""Bytes of the output that embeds the invoice."""
MOST_SCRIPT = 1000
"""Bytes of an output script that is no payment to a key."""
VERSION = 1
"""The only one we build, pay and accept: anybody can change the txid of a higher one (chain-sources.md 1)."""


def refuse(code: InvoiceCode, note: str, *, status: int = 1) -> ProtocolError:
    """Return the error that refuses a message of I."""
    return ProtocolError(ID, code, note, status=status)


def item_total(item: InvoiceItem) -> int:
    """Return the satoshis of one line; refuse a line that is not priced in whole satoshis."""
    if not item.price.token.is_bitcoin or item.price.quantity is None or item.price.amount or item.amount:
        raise refuse(InvoiceCode.WRONG_PRICE, "only prices in satoshis are understood here")
    quantity = 1 if item.quantity is None else item.quantity
    return item.price.quantity * quantity


def items_total(items: Iterable[InvoiceItem | None]) -> int:
    """Return the satoshis of all lines; refuse an empty list or a sum that can not be."""
    lines = tuple(items)
    if not lines or None in lines or len(lines) > MOST_ITEMS:
        raise refuse(InvoiceCode.INVALID_ORDER, "there are no usable items", status=2)
    total = sum(item_total(item) for item in present(lines))
    if not 0 < total <= MOST_SATOSHIS:
        raise refuse(InvoiceCode.INVALID_ORDER, "the total is not a possible amount", status=2)
    return total


def check_order(order: PurchaseOrder) -> int:
    """Return an order's total in satoshis, or refuse the order."""
    if order.notes is not None and len(order.notes.encode("utf-8", "surrogateescape")) > limits.NOTE_BYTES:
        raise refuse(InvoiceCode.INVALID_ORDER, "the note is too long", status=2)
    return items_total(order.items)


def find_invoice(tx: Tx) -> tuple[int, Invoice] | None:
    """Return the index and content of the first output that embeds an invoice, or None."""
    for index, output in enumerate(tx.outputs):
        if output.satoshis or not is_data_script(output.locking_script):
            continue
        try:
            envelope = read_envelope(output.locking_script)
            if envelope.protocol_ids != (ID,):
                continue
            version, at = read_number(envelope.payload, 0)
            kind, at = read_number(envelope.payload, at)
            if (version, kind) == (0, 4):
                return index, Invoice.read_at(envelope.payload, at)[0]
        except (WireError, IndexError):
            continue
    return None


def check_request(request: TransferRequest, at: int) -> Invoice:
    """Return the invoice of a request that may be shown for approval, or refuse it (channels.md 4.4)."""
    tx = request.tx.tx if request.tx is not None else None
    if request.tx is None or tx is None:
        raise refuse(InvoiceCode.TX_NOT_VALID, "there is no transaction", status=2)
    if tx.version != VERSION:
        raise refuse(InvoiceCode.TX_NOT_VALID, "a kind of transaction whose id others can change", status=2)
    if tx.locktime or not 0 < len(tx.outputs) <= MOST_OUTPUTS:
        raise refuse(InvoiceCode.TX_NOT_VALID, "the transaction's form is not acceptable", status=2)
    invoice = _check_outputs(tx)
    check_inputs(request.tx)
    if any(fee is None or fee.bytes == 0 for fee in request.fees):
        raise refuse(InvoiceCode.TX_NOT_VALID, "a fee requirement can not be computed", status=2)
    if items_total(invoice.items) != charged(request.tx):
        raise refuse(InvoiceCode.WRONG_PRICE, "the items do not add up to the outputs")
    if invoice.expiration <= at:
        raise refuse(InvoiceCode.EXPIRED, "the invoice has expired")
    return invoice


def _check_outputs(tx: Tx) -> Invoice:
    """Return the invoice of a request whose outputs it explains to the last byte: its record, and what pays.

    The record is what writing its invoice gives, with nothing behind it or beside its fields.
    """
    found = find_invoice(tx)
    if found is None:
        raise refuse(InvoiceCode.TX_NOT_VALID, "there is no invoice in the transaction", status=2)
    position, invoice = found
    for index, output in enumerate(tx.outputs):
        script, data = output.locking_script, is_data_script(output.locking_script)
        if data != (output.satoshis == 0) or (data and index != position):
            raise refuse(InvoiceCode.TX_NOT_VALID, "an output is not explained by the invoice", status=2)
        if not data and len(script) > MOST_SCRIPT and not pays_to_key(script):
            raise refuse(InvoiceCode.TX_NOT_VALID, "an output's script is too large", status=2)
    record = tx.outputs[position].locking_script
    if len(record) > MOST_RECORD or record != invoice_script(invoice):
        raise refuse(InvoiceCode.TX_NOT_VALID, "the record holds more than the invoice", status=2)
    return invoice


def check_inputs(request: ExpandedTx) -> None:
    """Refuse inputs of the payee that cannot be spent: one twice, or one that does not lead back to proofs.

    What it spends comes with its own transaction, and that, or all it comes from, with a merkle proof: SpentOutputs
    alone are a claim (payments.md 17).
    """
    assert request.tx is not None  # noqa: S101 - callers have looked
    outpoints = [item.outpoint for item in request.tx.inputs]
    if len(set(outpoints)) != len(outpoints):
        raise refuse(InvoiceCode.TX_NOT_VALID, "an input is listed twice", status=2)
    known = {ancestor.tx.txid: ancestor for ancestor in present(request.ancestors) if ancestor.tx is not None}
    for outpoint in outpoints:
        parent = known.get(outpoint.txid)
        if parent is None or parent.tx is None or outpoint.index >= len(parent.tx.outputs):
            raise refuse(InvoiceCode.TX_MISSING_INPUT, "an input comes without what it spends")
    queue, seen = [outpoint.txid for outpoint in outpoints], set[bytes]()
    while queue:
        txid = queue.pop()
        if txid in seen:
            continue
        seen.add(txid)
        ancestor = known.get(txid)
        if ancestor is None or ancestor.tx is None:
            raise refuse(InvoiceCode.TX_MISSING_ANCESTOR, "an input does not lead back to a block")
        if not any(proof.txid == txid for proof in present(ancestor.merkle_proofs)):
            queue += [item.outpoint.txid for item in ancestor.tx.inputs]


def charged(request: ExpandedTx) -> int:
    """Return what a request takes from the payer, fee aside: its outputs less the payee's own inputs."""
    assert request.tx is not None  # noqa: S101 - callers have looked
    total = sum(output.satoshis for output in request.tx.outputs)
    for position in range(len(request.tx.inputs)):
        spent = request.spent(position)
        if spent is None:
            raise refuse(InvoiceCode.TX_MISSING_INPUT, "an input comes without what it spends")
        total -= spent.satoshis
    return total


def check_fulfils(request: Tx, transfer: Tx) -> None:
    """Refuse a transfer that is not the request completed (channels.md 4.7, 3 and 4).

    Every requested input and output must be there, as often as requested and in the same order, with version and lock
    time unchanged; what was added must be inputs and plain outputs.
    """
    if (request.version, request.locktime) != (transfer.version, transfer.locktime):
        raise refuse(InvoiceCode.TX_NOT_VALID, "version or lock time were changed")
    inputs = iter((item.outpoint, item.sequence) for item in transfer.inputs)
    if not all((item.outpoint, item.sequence) in inputs for item in request.inputs):
        raise refuse(InvoiceCode.TX_NOT_VALID, "a requested input is missing")
    wanted = list(request.outputs)
    added = []
    for output in transfer.outputs:
        if wanted and output == wanted[0]:
            wanted.pop(0)
        else:
            added.append(output)
    if wanted:
        raise refuse(InvoiceCode.TRANSFER_UNKNOWN, "a requested output is missing or changed")
    if any(is_data_script(output.locking_script) for output in added):
        raise refuse(InvoiceCode.TX_NOT_VALID, "there is data in it that nobody asked for")


def is_form_of(payment: ExpandedTx, tx: Tx) -> bool:
    """Say whether `tx` is the payment, whatever its unlocking scripts: what it does is the same (payments.md 2)."""
    return payment.tx is not None and payment.tx.unsigned_txid == tx.unsigned_txid


def adopted(ours: ExpandedTx, theirs: Tx) -> ExpandedTx:
    """Return our payment as the other side completed it; refuse another one, and one that does not unlock.

    An input that cannot be checked does not count as unlocked: else a lying payee could name a txid that never comes.
    """
    if ours.tx is None or not is_form_of(ours, theirs):
        raise refuse(InvoiceCode.TX_NOT_VALID, "the accepted transaction is not the one that was sent")
    completed = replace(ours, tx=theirs)
    spent = present(tuple(completed.spent(position) for position in range(len(theirs.inputs))))
    if len(spent) != len(theirs.inputs):
        raise refuse(InvoiceCode.TX_NOT_VALID, "an input comes without what it spends")
    try:
        verify_inputs(theirs, spent)
    except TxRejected as error:
        raise refuse(InvoiceCode.TX_NOT_VALID, f"the accepted transaction does not unlock: {error.reason}") from None
    return completed
