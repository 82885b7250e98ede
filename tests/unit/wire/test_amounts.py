"""Decimals, periods and the integers they are made of; their places in objects are in test_bsor.py."""

from __future__ import annotations

import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.errors import WireError
from channels_desktop.wire.amounts import Decimal, Period, PeriodUnit
from channels_desktop.wire.varints import read_varint, varint_size, write_varint
from tests.vectors import load

Case = dict[str, Any]
VECTORS = load("channels_messages")
U64 = st.integers(0, 2**64 - 1)
DECIMALS = st.builds(Decimal, U64, st.integers(0, 40))
# The reference reads these, and what it reads is not what stands there.
NONSENSE = {"": 0, "1.2.3": 123, "18446744073709551616": 0, "-3 days": 2**64 - 3}


def numbers_of(amount: Decimal) -> tuple[int, int]:
    """Both numbers: decimals are compared by their worth."""
    return amount.value, amount.precision


def worth(amount: Decimal) -> Fraction:
    return Fraction(amount.value, 10**amount.precision)


def text_of(case: Case) -> str:
    return case["text"] or str(case.get("binary"))


@pytest.mark.parametrize("case", VECTORS["decimals"], ids=text_of)
def test_decimals_are_those_of_the_reference(case: Case) -> None:
    described = case["value_precision"]
    amount = Decimal(described["value"], described["precision"])
    assert amount.to_json() == described
    assert (str(amount), amount.to_wire().hex()) == (case["text"], case["binary"])
    assert case["go_json"] == case["text"]
    for again in (Decimal.from_wire(bytes.fromhex(case["binary"])), Decimal.from_text(case["text"])):
        assert numbers_of(again) == numbers_of(amount)


@pytest.mark.parametrize("case", VECTORS["decimal_texts"], ids=lambda case: case["text"] or "none")
def test_texts_are_read_as_the_reference_reads_them(case: Case) -> None:
    if not case["ok"] or case["text"] in NONSENSE:
        assert case.get("decimal", {}).get("value") == NONSENSE.get(case["text"])
        with pytest.raises(WireError, match="bad_decimal"):
            Decimal.from_text(case["text"])
        return
    assert Decimal.from_text(case["text"]).to_json() == case["decimal"]


@pytest.mark.parametrize("text", [".", " 1", "1 ", "+1", "1,5", "١", "0x1", "1_000", "1." + 256 * "0", 256 * "0"])
def test_other_texts_are_no_decimals(text: str) -> None:
    with pytest.raises(WireError, match="bad_decimal"):
        Decimal.from_text(text)


@given(DECIMALS)
def test_decimals_come_back(amount: Decimal) -> None:
    assert numbers_of(Decimal.from_wire(amount.to_wire() + b"rest")) == numbers_of(amount)
    assert numbers_of(Decimal.from_text(str(amount))) == numbers_of(amount)


@pytest.mark.parametrize("amount", [Decimal(1, 256), Decimal(2**64), Decimal(-1)])
def test_what_has_no_binary_form_is_not_written(amount: Decimal) -> None:
    with pytest.raises(WireError):
        amount.to_wire()


def test_the_most_decimals_are_255() -> None:
    assert str(Decimal(7, 255)) == "0." + 254 * "0" + "7"
    with pytest.raises(WireError, match="other: 256 decimals"):
        Decimal.from_wire(bytes.fromhex("01fd0001"))


@given(DECIMALS, DECIMALS, U64)
def test_sums_and_products_are_exact(one: Decimal, other: Decimal, times: int) -> None:
    assert worth(one + other) == worth(one) + worth(other)
    assert worth(one * other) == worth(one) * worth(other)
    assert worth(one * times) == worth(times * one) == worth(one) * times
    large, small = max(one, other), min(one, other)
    assert worth(large - small) == worth(large) - worth(small)


@given(DECIMALS, DECIMALS)
def test_decimals_are_compared_by_their_worth(one: Decimal, other: Decimal) -> None:
    for compare in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge):
        assert compare(one, other) == compare(worth(one), worth(other))
    if one == other:
        assert hash(one) == hash(other)


def test_zeros_at_the_end_are_worth_nothing_and_are_kept() -> None:
    assert Decimal(150, 2) == Decimal(15, 1) == Decimal(15, 1).normalised()
    assert len({Decimal(150, 2), Decimal(15, 1), Decimal(0, 5), Decimal()}) == 2
    assert Decimal(150, 2).to_wire() != Decimal(15, 1).to_wire()
    assert numbers_of(Decimal(1500, 2).normalised()) == (15, 0)
    assert Decimal(1) != 1
    assert Decimal(1) != "1"


@pytest.mark.parametrize("sum_", [lambda: Decimal(1) - Decimal(11, 1), lambda: Decimal(1) * -1])
def test_nothing_is_below_zero(sum_: Callable[[], Decimal]) -> None:
    with pytest.raises(WireError, match="negative_decimal"):
        sum_()


# ------------------------------------------------------------------------------------------------------------- periods


@pytest.mark.parametrize("case", VECTORS["periods"], ids=text_of)
def test_periods_are_those_of_the_reference(case: Case) -> None:
    period = Period(case["count"], case["type"])
    assert period.to_json() == {name: case[name] for name in ("count", "type", "text", "binary")}
    assert (str(period) or None) == case["go_json"]
    unit = PeriodUnit(case["type"]).text if case["type"] in {*PeriodUnit} else ""
    assert unit == case["type_text"]
    read = Period.from_wire(bytes.fromhex(case["binary"]))
    assert {"count": read.count, "type": read.unit} == case["read_back"]
    if case["text"]:
        assert Period.from_text(case["text"]) == period


@pytest.mark.parametrize("case", VECTORS["period_texts"], ids=lambda case: case["text"] or "none")
def test_period_texts_are_read_as_the_reference_reads_them(case: Case) -> None:
    if not case["ok"] or case["text"] in NONSENSE:
        assert not case["ok"] or case["count"] == NONSENSE[case["text"]]
        with pytest.raises(WireError, match="bad_period"):
            Period.from_text(case["text"])
        return
    assert Period.from_text(case["text"]) == Period(case["count"], case["type"])


@pytest.mark.parametrize("text", ["s", "2s", "2 dayss", "2 Days", "2.5 days", "18446744073709551616 days", " day"])
def test_other_texts_are_no_periods(text: str) -> None:
    with pytest.raises(WireError, match="bad_period"):
        Period.from_text(text)


@given(U64, st.sampled_from(PeriodUnit))
def test_periods_come_back(count: int, unit: PeriodUnit) -> None:
    period = Period(count, unit)
    assert Period.from_wire(period.to_wire()) == (period if unit else Period())
    if unit and count:
        assert Period.from_text(str(period)) == period


@pytest.mark.parametrize("period", [Period(1, 256), Period(1, -1), Period(2**64, 1), Period(-1, 1)])
def test_periods_that_do_not_fit_are_not_written(period: Period) -> None:
    with pytest.raises(WireError):
        period.to_wire()


def test_what_is_nothing_is_false() -> None:
    assert not Decimal()
    assert Decimal(0, 2)
    assert not Period()
    assert Period(0, PeriodUnit.DAY)
    assert Period(5)


# ------------------------------------------------------------------------------------------------------------ integers


@given(U64)
def test_integers_come_back(value: int) -> None:
    data = write_varint(value)
    assert len(data) == varint_size(value)
    assert read_varint(b"\xaa" + data + b"\xbb", 1) == (value, 1 + len(data))


@pytest.mark.parametrize("value", [-1, 2**64])
def test_integers_that_do_not_fit_are_refused(value: int) -> None:
    with pytest.raises(WireError, match="bad_varint"):
        write_varint(value)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ("", "eof"),
        ("fd", "eof"),
        ("fdfd", "unexpected_eof"),
        ("fd0100", "bad_varint"),
        ("fdfc00", "bad_varint"),
        ("feffff0000", "bad_varint"),
        ("ffffffffff00000000", "bad_varint"),
    ],
)
def test_integers_that_are_cut_or_too_long_are_refused(data: str, kind: str) -> None:
    with pytest.raises(WireError) as caught:
        read_varint(bytes.fromhex(data), 0)
    assert caught.value.kind == kind
