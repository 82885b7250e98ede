"""Bytes, texts and binary values as kinds of field: each is one push (wire-format 3 and 8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from channels_desktop.wire import times
from channels_desktop.wire.script import push
from channels_desktop.wire.source import Kind, Source

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Bytes(Kind):
    """Any bytes; empty ones are written only as `EMPTY_BYTES`."""

    zero: object = b""

    @property
    def name(self) -> str:
        """Name the kind."""
        return "bytes"

    def written(self, value: str) -> str:
        """Write bytes that are there or are present though empty."""
        return f"{value} or {value} is EMPTY_BYTES"

    def write(self, out: Source, value: str) -> None:
        """Append one push."""
        out.write_push(value)

    def read(self, out: Source, target: str) -> None:
        """Append reading of one item as bytes."""
        out.read_bytes(target)


@dataclass(frozen=True)
class Pushed(Bytes):
    """Bytes that must come as a push, `size` of them unless it is 0; `error` is the kind of error otherwise."""

    size: int = 0
    error: str = "not_push_data"

    @property
    def name(self) -> str:
        """Name the size."""
        return f"push{self.size or ''}"

    def read(self, out: Source, target: str) -> None:
        """Append reading of one push of the demanded size."""
        out.add(f"{target}, p = read_item(b, p)")
        wrong = f"type({target}) is not bytes" + (f" or len({target}) != {self.size}" if self.size else "")
        out.add(f"if {wrong}: raise WireError({self.error!r}, 'not the pushed data expected')")


@dataclass(frozen=True)
class Exact(Bytes):
    """Exactly `size` bytes."""

    size: int = 32

    @property
    def name(self) -> str:
        """Name the size."""
        return f"bytes{self.size}"

    def write(self, out: Source, value: str) -> None:
        """Append one push of the demanded size."""
        self._check(out, value)
        super().write(out, value)

    def read(self, out: Source, target: str) -> None:
        """Append reading of one push and the check of its size."""
        super().read(out, target)
        self._check(out, target)

    def _check(self, out: Source, value: str) -> None:
        out.add(f'if len({value}) != {self.size}: raise WireError("wrong_size", "not {self.size} bytes")')


@dataclass(frozen=True)
class PublicKey(Exact):
    """A compressed public key: 02 or 03 first. The curve is checked where the key is used.

    The reference takes any first byte for 02 (wire-format 8).
    """

    size: int = 33

    @property
    def name(self) -> str:
        """Name the kind."""
        return f"key{self.size}"

    def read(self, out: Source, target: str) -> None:
        """Append reading of 33 bytes."""
        super().read(out, target)
        out.add(f"if {target}[0] not in (2, 3): raise WireError('invalid_key', 'neither 02 nor 03 first')")


@dataclass(frozen=True)
class Padded(Kind):
    """A byte array of `size`: shorter data is padded with zeros, longer data cut, all zeros is no value."""

    size: int = 32

    @property
    def zero(self) -> object:  # type: ignore[override]
        """An array of zeros."""
        return bytes(self.size)

    @property
    def name(self) -> str:
        """Name the size."""
        return f"array{self.size}"

    def written(self, value: str) -> str:
        """Leave out an array of zeros."""
        return f"any({value})"

    def write(self, out: Source, value: str) -> None:
        """Append one push."""
        out.write_push(value)

    def read(self, out: Source, target: str) -> None:
        """Append reading of one item, padded or cut."""
        out.read_bytes(target)
        out.add(f'{target} = {target}[:{self.size}].ljust({self.size}, b"\\x00")')


@dataclass(frozen=True)
class Text(Kind):
    """UTF-8 text; bytes that are not UTF-8 survive as surrogate escapes, so that nothing read is lost."""

    zero: object = ""

    @property
    def name(self) -> str:
        """Name the kind."""
        return "text"

    def write(self, out: Source, value: str) -> None:
        """Append one push of the encoded text."""
        name = out.local()
        out.add(f"try: {name} = {value}.encode('utf-8', 'surrogateescape')")
        out.add("except UnicodeEncodeError: raise WireError('bad_text', 'half of a surrogate pair') from None")
        out.write_push(name)

    def read(self, out: Source, target: str) -> None:
        """Append reading of one item as text."""
        out.read_bytes(target)
        _decode(out, target)


@dataclass(frozen=True)
class SizedText(Text):
    """Text of so many bytes, unless it is empty and left out."""

    size: int = 0

    @property
    def name(self) -> str:
        """Name the size."""
        return f"text{self.size}"

    def write(self, out: Source, value: str) -> None:
        """Append one push of the demanded size."""
        super().write(out, value)
        out.add(f'if len(o[-1]) != {len(push(bytes(self.size)))}: raise WireError("bsor_value_conversion", "size")')

    def read(self, out: Source, target: str) -> None:
        """Append reading of one push and the check of its size."""
        out.read_bytes(target)
        out.add(f'if len({target}) != {self.size}: raise WireError("bsor_value_conversion", "size")')
        _decode(out, target)


@dataclass(frozen=True)
class PushedText(Text):
    """Text that must come as a push, so never empty (wire-format 5, NOTE and SID)."""

    @property
    def name(self) -> str:
        """Name the kind."""
        return "words"

    def read(self, out: Source, target: str) -> None:
        """Append reading of one push as text."""
        out.add(f"{target}, p = read_push(b, p)")
        _decode(out, target)


def _decode(out: Source, target: str) -> None:
    """Append decoding of bytes into text, the common case first: it takes half the time."""
    out.add(f"try: {target} = {target}.decode()")
    out.add(f"except UnicodeDecodeError: {target} = {target}.decode('utf-8', 'surrogateescape')")


@dataclass(frozen=True)
class Coded(Kind):
    """A value with a binary form of its own, written by `to_wire` and read by `from_wire`, in one push.

    `from_wire` raises WireError and nothing else. `pushed` is the kind of error where the item must be a push and is
    an op code; without it any item is taken.
    """

    to_wire: Callable[[Any], bytes]
    from_wire: Callable[[bytes], Any]
    zero: object = None
    pushed: str = ""

    @property
    def name(self) -> str:
        """Name the class whose values are written."""
        return f"binary {self.to_wire.__qualname__.partition('.')[0]}"

    def write(self, out: Source, value: str) -> None:
        """Append one push of the binary form."""
        name = out.local()
        if self.zero is None:
            out.add(f"if {value} is None: raise WireError('no_value', 'a value that can not be left out')")
        out.add(f"{name} = {out.constant(self.to_wire)}({value})")
        out.write_push(name)

    def read(self, out: Source, target: str) -> None:
        """Append reading of one item through `from_wire`."""
        if self.pushed:
            Pushed(error=self.pushed).read(out, target)
        else:
            out.read_bytes(target)
        out.add(f"{target} = {out.constant(self.from_wire)}({target})")


@dataclass(frozen=True)
class Instant(Kind):
    """Nanoseconds since 1970 in the form that hosts use for times (wire-format 8, `times`)."""

    zero: object = 0

    @property
    def name(self) -> str:
        """Name the kind."""
        return "instant"

    def written(self, value: str) -> str:
        """Write every time but 0; the epoch is a `Moment`."""
        return f"{value} or type({value}) is Moment"

    def write(self, out: Source, value: str) -> None:
        """Append one push."""
        out.add(f"o.append(push({out.constant(times.write_instant)}({value})))")

    def read(self, out: Source, target: str) -> None:
        """Append reading of one item as an instant."""
        out.read_bytes(target)
        out.add(f"{target} = {out.constant(times.read_instant)}({target})")
