"""UL against the bytes of the reference, and the masks it is made for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.bitcoin.keys import PrivateKey, sha256
from channels_desktop.bitcoin.templates import p2pkh_unlocking
from channels_desktop.errors import Misuse, WireError
from channels_desktop.protocols.invoices.messages import RequestMenu
from channels_desktop.protocols.notes import Note
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.protocols.unlocking_data import PROTOCOL, UnlockingData, masked_script, read_masked
from channels_desktop.wire.envelope import head
from channels_desktop.wire.script import number
from tests.unit.protocols.reference import (
    Case,
    assert_as_in_the_reference,
    cases_of,
)
from tests.vectors import load

MASK = bytes.fromhex("006a02bd015102554c585153510295005201785351")
"""channels.md appendix A, (b)."""


@pytest.mark.parametrize("case", cases_of(PROTOCOL))
def test_cases_of_the_reference(case: Case) -> None:
    assert_as_in_the_reference(case)


def test_the_worked_example() -> None:
    assert masked_script(149, 120, 1) == MASK
    assert read_masked(MASK) == UnlockingData(size=149, value=120, party=1)


def written(*items: bytes) -> bytes:
    return head([b"UL"], len(items)) + b"".join(items)


def test_a_mask_of_version_0_is_the_first_counterparty_s() -> None:
    script = written(number(0), number(149), number(120))
    assert read_masked(script) == UnlockingData(size=149, value=120, party=1)
    around = head([b"NOTE", b"UL"], 6) + b"\x00\x01n" + number(0) + number(149) + number(120) + number(7)
    stack = REGISTRY.read(around)
    assert stack.messages == [Note(note="n"), UnlockingData(size=149, value=120, party=1)]
    assert stack.unread_items == 1


@pytest.mark.parametrize(
    "script",
    [
        b"",
        b"\x00",
        b"\x51\x6a",
        MASK[2:],
        p2pkh_unlocking(bytes(71), PrivateKey(sha256(b"a key")).public),
        REGISTRY.write([RequestMenu()]),
        REGISTRY.write([Note(note="n"), UnlockingData()]),
        head([], 0),
    ],
)
def test_other_scripts_are_no_masks(script: bytes) -> None:
    assert read_masked(script) is None


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (written(), "eof"),  # the reference crashes
        (written(number(1)), "eof"),
        (written(number(2), number(0)), "unsupported_version"),
        (written(number(0)), "invalid_message"),
        (written(number(0), b"\x76"), "invalid_message"),
        (written(number(0), number(1), b"\x76"), "not_a_number"),
        (written(number(0), number(-1), number(1)), "not_unsigned"),
        (written(number(1), number(1), number(4), number(1)), "unknown_field"),
    ],
)
def test_garbled_masks_are_refused(script: bytes, kind: str) -> None:
    with pytest.raises(WireError) as caught:
        read_masked(script)
    assert caught.value.kind == kind


NUMBERS = st.integers(min_value=0, max_value=2**63 - 1)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_masks_are_read_as_they_were_written(size: int, value: int, party: int) -> None:
    assert read_masked(masked_script(size, value, party)) == UnlockingData(size=size, value=value, party=party)


@pytest.mark.parametrize("numbers", [(2**63, 0, 0), (0, 2**64 - 1, 0), (0, 0, 2**64 - 1), (-1, 0, 0)])
def test_what_nobody_could_read_is_not_written(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(Misuse):
        masked_script(*numbers)


def test_any_party_can_be_said_though_nobody_can_read_it() -> None:
    case = next(case for case in load("channels_messages")["cases"] if case["name"] == "unlocking_data_any_party")
    assert REGISTRY.write([UnlockingData(size=107, party=2**64 - 1)]).hex() == case["wire_hex"]
    with pytest.raises(WireError, match="number_overrun"):
        read_masked(bytes.fromhex(case["wire_hex"]))
