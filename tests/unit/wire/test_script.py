"""Script items and numbers against the bytes of the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.errors import WireError
from channels_desktop.wire import script
from tests.vectors import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.wire.described import Described

NUMBERS = [case for case in load("script_numbers")["cases"] if "hex" in case]
UNWRITABLE = [case for case in load("script_numbers")["cases"] if "hex" not in case]
SCRIPTS = load("script_items")["scripts"]
PUSHES = load("script_items")["pushes"]


def outcome(read: Callable[[bytes, int], tuple[int, int]], data: bytes) -> Described:
    """Return what `read` makes of `data` in the form of the vector files."""
    try:
        with script.reading():
            return {"ok": True, "value": read(data, 0)[0]}
    except WireError as error:
        return {"ok": False, "error_class": error.kind}


def agree(result: Described, expected: Described) -> None:
    """Compare outcomes; where the reference crashes any WireError is right."""
    if expected.get("error_class") == "panic":
        assert not result["ok"]
    else:
        assert result == expected


@pytest.mark.parametrize("case", NUMBERS, ids=lambda case: f"{case['kind']}-{case['hex'][:24]}")
def test_numbers_are_written_and_read_as_the_reference_does(case: Described) -> None:
    data = bytes.fromhex(case["hex"])
    if case["kind"] != "decode_only" and "value" in case:
        assert script.number(case["value"]).hex() == case["hex"]
    agree(outcome(script.read_number, data), case.get("decode_signed") or case["parse"])
    agree(outcome(script.read_unsigned, data), case.get("decode_unsigned") or case["parse"])


@pytest.mark.parametrize("case", PUSHES, ids=lambda case: str(case["length"]))
def test_pushes_have_the_prefix_of_the_reference(case: Described) -> None:
    data = bytes.fromhex(case["data"]) if "data" in case else bytes(case["length"])
    written = script.push(data)
    assert written == bytes.fromhex(case["prefix_hex"]) + (data if case["length"] else b"")
    item, at = script.read_item(written, 0)
    assert at == len(written)
    assert isinstance(item, bytes) == (case["reads_back_as"] == "push")


@pytest.mark.parametrize("case", SCRIPTS, ids=lambda case: case["hex"][:24] or "empty")
def test_scripts_are_read_to_items_and_written_again(case: Described) -> None:
    data = bytes.fromhex(case["hex"])
    if not case["ok"]:
        with pytest.raises(WireError) as caught:
            script.canonical_items(data)
        assert caught.value.kind == case["error_class"]
        return
    items, at = [], 0
    while at < len(data):
        item, at = script.read_item(data, at)
        items.append({"push": item.hex()} if isinstance(item, bytes) else {"op": f"{item:02x}"})
    assert items == case["items"]
    again = script.canonical_items(data)
    assert again.hex() == case["reserialized"]
    assert script.skip_items(data, 0, len(items)) == len(data)


def test_what_the_reference_cannot_write_we_refuse_to_write() -> None:
    assert UNWRITABLE
    for case in UNWRITABLE:
        with pytest.raises(WireError):
            script.number(case["value"])


@pytest.mark.parametrize("value", [2**64, -(2**63), -(2**70)])
def test_numbers_beyond_64_bits_are_refused(value: int) -> None:
    with pytest.raises(WireError, match="64 bits"):
        script.number(value)


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_numbers_come_back(value: int) -> None:
    data = script.number(value)
    assert script.read_number(data, 0) == (value, len(data))
    assert script.canonical_items(data) == data


@given(st.lists(st.binary(max_size=300)))
def test_items_are_skipped_whole(pushes: list[bytes]) -> None:
    data = b"".join(map(script.push, pushes))
    assert script.skip_items(data, 0, len(pushes)) == len(data)
    assert script.canonical_items(data) == data
