"""Decimals and periods, the two small values with a binary form of their own (wire-format 8)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from channels_desktop.errors import WireError

_MOST_DIGITS = 255


def write_varint(value: int) -> bytes:
    """Return `value` (0 to 2^64 - 1) as bitcoin's variable length integer."""
    if value < 0xFD:
        return bytes((value,))
    for mark, size in ((b"\xfd", 2), (b"\xfe", 4), (b"\xff", 8)):
        if value < 1 << 8 * size:
            return mark + value.to_bytes(size, "little")
    raise WireError("bad_varint", "more than 64 bits")


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a canonical variable length integer; return it and the position after it."""
    if at >= len(data):
        raise WireError("eof", "no number where one is expected")
    first = data[at]
    if first < 0xFD:
        return first, at + 1
    size = 1 << (first - 0xFC)
    end = at + 1 + size
    if end > len(data):
        raise WireError("unexpected_eof", "a number is cut off")
    value = int.from_bytes(data[at + 1 : end], "little")
    if len(write_varint(value)) != size + 1:
        raise WireError("bad_varint", "a number takes more bytes than it needs")
    return value, end


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
