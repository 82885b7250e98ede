"""Message classes and values made from the descriptions in `tests/vectors/bsor.json`."""

from __future__ import annotations

import json
import struct
import types
from functools import cache
from typing import Annotated, Any

from channels_desktop.protocols.signed import Der
from channels_desktop.wire import kinds
from channels_desktop.wire.amounts import Decimal, Period
from channels_desktop.wire.bsor import EMPTY, EMPTY_BYTES, Message, field, kind_of
from channels_desktop.wire.times import YEAR_ONE, Moment

Described = dict[str, Any]

SIMPLE = {"string": str, "bytes": bytes, "bool": bool, "float64": float, "map": dict[str, int]}
BYTES = ("bytes", "binary")
WIDTHS = {"int": 64, "uint": 64}
BINARY = {
    "Decimal": Decimal,
    "Period": Period,
    "Time": kinds.HostTime,
    "PublicKey": kinds.Key33,
    "Hash32": Annotated[bytes, kinds.Padded(size=32)],
    "Hash20": Annotated[bytes, kinds.Padded(size=20)],
    "Signature": Der,
    "Script": bytes,
    "Hex": bytes,
    "ProtocolID": bytes,
}


def message_class(kind: Described) -> type[Message]:
    """Return the class of a described type, one for each; what is no object becomes a bare message."""
    return _message_class(json.dumps(kind))


@cache
def _message_class(text: str) -> type[Message]:
    kind = json.loads(text)
    if kind["kind"] != "struct":
        body = {"__annotations__": {"value": _hint(kind, {})}, "value": field(1)}
        return types.new_class("Top", (Message,), {"bare": True}, lambda space: space.update(body))
    fields = [f for f in kind["fields"] if f["id"] != "-"]
    body = {"__annotations__": {f["name"]: _hint(f["type"], f) for f in fields}}
    body |= {f["name"]: field(f["id"]) for f in fields}
    return types.new_class(kind["name"], (Message,), exec_body=lambda space: space.update(body))


def _hint(kind: Described, described: Described) -> Any:
    name = kind["kind"]
    if "fixed_size" in described:
        size = described["fixed_size"]
        return (
            Annotated[str, kinds.SizedText(size=size)] if name == "string" else Annotated[bytes, kinds.Exact(size=size)]
        )
    if name == "array":
        return Annotated[tuple, kinds.Array(kind_of(_hint(kind["elem"], {})), kind["len"])]
    if name in SIMPLE:
        return SIMPLE[name]
    if name == "float32":
        return Annotated[float, kinds.Float(single=True)]
    if name.startswith("uint"):
        return Annotated[int, kinds.Unsigned(WIDTHS.get(name) or int(name[4:]))]
    if name.startswith("int"):
        return Annotated[int, kinds.Signed(WIDTHS.get(name) or int(name[3:]))]
    if name == "byte_array":
        return Annotated[bytes, kinds.Padded(size=kind["len"])]
    if name == "struct":
        return message_class(kind)
    if name == "slice":
        return tuple[_hint(kind["elem"], {}), ...]
    if name == "pointer":
        sized = {"Hash32": kinds.Hash32, "Hash20": Annotated[bytes, kinds.Exact(size=20)]}
        return (sized.get(kind["elem"].get("name")) or _hint(kind["elem"], {})) | None
    return BINARY[kind["name"]]


def message(kind: Described, value: Any) -> Message:
    """Return the message of a described type that has a described value."""
    cls = message_class(kind)
    if kind["kind"] != "struct":
        return cls(value=_value(kind, value))
    if value is None:  # the reference was given a pointer to nothing
        return cls()
    values = {f["name"]: _value(f["type"], value[f["name"]]) for f in kind["fields"] if f["id"] != "-"}
    empty = {f["name"]: EMPTY_BYTES for f in kind["fields"] if f["type"]["kind"] in BYTES and value[f["name"]] == ""}
    return cls(**values | empty)


def _value(kind: Described, value: Any) -> Any:
    name = kind["kind"]
    if name == "pointer":
        return None if value is None else _value(kind["elem"], value)
    if name == "slice":
        return () if value is None else tuple(_value(kind["elem"], item) for item in value) or EMPTY
    if name == "array":
        return tuple(_value(kind["elem"], item) for item in value)
    if name == "struct":
        return message(kind, value)
    if name.startswith("float"):
        data = bytes.fromhex(value["bits_hex"])
        return struct.unpack(">d" if len(data) == 8 else ">f", data)[0]
    if kind.get("name") == "Decimal":
        return Decimal(value["value"], value["precision"])
    if kind.get("name") == "Period":
        return Period(value["count"], value["type"])
    if kind.get("name") == "Time":
        return _time(value)
    if name in ("bytes", "byte_array", "binary"):
        return b"" if value is None else bytes.fromhex(value)
    return bytes.fromhex(value["raw_bytes"]).decode("utf-8", "surrogateescape") if isinstance(value, dict) else value


def _time(value: Described) -> int:
    if value["unix_seconds"] == YEAR_ONE:
        return 0
    at = value["unix_seconds"] * 10**9 + value["nanoseconds"]
    utc = value["binary"].startswith("01") and value["binary"].endswith("ffff")
    return at if utc else Moment(at, value["utc_offset_seconds"])


def plain(value: object) -> object:
    """Return what tells values apart that compare equal, or unequal though they are the same."""
    if isinstance(value, Message):
        return {name: plain(getattr(value, name)) for _, name, _ in value.FIELDS}
    if isinstance(value, tuple):
        return "empty" if value is EMPTY else [plain(item) for item in value]
    if value is EMPTY_BYTES:
        return "empty bytes"
    if isinstance(value, Moment):
        return int(value), value.offset
    return repr(value) if isinstance(value, float) else value
