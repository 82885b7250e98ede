"""The text of a generated writer or reader, and what a kind of field adds to it.

A writer appends whole script items of the message `m` to the list `o` (one entry is one item, so `len(o)` counts
items). A reader takes values from the buffer `b` of length `e` at position `p`; it moves `p` and adds to `k` the items
it takes beyond the first, which whoever asked for the value has counted. It may let `IndexError` out where the buffer
ends. What programs usually write is read in place; everything else goes through the functions of `script`.
"""

from __future__ import annotations

import linecache
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from channels_desktop.errors import WireError
from channels_desktop.wire import script, times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class _EmptySlice(tuple[Any, ...]):
    """An empty list that is present: written as its count, where `()` is left out."""

    __slots__ = ()


class _EmptyBytes(bytes):
    """Empty bytes that are present: written as an empty push, where `b""` is left out."""

    __slots__ = ()


EMPTY = _EmptySlice()
EMPTY_BYTES = _EmptyBytes()

_NAMES: dict[str, Any] = {
    "BYTE": script.BYTE,
    "EMPTY": EMPTY,
    "EMPTY_BYTES": EMPTY_BYTES,
    "Moment": times.Moment,
    "SMALL": script.SMALL,
    "WireError": WireError,
    "from_bytes": int.from_bytes,
    "new": object.__new__,
    "number": script.number,
    "push": script.push,
    "read_bytes": script.read_bytes,
    "read_item": script.read_item,
    "read_number": script.read_number,
    "read_push": script.read_push,
    "read_unsigned": script.read_unsigned,
}
"""What the generated text may call by name."""


@dataclass
class Source:
    """Lines of one generated function and the names it refers to."""

    lines: list[str] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=lambda: dict(_NAMES))
    depth: int = 1
    locals_used: int = 0

    def add(self, line: str) -> None:
        """Append a line at the current depth."""
        self.lines.append("    " * self.depth + line)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Append `head`, and what is added inside the `with` below it."""
        self.add(head)
        self.depth += 1
        yield
        self.depth -= 1

    def local(self) -> str:
        """Return the name of a new local variable; names are numbers, so no field can clash with them."""
        self.locals_used += 1
        return f"v{self.locals_used}"

    def constant(self, value: object) -> str:
        """Return a name for `value` in the function's globals."""
        name = f"c{len(self.names)}"
        self.names[name] = value
        return name

    def write_push(self, value: str) -> None:
        """Append the push of a variable that holds bytes."""
        self.add(f"o.append(BYTE[len({value})] + {value} if len({value}) <= 75 else push({value}))")

    def write_number(self, value: str) -> None:
        """Append the script number of a variable."""
        self.add(f"o.append(SMALL[{value}] if 0 <= {value} <= 16 else number({value}))")

    def read_small(self, target: str, reader: str) -> None:
        """Append reading of a number: 1 to 16 in place, all others through `reader`."""
        self.add(f"{target} = b[p] - 80")
        self.add(f"if 1 <= {target} <= 16: p += 1")
        self.add(f"else: {target}, p = {reader}(b, p)")

    def read_number(self, target: str, reader: str) -> None:
        """Append reading of a number that is rarely small: numbers from 0 of up to 7 bytes are read in place."""
        end = self.local()
        self.add(f"{target} = b[p]")
        self.add(f"if 0 < {target} < 8 and ({end} := p + {target}) < e and b[{end}] < 128:")
        self.add(f"    {target} = from_bytes(b[p + 1 : {end} + 1], 'little'); p = {end} + 1")
        self.add(f"elif 81 <= {target} <= 96: {target} -= 80; p += 1")
        self.add(f"else: {target}, p = {reader}(b, p)")

    def read_bytes(self, target: str) -> None:
        """Append reading of an item as bytes: a short push in place."""
        end = self.local()
        self.add(f"{end} = p + b[p] + 1")
        self.add(f"if 1 <= b[p] <= 75 and {end} <= e: {target} = b[p + 1 : {end}]; p = {end}")
        self.add(f"else: {target}, p = read_bytes(b, p)")

    def compiled(self, signature: str, label: str) -> Callable[..., Any]:
        """Return the function; `label` is the file name under which tracebacks show its lines."""
        text = "\n".join([f"def {signature}:", *self.lines]) + "\n"
        linecache.cache[label] = (len(text), None, text.splitlines(keepends=True), label)
        exec(compile(text, label, "exec"), self.names)  # noqa: S102 - the text is made here, from declarations alone
        return cast("Callable[..., Any]", self.names[signature.partition("(")[0]])


class Kind(ABC):
    """One kind of value. `zero` is the value a missing field has."""

    zero: object = None

    @property
    @abstractmethod
    def name(self) -> str:
        """What a schema calls this kind."""

    def written(self, value: str) -> str:
        """Return the condition under which a field of this kind is written at all."""
        return value

    @abstractmethod
    def write(self, out: Source, value: str) -> None:
        """Append the lines that write `value`."""

    @abstractmethod
    def read(self, out: Source, target: str) -> None:
        """Append the lines that read a value into `target`, counting the items after its first."""
