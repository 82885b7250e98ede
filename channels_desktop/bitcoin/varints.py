"""The variable length integers of transactions and proofs, and reading with bounds."""

from __future__ import annotations

from channels_desktop.errors import Misuse, WireError

_SIZES = {0xFD: (2, 0xFD), 0xFE: (4, 0x1_0000), 0xFF: (8, 0x1_0000_0000)}  # marker -> width, least value


def take(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    """Return `size` bytes from position `at` and the position after them; WireError("eof" or "unexpected_eof")."""
    end = at + size
    if end > len(data):
        raise WireError("unexpected_eof" if at < len(data) else "eof")
    return data[at:end], end


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return an unsigned integer and the position after it; WireError("bad_varint") where a shorter form exists."""
    if at >= len(data):
        raise WireError("eof")
    first = data[at]
    if first not in _SIZES:
        return first, at + 1
    width, least = _SIZES[first]
    digits, at = take(data, at + 1, width)
    value = int.from_bytes(digits, "little")
    if value < least:
        raise WireError("bad_varint")
    return value, at


def write_varint(value: int) -> bytes:
    """Return the shortest form of an unsigned integer below 2^64."""
    if 0 <= value < 0xFD:  # noqa: PLR2004 - the marker of the next form
        return bytes((value,))
    for marker, (width, _) in _SIZES.items():
        if 0 <= value < 1 << 8 * width:
            return bytes((marker,)) + value.to_bytes(width, "little")
    raise Misuse(f"{value} is no varint")


def varint_size(value: int) -> int:
    """Return how many bytes `write_varint` needs."""
    return len(write_varint(value))
