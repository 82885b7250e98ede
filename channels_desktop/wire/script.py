"""Script items: pushes and script numbers, written canonically and read leniently (wire-format 1 and 2).

Everything that is written here is exactly one script item. Readers take a buffer and a position and return the value
and the position after it. They may let `IndexError` out where the buffer ends inside an item: whoever calls them from
outside the codec goes through `reading()`, which turns that into `WireError`.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from channels_desktop.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Iterator

OP_0 = 0x00
OP_PUSHDATA1, OP_PUSHDATA2, OP_PUSHDATA4 = 0x4C, 0x4D, 0x4E
OP_1NEGATE = 0x4F
OP_1, OP_16 = 0x51, 0x60
OP_RETURN = 0x6A

NUMBER_BYTES = 8
_LENGTH_BYTES = {OP_PUSHDATA1: 1, OP_PUSHDATA2: 2, OP_PUSHDATA4: 4}

_PUSHDATA2_FROM, _PUSHDATA4_FROM = 255, 65535

SMALL = tuple(b"\x00" if n == 0 else bytes([0x50 + n]) for n in range(17))
BYTE = tuple(bytes((n,)) for n in range(256))
_MOST_SMALL = 16
_SIZE = tuple(
    0 if code in _LENGTH_BYTES else code + 1 if OP_0 < code < OP_PUSHDATA1 else 1  # of an item; 0: to be looked at
    for code in range(256)
)


def push(data: bytes) -> bytes:
    """Return the script that pushes `data`.

    The thresholds 255 and 65535 are one below the usual rule and decide signed bytes (wire-format 1). Pushes are never
    made minimal by value; no data is the single byte 00.
    """
    size = len(data)
    if size < OP_PUSHDATA1:
        return bytes((size,)) + data
    if size < _PUSHDATA2_FROM:
        return b"\x4c" + bytes((size,)) + data
    if size < _PUSHDATA4_FROM:
        return b"\x4d" + size.to_bytes(2, "little") + data
    return b"\x4e" + size.to_bytes(4, "little") + data


def number(value: int) -> bytes:
    """Return `value` as a script number (wire-format 2); raise WireError where it takes more than 64 bits."""
    if 0 <= value <= _MOST_SMALL:
        return SMALL[value]
    if value == -1:
        return b"\x4f"
    if not -(2**63) < value < 2**64:
        raise WireError("number_overrun", "a number takes more than 64 bits")
    size = value.bit_length() // 8 + 1  # with room for the sign
    data = abs(value).to_bytes(size, "little")
    if value < 0:
        data = data[:-1] + BYTE[data[-1] | 0x80]
    return BYTE[size] + data


def read_item(buffer: bytes, at: int) -> tuple[int | bytes, int]:
    """Read one item at `at`: an op code as `int`, a push as `bytes`; return it and the position after it."""
    code = buffer[at]
    at += 1
    if code == OP_0 or code > OP_PUSHDATA4:
        return code, at
    if code < OP_PUSHDATA1:
        size = code
    else:
        width = _LENGTH_BYTES[code]
        if at + width > len(buffer):
            raise WireError("eof" if at == len(buffer) else "unexpected_eof", "a push length is cut off")
        size = int.from_bytes(buffer[at : at + width], "little")
        at += width
    end = at + size
    if end > len(buffer):
        raise WireError("script_error", "a push reaches past the end")
    return buffer[at:end], end


def skip_items(buffer: bytes, at: int, count: int) -> int:
    """Return the position after `count` items from `at`."""
    size = _SIZE
    try:
        for _ in range(count):
            step = size[buffer[at]]
            if step:
                at += step
            else:
                _, at = read_item(buffer, at)
    finally:
        if at > len(buffer):
            raise WireError("script_error", "a push reaches past the end")
    return at


def canonical_items(buffer: bytes, at: int = 0, end: int | None = None) -> bytes:
    """Return the items between two positions, in canonical form; without `end` all of them."""
    end = len(buffer) if end is None else end
    size, start, parts = _SIZE, at, []
    while at < end:
        step = size[buffer[at]]
        if step:
            at += step
            continue
        item, after = read_item(buffer, at)
        again = push(item) if isinstance(item, bytes) else b""
        if len(again) != after - at:
            parts += [buffer[start:at], again]
            start = after
        at = after
    if at > end:
        raise WireError("script_error", "a push reaches past the end")
    return b"".join((*parts, buffer[start:end]))


def read_number(buffer: bytes, at: int) -> tuple[int, int]:
    """Read a signed script number; return it and the position after it."""
    item, at = read_item(buffer, at)
    if isinstance(item, bytes):
        return _number_of(item), at
    if OP_1 <= item <= OP_16:
        return item - 0x50, at
    if item == OP_0:
        return 0, at
    if item == OP_1NEGATE:
        return -1, at
    raise WireError("not_a_number", f"op code {item:#04x} where a number is expected")


def read_unsigned(buffer: bytes, at: int) -> tuple[int, int]:
    """Read a script number that must not be negative; return it and the position after it."""
    item, at = read_item(buffer, at)
    if isinstance(item, bytes):
        value = _number_of(item)
        if item[-1] & 0x80:
            raise WireError("not_unsigned", "a negative number where none may stand")
        return value, at
    if OP_1 <= item <= OP_16:
        return item - 0x50, at
    if item == OP_0:
        return 0, at
    if item == OP_1NEGATE:
        raise WireError("not_unsigned", "a negative number where none may stand")
    raise WireError("not_a_number", f"op code {item:#04x} where a number is expected")


def read_bytes(buffer: bytes, at: int) -> tuple[bytes, int]:
    """Read an item as bytes: a push is its data, OP_0 nothing, another op code its own byte (wire-format 3)."""
    item, at = read_item(buffer, at)
    if isinstance(item, bytes):
        return item, at
    return (b"" if item == OP_0 else bytes((item,))), at


def read_push(buffer: bytes, at: int) -> tuple[bytes, int]:
    """Read an item that must be a push of data."""
    item, at = read_item(buffer, at)
    if isinstance(item, bytes):
        return item, at
    raise WireError("not_push_data", f"op code {item:#04x} where pushed data is expected")


@contextmanager
def reading() -> Iterator[None]:
    """Turn the end of a buffer reached inside the block into `WireError`."""
    try:
        yield
    except IndexError:
        raise WireError("eof", "the data ends too soon") from None


def _number_of(data: bytes) -> int:
    if len(data) > NUMBER_BYTES:
        raise WireError("number_overrun", f"a number of {len(data)} bytes")
    if not data:
        raise WireError("not_a_number", "an empty push where a number is expected")
    value = int.from_bytes(data, "little")
    top = 1 << (8 * len(data) - 1)
    return value if value < top else -(value - top)
