"""Times as peer channel hosts write them: the 15 byte form of wire-format 8, and the 16 byte form of odd zones.

Here a time is nanoseconds since 1970, and 0 is no time at all: the reference's own "no time", the beginning of the
year 1, is read as 0. What a plain number cannot say, a `Moment` does.
"""

from __future__ import annotations

from typing import Self

from channels_desktop.errors import WireError

YEAR_ONE = -62_135_596_800
"""The seconds since 1970 of the beginning of the year 1, which is the reference's "no time"."""
_UTC = -1
"""What stands for UTC where a zone has the minutes that it is east of it."""
_MOST_MINUTES = 1 << 15
_SIZES = {1: 15, 2: 16}
_NS = 1_000_000_000
_MOST = 2**63


class Moment(int):
    """Nanoseconds since 1970 with the zone they were written in, for what a plain number of them cannot tell.

    That is the epoch itself, and all times of other zones: `offset` is seconds east of UTC, and None for UTC. (A zone
    that merely agrees with UTC has the offset 0.) It equals the plain number, and sums with it are plain numbers.

    A zone of one minute before UTC has no form, since its number is the mark of UTC: it is taken for UTC. One that is
    further away than 16 bits of minutes raises WireError("bad_time"). So whatever was read can be written.
    """

    offset: int | None

    def __new__(cls, at: int, offset: int | None = None) -> Self:
        """Return the time `at` of a zone."""
        moment = super().__new__(cls, at)
        minutes = _parts(offset or 0)[0]
        if not -_MOST_MINUTES <= minutes < _MOST_MINUTES:
            raise WireError("bad_time", "a zone that has no form")
        moment.offset = None if minutes == _UTC else offset
        return moment


def in_zone(at: int, offset: int | None) -> int:
    """Return `at` in a zone: a plain number where that tells all, else a `Moment`."""
    moment = Moment(at, offset)
    return at if at and moment.offset is None else moment


def write_instant(at: int) -> bytes:
    """Return `at` as version, seconds since year 1, nanoseconds, and minutes east of UTC or the mark of UTC.

    Version 01 is what all use; 02 has one more byte, for zones whose offset is no number of minutes. Raises
    WireError("bad_time") for times that have no such form.
    """
    seconds, rest = divmod(check_instant(at), _NS)
    offset = at.offset if isinstance(at, Moment) else None
    head = (seconds - YEAR_ONE).to_bytes(8, "big") + rest.to_bytes(4, "big")
    if offset is None:
        return b"\x01" + head + _UTC.to_bytes(2, "big", signed=True)
    minutes, odd = _parts(offset)
    zone = minutes.to_bytes(2, "big", signed=True)
    return b"\x02" + head + zone + odd.to_bytes(1, "big", signed=True) if odd else b"\x01" + head + zone


def read_instant(data: bytes) -> int:
    """Return the nanoseconds since 1970: a plain number where that is all there is, else a `Moment`."""
    if not data:
        return 0
    if len(data) != _SIZES.get(data[0], -1):
        raise WireError("wrong_size", f"a time of {len(data)} bytes")
    seconds, rest = int.from_bytes(data[1:9], "big", signed=True), int.from_bytes(data[9:13], "big", signed=True)
    if seconds == rest == 0:
        return 0
    at = check_instant((seconds + YEAR_ONE) * _NS + rest)
    offset = 60 * int.from_bytes(data[13:15], "big", signed=True) + int.from_bytes(data[15:], "big", signed=True)
    return in_zone(at, offset)


def _parts(offset: int) -> tuple[int, int]:
    """Return an offset as minutes and seconds, both of its sign."""
    sign = -1 if offset < 0 else 1
    minutes, seconds = divmod(abs(offset), 60)
    return sign * minutes, sign * seconds


def check_instant(at: int) -> int:
    """Return `at` if 64 bits hold it, as everything here that keeps times demands; else WireError("bad_time")."""
    if not -_MOST <= at < _MOST:
        raise WireError("bad_time", "a time outside the years 1678 to 2261")
    return at
