"""WEATHER: a sub-protocol that exists in tests alone, to show all that one takes.

1. Anybody asks for the weather of a place.
2. The answer is a report, in a Response.
"""

from __future__ import annotations

from enum import IntEnum

from channels_desktop.protocols.protocol import Protocol
from channels_desktop.wire.amounts import Decimal
from channels_desktop.wire.bsor import Message, field
from channels_desktop.wire.kinds import I64


class WeatherCode(IntEnum):
    """Response codes of WEATHER."""

    PARSE = 0
    UNKNOWN_PLACE = 1


class Ask(Message):
    """Ask for the weather of a place."""

    place: str = field(1)


class Report(Message):
    """What the weather is like."""

    place: str = field(1)
    degrees: I64 = field(2)
    rain: Decimal | None = field(3)
    words: tuple[str, ...] = field(4)


PROTOCOL = Protocol(id=b"WEATHER", package="weather", messages={1: Ask, 2: Report}, codes=WeatherCode)
