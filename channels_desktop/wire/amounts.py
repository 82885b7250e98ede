"""Decimals and periods, the two small values with a binary form of their own (wire-format 8)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from channels_desktop.errors import WireError
from channels_desktop.wire.varints import read_varint, write_varint

_MOST_DIGITS = 255


@dataclass(frozen=True, slots=True)
class Decimal:
    """`value` / 10^`precision`, never negative."""

    value: int = 0
    precision: int = 0

    def to_wire(self) -> bytes:
        """Return the binary form."""
        return write_varint(self.value) + write_varint(self.precision)

    @classmethod
    def from_wire(cls, data: bytes) -> Decimal:
        """Read the binary form; bytes after it are ignored, as in the reference."""
        value, at = read_varint(data, 0)
        precision, _ = read_varint(data, at)
        if precision > _MOST_DIGITS:
            raise WireError("other", f"{precision} decimals")
        return cls(value, precision)

    def __bool__(self) -> bool:
        """Say whether there is anything to write."""
        return bool(self.value or self.precision)

    def __str__(self) -> str:
        """Return digits with a point."""
        digits = str(self.value).rjust(self.precision + 1, "0")
        return f"{digits[: -self.precision]}.{digits[-self.precision :]}" if self.precision else digits


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


@dataclass(frozen=True, slots=True)
class Period:
    """`count` times a unit; `unit` stays a plain number, since others may come."""

    count: int = 0
    unit: int = 0

    def to_wire(self) -> bytes:
        """Return the binary form: nothing, the unit alone for one, or the unit and the count."""
        if not self.unit:
            return b""
        return bytes((self.unit,)) + (b"" if self.count == 1 else write_varint(self.count))

    @classmethod
    def from_wire(cls, data: bytes) -> Period:
        """Read the binary form."""
        if not data:
            return cls()
        return cls(1 if len(data) == 1 else read_varint(data, 1)[0], data[0])

    def __bool__(self) -> bool:
        """Say whether there is anything to write."""
        return self.unit != 0 or self.count != 0
