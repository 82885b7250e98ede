"""The times of peer channel hosts; the objects they stand in are in test_bsor.py and host/test_messages.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.errors import WireError
from channels_desktop.wire.times import YEAR_ONE, Moment, read_instant, write_instant
from tests.vectors import load

ZERO_TIME = bytes.fromhex("01" + "00" * 12 + "ffff")
NS = 10**9


def times_in(value: Any) -> Iterator[dict[str, Any]]:
    """Return every time that stands anywhere in the vectors."""
    if isinstance(value, dict) and "rfc3339" in value:
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from times_in(inner)


TIMES = {time["binary"]: time for name in ("bsor", "peer_channels_rest") for time in times_in(load(name))}


@pytest.mark.parametrize("time", TIMES.values(), ids=TIMES)
def test_times_are_those_of_the_reference(time: dict[str, Any]) -> None:
    data = bytes.fromhex(time["binary"])
    at = read_instant(data)
    if time["unix_seconds"] == YEAR_ONE:
        assert at == 0
        assert not isinstance(at, Moment)
        return
    assert at == time["unix_seconds"] * NS + time["nanoseconds"]
    offset = at.offset if isinstance(at, Moment) else None
    assert (offset or 0) == time["utc_offset_seconds"]
    assert (offset is None) is (data[13:15] == b"\xff\xff")
    assert write_instant(at) == data


def test_there_are_times_of_every_kind() -> None:
    kinds = {(data[:2], data[26:] == "ffff", data[26:] == "0000") for data in TIMES}
    assert kinds == {("01", True, False), ("01", False, True), ("01", False, False), ("02", False, False)}
    assert 0 in {time["unix_seconds"] for time in TIMES.values()}


def test_only_what_a_number_cannot_say_is_a_moment() -> None:
    assert type(read_instant(write_instant(1))) is int
    epoch = read_instant(write_instant(0))
    assert isinstance(epoch, Moment)
    assert (epoch, epoch.offset) == (0, None)
    assert type(Moment(5, 60) + 1) is int
    assert Moment(5, 60) == 5


@given(st.integers(-(2**63), 2**63 - 1))
def test_instants_come_back(at: int) -> None:
    assert len(write_instant(at)) == 15
    assert read_instant(write_instant(at)) == at


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-32768 * 60, 32767 * 60 + 59))
def test_zones_come_back(at: int, offset: int) -> None:
    moment = Moment(at, offset)
    if -120 < offset <= -60:  # where the mark of UTC would stand
        with pytest.raises(WireError, match="bad_time"):
            write_instant(moment)
        return
    again = read_instant(write_instant(moment))
    assert isinstance(again, Moment)
    assert (again, again.offset) == (at, offset)
    assert len(write_instant(moment)) == (16 if offset % 60 else 15)


@pytest.mark.parametrize("offset", [-32769 * 60, 32768 * 60])
def test_zones_too_far_away_are_not_written(offset: int) -> None:
    with pytest.raises(WireError, match="bad_time"):
        write_instant(Moment(1, offset))


def test_the_mark_of_utc_with_seconds_is_a_zone() -> None:
    moment = read_instant(b"\x02" + write_instant(5)[1:] + b"\x05")
    assert isinstance(moment, Moment)
    assert moment.offset == -55


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
