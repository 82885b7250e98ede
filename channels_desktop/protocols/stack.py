"""Wrap and unwrap: a message and its wrappers to an Envelope and back (wire-format 5, channels.md 2.4).

A stack is a tuple of messages, outermost first. Each protocol contributes its id, its version, its message type where
it has one, and its body; ids and items stand outermost first in the envelope.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from channels_desktop.errors import Misuse, WireError
from channels_desktop.wire.envelope import Envelope, read_envelope
from channels_desktop.wire.script import canonical_items, count_items, number, read_number, reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from channels_desktop.protocols.protocol import Protocol
    from channels_desktop.wire.bsor import Message


@dataclass(frozen=True, slots=True)
class Layer:
    """One message of a stack as it was read, and what lies inside it.

    `inside` is the bytes a signature in this layer covers: the ids after its own, joined, and the canonical items
    after its own (wire-format 7).
    """

    protocol_id: bytes
    message: Message
    inside: bytes


@dataclass(frozen=True, slots=True)
class Stack:
    """The layers of an envelope, outermost first; the items no layer took, the bytes after the envelope."""

    layers: tuple[Layer, ...]
    unread_items: int
    unread_bytes: int

    def find(self, message_type: type[Message]) -> Message | None:
        """Return the outermost layer of a class, or None."""
        return next((layer.message for layer in self.layers if isinstance(layer.message, message_type)), None)


@dataclass(frozen=True, slots=True)
class Reading:
    """How far the reading of an envelope came. `failed` is the id of the protocol that ended it with `error`.

    `left` is how many payload items no layer took.
    """

    layers: tuple[Layer, ...]
    left: int
    error: WireError | None = None
    failed: bytes = b""


class Registry:
    """The sub-protocols that are known, by id and by message class."""

    def __init__(self, protocols: Iterable[Protocol]) -> None:
        self._by_id = {protocol.id: protocol for protocol in protocols}
        self._by_class: dict[type[Message], tuple[Protocol, int | None]] = {
            cls: (protocol, kind) for protocol in self._by_id.values() for kind, cls in protocol.messages.items()
        }

    @property
    def ids(self) -> tuple[bytes, ...]:
        """Return the known protocol ids in the order of registration."""
        return tuple(self._by_id)

    def get(self, protocol_id: bytes) -> Protocol | None:
        """Return the protocol with an id, or None."""
        return self._by_id.get(protocol_id)

    def protocol_of(self, message: Message) -> Protocol:
        """Return the protocol that declares a message's class."""
        return self._entry(message)[0]

    def items_of(self, message: Message) -> list[bytes]:
        """Return the payload items of one layer: version, type where there is one, body."""
        protocol, kind = self._entry(message)
        out = [number(protocol.version)]
        if kind is not None:
            out.append(number(kind))
        type(message).write_items(message, out)
        return out

    def write(self, layers: Sequence[Message]) -> Envelope:
        """Return the envelope of a stack, outermost layer first."""
        ids = tuple(self.protocol_of(message).id for message in layers)
        items = [item for message in layers for item in self.items_of(message)]
        return Envelope(ids, b"".join(items), len(items))

    def signed_bytes(self, layers: Sequence[Message]) -> bytes:
        """Return what a signature around `layers` covers (wire-format 7)."""
        envelope = self.write(layers)
        return b"".join(envelope.protocol_ids) + envelope.payload

    def read(self, script: bytes) -> Stack:
        """Read the stack in an envelope script, as leniently as the reference; raise WireError."""
        return self.read_stack(read_envelope(script))

    def read_stack(self, envelope: Envelope) -> Stack:
        """Read the stack in an envelope."""
        result = self.read_as_far_as_possible(envelope)
        if result.error is not None:
            raise result.error
        return Stack(result.layers, result.left, envelope.unread)

    def read_as_far_as_possible(self, envelope: Envelope) -> Reading:
        """Read layers until one fails, so that a signature can be checked around what can not be read."""
        ids, payload = envelope.protocol_ids, envelope.payload
        layers: list[Layer] = []
        at, left = 0, envelope.count
        for position, protocol_id in enumerate(ids):
            try:
                message, after = self._read_one(protocol_id, payload, at, left, last=position == len(ids) - 1)
            except WireError as error:
                return Reading(tuple(layers), left, error, protocol_id)
            left -= count_items(payload, at, after)
            at = after
            rest = payload[at:] if envelope.canonical else canonical_items(payload, at)
            layers.append(Layer(protocol_id, message, b"".join(ids[position + 1 :]) + rest))
        return Reading(tuple(layers), left, None if ids else WireError("unsupported_protocol", "no protocol id"))

    def _read_one(self, protocol_id: bytes, payload: bytes, at: int, left: int, *, last: bool) -> tuple[Message, int]:
        protocol = self._by_id.get(protocol_id)
        if protocol is None:
            raise WireError("unsupported_protocol", protocol_id.hex())
        lone = WireError(protocol.lone_error, f"{_name(protocol_id)} must be last")
        if not last and not protocol.wraps and protocol.lone_error == "invalid_message":
            raise lone
        message, after = _read_layer(protocol, payload, at, left)
        if not last and not protocol.wraps:
            raise lone
        return message, after

    def _entry(self, message: Message) -> tuple[Protocol, int | None]:
        entry = self._by_class.get(type(message))
        if entry is None:
            raise Misuse(f"{type(message).__name__} belongs to no registered protocol")
        return entry


def _read_layer(protocol: Protocol, payload: bytes, at: int, left: int) -> tuple[Message, int]:
    if left < protocol.minimum:
        raise WireError(protocol.short_error, f"{_name(protocol.id)} has too few items")
    with reading():
        version, at = read_number(payload, at)
        if version != protocol.version:
            raise WireError("unsupported_version", f"{_name(protocol.id)} version {version}")
        if None in protocol.messages:
            return protocol.messages[None].read_items(payload, at)
        kind, at = read_number(payload, at)
        # The reference looks at the low eight bits alone, with the sign taken as the top bit's.
        message = protocol.messages.get(kind & 0xFF)
        if message is None:
            raise WireError("unsupported_message_type", f"{_name(protocol.id)} type {kind}")
        return message.read_items(payload, at)


def _name(protocol_id: bytes) -> str:
    return protocol_id.decode("ascii", "replace")
