"""The objects of `tests.bench.codec` as other codecs hold them: dataclasses and protobuf classes made from ours.

One dataclass mirrors each declared message: lists for tuples, the same names and defaults, transactions and decimals
as our own values, so that every peer reads and writes them with the same code. Codecs without bytes get hex.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import typing
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import cbor2
import electrumsv_bsor
import msgpack
import orjson
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Proto
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from mashumaro.codecs.basic import BasicEncoder
from mashumaro.codecs.json import JSONDecoder, JSONEncoder
from mashumaro.dialect import Dialect
from mashumaro.helper import pass_through

from channels_desktop.bitcoin.merkle import MerkleProof
from channels_desktop.bitcoin.tx import Tx
from channels_desktop.wire.amounts import Decimal, Period
from channels_desktop.wire.bsor import Message

BINARY: dict[type, tuple[Callable[[Any], bytes], Callable[[bytes], Any]]] = {
    Tx: (Tx.to_bytes, functools.partial(Tx.from_bytes, strict=False)),
    MerkleProof: (MerkleProof.to_wire, MerkleProof.from_wire),
    Decimal: (Decimal.to_wire, Decimal.from_wire),
    Period: (Period.to_wire, Period.from_wire),
}
"""Values with a binary form of their own: how they are written and read."""


class Peer(NamedTuple):
    """A codec for one object: `decode(encode(value))` is the value again."""

    name: str
    value: Any
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


def declared(cls: type[Message]) -> Iterator[tuple[int, str, type, bool, bool]]:
    """Yield number, name and type of a message's fields, whether it may be None, and whether it is in a list."""
    hints = typing.get_type_hints(cls)
    for number, name, _ in cls.FIELDS:
        many = typing.get_origin(hints[name]) is tuple
        inner = typing.get_args(hints[name])[0] if many else hints[name]
        of, *others = typing.get_args(inner) or (inner,)
        yield number, name, of, bool(others), many


@functools.cache
def mirror(cls: type[Message]) -> type:
    """Return the dataclass that mirrors a message.

    electrumsv-bsor wants the types of its fields as text, mashumaro reads the annotations: the class has both.
    """
    fields, annotations = [], {}
    for number, name, declared_type, optional, many in declared(cls):
        of: Any = mirror(declared_type) if issubclass(declared_type, Message) else declared_type
        text, real = (f"{of.__name__} | None", of | None) if optional else (of.__name__, of)
        default = list if many else (lambda: None) if optional or of is MerkleProof else of
        field = dataclasses.field(default_factory=default, metadata={"bsor_id": number})
        fields.append((name, f"list[{text}]" if many else text, field))
        annotations[name] = list[real] if many else real
    made = dataclasses.make_dataclass(cls.__name__, fields)
    made.__annotations__ = annotations
    return made


def mirrored(value: Any) -> Any:
    """Return `value` with dataclasses for messages and lists for tuples."""
    if isinstance(value, Message):
        return mirror(type(value))(**{name: mirrored(getattr(value, name)) for _, name, _ in value.FIELDS})
    return [mirrored(item) for item in value] if isinstance(value, tuple) else value


def _decimal(text: str) -> Decimal:
    whole, _, part = text.partition(".")
    return Decimal(int(whole + part), len(part))


def _hex(write: Callable[[Any], bytes], read: Callable[[bytes], Any]) -> dict[str, Callable[[Any], Any]]:
    return {"serialize": lambda value: write(value).hex(), "deserialize": lambda text: read(bytes.fromhex(text))}


def _dialect(strategy: dict[Any, Any]) -> type[Dialect]:
    names = {"omit_default": True, "no_copy_collections": (list, dict), "serialization_strategy": strategy}
    return type("BenchDialect", (Dialect,), names)


AS_TEXT = _dialect(
    {of: _hex(*functions) for of, functions in BINARY.items()}
    | {bytes: {"serialize": bytes.hex, "deserialize": bytes.fromhex}}
    | {Decimal: {"serialize": str, "deserialize": _decimal}}
)
"""Bytes as hex, decimals as their digits, zero values left out: the form of the reference's own JSON."""
AS_BYTES = _dialect(
    {of: {"serialize": write, "deserialize": read} for of, (write, read) in BINARY.items()} | {bytes: pass_through}
)
"""Bytes as they are, zero values left out."""


def peers(message: Message) -> Iterator[Peer]:
    """Yield all codecs but BSOR for one object."""
    value, to_json = mirrored(message), json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    for name, dialect, dump, load in (
        ("json", AS_TEXT, lambda value: to_json(value).encode(), json.loads),
        ("orjson", AS_TEXT, orjson.dumps, orjson.loads),
        ("msgpack", AS_BYTES, msgpack.packb, msgpack.unpackb),
        ("cbor2", AS_BYTES, cbor2.dumps, cbor2.loads),
    ):  # mashumaro's codecs called JSON take any pair of functions
        encoder: Any = JSONEncoder(type(value), default_dialect=dialect, post_encoder_func=dump)
        decoder = JSONDecoder(type(value), default_dialect=dialect, pre_decoder_func=load)
        yield Peer(f"{name}, mashumaro dataclasses", value, encoder.encode, decoder.decode)
    plain = BasicEncoder(type(value), default_dialect=AS_BYTES).encode(value)
    yield Peer("msgpack, plain dicts", plain, msgpack.packb, msgpack.unpackb)
    yield Peer("cbor2, plain dicts", plain, cbor2.dumps, cbor2.loads)
    yield protobuf(message)


def bsor(message: Message) -> Peer:
    """Return electrumsv-bsor for one object, with the tables it asks for.

    It reads our bytes, but its own differ: absent lists and objects are written, and pushes made short by value.
    """
    value, kinds = mirrored(message), electrumsv_bsor.FieldType
    references: dict[str, Any] = {cls.__name__: (mirror(cls), None, kinds.OBJECT) for cls in _nested(type(message))}
    for of, (write, read) in BINARY.items():
        references[of.__name__] = (read, functools.partial(functools.partial, write), kinds.BYTES)
    definition = electrumsv_bsor.DataclassDefinition(type(value), references)
    encode = functools.partial(electrumsv_bsor.dumps, structure_metadata=references)
    decode = functools.partial(electrumsv_bsor.loads, definition=definition, class_reference=type(value))
    assert decode(message.to_bytes()) == value
    return Peer("electrumsv-bsor 0.9, body", value, encode, decode)


def _nested(cls: type[Message]) -> set[type[Message]]:
    """Return a message's class and those of the messages inside it."""
    return {cls}.union(*(_nested(of) for _, _, of, _, _ in declared(cls) if issubclass(of, Message)))


def protobuf(message: Message) -> Peer:
    """Return protobuf for one object. Its fields are made when asked for, values of `BINARY` stay bytes."""
    plain = {int: Proto.TYPE_UINT64, str: Proto.TYPE_STRING}  # no message here has a negative number
    file = FileDescriptorProto(name="bench.proto", package="bench", syntax="proto2")
    for cls in sorted(_nested(type(message)), key=lambda cls: cls.__name__):
        described = file.message_type.add(name=cls.__name__)
        for number, name, of, _, many in declared(cls):
            label = Proto.LABEL_REPEATED if many else Proto.LABEL_OPTIONAL
            field = described.field.add(name=name, number=number, label=label, type=plain.get(of, Proto.TYPE_BYTES))
            if issubclass(of, Message):
                field.type, field.type_name = Proto.TYPE_MESSAGE, f".bench.{of.__name__}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    made = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"bench.{type(message).__name__}"))
    value = made()
    _fill(value, message)
    return Peer("protobuf (upb), fields unread", value, made.SerializeToString, made.FromString)


def _fill(target: Any, message: Message) -> None:
    """Set the fields of a protobuf object; what has its zero value stays away."""
    zero = type(message)()
    for _, name, of, _, many in declared(type(message)):
        value = getattr(message, name)
        if value == getattr(zero, name):
            continue
        if issubclass(of, Message):
            for item in value if many else (value,):
                _fill(getattr(target, name).add() if many else getattr(target, name), item)
        elif many:
            getattr(target, name).extend(value)
        else:
            setattr(target, name, BINARY[of][0](value) if of in BINARY else value)
