"""Bitcoin's variable length integers (wire-format 8), and reading with bounds."""

from __future__ import annotations

from channels_desktop.errors import WireError

_FIRST_MARK = 0xFD
_MARKS = ((0xFD, 2), (0xFE, 4), (0xFF, 8))


def take(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    """Return `size` bytes from position `at` and the position after them; WireError("eof" or "unexpected_eof")."""
    end = at + size
    if end > len(data):
        raise WireError("unexpected_eof" if at < len(data) else "eof", "the data is cut off")
    return data[at:end], end


def write_varint(value: int) -> bytes:
    """Return the shortest form of `value`; raise WireError unless it is 0 to 2^64 - 1."""
    if 0 <= value < _FIRST_MARK:
        return bytes((value,))
    for mark, size in _MARKS:
        if 0 <= value < 1 << 8 * size:
            return bytes((mark,)) + value.to_bytes(size, "little")
    raise WireError("bad_varint", "a number below zero or of more than 64 bits")


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Read the shortest form of an integer; return it and the position after it."""
    if at >= len(data):
        raise WireError("eof", "no number where one is expected")
    first = data[at]
    if first < _FIRST_MARK:
        return first, at + 1
    size = 1 << (first - 0xFC)
    digits, end = take(data, at + 1, size)
    value = int.from_bytes(digits, "little")
    if len(write_varint(value)) != size + 1:
        raise WireError("bad_varint", "a number takes more bytes than it needs")
    return value, end


def varint_size(value: int) -> int:
    """Return how many bytes `write_varint` needs."""
    return len(write_varint(value))
