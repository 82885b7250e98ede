"""What is declared here is what the reference declares: ids, names and kinds of all fields, however deep."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from channels_desktop.protocols.negotiations.capabilities import Capabilities
from channels_desktop.protocols.registry import ALL
from channels_desktop.protocols.relationships import PeerChannel
from channels_desktop.protocols.response import Response
from channels_desktop.wire import kinds
from channels_desktop.wire.bsor import Message
from tests.vectors import load

SCHEMAS = load("channels_messages")["schemas"]
BYTES = {"Script", "Hex", "ProtocolID", "Signature"}
BINARY = {
    "MsgTx": "Tx",
    "MerkleProof": "MerkleProof",
    "Decimal": "Decimal",
    "Period": "Period",
    "Channel": "channel_url",
}
CLASSES = {f"{protocol.package}.{cls.NAME}": cls for protocol in ALL for cls in protocol.messages.values()}
CLASSES |= {"channels.PeerChannel": PeerChannel, "negotiation.Capabilities": Capabilities}


def is_of(kind: kinds.Kind, schema: dict[str, Any]) -> bool:
    """Say whether a kind is what a schema describes."""
    inner = schema.get("elem")
    match kind:
        case kinds.Pointer(of=of):
            return schema["kind"] == "pointer" and is_of(of, inner)
        case kinds.Slice(of=of):
            return schema["kind"] == "slice" and is_of(of, inner)
        case kinds.Struct(of=of):
            return schema["kind"] == "struct" and fields_of(of) == len(schema["fields"]) and agrees(of, schema)
        case kinds.Bool():
            return schema["kind"] == "bool"
        case kinds.Unsigned(bits=bits):
            return schema["kind"] == f"uint{bits}"
        case kinds.Signed():
            return schema["kind"] == "int"
        case kinds.Text():
            return schema["kind"] == "string"
        case kinds.PublicKey() | kinds.Exact():
            return schema["name"] == ("PublicKey" if kind.size == 33 else "Hash32")
        case kinds.Coded(to_wire=to_wire):
            name = BINARY.get(schema["name"], schema["name"])
            return name == to_wire.__qualname__.partition(".")[0] or (schema["name"] in BYTES and to_wire is bytes)
        case kinds.Bytes():
            return schema["name"] in BYTES
        case _:
            return False


def fields_of(cls: type[Message]) -> int:
    """Return how many fields the reference knows of a class."""
    return len(cls.FIELDS) - (cls is Response)  # it has none with number 1, which we read (channels.md 2.5)


def agrees(cls: type[Message], schema: dict[str, Any]) -> bool:
    """Say whether a class has the fields of a schema."""
    names = {field.name: field.metadata["shown_as"] or field.name for field in dataclasses.fields(cls)}
    known = [(number, names[name], kind) for number, name, kind in cls.FIELDS if cls is not Response or number > 1]
    described = [(field["id"], field["name"], field["type"]) for field in schema["fields"]]
    assert [(number, name) for number, name, _ in known] == [(number, name) for number, name, _ in described]
    for (_, name, kind), (_, _, of) in zip(known, described, strict=True):
        assert is_of(kind, of), f"{cls.__name__}.{name} is {kind.name}, not {of}"
    return True


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_of_the_reference_is_declared_here(name: str) -> None:
    cls, schema = CLASSES[name], SCHEMAS[name]
    if cls.BARE:
        assert is_of(cls.FIELDS[0][2], schema)
    else:
        assert agrees(cls, schema)
