"""Wrap and unwrap: a message and its wrappers to an Envelope and back (wire-format 5, channels.md 2.4).

A stack is a sequence of messages, outermost first. Each protocol contributes its id, its version, its message type
where it has one, and its body; ids and items stand outermost first in the envelope.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from channels_desktop.bitcoin.keys import sha256
from channels_desktop.errors import Misuse, WireError
from channels_desktop.wire import limits
from channels_desktop.wire.envelope import HEADER, head, read_envelope
from channels_desktop.wire.script import OP_1, canonical_items, number, read_number, reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from channels_desktop.protocols.protocol import Protocol
    from channels_desktop.wire.bsor import Message, Reader

    _Read = tuple[Message, int, int]
    """A message, the position after it, and how many items it took."""
    _Step = tuple[int, int, Reader | None, dict[int, type[Message]]]
    """The code of a protocol's version, its minimum, and its reader or its classes by the code of their type."""

M = TypeVar("M", bound="Message")

_IDS_AT = len(HEADER) + 1
_MOST_PLANS = 1000


class Inside(NamedTuple):
    """What a message stands around, in two forms.

    `joined` is what the reference hashes: the ids without their lengths, then the items (wire-format 7). It can not
    tell one id from two, or an item from the end of an id. `script` can: it is the canonical envelope of the same ids
    and items (channels.md 2.6), equal however they were encoded on the way.
    """

    joined: bytes
    script: bytes


class Stack:
    """The messages of an envelope as far as they could be read, outermost first.

    `error` ended the reading at the protocol `failed`, if it did. `unread_items` of the payload belong to no message;
    `unread_bytes` follow the envelope.
    """

    __slots__ = ("_ends", "_script", "error", "failed", "messages", "protocol_ids", "unread_bytes", "unread_items")

    def __init__(
        self,
        protocol_ids: tuple[bytes, ...],
        messages: list[Message],
        ends: list[tuple[int, int]],
        script: bytes,
        unread_bytes: int,
    ) -> None:
        self.protocol_ids = protocol_ids
        self.messages = messages
        self.unread_items = 0
        self.unread_bytes = unread_bytes
        self.error: WireError | None = None
        self.failed = b""
        self._ends = ends
        self._script = script

    def find(self, of: type[M]) -> M | None:
        """Return the outermost message of a class, or None."""
        return next((message for message in self.messages if isinstance(message, of)), None)

    def inside(self, position: int) -> Inside:
        """Return what the message at `position` stands around: the ids and the canonical items after its own."""
        at, left = self._ends[position]
        items = canonical_items(self._script, at, len(self._script) - self.unread_bytes)
        return _inside(self.protocol_ids[position + 1 :], left, items)

    @property
    def identity(self) -> bytes:
        """The 32 bytes by which a signed message is known again, however a host encodes it (channels.md 2.6).

        They say nothing of what stands in the outermost message itself, the signature.
        """
        return sha256(self.inside(0).script)


class Registry:
    """The sub-protocols that are known, by id and by message class."""

    def __init__(self, protocols: Iterable[Protocol]) -> None:
        self._by_id = {protocol.id: protocol for protocol in protocols}
        self._by_class: dict[type[Message], tuple[Protocol, int | None]] = {
            cls: (protocol, kind) for protocol in self._by_id.values() for kind, cls in protocol.messages.items()
        }
        self._starts = {cls: (protocol.id, _start(protocol, kind)) for cls, (protocol, kind) in self._by_class.items()}
        self._plans: dict[bytes, tuple[tuple[bytes, ...], tuple[_Step, ...]]] = {}

    @property
    def ids(self) -> tuple[bytes, ...]:
        """Return the known protocol ids in the order of registration."""
        return tuple(self._by_id)

    def get(self, protocol_id: bytes) -> Protocol | None:
        """Return the protocol with an id, or None."""
        return self._by_id.get(protocol_id)

    def protocol_of(self, message: Message) -> Protocol:
        """Return the protocol that declares a message's class."""
        entry = self._by_class.get(type(message))
        if entry is None:
            raise Misuse(f"{type(message).__name__} belongs to no registered protocol")
        return entry[0]

    def write(self, messages: Sequence[Message], sign: Callable[[Inside], Message] | None = None) -> bytes:
        """Return the envelope script of a stack, outermost message first.

        `sign` is given what a signature around all of it stands around, and returns the message to put there.
        """
        ids, items = self._write_all(messages)
        if sign is not None:
            outer_ids, outer = self._write_all([sign(_inside(ids, len(items), b"".join(items)))])
            ids, items = outer_ids + ids, outer + items
        return head(ids, len(items)) + b"".join(items)

    def inside(self, messages: Sequence[Message]) -> Inside:
        """Return what a message around `messages` stands around."""
        ids, items = self._write_all(messages)
        return _inside(ids, len(items), b"".join(items))

    def _write_all(self, messages: Sequence[Message]) -> tuple[list[bytes], list[bytes]]:
        """Return the ids and the payload items of a stack."""
        ids: list[bytes] = []
        items: list[bytes] = []
        for message in messages:
            cls = type(message)
            start = self._starts.get(cls)
            if start is None:
                raise Misuse(f"{cls.__name__} belongs to no registered protocol")
            ids.append(start[0])
            items += start[1]
            cls.write_items(message, items)
        return ids, items

    def read(self, script: bytes) -> Stack:
        """Read the stack in an envelope script, as leniently as the reference; raise WireError."""
        stack = self.read_as_far_as_possible(script)
        if stack.error is not None:
            raise stack.error
        return stack

    def read_as_far_as_possible(self, script: bytes) -> Stack:
        """Read messages until one fails, so that a signature can be checked around what can not be read.

        Raises WireError where the script is no envelope.
        """
        try:
            stack = self._read_usual(script)
        except (IndexError, WireError):
            stack = None
        return stack or self._read_exactly(script)

    def _read_usual(self, script: bytes) -> Stack | None:
        """Read a stack of a kind that came before, in one pass; None where anything about it is unusual."""
        at = _IDS_AT
        for _ in range(script[at - 1] - (OP_1 - 1)):
            at += script[at] + 1
        plan = self._plans.get(script[:at])
        if plan is None or len(script) > limits.MESSAGE_BYTES:
            return None
        ids, steps = plan
        left, at = read_number(script, at)
        if left > limits.ITEMS:
            return None
        messages, ends = [], []
        for version, minimum, only, by_type in steps:
            if script[at] != version or left < minimum:
                return None
            if only is not None:
                message, at, items = only(script, at + 1)
                left -= items + 1
            else:
                cls = by_type.get(script[at + 1])
                if cls is None:
                    return None
                message, at, items = cls.read_items(script, at + 2)
                left -= items + 2
            messages.append(message)
            ends.append((at, left))
        return None if left else Stack(ids, messages, ends, script, len(script) - at)

    def _read_exactly(self, script: bytes) -> Stack:
        """Read in two passes, first items and then messages, which is the order in which the reference finds errors."""
        envelope = read_envelope(script)
        ids = envelope.protocol_ids
        end = len(script) - envelope.unread
        at, left = end - len(envelope.payload), envelope.count
        payload = script[:end]
        messages: list[Message] = []
        ends: list[tuple[int, int]] = []
        stack = Stack(ids, messages, ends, script, envelope.unread)
        for position, protocol_id in enumerate(ids):
            try:
                message, at, items = self._read_one(protocol_id, payload, at, left, last=position == len(ids) - 1)
            except WireError as error:
                stack.error, stack.failed = error, protocol_id
                break
            left -= items
            messages.append(message)
            ends.append((at, left))
        stack.unread_items = left
        if not ids:
            stack.error = WireError("unsupported_protocol", "no protocol id")
        elif stack.error is None and len(ids) <= limits.PROTOCOL_IDS and len(self._plans) < _MOST_PLANS:
            self._plan(ids)
        return stack

    def _plan(self, ids: tuple[bytes, ...]) -> None:
        """Remember what to do with envelopes that begin with these ids as programs write them."""
        steps: list[_Step] = []
        for protocol_id in ids:
            protocol = self._by_id[protocol_id]
            only = protocol.messages.get(None)
            by_type = {number(kind)[0]: cls for kind, cls in protocol.messages.items() if kind is not None}
            reader = None if only is None else only.read_items
            steps.append((number(protocol.version)[0], protocol.minimum, reader, by_type))
        start = head(ids, 0)[:-1]
        self._plans[start] = ids, tuple(steps)

    def _read_one(self, protocol_id: bytes, script: bytes, at: int, left: int, *, last: bool) -> _Read:
        protocol = self._by_id.get(protocol_id)
        if protocol is None:
            raise WireError("unsupported_protocol", protocol_id.hex())
        lone = WireError(protocol.lone_error, f"{_name(protocol_id)} must be last")
        if not last and not protocol.wraps and protocol.lone_error == "invalid_message":
            raise lone
        read = _read_message(protocol, script, at, left)
        if not last and not protocol.wraps:
            raise lone
        return read


def _inside(ids: Sequence[bytes], count: int, items: bytes) -> Inside:
    """Return ids and `count` canonical items in both forms."""
    return Inside(b"".join((*ids, items)), head(ids, count) + items)


def _start(protocol: Protocol, kind: int | None) -> tuple[bytes, ...]:
    """Return the items that stand before a message's own: version, and type where there is one."""
    return (number(protocol.version),) if kind is None else (number(protocol.version), number(kind))


def _read_message(protocol: Protocol, script: bytes, at: int, left: int) -> _Read:
    if left < protocol.minimum:
        raise WireError(protocol.short_error, f"{_name(protocol.id)} has too few items")
    with reading():
        version, at = read_number(script, at)
        if version != protocol.version:
            return _read_older(protocol, version, script, at)
        if None in protocol.messages:
            message, at, items = protocol.messages[None].read_items(script, at)
            return message, at, items + 1
        kind, at = read_number(script, at)
        # The reference looks at the low eight bits alone, with the sign taken as the top bit's.
        cls = protocol.messages.get(kind & 0xFF)
        if cls is None:
            raise WireError("unsupported_message_type", f"{_name(protocol.id)} type {kind}")
        message, at, items = cls.read_items(script, at)
        return message, at, items + 2


def _read_older(protocol: Protocol, version: int, script: bytes, at: int) -> _Read:
    read = protocol.older.get(version)
    if read is None:
        raise WireError("unsupported_version", f"{_name(protocol.id)} version {version}")
    message, at, items = read(script, at)
    return message, at, items + 1


def _name(protocol_id: bytes) -> str:
    return protocol_id.decode("ascii", "replace")
