"""Messages declared as classes, and the codec generated for each of them (BSOR, wire-format 3).

    class Price(Message):
        token: TokenId = field(1)
        quantity: U64 | None = field(2)

The declaration is the schema. A class is frozen, keyword-only, and every field defaults to its zero value, which is
not written. `X | None` is a pointer, `tuple[X, ...]` a list, another `Message` a nested object. For each class a
straight-line writer and reader are generated when it is created; they show up in tracebacks with their source.
"""

from __future__ import annotations

import builtins
import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

from channels_desktop.errors import Misuse, WireError
from channels_desktop.wire import kinds
from channels_desktop.wire.kinds import EMPTY, Kind
from channels_desktop.wire.script import number
from channels_desktop.wire.source import Source

__all__ = ["EMPTY", "Message", "field", "kind_of", "present", "read_list", "write_list"]

T = TypeVar("T")
M = TypeVar("M", bound="Message")

_PLAIN: dict[object, Kind] = {str: kinds.Text(), bytes: kinds.Bytes(), bool: kinds.Bool(), float: kinds.Float()}


def field(number: int, *, shown_as: str = "") -> Any:  # noqa: ANN401 - a field is of the type its annotation says
    """Declare the wire id of a field; its zero value is its default.

    `shown_as` is the name that the reference's own JSON gives it, where that is another.
    """
    return dataclasses.field(metadata={"id": number, "shown_as": shown_as})


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Message:
    """A declared object. Subclass it; pass `bare=True` where its one field is written without count and id.

    `named` is the reference's name of the class, where that is another.
    """

    FIELDS: ClassVar[tuple[tuple[int, str, Kind], ...]] = ()
    BARE: ClassVar[bool] = False
    NAME: ClassVar[str] = ""

    write_items: ClassVar[Callable[[Any, list[bytes]], None]]
    read_items: ClassVar[Callable[[bytes, int], tuple[Any, int]]]

    def __init_subclass__(cls, *, bare: bool = False, named: str = "") -> None:
        """Turn the declaration into a frozen dataclass and generate its codec."""
        hints = typing.get_type_hints(cls, include_extras=True)
        declared = []
        for name, value in list(vars(cls).items()):
            if isinstance(value, dataclasses.Field):
                kind = kind_of(hints[name])
                declared.append((value.metadata["id"], name, kind))
                setattr(cls, name, dataclasses.field(default=kind.zero, metadata=value.metadata))
        ids = [number for number, _, _ in declared]
        if len(set(ids)) != len(ids) or any(not isinstance(number, int) or number < 1 for number in ids):
            raise Misuse(f"{cls.__name__}: field ids must be unique and positive")
        if bare and len(declared) != 1:
            raise Misuse(f"{cls.__name__}: a bare message has one field")
        cls.FIELDS, cls.BARE, cls.NAME = tuple(declared), bare, named or cls.__name__
        dataclasses.dataclass(frozen=True, kw_only=True)(cls)
        _generate(cls)

    def to_items(self) -> list[bytes]:
        """Return the script items of this message, in order."""
        out: list[bytes] = []
        type(self).write_items(self, out)
        return out

    def to_bytes(self) -> bytes:
        """Return the script bytes of this message."""
        return b"".join(self.to_items())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a message that is all of `data`; raise WireError otherwise."""
        value, at = cls.read_at(data, 0)
        if at != len(data):
            raise WireError("trailing_bytes", f"{len(data) - at} bytes after the object")
        return value

    @classmethod
    def read_at(cls, data: bytes, at: int) -> tuple[Self, int]:
        """Read a message at `at`; return it and the position after it."""
        try:
            return cls.read_items(data, at)
        except IndexError:
            raise WireError("eof", f"{cls.__name__} ends too soon") from None


def present(items: Iterable[T | None]) -> tuple[T, ...]:
    """Return `items` without the absent ones."""
    return tuple(item for item in items if item is not None)


def write_list(items: Sequence[Message]) -> bytes:
    """Return a list of present objects as it stands at top level: count, then flagged items."""
    out = [number(len(items))]
    for item in items:
        out.append(b"\x51")
        out.extend(item.to_items())
    return b"".join(out)


def read_list(of: type[M], data: bytes) -> tuple[M, ...]:
    """Read what `write_list` writes; absent items are passed over."""
    try:
        items, _ = _list_reader(of)(data, 0)  # type: ignore[arg-type]  # a class is hashable, whatever its instances are
    except IndexError:
        raise WireError("eof", "the list ends too soon") from None
    return present(items)


@functools.cache
def _list_reader(of: type[Message]) -> Callable[[bytes, int], tuple[Any, int]]:
    source = Source()
    kinds.Slice(kinds.Pointer(kinds.Struct(of))).read(source, "m")
    source.add("return m, p")
    return source.compiled("r(b, p)", f"<list reader of {of.__module__}.{of.__qualname__}>")


def kind_of(hint: object) -> Kind:
    """Return the kind that an annotation names; raise Misuse where it names none."""
    match typing.get_origin(hint), typing.get_args(hint):
        case typing.Annotated, (_, Kind() as kind):
            return kind
        case ((types.UnionType | typing.Union), (inner, types.NoneType) | (types.NoneType, inner)):
            return kinds.Pointer(kind_of(inner))
        case builtins.tuple, (inner, builtins.Ellipsis):
            return kinds.Slice(kind_of(inner))
        case _:
            return _kind_of_class(hint)


def _kind_of_class(hint: object) -> Kind:
    if hint in _PLAIN:
        return _PLAIN[hint]
    if isinstance(hint, type) and issubclass(hint, Message):
        return kinds.Struct(hint)
    if hasattr(hint, "from_wire"):
        binary: Any = hint
        return kinds.Coded(binary.to_wire, binary.from_wire, zero=binary())
    raise Misuse(f"no kind of field for {hint!r}")


def _generate(cls: type[Message]) -> None:
    """Give `cls` its `write_items(message, o)` and `read_items(b, p)`."""
    write, read = Source(), Source()
    read.names.update(new=object.__new__, cls=cls)
    if cls.BARE:
        _, name, kind = cls.FIELDS[0]
        kind.write(write, f"m.{name}")
        kind.read(read, "f0")
    else:
        _write_fields(cls, write)
        _read_fields(cls, read)
    read.add("m = new(cls)")
    read.add("d = m.__dict__")
    for position, (_, name, _) in enumerate(cls.FIELDS):
        read.add(f"d[{name!r}] = f{position}")
    read.add("return m, p")
    name = f"{cls.__module__}.{cls.__qualname__}"
    cls.write_items = staticmethod(write.compiled("w(m, o)", f"<writer of {name}>"))
    cls.read_items = staticmethod(read.compiled("r(b, p)", f"<reader of {name}>"))


def _write_fields(cls: type[Message], out: Source) -> None:
    out.add("at = len(o); o.append(b'')")
    out.add("n = 0")
    for position, (field_id, name, kind) in enumerate(cls.FIELDS):
        value = f"f{position}"
        out.add(f"{value} = m.{name}")
        if isinstance(kind, kinds.Struct):
            mark = out.local()
            out.add(f"{mark} = len(o); o.append({number(field_id)!r})")
            kind.write(out, value)
            out.add(f"if o[{mark} + 1] == b'\\x00': del o[{mark}:]")
            out.add("else: n += 1")
            continue
        with out.block(f"if {kind.written(value)}:"):
            out.add(f"n += 1; o.append({number(field_id)!r})")
            kind.write(out, value)
    out.add("o[at] = SMALL[n] if n <= 16 else number(n)")


def _read_fields(cls: type[Message], out: Source) -> None:
    out.read_small("n", "read_number")
    for position, (_, _, kind) in enumerate(cls.FIELDS):
        out.add(f"f{position} = {out.constant(kind.zero)}")
    with out.block("for n in range(n):"):
        out.read_small("i", "read_number")
        for position, (field_id, _, kind) in enumerate(cls.FIELDS):
            with out.block(f"if i == {field_id}:"):
                kind.read(out, f"f{position}")
                out.add("continue")
        out.add(f'raise WireError("unknown_field", f"{cls.__name__} has no field {{i}}")')
