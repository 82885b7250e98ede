"""Fee sums against the reference's vectors and the numbers of channels.md 6.4."""

from __future__ import annotations

from typing import Any

import pytest

from channels_desktop.bitcoin.fees import (
    DATA,
    DEFAULT_RATE,
    P2PKH_INPUT_SIZE,
    P2PKH_OUTPUT_SIZE,
    STANDARD,
    ByteCounts,
    FeeRate,
    byte_counts,
    funding_fee,
    is_enough,
    is_overpaid,
    rate_for,
    required_fee,
    signed_counts,
)
from channels_desktop.bitcoin.keys import PrivateKey, sha256
from channels_desktop.bitcoin.templates import p2pkh, p2pkh_to
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput, sign_input
from channels_desktop.errors import WireError
from tests.vectors import load

Case = dict[str, Any]
VECTORS = load("txs")


def rates_of(case: Case) -> tuple[FeeRate, ...]:
    return tuple(FeeRate(r["feeType"], r["satoshis"], r["bytes"]) for r in case["fee_requirements"] or ())


def counts_of(case: Case) -> ByteCounts:
    sizes = {count["feeType"]: count["bytes"] for count in case["byte_counts"]}
    return ByteCounts(sizes[STANDARD], sizes[DATA])


@pytest.mark.parametrize("case", VECTORS["fees"], ids=lambda case: case["tx"][8:24])
def test_bytes_are_counted_and_paid_as_the_reference_does(case: Case) -> None:
    counts = byte_counts(Tx.from_bytes(bytes.fromhex(case["tx"])))
    assert counts == counts_of(case)
    for asked in case["fees"]:
        assert required_fee(counts, rates_of(asked)) == asked["required_fee"]


@pytest.mark.parametrize("case", VECTORS["required_fees"], ids=lambda case: str(case["required_fee"]))
def test_required_fees_are_those_of_the_reference(case: Case) -> None:
    assert required_fee(counts_of(case), rates_of(case)) == case["required_fee"]
    assert funding_fee(counts_of(case), rates_of(case)) - case["required_fee"] in (0, 1, 2)


def test_a_kind_without_a_rate_pays_the_standard_one() -> None:
    data, standard = FeeRate(DATA, 1, 1000), FeeRate(STANDARD, 7, 1000)
    assert rate_for(DATA, (standard,)) == standard
    assert rate_for(STANDARD, (data,)) == DEFAULT_RATE
    assert rate_for(DATA, (standard, data)) == data


@pytest.mark.parametrize("values", [(1, 0), (1, -5), (-1, 1000)])
def test_senseless_rates_do_not_exist(values: tuple[int, int]) -> None:
    with pytest.raises(WireError, match="bad_fee_rate"):
        FeeRate(STANDARD, *values)


def test_98_percent_is_enough() -> None:
    assert is_enough(98, 100)
    assert not is_enough(97, 100)
    assert is_enough(0, 1)  # 98 % of 1 rounds down to nothing


def test_far_more_than_needed_must_be_confirmed() -> None:
    assert not is_overpaid(2500, 200, ())
    assert is_overpaid(2501, 200, ())
    assert not is_overpaid(5 * 1000, 20_000, ())
    assert is_overpaid(5 * 1000 + 1, 20_000, ())


def test_estimates_are_the_sizes_after_signing() -> None:
    key = PrivateKey(sha256(b"key"))
    draft = Tx(
        1, (TxInput(Outpoint(bytes(32), 0)),), (TxOutput(1, p2pkh_to(key.public)), TxOutput(0, b"\x00\x6a\x01x"))
    )
    signed = sign_input(draft, 0, key, TxOutput(9, p2pkh_to(key.public)))
    estimate = signed_counts(draft)
    assert 0 <= estimate.standard - byte_counts(signed).standard <= 3  # DER is a little shorter at times
    assert estimate.data == byte_counts(signed).data == 4


def test_estimates_know_that_counts_grow() -> None:
    draft = Tx(1, (), ())
    many = signed_counts(draft, more_inputs=253, more_outputs=300)
    assert many.standard == 10 + 2 + 2 + 253 * P2PKH_INPUT_SIZE + 300 * P2PKH_OUTPUT_SIZE
    assert TxOutput(1, p2pkh(bytes(20))).size == P2PKH_OUTPUT_SIZE
