"""Times as RFC 3339 text, which hosts put into JSON; a time is what `times` says."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from channels_desktop.errors import WireError
from channels_desktop.wire.times import YEAR_ONE, Moment, check_instant, in_zone

_NS = 1_000_000_000
_MINUTE, _DAY = 60, 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_TIME = "0001-01-01T00:00:00Z"
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)")


def write_rfc3339(at: int) -> str:
    """Return a time as RFC 3339 text in its own zone, UTC where it has none, without zeros at the end of the fraction.

    No time is the beginning of the year 1, as for the reference. Zones are written to the minute; those that the text
    has no form for, of a day and more, as UTC.
    """
    if not at and not isinstance(at, Moment):
        return _NO_TIME
    offset = at.offset or 0 if isinstance(at, Moment) else 0
    offset = offset if abs(offset) < _DAY else 0
    seconds, rest = divmod(at, _NS)
    text = (_EPOCH + timedelta(seconds=seconds + offset)).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{rest:09}".rstrip("0") if rest else ""
    hours, minutes = divmod(abs(offset) // 60, 60)
    zone = f"{'-' if offset <= -_MINUTE else '+'}{hours:02}:{minutes:02}" if offset else "Z"
    return f"{text}{fraction}{zone}"


def read_rfc3339(text: str) -> int:
    """Return the time that RFC 3339 text says, a `Moment` where it names a zone; raise WireError where it is none."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise WireError("bad_time", "not RFC 3339")
    whole, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(whole.upper() + ("+00:00" if zone in "Zz" else zone))
        since = moment - _EPOCH
    except (ValueError, OverflowError):
        raise WireError("bad_time", "no such day or time") from None
    at = (since.days * _DAY + since.seconds) * _NS + int((fraction or "").ljust(9, "0"))
    if at == YEAR_ONE * _NS:
        return 0
    check_instant(at)
    if zone in "Zz":
        return in_zone(at, None)
    return in_zone(at, (moment.utcoffset() or timedelta()) // timedelta(seconds=1))
