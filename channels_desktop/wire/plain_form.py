"""Declared messages as plain values: numbers, texts, lists and objects, as the reference's own tools show them.

What is not set is null, bytes are hex with hashes in wire order, and text that is no UTF-8 is its bytes. A message or a
value that is shown in another way has a method `to_json()`. Nothing here is written to the wire.
"""

from __future__ import annotations

import dataclasses
import struct
from typing import Any

from channels_desktop.wire import kinds, times
from channels_desktop.wire.bsor import EMPTY, EMPTY_BYTES, Message
from channels_desktop.wire.kinds import Kind
from channels_desktop.wire.rfc3339 import write_rfc3339

Plain = Any
"""What JSON can hold."""

_NS = 1_000_000_000
_NO_TIME = "01" + 24 * "0" + "ffff"
_SINGLE_DIGITS, _DOUBLE_DIGITS = range(6, 10), range(15, 18)
_NOT_FINITE = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}


def plain_form(message: Message) -> Plain:
    """Return a message as plain values."""
    return _own_form(message) if hasattr(message, "to_json") else plain_fields(message)


def plain_fields(message: Message) -> dict[str, Plain]:
    """Return the fields of a message by the names that the reference's JSON gives them."""
    declared = dataclasses.fields(message)  # type: ignore[arg-type]  # every subclass becomes a dataclass
    return {
        field.metadata["shown_as"] or name: plain_value(kind, getattr(message, name))
        for field, (_, name, kind) in zip(declared, message.FIELDS, strict=True)
    }


def plain_value(kind: Kind, value: Any) -> Plain:  # noqa: ANN401 - a value is of the type its kind says
    """Return a value of a kind of field as plain values."""
    match kind:
        case kinds.Pointer():
            # Behind a pointer, bytes that are empty are present all the same.
            return None if value is None else value.hex() if value == b"" else plain_value(kind.of, value)
        case kinds.Slice():
            return [plain_value(kind.of, item) for item in value] if value or value is EMPTY else None
        case kinds.Array():
            return [plain_value(kind.of, item) for item in value]
        case kinds.Struct():
            return plain_form(value)
        case kinds.Bytes() | kinds.Padded():
            return value.hex() if value or value is EMPTY_BYTES else None
        case kinds.Text():
            return text_form(value)
        case kinds.Float():
            return _float(value, single=kind.single)
        case kinds.Instant():
            return _instant(value)
        case kinds.Coded():
            return _own_form(value) if hasattr(value, "to_json") else _text_or_bytes(value)
        case _:
            return value


def _own_form(shown: Any) -> Plain:  # noqa: ANN401 - whatever has the method
    return shown.to_json()


def _text_or_bytes(value: str | bytes) -> Plain:
    return text_form(value) if isinstance(value, str) else value.hex() or None


def text_form(value: str) -> Plain:
    """Return a text as it is, or its bytes in hex where they are no UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return {"raw_bytes": value.encode("utf-8", "surrogateescape").hex()}
    return value


def _float(value: float, *, single: bool) -> Plain:
    """Return the bits, and the shortest digits that stand for them."""
    pack = struct.Struct(">f" if single else ">d").pack
    tried = (float(f"{value:.{digits}g}") for digits in (_SINGLE_DIGITS if single else _DOUBLE_DIGITS))
    text = repr(next((near for near in tried if pack(near) == pack(value)), value)).removesuffix(".0")
    return {"float": _NOT_FINITE.get(text, text), "bits_hex": pack(value).hex()}


def _instant(at: int) -> Plain:
    """Return a host's time; one that is not set is the beginning of the year 1."""
    unset = not at and not isinstance(at, times.Moment)
    seconds, rest = divmod(at, _NS)
    return {
        "rfc3339": write_rfc3339(at),
        "unix_seconds": times.YEAR_ONE if unset else seconds,
        "nanoseconds": rest,
        "utc_offset_seconds": (at.offset or 0) if isinstance(at, times.Moment) else 0,
        "binary": _NO_TIME if unset else times.write_instant(at).hex(),
    }
