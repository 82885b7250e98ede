"""Kinds of field that hold values of another kind: pointers, lists and arrays (wire-format 3)."""

from __future__ import annotations

from dataclasses import dataclass

from channels_desktop.wire.objects import Struct
from channels_desktop.wire.source import Kind, Source


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
        _write_each(self.of, out, value)

    def read(self, out: Source, target: str) -> None:
        """Append reading of the count, checked against the bytes left, and of the items."""
        count = out.local()
        out.read_small(count, "read_number")
        out.add(f"if not 0 <= {count} <= e - p: raise WireError('eof', f'a list of {{{count}}} items')")
        _read_each(self.of, out, target, count)
        out.add(f"{target} = tuple({target}) or EMPTY")


@dataclass(frozen=True)
class Array(Kind):
    """A list of always `size` items, without a count; it is left out where all of them are zero."""

    of: Kind
    size: int

    @property
    def zero(self) -> object:  # type: ignore[override]
        """So many zeros."""
        return (self.of.zero,) * self.size

    @property
    def name(self) -> str:
        """Mark the kind inside."""
        return f"[{self.size} {self.of.name}]"

    def written(self, value: str) -> str:
        """Leave out an array of zeros."""
        return f"any({self.of.written('i')} for i in {value})"

    def write(self, out: Source, value: str) -> None:
        """Append the items."""
        out.add(f"if len({value}) != {self.size}: raise WireError('wrong_size', 'not {self.size} items')")
        _write_each(self.of, out, value)

    def read(self, out: Source, target: str) -> None:
        """Append reading of the items."""
        out.add("k -= 1")  # there is no item before the first of these
        _read_each(self.of, out, target, str(self.size))
        out.add(f"{target} = tuple({target})")


def _write_each(kind: Kind, out: Source, values: str) -> None:
    item = out.local()
    with out.block(f"for {item} in {values}:"):
        if isinstance(kind, Pointer):
            out.add(f'if {item} is None: o.append(b"\\x00"); continue')
            out.add('o.append(b"\\x51")')
        kind.write(out, item)


def _read_each(kind: Kind, out: Source, target: str, count: str) -> None:
    """Append reading of `count` items into a list; one that may be absent follows a flag."""
    item, add = out.local(), out.local()
    out.add(f"k += {count}")
    out.add(f"{target} = []; {add} = {target}.append")
    with out.block(f"for {item} in range({count}):"):
        if isinstance(kind, Pointer):
            out.add("if b[p] == 81: p += 1")
            with out.block("else:"):
                out.add(f"{item}, p = read_unsigned(b, p)")
                out.add(f"if not {item}: {add}(None); continue")
            out.add("k += 1")
        if isinstance(kind, Pointer) and isinstance(kind.of, Struct):
            start = out.local()
            out.add(f"{start} = p")
            kind.read(out, item)
            # The reference reads a present object of no fields as an absent one, one of fewer than none as zeros.
            out.add(f"if not {item}.__dict__ and not read_number(b, {start})[0]: {item} = None")
        else:
            kind.read(out, item)
        out.add(f"{add}({item})")
