"""Messages declared as classes, and the codec generated for each of them (BSOR, wire-format 3).

    class Price(Message):
        token: TokenId = field(1)
        quantity: U64 | None = field(2)

The declaration is the schema. A class is frozen, keyword-only, and every field defaults to its zero value, which is
not written. `X | None` is a pointer, `tuple[X, ...]` a list, another `Message` a nested object. For each class a
straight-line writer and reader are generated when it is created; they show up in tracebacks with their source.
"""

from __future__ import annotations

import dataclasses
import linecache
import types
import typing
from collections.abc import Callable  # noqa: TC003 - annotations of Message are resolved at run time
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, dataclass_transform

from channels_desktop.errors import Misuse, WireError
from channels_desktop.wire import kinds
from channels_desktop.wire.kinds import EMPTY, Kind, Source
from channels_desktop.wire.script import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["EMPTY", "Message", "field", "kind_of", "present", "read_list", "write_list"]

T = TypeVar("T")
M = TypeVar("M", bound="Message")

_PLAIN: dict[Any, Kind] = {str: kinds.Text(), bytes: kinds.Bytes(), bool: kinds.Bool(), float: kinds.Float()}


def field(number: int) -> Any:
    """Declare the wire id of a field; its zero value is its default."""
    return dataclasses.field(metadata={"id": number})


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Message:
    """A declared object. Subclass it; pass `bare=True` where its one field is written without count and id."""

    FIELDS: ClassVar[tuple[tuple[int, str, Kind], ...]] = ()
    BARE: ClassVar[bool] = False

    write_items: ClassVar[Callable[[Any, list[bytes]], None]]
    read_items: ClassVar[Callable[[bytes, int], tuple[Any, int]]]

    def __init_subclass__(cls, *, bare: bool = False) -> None:
        """Turn the declaration into a frozen dataclass and generate its codec."""
        hints = typing.get_type_hints(cls, include_extras=True)
        declared = []
        for name, value in list(vars(cls).items()):
            if isinstance(value, dataclasses.Field):
                kind = kind_of(hints[name])
                declared.append((value.metadata["id"], name, kind))
                default = kind.zero
                setattr(cls, name, dataclasses.field(default=default, metadata=value.metadata))
        if len({number for number, _, _ in declared}) != len(declared) or any(not isinstance(number, int) or number < 1 for number, _, _ in declared):
            raise Misuse(f"{cls.__name__}: field ids must be unique and positive")
        cls.FIELDS, cls.BARE = tuple(declared), bare
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
    source = Source(constants=dict(kinds.HELPERS))
    kinds.Slice(kinds.Pointer(kinds.Struct(of))).read(source, "m")
    source.add("return m, p")
    reader = _compile("r(b, p)", source, f"<list of {of.__name__}>")
    try:
        items, _ = reader(data, 0)
    except IndexError:
        raise WireError("eof", "the list ends too soon") from None
    return present(items)


def kind_of(hint: Any) -> Kind:
    """Return the kind that an annotation names; raise Misuse where it names none."""
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        return typing.cast("Kind", hint.__metadata__[0])
    arguments = typing.get_args(hint)
    if origin in (types.UnionType, typing.Union) and len(arguments) == 2 and type(None) in arguments:
        return kinds.Pointer(kind_of(next(a for a in arguments if a is not type(None))))
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return kinds.Slice(kind_of(arguments[0]))
    if hint in _PLAIN:
        return _PLAIN[hint]
    if isinstance(hint, type) and issubclass(hint, Message):
        return kinds.Struct(hint)
    if hasattr(hint, "from_wire"):
        return kinds.Coded(hint.to_wire, hint.from_wire, zero=hint())
    raise Misuse(f"no kind of field for {hint!r}")


def _generate(cls: type[Message]) -> None:
    """Give `cls` its `write_items(message, o)` and `read_items(b, p)`."""
    label = f"<codec of {cls.__module__}.{cls.__qualname__}>"
    write = Source(constants=dict(kinds.HELPERS))
    read = Source(constants={**kinds.HELPERS, "new": object.__new__, "cls": cls})
    if cls.BARE:
        _, name, kind = cls.FIELDS[0]
        kind.write(write, f"m.{name}")
        kind.read(read, "f0")
        read.add("m = new(cls)")
        read.add(f"m.__dict__[{name!r}] = f0")
    else:
        _generate_write(cls, write)
        _generate_read(cls, read)
    read.add("return m, p")
    cls.write_items = staticmethod(_compile("w(m, o)", write, label + " writer"))
    cls.read_items = staticmethod(_compile("r(b, p)", read, label + " reader"))


def _generate_write(cls: type[Message], out: Source) -> None:
    out.add("at = len(o); o.append(b'')")
    out.add("n = 0")
    for position, (number_, name, kind) in enumerate(cls.FIELDS):
        value = f"f{position}"
        out.add(f"{value} = m.{name}")
        if isinstance(kind, kinds.Struct):
            mark = out.local()
            out.add(f"{mark} = len(o); o.append({number(number_)!r})")
            kind.write(out, value)
            out.add(f"if o[{mark} + 1] == b'\\x00': del o[{mark}:]")
            out.add("else: n += 1")
            continue
        out.add(f"if {kind.written(value)}:")
        out.depth += 1
        out.add(f"n += 1; o.append({number(number_)!r})")
        kind.write(out, value)
        out.depth -= 1
    out.add("o[at] = SMALL[n] if n <= 16 else number(n)")


def _generate_read(cls: type[Message], out: Source) -> None:
    names = [name for _, name, _ in cls.FIELDS]
    out.add("n = b[p] - 80")
    out.add("if 1 <= n <= 16: p += 1")
    out.add("else: n, p = read_number(b, p)")
    for position, (_, _, kind) in enumerate(cls.FIELDS):
        out.add(f"f{position} = {out.constant(kind.zero)}")
    out.add("for n in range(n):")
    out.depth += 1
    out.add("i = b[p] - 80")
    out.add("if 1 <= i <= 16: p += 1")
    out.add("else: i, p = read_number(b, p)")
    for position, (number_, _, kind) in enumerate(cls.FIELDS):
        out.add(f"{'if' if position == 0 else 'elif'} i == {number_}:")
        out.depth += 1
        kind.read(out, f"f{position}")
        out.depth -= 1
    unknown = f'raise WireError("unknown_field", f"{cls.__name__} has no field {{i}}")'
    out.add(f"else: {unknown}" if cls.FIELDS else unknown)
    out.depth -= 1
    out.add("m = new(cls)")
    out.add("d = m.__dict__")
    for position, name in enumerate(names):
        out.add(f"d[{name!r}] = f{position}")


def _compile(signature: str, source: Source, label: str) -> Callable[..., Any]:
    """Compile the generated function and let tracebacks show its source."""
    text = "\n".join([f"def {signature}:", *source.lines]) + "\n"
    linecache.cache[label] = (len(text), None, text.splitlines(keepends=True), label)
    namespace = source.constants
    exec(compile(text, label, "exec"), namespace)  # noqa: S102 - the text is made here, from declarations alone
    return typing.cast("Callable[..., Any]", namespace[signature.partition("(")[0]])
