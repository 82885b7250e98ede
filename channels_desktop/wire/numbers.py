"""Numbers and truth values as kinds of field (wire-format 2 and 3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from channels_desktop.wire.source import Kind, Source

_MOST_BITS = 64
_DOUBLE = struct.Struct("<d")
_SINGLE = struct.Struct("<f")


@dataclass(frozen=True)
class Unsigned(Kind):
    """A number from 0; read numbers are cut to `bits`, as the reference does."""

    bits: int = _MOST_BITS
    zero: object = 0

    @property
    def name(self) -> str:
        """Name the width."""
        return f"u{self.bits}"

    def write(self, out: Source, value: str) -> None:
        """Append one script number."""
        out.write_number(value)

    def read(self, out: Source, target: str) -> None:
        """Append reading of one unsigned script number."""
        out.read_number(target, "read_unsigned")
        if self.bits < _MOST_BITS:
            out.add(f"{target} &= {(1 << self.bits) - 1}")


@dataclass(frozen=True)
class Signed(Kind):
    """A number of either sign, wrapped into `bits` when read."""

    bits: int = _MOST_BITS
    zero: object = 0

    @property
    def name(self) -> str:
        """Name the width."""
        return f"i{self.bits}"

    def write(self, out: Source, value: str) -> None:
        """Append one script number."""
        out.write_number(value)

    def read(self, out: Source, target: str) -> None:
        """Append reading of one signed script number."""
        out.read_number(target, "read_number")
        if self.bits < _MOST_BITS:
            half = 1 << (self.bits - 1)
            out.add(f"{target} = ({target} + {half} & {2 * half - 1}) - {half}")


@dataclass(frozen=True)
class Bool(Kind):
    """True or false; whatever is written at all is written as true (wire-format 3)."""

    zero: object = False

    @property
    def name(self) -> str:
        """Name the kind."""
        return "bool"

    def write(self, out: Source, value: str) -> None:
        """Append OP_1: a false value in a container is lost, as in the reference."""
        del value
        out.add('o.append(b"\\x51")')

    def read(self, out: Source, target: str) -> None:
        """Append reading of a number as a truth value."""
        out.add(f"{target}, p = read_unsigned(b, p)")
        out.add(f"{target} = {target} != 0")


@dataclass(frozen=True)
class Float(Kind):
    """An IEEE number, little endian, in 8 bytes or (`single`) in 4."""

    single: bool = False
    zero: object = 0.0

    @property
    def name(self) -> str:
        """Name the width."""
        return "f32" if self.single else "f64"

    def write(self, out: Source, value: str) -> None:
        """Append one push."""
        out.add(f"o.append(push({out.constant(self._packer.pack)}({value})))")

    def read(self, out: Source, target: str) -> None:
        """Append reading of the first bytes of one push."""
        out.add(f"{target}, p = read_bytes(b, p)")
        out.add(f'if len({target}) < {self._packer.size}: raise WireError("unexpected_eof", "a float is cut")')
        out.add(f"{target} = {out.constant(self._packer.unpack_from)}({target})[0]")

    @property
    def _packer(self) -> struct.Struct:
        return _SINGLE if self.single else _DOUBLE
