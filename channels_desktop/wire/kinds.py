"""The kinds of value a message field can hold, and short names for the usual ones."""

from __future__ import annotations

from typing import Annotated

from channels_desktop.wire.containers import Array, Pointer, Slice
from channels_desktop.wire.numbers import Bool, Float, Signed, Unsigned
from channels_desktop.wire.objects import Struct
from channels_desktop.wire.pushes import (
    Bytes,
    Coded,
    Exact,
    Instant,
    Padded,
    PublicKey,
    Pushed,
    PushedText,
    SizedText,
    Text,
)
from channels_desktop.wire.source import EMPTY, EMPTY_BYTES, Kind

__all__ = [
    "EMPTY",
    "EMPTY_BYTES",
    "Array",
    "Bool",
    "Bytes",
    "Coded",
    "Exact",
    "Float",
    "Instant",
    "Kind",
    "Padded",
    "Pointer",
    "PublicKey",
    "Pushed",
    "PushedText",
    "Signed",
    "SizedText",
    "Slice",
    "Struct",
    "Text",
    "Unsigned",
]

U8 = Annotated[int, Unsigned(8)]
U16 = Annotated[int, Unsigned(16)]
U32 = Annotated[int, Unsigned(32)]
U64 = Annotated[int, Unsigned(64)]
I64 = Annotated[int, Signed(64)]
Nanoseconds = Annotated[int, Unsigned(64)]
Hash32 = Annotated[bytes, Exact(size=32)]
Key33 = Annotated[bytes, PublicKey()]
Uuid16 = Annotated[bytes, Pushed(size=16, error="invalid_uuid")]
TxId32 = Annotated[bytes, Pushed(size=32, error="invalid_txid")]
Words = Annotated[str, PushedText()]
HostTime = Annotated[int, Instant()]
