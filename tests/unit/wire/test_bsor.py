"""The object codec against every case of the reference: classes are declared from the case's own description."""

from __future__ import annotations

import struct
import types
from typing import Annotated, Any

import pytest

from channels_desktop.errors import Misuse, WireError
from channels_desktop.wire import kinds
from channels_desktop.wire.bsor import EMPTY, Message, field, kind_of, read_list, write_list
from tests.vectors import load

CASES = load("bsor")["cases"]
DECODE_CASES = load("bsor")["decode_cases"]
SIZES = {"int": 64, "uint": 64}


class Opaque:
    """A binary type whose inside is another room's business."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = data

    def __bool__(self) -> bool:
        return bool(self.data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Opaque) and other.data == self.data

    def __hash__(self) -> int:
        return hash(self.data)

    def to_wire(self) -> bytes:
        return self.data

    @classmethod
    def from_wire(cls, data: bytes) -> Opaque:
        return cls(data)


def hint_for(kind: dict[str, Any], field_: dict[str, Any]) -> Any:
    """Return the annotation that declares a described type."""
    name = kind["kind"]
    simple = {"string": str, "bytes": bytes, "bool": bool, "float64": float}
    if name == "string" and "fixed_size" in field_:
        return None
    if name in simple:
        return simple[name]
    if name == "float32":
        return Annotated[float, kinds.Float(4)]
    if name.startswith("uint"):
        return Annotated[int, kinds.Unsigned(SIZES.get(name) or int(name[4:]))]
    if name.startswith("int"):
        return Annotated[int, kinds.Signed(SIZES.get(name) or int(name[3:]))]
    if name == "byte_array":
        return Annotated[bytes, kinds.Padded(size=kind["len"])]
    if name == "struct":
        return declare(kind)
    if name == "pointer":
        inner = hint_for(kind["elem"], {})
        if kind["elem"].get("name") in ("Hash32", "Hash20"):
            inner = Annotated[bytes, kinds.Exact(size=int(kind["elem"]["name"][4:]))]
        return inner and (inner | None)
    if name == "slice":
        inner = hint_for(kind["elem"], {})
        return inner and tuple[inner, ...]
    binary = {"PublicKey": Annotated[bytes, kinds.PublicKey()], "Hash32": Annotated[bytes, kinds.Padded(size=32)],
              "Hash20": Annotated[bytes, kinds.Padded(size=20)], "Script": bytes, "Hex": bytes, "ProtocolID": bytes}
    return binary.get(kind.get("name"))


def declare(kind: dict[str, Any]) -> type[Message] | None:
    """Declare a message class from its description, or None where this product has no such kind of field."""
    hints = {f["name"]: hint_for(f["type"], f) for f in kind["fields"]}
    if any(hint is None for hint in hints.values()) or any("fixed_size" in f for f in kind["fields"]):
        return None
    body = {"__annotations__": hints, **{f["name"]: field(f["id"]) for f in kind["fields"]}}
    return types.new_class(kind["name"], (Message,), exec_body=lambda space: space.update(body))


def value_for(kind: dict[str, Any], value: Any) -> Any:
    """Turn a described value into ours."""
    name = kind["kind"]
    if name == "pointer":
        return None if value is None else value_for(kind["elem"], value)
    if name == "slice":
        if value is None:
            return ()
        return tuple(value_for(kind["elem"], item) for item in value) or EMPTY
    if name == "struct":
        fields = {f["name"]: value_for(f["type"], value[f["name"]]) for f in kind["fields"]}
        return declare_cached(kind)(**fields)
    if name in ("bytes", "byte_array", "binary"):
        return b"" if value is None else bytes.fromhex(value)
    if name.startswith("float"):
        data = bytes.fromhex(value["bits_hex"])
        return struct.unpack(">d" if len(data) == 8 else ">f", data)[0]
    if isinstance(value, dict):
        return bytes.fromhex(value["raw_bytes"]).decode("utf-8", "surrogateescape")
    return value


_CACHE: dict[str, Any] = {}


def declare_cached(kind: dict[str, Any]) -> Any:
    """Return one class for one description, so that values compare equal."""
    return _CACHE.setdefault(str(kind), declare(kind))


def usable(case: dict[str, Any]) -> bool:
    """Say whether this product's kinds can declare the case's type."""
    if case["type"]["kind"] != "struct":
        return False
    try:
        return declare(case["type"]) is not None
    except Misuse:
        return False


def plain(value: Any) -> Any:
    """Turn a message into plain data, so that classes made twice compare."""
    if isinstance(value, Message):
        return {name: plain(getattr(value, name)) for _, name, _ in value.FIELDS}
    if isinstance(value, tuple):
        return "empty" if value is EMPTY else [plain(item) for item in value]
    return repr(value) if isinstance(value, float) else value


# Bytes and pointers to lists that are present but empty: ours have no such value, and the reference reads them as
# absent. A key with another first byte than 02 or 03 is refused (wire-format 8 asks for it).
NO_SUCH_VALUE = {"bytes_empty_not_nil", "pointers_all_zero", "slices_empty_not_nil", "public_key_prefix_05",
                 "top_nil_pointer"}


def empty_bytes(value: Any) -> bool:
    """Say whether a described value holds bytes that are present but empty."""
    return any(item == "" for item in value.values()) if isinstance(value, dict) else False


USABLE = [case for case in CASES if usable(case) and case["name"] not in NO_SUCH_VALUE
          and not (case["name"].startswith("bytes_len") and empty_bytes(case["value"]))]
USABLE_DECODE = [case for case in DECODE_CASES if usable(case) and case["name"] not in NO_SUCH_VALUE]


@pytest.mark.parametrize("case", USABLE, ids=lambda case: case["name"])
def test_objects_are_written_and_read_as_the_reference_does(case):
    value = value_for(case["type"], case["value"])
    if case.get("encode", {}).get("ok") is False or "hex" not in case:
        with pytest.raises(WireError):
            value.to_bytes()
        return
    assert value.to_bytes().hex() == case["hex"]
    if "items" in case:
        assert len(value.to_items()) == len(case["items"])
    result = case["decode"]
    if not result["ok"]:
        with pytest.raises(WireError) as caught:
            type(value).from_bytes(bytes.fromhex(case["hex"]))
        assert caught.value.kind == result["error_class"]
        return
    read = type(value).from_bytes(bytes.fromhex(case["hex"]))
    expected = value if result["equal"] else value_for(case["type"], result["value"])
    assert plain(read) == plain(expected)


@pytest.mark.parametrize("case", USABLE_DECODE, ids=lambda case: case["name"])
def test_hand_made_scripts_are_read_as_the_reference_does(case):
    cls, result = declare(case["type"]), case["decode"]
    data = bytes.fromhex(case["hex"])
    if not result["ok"]:
        with pytest.raises(WireError) as caught:
            cls.read_at(data, 0)
        assert result["error_class"] in (caught.value.kind, "panic")
        return
    read, _ = cls.read_at(data, 0)
    assert plain(read) == plain(value_for(case["type"], result["value"]))


def test_the_cases_really_run():
    assert len(USABLE) > 100
    assert len(USABLE_DECODE) > 40
