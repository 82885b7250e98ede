"""Decimals and periods, the two small values with a binary form of their own (wire-format 8)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import total_ordering
from typing import Any, Self

from channels_desktop.errors import WireError
from channels_desktop.wire.varints import read_varint, write_varint

_MOST_DIGITS = 255
_VALUES = 1 << 64
_DECIMAL_TEXT = re.compile(r"(?=\.?[0-9])([0-9]{0,255})(?:\.([0-9]{0,255}))?")
_PERIOD_TEXT = re.compile(r"(?:([0-9]{1,20}) )?([a-z]+?)s?")


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Decimal:
    """`value` / 10^`precision`, never negative.

    Compared by what it is worth (1.50 == 1.5), written as it was given: both numbers are kept. Sums, differences and
    products are exact; one that has more than 64 bits or 255 decimals is refused when it is written.
    """

    value: int = 0
    precision: int = 0

    def to_wire(self) -> bytes:
        """Return the binary form; raise WireError where the numbers have none."""
        if self.precision > _MOST_DIGITS:
            raise WireError("other", f"{self.precision} decimals")
        return write_varint(self.value) + write_varint(self.precision)

    @classmethod
    def from_wire(cls, data: bytes) -> Self:
        """Read the binary form; bytes after it are ignored, as in the reference."""
        value, at = read_varint(data, 0)
        precision, _ = read_varint(data, at)
        if precision > _MOST_DIGITS:
            raise WireError("other", f"{precision} decimals")
        return cls(value, precision)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read digits with at most one point, "5." and ".5" too; raise WireError("bad_decimal") for other text.

        The reference also takes no digits at all for 0, several points (the last one counts), and numbers of more
        than 64 bits (cut to 64): amounts that nobody meant.
        """
        match = _DECIMAL_TEXT.fullmatch(text)
        if match is None:
            raise WireError("bad_decimal", "not digits with a point")
        whole, fraction = match[1], match[2] or ""
        value = int(whole + fraction)
        if value >= _VALUES:
            raise WireError("bad_decimal", "a number of more than 64 bits")
        return cls(value, len(fraction))

    def to_json(self) -> dict[str, Any]:
        """Return the two numbers, the text, and the binary form in hex."""
        return {
            "value": self.value,
            "precision": self.precision,
            "text": str(self),
            "binary": self.to_wire().hex(),
        }

    def normalised(self) -> Self:
        """Return the same amount without zeros at the end of its decimals."""
        value, precision = self.value, self.precision
        while precision and not value % 10:
            value, precision = value // 10, precision - 1
        return type(self)(value, precision)

    def __add__(self, other: Decimal) -> Decimal:
        mine, theirs, precision = self._aligned(other)
        return Decimal(mine + theirs, precision)

    def __sub__(self, other: Decimal) -> Decimal:
        mine, theirs, precision = self._aligned(other)
        if theirs > mine:
            raise WireError("negative_decimal", "the difference is below zero")
        return Decimal(mine - theirs, precision)

    def __mul__(self, other: Decimal | int) -> Decimal:
        times = Decimal(other) if isinstance(other, int) else other
        if times.value < 0:
            raise WireError("negative_decimal", "the product is below zero")
        return Decimal(self.value * times.value, self.precision + times.precision)

    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Decimal):
            return NotImplemented
        mine, theirs, _ = self._aligned(other)
        return mine == theirs

    def __lt__(self, other: Decimal) -> bool:
        mine, theirs, _ = self._aligned(other)
        return mine < theirs

    def __hash__(self) -> int:
        least = self.normalised()
        return hash((least.value, least.precision))

    def __bool__(self) -> bool:
        """Say whether there is anything to write."""
        return bool(self.value or self.precision)

    def __str__(self) -> str:
        """Return digits with a point."""
        digits = str(self.value).rjust(self.precision + 1, "0")
        return f"{digits[: -self.precision]}.{digits[-self.precision :]}" if self.precision else digits

    def _aligned(self, other: Decimal) -> tuple[int, int, int]:
        """Return both values as they are at the larger precision, and that precision."""
        precision = max(self.precision, other.precision)
        return (
            self.value * 10 ** (precision - self.precision),
            other.value * 10 ** (precision - other.precision),
            precision,
        )


class PeriodUnit(IntEnum):
    """The units of a period."""

    UNSET = 0
    SECOND = 1
    MINUTE = 2
    HOUR = 3
    DAY = 4
    WEEK = 5
    MONTH = 6
    YEAR = 7

    @property
    def text(self) -> str:
        """The name of one, in small letters; none for no unit."""
        return self.name.lower() if self else ""


_UNITS = {unit.text: unit for unit in PeriodUnit if unit}
_UNIT_TEXTS = {int(unit): unit.text for unit in PeriodUnit}


@dataclass(frozen=True, slots=True)
class Period:
    """`count` times a unit; `unit` stays a plain number, since others may come."""

    count: int = 0
    unit: int = 0

    def to_wire(self) -> bytes:
        """Return the binary form: nothing, the unit alone for one, or the unit and the count."""
        if not self.unit:
            return b""
        if not 0 < self.unit < 1 << 8:
            raise WireError("other", "a unit of more than a byte")
        return bytes((self.unit,)) + (b"" if self.count == 1 else write_varint(self.count))

    @classmethod
    def from_wire(cls, data: bytes) -> Self:
        """Read the binary form."""
        if not data:
            return cls()
        return cls(1 if len(data) == 1 else read_varint(data, 1)[0], data[0])

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read "day" or "2 days", one or many in either form; raise WireError("bad_period") for other text.

        The reference also takes counts below zero, and makes them large ones.
        """
        match = _PERIOD_TEXT.fullmatch(text)
        unit = _UNITS.get(match[2]) if match else None
        if match is None or unit is None:
            raise WireError("bad_period", "not a count and a unit")
        count = int(match[1] or 1)
        if count >= _VALUES:
            raise WireError("bad_period", "a count of more than 64 bits")
        return cls(count, int(unit))

    def to_json(self) -> dict[str, Any]:
        """Return the two numbers, the text, and the binary form in hex."""
        return {"count": self.count, "type": self.unit, "text": str(self), "binary": self.to_wire().hex()}

    def __bool__(self) -> bool:
        """Say whether there is anything to write."""
        return self.unit != 0 or self.count != 0

    def __str__(self) -> str:
        """Return "day" for one, "2 days" for more; nothing for a count of zero or a unit without a name."""
        unit = _UNIT_TEXTS.get(self.unit)
        if not unit or not self.count:
            return ""
        return unit if self.count == 1 else f"{self.count} {unit}s"
