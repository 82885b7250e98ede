"""Kinds of field that hold values of other kinds (wire-format 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from channels_desktop.wire.source import Kind, Source

if TYPE_CHECKING:
    from channels_desktop.wire.bsor import Message


@dataclass(frozen=True)
class Pointer(Kind):
    """A value that may be absent; a present zero value is written."""

    of: Kind

    @property
    def name(self) -> str:
        """Mark the kind inside."""
        return f"?{self.of.name}"

    def written(self, value: str) -> str:
        """Presence is the mark."""
        return f"{value} is not None"

    def write(self, out: Source, value: str) -> None:
        """Append the value without a flag."""
        self.of.write(out, value)

    def read(self, out: Source, target: str) -> None:
        """Append reading of the value."""
        self.of.read(out, target)


@dataclass(frozen=True)
class Slice(Kind):
    """A list: its count, then its items; items that may be absent carry a flag each."""

    of: Kind
    zero: object = ()

    @property
    def name(self) -> str:
        """Mark the kind inside."""
        return f"[{self.of.name}]"

    def written(self, value: str) -> str:
        """Write a list that has items or is present though empty."""
        return f"{value} or {value} is EMPTY"

    def write(self, out: Source, value: str) -> None:
        """Append the count and the items."""
        out.add(f"o.append(number(len({value})))")
        item = out.local()
        with out.block(f"for {item} in {value}:"):
            if isinstance(self.of, Pointer):
                out.add(f'if {item} is None: o.append(b"\\x00"); continue')
                out.add('o.append(b"\\x51")')
            self.of.write(out, item)

    def read(self, out: Source, target: str) -> None:
        """Append reading of the count, checked against the bytes left, and of the items."""
        count, item, turn = out.local(), out.local(), out.local()
        out.read_small(count, "read_number")
        out.add(f"if not 0 <= {count} <= len(b) - p: raise WireError('eof', f'a list of {{{count}}} items')")
        out.add(f"{target} = []")
        with out.block(f"for {turn} in range({count}):"):
            if isinstance(self.of, Pointer):
                out.add(f"{item}, p = read_unsigned(b, p)")
                out.add(f"if not {item}: {target}.append(None); continue")
            self.of.read(out, item)
            if isinstance(self.of, Pointer) and isinstance(self.of.of, Struct):
                # The reference reads a present object without fields as an absent one.
                out.add(f"if {item} == {out.constant(self.of.of.zero)}: {item} = None")
            out.add(f"{target}.append({item})")
        out.add(f"{target} = tuple({target}) if {target} else EMPTY")


@dataclass(frozen=True)
class Struct(Kind):
    """A nested message. A field that holds only zero values is left out."""

    of: type[Message]

    @property
    def zero(self) -> object:  # type: ignore[override]
        """The message with no field set."""
        return self.of()

    @property
    def name(self) -> str:
        """Name the class."""
        return self.of.__name__

    def write(self, out: Source, value: str) -> None:
        """Append the nested object."""
        out.add(f"{out.constant(self.of.write_items)}({value}, o)")

    def read(self, out: Source, target: str) -> None:
        """Append reading of the nested object."""
        out.add(f"{target}, p = {out.constant(self.of.read_items)}(b, p)")
