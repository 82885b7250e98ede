"""Messages inside messages: a count of fields, then the id and the value of each that is set (wire-format 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from channels_desktop.wire.script import number
from channels_desktop.wire.source import Kind, Source

if TYPE_CHECKING:
    from channels_desktop.wire.bsor import Message

_MOST_SMALL = 16
_SMALL_CODE = 80  # OP_1 is 81


@dataclass(frozen=True)
class Struct(Kind):
    """A message. A field that holds only zero values is left out.

    Fields are read in place as long as they come in the order of declaration, as everybody writes them; where they do
    not, `Message.read_any_order` reads the object again from its start.
    """

    of: type[Message]

    @property
    def zero(self) -> object:  # type: ignore[override]
        """The message with no field set."""
        return self.of()

    @property
    def name(self) -> str:
        """Name the class."""
        return self.of.__name__

    def written(self, value: str) -> str:
        """Write an object of which any field is written."""
        return " or ".join(f"({kind.written(f'{value}.{name}')})" for _, name, kind in self.of.FIELDS) or "False"

    def write(self, out: Source, value: str) -> None:
        """Append the object; of a bare message, its one value."""
        if self.of.BARE:
            _, name, kind = self.of.FIELDS[0]
            kind.write(out, f"{value}.{name}")
            return
        at, count = out.local(), out.local()
        out.add(f"{at} = len(o); o.append(b''); {count} = 0")
        for field_id, name, kind in self.of.FIELDS:
            field = out.local()
            out.add(f"{field} = {value}.{name}")
            if isinstance(kind, Struct):
                mark = out.local()
                out.add(f"{mark} = len(o); o.append({number(field_id)!r})")
                kind.write(out, field)
                out.add(f"if o[{mark} + 1] == b'\\x00': del o[{mark}:]")
                out.add(f"else: {count} += 1")
                continue
            with out.block(f"if {kind.written(field)}:"):
                out.add(f"o.append({number(field_id)!r}); {count} += 1")
                kind.write(out, field)
        out.add(f"o[{at}] = SMALL[{count}] if {count} <= 16 else number({count})")

    def read(self, out: Source, target: str) -> None:
        """Append reading of the object."""
        if self.of.BARE:
            _, name, kind = self.of.FIELDS[0]
            value = out.local()
            kind.read(out, value)
            out.add(f"{target} = new({out.constant(self.of)}); {target}.__dict__[{name!r}] = {value}")
            return
        start, counted, left, fields = out.local(), out.local(), out.local(), out.local()
        cls = out.constant(self.of)
        out.add(f"{start} = p; {counted} = k; {left} = b[p] - {_SMALL_CODE}; p += 1")
        out.add(f"{target} = new({cls}); {fields} = {target}.__dict__")
        with out.block(f"if 0 < {left} <= {_MOST_SMALL}:"):
            out.add(f"k += {left} + {left}")
            for position, (field_id, name, kind) in enumerate(self.of.FIELDS):
                if field_id > _MOST_SMALL:
                    continue
                with out.block(
                    f"if {left} and b[p] == {_SMALL_CODE + field_id}:"
                    if position
                    else f"if b[p] == {_SMALL_CODE + field_id}:"
                ):
                    value = out.local()
                    out.add("p += 1")
                    kind.read(out, value)
                    out.add(f"{fields}[{name!r}] = {value}; {left} -= 1")
        out.add(f"elif {left} == {-_SMALL_CODE}: {left} = 0")
        out.add(f"elif not {left}: {left} = 1")  # OP_RESERVED is no number, as the other reader says
        with out.block(f"if {left}:"):
            out.add(f"{target}, p, k = {cls}.read_any_order(b, {start}); k += {counted} - 1")

    def read_any_order(self, out: Source, target: str) -> None:
        """Append reading of the object whatever the order of its fields; of two with one id the last counts."""
        count, field_id, fields = out.local(), out.local(), out.local()
        out.read_small(count, "read_number")
        out.add(f"k += 2 * max({count}, 0)")
        out.add(f"{target} = new({out.constant(self.of)}); {fields} = {target}.__dict__")
        with out.block(f"for {count} in range({count}):"):
            out.read_small(field_id, "read_number")
            for known, name, kind in self.of.FIELDS:
                with out.block(f"if {field_id} == {known}:"):
                    value = out.local()
                    kind.read(out, value)
                    out.add(f"{fields}[{name!r}] = {value}")
                    out.add("continue")
            out.add(f'raise WireError("unknown_field", f"{self.name} has no field {{{field_id}}}")')
