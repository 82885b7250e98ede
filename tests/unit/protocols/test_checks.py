"""Every rule of channels.md 4.4 and 4.7, 3 and 4, with a transaction made for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from channels_desktop.bitcoin.expanded_tx import AncestorTx, ExpandedTx, SpentOutput
from channels_desktop.bitcoin.merkle import MerkleProof
from channels_desktop.bitcoin.templates import p2pk
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput
from channels_desktop.errors import ProtocolError
from channels_desktop.protocols.fee_requirements import FeeRequirement
from channels_desktop.protocols.invoices.checks import (
    MOST_RECORD,
    MOST_SATOSHIS,
    MOST_SCRIPT,
    charged,
    check_fulfils,
    check_order,
    check_request,
    find_invoice,
    items_total,
)
from channels_desktop.protocols.invoices.messages import (
    InvoiceCode,
    InvoiceItem,
    Price,
    PurchaseOrder,
    TokenId,
    TransferRequest,
    invoice_script,
)
from channels_desktop.wire.amounts import Decimal
from channels_desktop.wire.envelope import Envelope
from channels_desktop.wire.script import number
from tests.unit.protocols.samples import AT, COINS, EXPIRY, FEES, PAYER_KEY, REQUEST, invoice, items, paid, request_tx

OK_TX = request_tx()
PAYS, RECORD = OK_TX.outputs
DATA = TxOutput(0, b"\x00\x6a\x04text")


def data(ids: tuple[bytes, ...], *parts: bytes) -> TxOutput:
    return TxOutput(0, Envelope(ids, b"".join(parts), len(parts)).to_script())


def price(satoshis: int | None = 5, **more: object) -> InvoiceItem:
    return InvoiceItem(id=b"x", price=Price(quantity=satoshis, **more))


# -- items and orders -----------------------------------------------------------------------------------------------


def test_a_total_is_price_times_quantity_and_no_quantity_means_one() -> None:
    assert items_total((replace(price(5), quantity=3), price(7))) == 22
    assert check_order(PurchaseOrder(items=(price(1),), notes="x" * 4096)) == 1


@pytest.mark.parametrize("protocol", [b"", b"Bitcoin", b"BSV"])
def test_bitcoin_may_be_written_out(protocol: bytes) -> None:
    assert items_total((price(5, token=TokenId(protocol=protocol)),)) == 5


@pytest.mark.parametrize(
    "item",
    [
        price(None),
        price(5, token=TokenId(protocol=b"TKN")),
        price(5, token=TokenId(id=b"1")),
        price(5, amount=Decimal(1, 2)),
        replace(price(5), amount=Decimal(1, 2)),
    ],
)
def test_only_whole_satoshis_are_understood(item: InvoiceItem) -> None:
    with pytest.raises(ProtocolError) as caught:
        items_total((item,))
    assert caught.value.code == InvoiceCode.WRONG_PRICE


@pytest.mark.parametrize(
    "lines",
    [(), (None,), (price(1),) * 1001, (price(0),), (replace(price(1), quantity=0),), (price(MOST_SATOSHIS + 1),)],
)
def test_an_order_has_a_possible_total(lines: tuple[InvoiceItem | None, ...]) -> None:
    with pytest.raises(ProtocolError) as caught:
        check_order(PurchaseOrder(items=lines))
    assert (caught.value.code, caught.value.status) == (InvoiceCode.INVALID_ORDER, 2)


def test_a_note_has_an_end() -> None:
    with pytest.raises(ProtocolError, match="too long"):
        check_order(PurchaseOrder(items=items(), notes="\xe9" * 2049))


# -- a request (4.4) ------------------------------------------------------------------------------------------------


def test_a_good_request_gives_its_invoice() -> None:
    assert check_request(REQUEST, AT) == invoice()
    assert find_invoice(OK_TX) == (1, invoice())


def changed(**parts: object) -> TransferRequest:
    return TransferRequest(tx=ExpandedTx(tx=replace(OK_TX, **parts)), fees=FEES)


BAD_REQUESTS = {
    "no expanded transaction": (TransferRequest(), InvoiceCode.TX_NOT_VALID),
    "no transaction": (TransferRequest(tx=ExpandedTx()), InvoiceCode.TX_NOT_VALID),
    "version 3": (changed(version=3), InvoiceCode.TX_NOT_VALID),
    "a lock time": (changed(locktime=1), InvoiceCode.TX_NOT_VALID),
    "no outputs": (changed(outputs=()), InvoiceCode.TX_NOT_VALID),
    "101 outputs": (changed(outputs=(*[TxOutput(1, PAYS.locking_script)] * 100, RECORD)), InvoiceCode.TX_NOT_VALID),
    "no invoice": (changed(outputs=(PAYS,)), InvoiceCode.TX_NOT_VALID),
    "other data": (changed(outputs=(PAYS, RECORD, DATA)), InvoiceCode.TX_NOT_VALID),
    "two invoices": (changed(outputs=(PAYS, RECORD, RECORD)), InvoiceCode.TX_NOT_VALID),
    "an output of nothing": (
        changed(outputs=(PAYS, RECORD, TxOutput(0, PAYS.locking_script))),
        InvoiceCode.TX_NOT_VALID,
    ),
    "money in data": (changed(outputs=(PAYS, RECORD, replace(DATA, satoshis=1))), InvoiceCode.TX_NOT_VALID),
    "a fee without bytes": (
        replace(REQUEST, fees=(FeeRequirement(satoshis=1),)),
        InvoiceCode.TX_NOT_VALID,
    ),
    "version 2": (changed(version=2), InvoiceCode.TX_NOT_VALID),
    "an absent fee": (replace(REQUEST, fees=(None,)), InvoiceCode.TX_NOT_VALID),
    "one satoshi more": (
        changed(outputs=(replace(PAYS, satoshis=50_001), RECORD)),
        InvoiceCode.WRONG_PRICE,
    ),
    "one satoshi less": (
        changed(outputs=(replace(PAYS, satoshis=49_999), RECORD)),
        InvoiceCode.WRONG_PRICE,
    ),
    "an input of unknown value": (changed(inputs=(TxInput(Outpoint(b"\x01" * 32, 0)),)), InvoiceCode.TX_MISSING_INPUT),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_a_request_with_this_is_never_shown_for_approval(name: str) -> None:
    request, code = BAD_REQUESTS[name]
    with pytest.raises(ProtocolError) as caught:
        check_request(request, AT)
    assert (caught.value.protocol, caught.value.code) == (b"I", code)


def test_an_invoice_that_has_expired_is_refused() -> None:
    with pytest.raises(ProtocolError) as caught:
        check_request(REQUEST, EXPIRY)
    assert caught.value.code == InvoiceCode.EXPIRED
    assert check_request(REQUEST, EXPIRY - 1) == invoice()


SPENDS = TxInput(Outpoint(COINS.txid, 0))
WITH_INPUT = replace(OK_TX, inputs=(SPENDS,), outputs=(replace(PAYS, satoshis=130_000), RECORD))
MINED = AncestorTx(tx=COINS, merkle_proofs=(MerkleProof(0, COINS.txid, (), block_hash=b"\x0a" * 32),))


def asked(*ancestors: AncestorTx | None, tx: Tx = WITH_INPUT) -> TransferRequest:
    return TransferRequest(tx=ExpandedTx(tx=tx, ancestors=ancestors), fees=FEES)


def test_the_payee_s_own_inputs_count_against_the_outputs() -> None:
    known = asked(AncestorTx(), MINED)
    assert charged(known.tx) == 50_000
    assert check_request(known, AT) == invoice()
    claimed = ExpandedTx(tx=WITH_INPUT, spent_outputs=(SpentOutput(value=80_000),))
    assert charged(claimed) == 50_000


def test_the_payee_s_own_inputs_lead_back_to_a_block_through_whatever_is_in_none() -> None:
    child = Tx(1, (SPENDS,), (TxOutput(80_000, PAYS.locking_script),))
    tx = replace(WITH_INPUT, inputs=(TxInput(Outpoint(child.txid, 0)),))
    assert check_request(asked(AncestorTx(tx=child), MINED, tx=tx), AT) == invoice()


def test_two_inputs_of_one_transaction_lead_back_together() -> None:
    pair = replace(COINS, outputs=(COINS.outputs[0], COINS.outputs[0]))
    mined = AncestorTx(tx=pair, merkle_proofs=(MerkleProof(0, pair.txid, (), block_hash=b"\x0a" * 32),))
    inputs = tuple(TxInput(Outpoint(pair.txid, index)) for index in range(2))
    tx = replace(OK_TX, inputs=inputs, outputs=(replace(PAYS, satoshis=210_000), RECORD))
    assert check_request(asked(mined, tx=tx), AT) == invoice()


def test_what_two_ways_lead_to_is_looked_at_once() -> None:
    """Forty transactions, each of which spends two outputs of the one before: 2 to the 40th ways lead to the first."""
    pair = (TxOutput(80_000, PAYS.locking_script),) * 2
    chain = [replace(COINS, outputs=pair)]
    for _ in range(40):
        chain.append(Tx(1, tuple(TxInput(Outpoint(chain[-1].txid, index)) for index in range(2)), pair))
    first, *others = chain
    mined = AncestorTx(tx=first, merkle_proofs=(MerkleProof(0, first.txid, (), block_hash=b"\x0a" * 32),))
    unmined = tuple(AncestorTx(tx=tx) for tx in others)
    tx = replace(WITH_INPUT, inputs=(TxInput(Outpoint(chain[-1].txid, 0)),))
    assert check_request(asked(mined, *unmined, tx=tx), AT) == invoice()
    with pytest.raises(ProtocolError) as caught:
        check_request(asked(*unmined, tx=tx), AT)
    assert caught.value.code == InvoiceCode.TX_MISSING_ANCESTOR


def test_nobody_counts_what_an_unknown_input_is_worth() -> None:
    with pytest.raises(ProtocolError) as caught:
        charged(ExpandedTx(tx=WITH_INPUT))
    assert caught.value.code == InvoiceCode.TX_MISSING_INPUT


ELSEWHERE = replace(MINED, merkle_proofs=(MerkleProof(0, b"\x01" * 32, (), block_hash=b"\x0a" * 32), None))
TWICE = replace(WITH_INPUT, inputs=(SPENDS, SPENDS), outputs=(replace(PAYS, satoshis=210_000), RECORD))
BAD_INPUTS = {
    "a claim alone": (
        TransferRequest(tx=ExpandedTx(tx=WITH_INPUT, spent_outputs=(SpentOutput(value=80_000),)), fees=FEES),
        InvoiceCode.TX_MISSING_INPUT,
    ),
    "no such output": (
        asked(MINED, tx=replace(WITH_INPUT, inputs=(TxInput(Outpoint(COINS.txid, 1)),))),
        InvoiceCode.TX_MISSING_INPUT,
    ),
    "a parent in no block": (asked(AncestorTx(tx=COINS)), InvoiceCode.TX_MISSING_ANCESTOR),
    "the proof of another": (asked(ELSEWHERE), InvoiceCode.TX_MISSING_ANCESTOR),
    "one input twice": (asked(MINED, tx=TWICE), InvoiceCode.TX_NOT_VALID),
}


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_inputs_that_can_never_be_spent_are_refused(name: str) -> None:
    request, code = BAD_INPUTS[name]
    with pytest.raises(ProtocolError) as caught:
        check_request(request, AT)
    assert caught.value.code == code


def with_outputs(*outputs: TxOutput) -> TransferRequest:
    return changed(outputs=outputs)


LONG_KEY = b"\x41" + b"\x04" + bytes(64) + b"\xac"


def test_an_output_pays_to_a_key_or_to_a_script_that_is_short() -> None:
    for script in (p2pk(PAYER_KEY.public), LONG_KEY, b"\x51" * MOST_SCRIPT):
        assert check_request(with_outputs(replace(PAYS, locking_script=script), RECORD), AT) == invoice()


@pytest.mark.parametrize(
    "outputs",
    [
        (replace(PAYS, locking_script=b"\x51" * (MOST_SCRIPT + 1)), RECORD),
        (PAYS, replace(RECORD, locking_script=RECORD.locking_script + b"\x51")),
        (PAYS, replace(RECORD, locking_script=RECORD.locking_script + bytes(300_000))),
        (PAYS, replace(RECORD, locking_script=RECORD.locking_script[1:])),
        (PAYS, data((b"I",), number(0), number(4), *invoice().to_items(), number(1))),
        (PAYS, TxOutput(0, invoice_script(replace(invoice(), notes="x" * MOST_RECORD)))),
    ],
    ids=[
        "a long script",
        "a byte behind the record",
        "300 kB behind the record",
        "another opening",
        "an item beside the invoice",
        "a record above its limit",
    ],
)
def test_what_the_invoice_does_not_explain_to_the_last_byte_is_refused(outputs: tuple[TxOutput, ...]) -> None:
    with pytest.raises(ProtocolError) as caught:
        check_request(with_outputs(*outputs), AT)
    assert (caught.value.code, caught.value.status) == (InvoiceCode.TX_NOT_VALID, 2)


# -- the invoice inside ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "output",
    [
        DATA,
        data((b"I", b"X"), number(0), number(4)),
        data((b"I",), number(1), number(4), *invoice().to_items()),
        data((b"I",), number(0), number(3), *invoice().to_items()),
        data((b"I",), number(0), number(4)),
        data((b"I",)),
        data((b"I",), number(0), number(4), number(1), number(9), number(1)),
        replace(RECORD, satoshis=1),
    ],
)
def test_what_only_looks_like_an_invoice_is_passed_over(output: TxOutput) -> None:
    assert find_invoice(replace(OK_TX, outputs=(PAYS, output))) is None
    assert find_invoice(replace(OK_TX, outputs=(output, RECORD))) == (1, invoice())


def test_the_invoice_s_output_is_the_worked_example() -> None:
    """channels.md appendix A, 5."""
    lunch = replace(
        invoice(expiration=1_700_003_600 * 10**9), notes=None, timestamp=1_700_000_000 * 10**9, items=items()
    )
    assert invoice_script(lunch).hex() == (
        "006a02bd0151014901130054535151515351056c756e63685251520350c3005351530800002a36fe9c9717540800a0e26644a09717"
    )


# -- a transfer (4.7) -----------------------------------------------------------------------------------------------

PAYEES = TxInput(Outpoint(b"\x01" * 32, 1), sequence=5)
ASKED = Tx(1, (PAYEES,), (PAYS, PAYS, RECORD))
GIVEN = paid(ASKED).tx
assert GIVEN is not None
CHANGE = GIVEN.outputs[-1]
OWN = GIVEN.inputs[-1]


def test_a_completed_request_fulfils_it() -> None:
    check_fulfils(ASKED, GIVEN)
    check_fulfils(ASKED, replace(GIVEN, outputs=(CHANGE, PAYS, CHANGE, PAYS, RECORD)))
    check_fulfils(ASKED, replace(GIVEN, inputs=(OWN, replace(PAYEES, unlocking_script=b"\x51"))))


@pytest.mark.parametrize(
    ("transfer", "code"),
    [
        (replace(GIVEN, version=2), InvoiceCode.TX_NOT_VALID),
        (replace(GIVEN, locktime=1), InvoiceCode.TX_NOT_VALID),
        (replace(GIVEN, inputs=(OWN,)), InvoiceCode.TX_NOT_VALID),
        (replace(GIVEN, inputs=(replace(PAYEES, sequence=4), OWN)), InvoiceCode.TX_NOT_VALID),
        (replace(GIVEN, outputs=(PAYS, RECORD, CHANGE)), InvoiceCode.TRANSFER_UNKNOWN),
        (replace(GIVEN, outputs=(PAYS, RECORD, PAYS, CHANGE)), InvoiceCode.TRANSFER_UNKNOWN),
        (replace(GIVEN, outputs=(PAYS, replace(PAYS, satoshis=1), RECORD)), InvoiceCode.TRANSFER_UNKNOWN),
        (
            replace(GIVEN, outputs=(PAYS, PAYS, replace(RECORD, locking_script=b"\x6a\x00"))),
            InvoiceCode.TRANSFER_UNKNOWN,
        ),
        (replace(GIVEN, outputs=(*GIVEN.outputs, DATA)), InvoiceCode.TX_NOT_VALID),
    ],
    ids=[
        "another version",
        "another lock time",
        "an input left out",
        "another sequence",
        "one of two equal outputs",
        "another order",
        "another amount",
        "another record",
        "more data",
    ],
)
def test_a_transfer_that_is_another_transaction_is_refused(transfer: Tx, code: InvoiceCode) -> None:
    with pytest.raises(ProtocolError) as caught:
        check_fulfils(ASKED, transfer)
    assert caught.value.code == code


def test_the_order_of_inputs_counts() -> None:
    two = replace(ASKED, inputs=(PAYEES, OWN))
    with pytest.raises(ProtocolError):
        check_fulfils(two, replace(GIVEN, inputs=(OWN, PAYEES)))
