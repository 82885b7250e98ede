"""Messages made from the `fields` of the vectors: the inverse of `plain_form`."""

from __future__ import annotations

import dataclasses
from typing import Any

from channels_desktop.bitcoin.merkle import MerkleProof
from channels_desktop.bitcoin.tx import Tx
from channels_desktop.protocols.ids import Uuid
from channels_desktop.protocols.registry import ALL
from channels_desktop.wire import kinds
from channels_desktop.wire.amounts import Decimal, Period
from channels_desktop.wire.bsor import EMPTY, EMPTY_BYTES, Message
from channels_desktop.wire.kinds import Coded, Kind

CLASSES = {f"{protocol.package}.{cls.NAME}": cls for protocol in ALL for cls in protocol.messages.values()}


def messages_of(layers: list[dict[str, Any]]) -> list[Message]:
    return [message_of(CLASSES[layer["type"]], layer["fields"]) for layer in layers]


def message_of(cls: type[Message], plain: Any) -> Message:
    """Return the message of a class that has these fields; what is not named there stays unset."""
    if cls is Uuid:
        return Uuid(uuid=bytes.fromhex(plain["bytes"]))
    if cls.BARE and not isinstance(plain, dict):
        return cls(**{name: _value(kind, plain) for _, name, kind in cls.FIELDS})
    declared = zip(dataclasses.fields(cls), cls.FIELDS, strict=True)  # type: ignore[arg-type]  # it is a dataclass
    named = ((field.metadata["shown_as"] or name, name, kind) for field, (_, name, kind) in declared)
    return cls(**{name: _value(kind, plain[shown]) for shown, name, kind in named if shown in plain})


def _value(kind: Kind, plain: Any) -> Any:
    match kind:
        case kinds.Pointer():
            return None if plain is None else _value(kind.of, plain)
        case kinds.Slice():
            return () if plain is None else tuple(_value(kind.of, item) for item in plain) or EMPTY
        case kinds.Struct():
            return message_of(kind.of, plain)
        case kinds.Bytes():
            return b"" if plain is None else bytes.fromhex(plain) or EMPTY_BYTES
        case kinds.Text() if isinstance(plain, dict):
            return bytes.fromhex(plain["raw_bytes"]).decode("utf-8", "surrogateescape")
        case kinds.Coded():
            return _coded(kind, plain)
        case _:
            return plain


def _coded(kind: Coded, plain: Any) -> Any:
    match plain:
        case {"value": value, "precision": precision}:
            return Decimal(value, precision)
        case {"count": count, "type": unit}:
            return Period(count, unit)
        case {"url": url}:
            return url
        case {"txid": _}:
            return _proof(plain)
        case None:
            return kind.zero
        case _:
            return kind.from_wire(bytes.fromhex(plain))


def _proof(plain: dict[str, Any]) -> MerkleProof:
    hashes, twice = iter(plain["path"]), plain["duplicated_layers"]
    layers = range(1, len(plain["path"]) + len(twice) + 1)
    tx = plain["tx"]
    return MerkleProof(
        plain["index"],
        bytes.fromhex(plain["txid"]),
        tuple(None if layer in twice else bytes.fromhex(next(hashes)) for layer in layers),
        block_hash=bytes.fromhex(plain["block_hash"] or ""),
        header=bytes.fromhex(plain["block_header"] or ""),
        merkle_root=bytes.fromhex(plain["merkle_root"] or ""),
        tx=None if tx is None else Tx.from_bytes(bytes.fromhex(tx), strict=False),
    )
