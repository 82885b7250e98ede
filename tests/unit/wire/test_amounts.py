"""Decimals, periods and the integers they are made of; their places in objects are in test_bsor.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.errors import WireError
from channels_desktop.wire.amounts import Decimal, Period, PeriodUnit
from channels_desktop.wire.varints import read_varint, write_varint
from tests.unit.wire.described import Described
from tests.vectors import load

VALUES = [
    value
    for case in load("bsor")["cases"] + load("bsor")["decode_cases"]
    if case["name"] in ("decimal", "decimal_ok")
    for value in [(case.get("value") or case["decode"]["value"])["D"]]
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value["text"])
def test_decimals_are_shown_as_the_reference_shows_them(value: Described) -> None:
    assert str(Decimal(value["value"], value["precision"])) == value["text"]


def test_what_is_nothing_is_false() -> None:
    assert not Decimal()
    assert Decimal(0, 2)
    assert not Period()
    assert Period(0, PeriodUnit.DAY)


@given(st.integers(0, 2**64 - 1))
def test_integers_come_back(value: int) -> None:
    data = write_varint(value)
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
        ("fdfc00", "bad_varint"),
        ("feffff0000", "bad_varint"),
        ("ffffffffff00000000", "bad_varint"),
    ],
)
def test_integers_that_are_cut_or_too_long_are_refused(data: str, kind: str) -> None:
    with pytest.raises(WireError) as caught:
        read_varint(bytes.fromhex(data), 0)
    assert caught.value.kind == kind
