"""Times as peer channel hosts write them: the 15 byte form of wire-format 8."""

from __future__ import annotations

from channels_desktop.errors import WireError

_YEAR_ONE = 62_135_596_800
_UTC = 0xFFFF
_NS = 1_000_000_000


def write_instant(at: int) -> bytes:
    """Return `at` (nanoseconds since 1970) as version 01, seconds since year 1, nanoseconds, and the mark of UTC."""
    seconds, rest = divmod(at, _NS)
    return b"\x01" + (seconds + _YEAR_ONE).to_bytes(8, "big") + rest.to_bytes(4, "big") + _UTC.to_bytes(2, "big")


def read_instant(data: bytes) -> int:
    """Return the nanoseconds since 1970; the zone does not change the instant."""
    if not data:
        return 0
    if len(data) != {1: 15, 2: 16}.get(data[0], -1):
        raise WireError("wrong_size", f"a time of {len(data)} bytes")
    seconds = int.from_bytes(data[1:9], "big", signed=True) - _YEAR_ONE
    return seconds * _NS + int.from_bytes(data[9:13], "big", signed=True)
