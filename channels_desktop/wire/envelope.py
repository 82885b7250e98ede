"""Envelope v1: protocol ids and payload items in one script (wire-format 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from channels_desktop.errors import WireError
from channels_desktop.wire import limits
from channels_desktop.wire.script import (
    OP_0,
    OP_1,
    OP_1NEGATE,
    OP_16,
    OP_RETURN,
    canonical_items,
    number,
    push,
    read_item,
    read_number,
    skip_items,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER = b"\x00\x6a\x02\xbd\x01"
_SHORTEST = 5
_ONE_BYTE_OPS = frozenset((OP_0, OP_1NEGATE, *range(OP_1, OP_16 + 1)))
_MARK = b"\xbd"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Envelope:
    """Protocol ids, outermost first, and the payload items they share.

    `payload` is the bytes of exactly `count` items as they arrived. `unread` is how many bytes followed them (the
    reference ignores those, the inbound policy refuses them).
    """

    protocol_ids: tuple[bytes, ...]
    payload: bytes
    count: int
    unread: int = 0

    def to_script(self) -> bytes:
        """Return the canonical script."""
        return head(self.protocol_ids, self.count) + canonical_items(self.payload)


def head(protocol_ids: Sequence[bytes], count: int) -> bytes:
    """Return what stands before the `count` items of a payload."""
    return b"".join((HEADER, number(len(protocol_ids)), *map(push, protocol_ids), number(count)))


def read_envelope(script: bytes) -> Envelope:
    """Read an envelope from the front of `script`; raise WireError where it is none."""
    if len(script) > limits.MESSAGE_BYTES:
        raise WireError("invalid_envelope", f"{len(script)} bytes are too many")
    at = _after_header(script)
    try:
        ids, at = _read_ids(script, at)
        count, at = read_number(script, at)
    except IndexError:
        raise WireError("invalid_envelope", "the data ends too soon") from None
    except WireError as error:
        raise WireError("invalid_envelope", str(error)) from None
    if count > len(script) - at:
        raise WireError("eof", f"{count} items in {len(script) - at} bytes")
    if not 0 <= count <= limits.ITEMS:
        raise WireError("invalid_envelope", f"{count} items")
    try:
        end = skip_items(script, at, count)
    except IndexError:
        raise WireError("eof", "the payload ends too soon") from None
    return Envelope(ids, script[at:end], count, len(script) - end)


def _after_header(script: bytes) -> int:
    """Return the position after the envelope's own marks, or raise WireError."""
    if len(script) < _SHORTEST:
        raise WireError("not_envelope", "too short")
    at = 1 if script[0] == OP_0 else 0
    if script[at] != OP_RETURN:
        raise WireError("not_envelope", "no OP_RETURN in front")
    try:
        item, at = read_item(script, at + 1)
    except WireError as error:
        raise WireError("push_past_end", str(error)) from None
    if isinstance(item, int):
        # The reference takes a small number here for one byte, which can be no two byte id.
        raise WireError("not_envelope" if item in _ONE_BYTE_OPS else "not_push_op", "no envelope id after OP_RETURN")
    if item[:1] != _MARK or len(item) != len(_MARK) + 1:
        raise WireError("not_envelope", "another protocol's id after OP_RETURN")
    if item[1] != _VERSION:
        raise WireError("unknown_envelope_version", f"version {item[1]}")
    return at


def _read_ids(script: bytes, at: int) -> tuple[tuple[bytes, ...], int]:
    count, at = read_number(script, at)
    if not 0 <= count <= len(script) - at:
        raise WireError("invalid_envelope", f"{count} protocol ids")
    ids = []
    for _ in range(count):
        item, at = read_item(script, at)
        ids.append(item if isinstance(item, bytes) else bytes((item,)))
    return tuple(ids), at
