"""Times as peer channel hosts write them: the 15 byte form of wire-format 8.

Here 0 is no time at all: the reference's own "no time" (the beginning of the year 1) is read as 0.
"""

from __future__ import annotations

from channels_desktop.errors import WireError

_YEAR_ONE = 62_135_596_800
_UTC = b"\xff\xff"
_SIZES = {1: 15, 2: 16}
_NS = 1_000_000_000
_MOST = 2**63


def write_instant(at: int) -> bytes:
    """Return `at` (nanoseconds since 1970) as version 01, seconds since year 1, nanoseconds, and the mark of UTC."""
    seconds, rest = divmod(_bounded(at), _NS)
    return b"\x01" + (seconds + _YEAR_ONE).to_bytes(8, "big") + rest.to_bytes(4, "big") + _UTC


def read_instant(data: bytes) -> int:
    """Return the nanoseconds since 1970; the zone does not change the instant."""
    if not data:
        return 0
    if len(data) != _SIZES.get(data[0], -1):
        raise WireError("wrong_size", f"a time of {len(data)} bytes")
    seconds, rest = int.from_bytes(data[1:9], "big", signed=True), int.from_bytes(data[9:13], "big", signed=True)
    if seconds == rest == 0:
        return 0
    return _bounded((seconds - _YEAR_ONE) * _NS + rest)


def _bounded(at: int) -> int:
    if not -_MOST <= at < _MOST:
        raise WireError("bad_time", "a time outside the years 1678 to 2261")
    return at
