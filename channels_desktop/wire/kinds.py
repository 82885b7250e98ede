"""The kinds of value a message field can hold, each able to write the straight-line code that reads and writes it.

A kind emits Python source into a `Source`: for writing, lines that append whole script items to the list `o` (one
entry is one item, so `len(o)` counts items); for reading, lines that take a value from the buffer `b` at position `p`
and move `p`. Rules: wire-format 3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from channels_desktop.errors import WireError
from channels_desktop.wire import script, times

if TYPE_CHECKING:
    from collections.abc import Callable


class _EmptySlice(tuple[Any, ...]):
    """An empty list that is present: written as its count, where `()` is left out."""

    __slots__ = ()


EMPTY = _EmptySlice()


@dataclass
class Source:
    """Lines of one generated function and the constants it refers to."""

    lines: list[str] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    depth: int = 1
    locals_used: int = 0

    def add(self, line: str) -> None:
        """Append a line at the current depth."""
        self.lines.append("    " * self.depth + line)

    def local(self) -> str:
        """Return the name of a new local variable; names are numbers, so no field can clash with them."""
        self.locals_used += 1
        return f"v{self.locals_used}"

    def constant(self, value: object) -> str:
        """Return a name for `value` in the function's globals."""
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name


class Kind:
    """One kind of value. `zero` is the value a missing field has."""

    zero: Any = None

    def written(self, value: str) -> str:
        """Return the condition under which a field of this kind is written at all."""
        return value

    def write(self, out: Source, value: str) -> None:
        """Emit the lines that append `value` to `o`."""
        raise NotImplementedError

    def read(self, out: Source, target: str) -> None:
        """Emit the lines that read a value into `target`."""
        raise NotImplementedError


@dataclass(frozen=True)
class Unsigned(Kind):
    """A number from 0; read numbers are cut to `bits`, as the reference does."""

    bits: int = 64
    zero: Any = 0

    def write(self, out: Source, value: str) -> None:
        """Emit one script number."""
        out.add(f"o.append(SMALL[{value}] if 0 <= {value} <= 16 else number({value}))")

    def read(self, out: Source, target: str) -> None:
        """Emit reading of one unsigned script number."""
        _read_small(out, target, "read_unsigned")
        if self.bits < 64:
            out.add(f"{target} &= {(1 << self.bits) - 1}")


@dataclass(frozen=True)
class Signed(Kind):
    """A number of either sign, wrapped into `bits` when read."""

    bits: int = 64
    zero: Any = 0

    def write(self, out: Source, value: str) -> None:
        """Emit one script number."""
        out.add(f"o.append(number({value}))")

    def read(self, out: Source, target: str) -> None:
        """Emit reading of one signed script number."""
        _read_small(out, target, "read_number")
        if self.bits < 64:
            half = 1 << (self.bits - 1)
            out.add(f"{target} = ({target} + {half} & {2 * half - 1}) - {half}")


@dataclass(frozen=True)
class Bool(Kind):
    """True or false; whatever is written at all is written as true (wire-format 3)."""

    zero: Any = False

    def write(self, out: Source, value: str) -> None:
        """Emit OP_1: a false value in a container is lost, as in the reference."""
        del value
        out.add('o.append(b"\\x51")')

    def read(self, out: Source, target: str) -> None:
        """Emit reading of a number as a truth value."""
        out.add(f"{target}, p = read_unsigned(b, p)")
        out.add(f"{target} = {target} != 0")


@dataclass(frozen=True)
class Float(Kind):
    """An IEEE number of 4 or 8 bytes, little endian."""

    size: int = 8
    zero: Any = 0.0

    def write(self, out: Source, value: str) -> None:
        """Emit one push."""
        out.add(f"o.append(push({out.constant(self._packer().pack)}({value})))")

    def read(self, out: Source, target: str) -> None:
        """Emit reading of the first bytes of one push."""
        out.add(f"{target}, p = read_bytes(b, p)")
        out.add(f'if len({target}) < {self.size}: raise WireError("unexpected_eof", "a float is cut")')
        out.add(f"{target} = {out.constant(self._packer().unpack_from)}({target})[0]")

    def _packer(self) -> struct.Struct:
        return struct.Struct("<d" if self.size == 8 else "<f")


@dataclass(frozen=True)
class Bytes(Kind):
    """Any bytes in one push."""

    zero: Any = b""

    def write(self, out: Source, value: str) -> None:
        """Emit one push."""
        _write_push(out, value)

    def read(self, out: Source, target: str) -> None:
        """Emit reading of one item as bytes."""
        _read_short_push(out, target, "read_bytes")


@dataclass(frozen=True)
class Pushed(Bytes):
    """Bytes that must come as a push, `size` of them unless it is 0; `error` is the kind of error otherwise."""

    size: int = 0
    error: str = "not_push_data"

    def written(self, value: str) -> str:
        """Write always: these stand where nothing can be left out."""
        del value
        return "True"

    def read(self, out: Source, target: str) -> None:
        """Emit reading of one push of the demanded size."""
        out.add(f"{target}, p = read_item(b, p)")
        wrong = f"type({target}) is not bytes" + (f" or len({target}) != {self.size}" if self.size else "")
        out.add(f"if {wrong}: raise WireError({self.error!r}, 'not the pushed data expected')")


@dataclass(frozen=True)
class Exact(Bytes):
    """Exactly `size` bytes."""

    size: int = 32

    def read(self, out: Source, target: str) -> None:
        """Emit reading of one push and the check of its size."""
        super().read(out, target)
        out.add(f'if len({target}) != {self.size}: raise WireError("wrong_size", "not {self.size} bytes")')


@dataclass(frozen=True)
class PublicKey(Exact):
    """A compressed public key; the curve is checked where the key is used."""

    size: int = 33

    def read(self, out: Source, target: str) -> None:
        """Emit reading of 33 bytes that start with 02 or 03."""
        super().read(out, target)
        out.add(f'if {target}[0] not in (2, 3): raise WireError("invalid_key", "not a compressed public key")')


@dataclass(frozen=True)
class Padded(Bytes):
    """A byte array of `size`: shorter data is padded with zeros, longer data cut, all zeros is no value."""

    size: int = 32

    def written(self, value: str) -> str:
        """Leave out an array of zeros."""
        return f"any({value})"

    def read(self, out: Source, target: str) -> None:
        """Emit reading of one item, padded or cut."""
        super().read(out, target)
        out.add(f'{target} = {target}[:{self.size}].ljust({self.size}, b"\\x00")')


@dataclass(frozen=True)
class Text(Kind):
    """UTF-8 text; bytes that are not UTF-8 survive as surrogate escapes, so that nothing read is lost."""

    zero: Any = ""

    def write(self, out: Source, value: str) -> None:
        """Emit one push of the encoded text."""
        name = out.local()
        out.add(f"{name} = {value}.encode('utf-8', 'surrogateescape')")
        _write_push(out, name)

    def read(self, out: Source, target: str) -> None:
        """Emit reading of one item as text."""
        _read_short_push(out, target, "read_bytes")
        out.add(f"{target} = {target}.decode('utf-8', 'surrogateescape')")


@dataclass(frozen=True)
class PushedText(Text):
    """Text that must come as a push, so never empty (wire-format 5, NOTE and SID)."""

    def written(self, value: str) -> str:
        """Write always."""
        del value
        return "True"

    def read(self, out: Source, target: str) -> None:
        """Emit reading of one push as text."""
        out.add(f"{target}, p = read_push(b, p)")
        out.add(f"{target} = {target}.decode('utf-8', 'surrogateescape')")


@dataclass(frozen=True)
class Instant(Kind):
    """Nanoseconds since 1970 in the 15 byte form that hosts use for times (wire-format 8)."""

    zero: Any = 0

    def write(self, out: Source, value: str) -> None:
        """Emit one push."""
        out.add(f"o.append(push({out.constant(times.write_instant)}({value})))")

    def read(self, out: Source, target: str) -> None:
        """Emit reading of one push."""
        out.add(f"{target}, p = read_bytes(b, p)")
        out.add(f"{target} = {out.constant(times.read_instant)}({target})")


@dataclass(frozen=True)
class Coded(Kind):
    """A value with a binary form of its own, written by `to_wire` and read by `from_wire`, in one push.

    `pushed` is the kind of error where the item must be a push and is an op code; without it any item is taken.
    """

    to_wire: Callable[[Any], bytes]
    from_wire: Callable[[bytes], Any]
    zero: Any = None
    pushed: str = ""

    def write(self, out: Source, value: str) -> None:
        """Emit one push of the binary form."""
        name = out.local()
        out.add(f"{name} = {out.constant(self.to_wire)}({value})")
        _write_push(out, name)

    def read(self, out: Source, target: str) -> None:
        """Emit reading of one item through `from_wire`."""
        if self.pushed:
            Pushed(error=self.pushed).read(out, target)
        else:
            _read_short_push(out, target, "read_bytes")
        out.add(f"{target} = {out.constant(self.from_wire)}({target})")


@dataclass(frozen=True)
class Pointer(Kind):
    """A value that may be absent; a present zero value is written (wire-format 3)."""

    of: Kind

    def written(self, value: str) -> str:
        """Presence is the mark."""
        return f"{value} is not None"

    def write(self, out: Source, value: str) -> None:
        """Emit the value without a flag."""
        self.of.write(out, value)

    def read(self, out: Source, target: str) -> None:
        """Emit reading of the value."""
        self.of.read(out, target)


@dataclass(frozen=True)
class Slice(Kind):
    """A list: its count, then its items; items that may be absent carry a flag each."""

    of: Kind
    zero: Any = ()

    def written(self, value: str) -> str:
        """Write a list that has items or is present though empty."""
        return f"{value} or {value} is EMPTY"

    def write(self, out: Source, value: str) -> None:
        """Emit the count and the items."""
        out.add(f"o.append(number(len({value})))")
        item = out.local()
        out.add(f"for {item} in {value}:")
        out.depth += 1
        if isinstance(self.of, Pointer):
            out.add(f'if {item} is None: o.append(b"\\x00"); continue')
            out.add('o.append(b"\\x51")')
        self.of.write(out, item)
        out.depth -= 1

    def read(self, out: Source, target: str) -> None:
        """Emit reading of the count, checked against the bytes left, and of the items."""
        count, item, turn = out.local(), out.local(), out.local()
        _read_small(out, count, "read_number")
        out.add(f"if not 0 <= {count} <= len(b) - p: raise WireError('eof', f'a list of {{{count}}} items')")
        out.add(f"{target} = []")
        out.add(f"for {turn} in range({count}):")
        out.depth += 1
        if isinstance(self.of, Pointer):
            out.add(f"{item}, p = read_unsigned(b, p)")
            out.add(f"if not {item}: {target}.append(None); continue")
        self.of.read(out, item)
        if isinstance(self.of, Pointer) and isinstance(self.of.of, Struct):
            out.add(f"{target}.append(None if {item} == {out.constant(self.of.of.zero)} else {item})")
        else:
            out.add(f"{target}.append({item})")
        out.depth -= 1
        out.add(f"{target} = tuple({target}) if {target} else EMPTY")


@dataclass(frozen=True)
class Struct(Kind):
    """A nested message. A field that holds only zero values is left out."""

    of: Any

    @property
    def zero(self) -> Any:
        """The message with no field set."""
        return self.of()

    def write(self, out: Source, value: str) -> None:
        """Emit the nested object."""
        out.add(f"{out.constant(self.of.write_items)}({value}, o)")

    def read(self, out: Source, target: str) -> None:
        """Emit reading of the nested object."""
        out.add(f"{target}, p = {out.constant(self.of.read_items)}(b, p)")


def _write_push(out: Source, value: str) -> None:
    out.add(f"o.append(bytes((len({value}),)) + {value} if len({value}) <= 75 else push({value}))")


def _read_small(out: Source, target: str, slow: str) -> None:
    out.add(f"{target} = b[p] - 80")
    out.add(f"if 1 <= {target} <= 16: p += 1")
    out.add(f"else: {target}, p = {slow}(b, p)")


def _read_short_push(out: Source, target: str, slow: str) -> None:
    end = out.local()
    out.add(f"{end} = b[p]")
    out.add(f"if 1 <= {end} <= 75 and p + {end} < len(b): {target} = b[p + 1 : p + 1 + {end}]; p += {end} + 1")
    out.add(f"else: {target}, p = {slow}(b, p)")


HELPERS: dict[str, Any] = {
    "SMALL": script.SMALL,
    "EMPTY": EMPTY,
    "WireError": WireError,
    "number": script.number,
    "push": script.push,
    "read_bytes": script.read_bytes,
    "read_item": script.read_item,
    "read_number": script.read_number,
    "read_push": script.read_push,
    "read_unsigned": script.read_unsigned,
}

U8 = Annotated[int, Unsigned(8)]
U16 = Annotated[int, Unsigned(16)]
U32 = Annotated[int, Unsigned(32)]
U64 = Annotated[int, Unsigned(64)]
I64 = Annotated[int, Signed(64)]
Nanoseconds = Annotated[int, Unsigned(64)]
Hash32 = Annotated[bytes, Exact(size=32)]
Key33 = Annotated[bytes, PublicKey()]
Uuid16 = Annotated[bytes, Pushed(size=16, error="invalid_uuid")]
TxId32 = Annotated[bytes, Pushed(size=32, error="invalid_txid")]
Words = Annotated[str, PushedText()]
HostTime = Annotated[int, Instant()]
