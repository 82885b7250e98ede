"""Declared messages as text, for people to review when a declaration changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from channels_desktop.errors import Misuse
from channels_desktop.wire.kinds import Array, Kind, Pointer, Slice, Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

    from channels_desktop.wire.bsor import Message

NOTATION = """\
# name {...}     an object: the count of its fields that are set, then the id and the value of each
# name = kind    a value without count and id
# ?kind          may be absent; a zero value that is present is written
# [kind]         a list: its count, then its items; each ?item follows a flag; [3 kind] is always of 3, without count
# u8 .. u64      a script number from 0, cut to so many bits; i64 has a sign
# bool f32 f64   true is OP_1; numbers of IEEE 754, little endian
# bytes text     one push; text is UTF-8; words are text that is never empty
# bytes32        so many bytes; push16 the same, and never an op code; array4 is padded with zeros
# key33          a compressed public key
# instant        a time of 15 or 16 bytes
# binary Name    one push of the form that Name has of its own
"""
"""How to read what `schema_of` returns."""


def schema_of(classes: Iterable[type[Message]]) -> str:
    """Return the declarations of `classes` and of all they hold, each once, a holder before what it holds.

    Raises Misuse where two classes have one name.
    """
    found: dict[str, type[Message]] = {}
    for cls in classes:
        _collect(cls, found)
    return "\n".join(_declaration(cls) for cls in found.values())


def _collect(cls: type[Message], found: dict[str, type[Message]]) -> None:
    if found.setdefault(cls.__name__, cls) is not cls:
        raise Misuse(f"two messages are called {cls.__name__}")
    for _, _, kind in cls.FIELDS:
        held = _innermost(kind)
        if isinstance(held, Struct):
            _collect(held.of, found)


def _innermost(kind: Kind) -> Kind:
    while isinstance(kind, Pointer | Slice | Array):
        kind = kind.of
    return kind


def _declaration(cls: type[Message]) -> str:
    if cls.BARE:
        return f"{cls.__name__} = {cls.FIELDS[0][2].name}\n"
    if not cls.FIELDS:
        return f"{cls.__name__} {{}}\n"
    fields = "".join(f"  {field_id} {name}: {kind.name}\n" for field_id, name, kind in cls.FIELDS)
    return f"{cls.__name__} {{\n{fields}}}\n"
