"""The times of peer channel hosts; the objects they stand in are in test_bsor.py and host/test_messages.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from channels_desktop.errors import WireError
from channels_desktop.wire.rfc3339 import read_rfc3339, write_rfc3339
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


AT = st.integers(-(2**63), 2**63 - 1)


@given(AT, st.integers(-32768 * 60 - 59, 32767 * 60 + 59))
@example(1, -60)
@example(0, -119)
@example(1, -32768 * 60 - 59)
def test_zones_come_back(at: int, offset: int) -> None:
    moment = Moment(at, offset)
    again = read_instant(write_instant(moment))
    assert again == at
    if -120 < offset <= -60:  # where the mark of UTC would stand
        assert moment.offset is None
        assert write_instant(moment) == write_instant(at or Moment(0))
        assert isinstance(again, Moment) is (at == 0)
        return
    assert isinstance(again, Moment)
    assert again.offset == offset
    assert len(write_instant(moment)) == (16 if offset % 60 else 15)


@given(AT, st.sampled_from([-1, *range(-1439, 1440)]), st.booleans())
@example(1, -1, False)
@example(0, 0, False)
@example(-60 * NS, -1, False)
def test_every_zone_of_a_text_has_both_forms(at: int, minutes: int, negative_zero: bool) -> None:  # noqa: FBT001
    at -= at % NS
    text = write_rfc3339(at or Moment(0))
    sign = "-" if minutes < 0 or (not minutes and negative_zero) else "+"
    zone = f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    try:
        read = read_rfc3339(text.removesuffix("Z") + zone)
    except WireError:
        assert not -(2**63) <= at - minutes * 60 * NS < 2**63
        return
    again = read_instant(write_instant(read))
    assert (again, type(again)) == (read, type(read))
    assert write_rfc3339(again) == write_rfc3339(read)
    assert read_rfc3339(write_rfc3339(read)) == read


def test_a_moment_in_each_zone_there_is() -> None:
    at = 1_700_000_000 * NS
    for minutes in range(-1439, 1440):
        read = read_rfc3339(write_rfc3339(Moment(at, 60 * minutes)))
        assert read == read_instant(write_instant(read)) == at
        assert (getattr(read, "offset", None) or 0) == (0 if minutes == -1 else 60 * minutes)


@given(
    st.sampled_from((b"\x01", b"\x02")),
    st.integers(-(2**31), 2**33),
    st.integers(0, NS - 1),
    st.binary(min_size=2, max_size=2) | st.sampled_from((b"\xff\xff", b"\x80\x00", b"\x7f\xff")),
    st.binary(min_size=1, max_size=1),
)
def test_what_is_read_of_any_zone_can_be_written(
    version: bytes, seconds: int, rest: int, zone: bytes, odd: bytes
) -> None:
    data = version + (seconds - YEAR_ONE).to_bytes(8, "big") + rest.to_bytes(4, "big") + zone
    try:
        at = read_instant(data + (odd if version == b"\x02" else b""))
    except WireError:
        assert zone in (b"\x80\x00", b"\x80\x01", b"\x7f\xff"), "so far away with seconds that lead still further"
        return
    again = read_instant(write_instant(at))
    assert (again, getattr(again, "offset", None)) == (at, getattr(at, "offset", None))
    assert abs(read_rfc3339(write_rfc3339(at)) - at) < 60 * NS, "only the seconds of a zone have no place in the text"


@pytest.mark.parametrize("offset", [-32769 * 60, 32768 * 60])
def test_zones_too_far_away_are_none(offset: int) -> None:
    with pytest.raises(WireError, match="bad_time"):
        Moment(1, offset)


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
