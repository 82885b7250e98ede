"""The times of peer channel hosts; the bytes of the reference are in test_bsor.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.errors import WireError
from channels_desktop.wire.times import read_instant, write_instant

ZERO_TIME = bytes.fromhex("01" + "00" * 12 + "ffff")


@given(st.integers(-(2**63), 2**63 - 1))
def test_instants_come_back(at: int) -> None:
    assert len(write_instant(at)) == 15
    assert read_instant(write_instant(at)) == at


def test_no_time_is_zero() -> None:
    assert read_instant(b"") == 0
    assert read_instant(ZERO_TIME) == 0


@pytest.mark.parametrize("data", [b"\x01", ZERO_TIME + b"\x00", b"\x02" + ZERO_TIME[1:], b"\x03" + ZERO_TIME[1:]])
def test_times_of_another_size_or_version_are_refused(data: bytes) -> None:
    with pytest.raises(WireError, match="wrong_size"):
        read_instant(data)


def test_times_that_no_clock_shows_are_refused() -> None:
    for seconds in (1, 2**63 - 1):
        with pytest.raises(WireError, match="bad_time"):
            read_instant(b"\x01" + seconds.to_bytes(8, "big") + ZERO_TIME[9:])
    for at in (-(2**63) - 1, 2**63):
        with pytest.raises(WireError, match="bad_time"):
            write_instant(at)
