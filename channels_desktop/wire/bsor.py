"""Messages declared as classes, and the codec generated for each of them (BSOR, wire-format 3).

    class Price(Message):
        token: TokenId = field(1)
        quantity: U64 | None = field(2)

The declaration is the schema. A class is frozen, keyword-only, and every field defaults to its zero value, which is
not written. `X | None` is a pointer, `tuple[X, ...]` a list, another `Message` a nested object. For each class a
straight-line writer and reader are generated when they are first wanted; they show up in tracebacks with their source.
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
from channels_desktop.wire.kinds import EMPTY, EMPTY_BYTES, Kind
from channels_desktop.wire.script import number
from channels_desktop.wire.source import Source

__all__ = ["EMPTY", "EMPTY_BYTES", "Message", "field", "kind_of", "present", "read_list", "write_list"]

T = TypeVar("T")
M = TypeVar("M", bound="Message")

_PLAIN: dict[object, Kind] = {str: kinds.Text(), bytes: kinds.Bytes(), bool: kinds.Bool(), float: kinds.Float()}


def field(number: int, *, shown_as: str = "", most: int = 0) -> Any:  # noqa: ANN401 - of the type it is annotated with
    """Declare the wire id of a field; its zero value is its default.

    `shown_as` is the name that the reference's own JSON gives it, where that is another. `most` is what a peer may put
    into it: items of a list, bytes of a text (in UTF-8) or of binary data, and of each in a list of those. Reading does
    not look at it, `protocols/policy.py` does; 0 leaves it to the limit of its kind.
    """
    return dataclasses.field(metadata={"id": number, "shown_as": shown_as, "most": most})


Writer = Callable[[Any, list[bytes]], None]
"""Appends the items of a message to a list."""
Reader = Callable[[bytes, int], tuple[Any, int, int]]
"""Returns the value at a position, the position after it, and how many items it takes."""


class Generated(typing.Generic[T]):
    """A function of a message class that is generated, from the class's declaration, when it is first wanted."""

    def __init__(self, generate: Callable[[type[Message]], T]) -> None:
        self._generate = generate

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type[Message]) -> T:
        function = self._generate(owner)
        setattr(owner, self._name, staticmethod(function))  # type: ignore[arg-type]  # T is a function
        return function


def _writer(cls: type[Message]) -> Writer:
    source = Source()
    kinds.Struct(cls).write(source, "m")
    return source.compiled("w(m, o)", f"<writer of {_label(cls)}>")


def _reader(cls: type[Message]) -> Reader:
    return _reads(kinds.Struct(cls).read, f"<reader of {_label(cls)}>")


def _reader_of_any_order(cls: type[Message]) -> Reader:
    return _reads(kinds.Struct(cls).read_any_order, f"<reader in any order of {_label(cls)}>")


def _reads(read: Callable[[Source, str], None], label: str) -> Reader:
    source = Source()
    source.add("e = len(b); k = 1")
    read(source, "m")
    source.add("return m, p, k")
    return source.compiled("r(b, p)", label)


def _label(cls: type[Message]) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Message:
    """A declared object. Subclass it; pass `bare=True` where its one field is written without count and id.

    `named` is the reference's name of the class, where that is another.
    """

    FIELDS: ClassVar[tuple[tuple[int, str, Kind], ...]] = ()
    BARE: ClassVar[bool] = False
    NAME: ClassVar[str] = ""
    MOST: ClassVar[dict[str, int]] = {}

    write_items: ClassVar[Generated[Writer]] = Generated(_writer)
    read_items: ClassVar[Generated[Reader]] = Generated(_reader)
    read_any_order: ClassVar[Generated[Reader]] = Generated(_reader_of_any_order)

    def __init_subclass__(cls, *, bare: bool = False, named: str = "") -> None:
        """Turn the declaration into a frozen dataclass."""
        hints = typing.get_type_hints(cls, include_extras=True)
        declared, most = [], {}
        for name, value in list(vars(cls).items()):
            if isinstance(value, dataclasses.Field):
                kind = kind_of(hints[name])
                declared.append((value.metadata["id"], name, kind))
                most[name] = value.metadata["most"]
                setattr(cls, name, dataclasses.field(default=kind.zero, metadata=value.metadata))
        ids = [number for number, _, _ in declared]
        if len(set(ids)) != len(ids) or any(not isinstance(number, int) or number < 1 for number in ids):
            raise Misuse(f"{cls.__name__}: field ids must be unique and positive")
        if bare and len(declared) != 1:
            raise Misuse(f"{cls.__name__}: a bare message has one field")
        cls.FIELDS, cls.BARE, cls.NAME, cls.MOST = tuple(declared), bare, named or cls.__name__, most
        dataclasses.dataclass(frozen=True, kw_only=True)(cls)

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
            value, at, _ = cls.read_items(data, at)
        except IndexError:
            raise WireError("eof", f"{cls.__name__} ends too soon") from None
        return value, at


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
        items, _, _ = _list_reader(of)(data, 0)  # type: ignore[arg-type]  # a class is hashable, whatever its instances are
    except IndexError:
        raise WireError("eof", "the list ends too soon") from None
    return present(items)


@functools.cache
def _list_reader(of: type[Message]) -> Reader:
    return _reads(kinds.Slice(kinds.Pointer(kinds.Struct(of))).read, f"<list reader of {_label(of)}>")


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
