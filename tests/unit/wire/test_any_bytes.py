"""The rule of every reader: any bytes give a value or WireError, at a cost that the input pays for."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from channels_desktop.errors import WireError
from channels_desktop.wire import kinds, script
from channels_desktop.wire.amounts import Decimal, Period
from channels_desktop.wire.bsor import EMPTY, Message, field, read_list
from channels_desktop.wire.envelope import HEADER, Envelope, read_envelope
from tests.unit.wire.described import plain


class Inner(Message):
    number: kinds.I64 = field(1)
    text: str = field(2)


class Words(Message, bare=True):
    words: kinds.Words = field(1)


class Everything(Message):
    """One field of every kind, alone, absent, listed or nested."""

    small: kinds.U8 = field(1)
    middle: kinds.U16 | None = field(2)
    big: kinds.U64 = field(3)
    byte: Annotated[int, kinds.Signed(8)] = field(4)
    flag: bool = field(5)
    ratio: float = field(6)
    single: Annotated[float, kinds.Float(single=True)] | None = field(7)
    data: bytes | None = field(8)
    text: str | None = field(9)
    hash: kinds.Hash32 | None = field(10)
    key: kinds.Key33 = field(11)
    marks: Annotated[bytes, kinds.Padded(size=4)] = field(12)
    at: kinds.HostTime = field(13)
    price: Decimal = field(14)
    period: Period | None = field(15)
    proof: Annotated[bytes, kinds.Coded(bytes, bytes, zero=b"", pushed="not_push_data")] = field(16)
    inner: Inner = field(17)
    maybe: Inner | None = field(18)
    inners: tuple[Inner, ...] = field(19)
    maybes: tuple[Inner | None, ...] = field(20)
    texts: tuple[str, ...] = field(21)
    grid: tuple[tuple[kinds.U32, ...], ...] = field(22)
    uuid: kinds.Uuid16 | None = field(23)
    words: Words | None = field(24)
    pair: Annotated[tuple[Any, ...], kinds.Array(kinds.Unsigned(8), 2)] = field(25)
    five: Annotated[str, kinds.SizedText(size=5)] = field(26)


def listed(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.just(EMPTY) | st.just(()) | st.lists(items, min_size=1, max_size=4).map(tuple)


U64 = st.integers(0, 2**63 - 1)
INNERS = st.builds(Inner, number=st.integers(-(2**63) + 1, 2**63 - 1), text=st.text())
VALUES = st.builds(
    Everything,
    small=st.integers(0, 255),
    middle=st.none() | st.integers(0, 2**16 - 1),
    big=U64,
    byte=st.integers(-128, 127),
    flag=st.booleans(),
    ratio=st.floats().map(abs),
    single=st.none() | st.floats(width=32),
    data=st.none() | st.binary(max_size=300),
    text=st.none() | st.text(),
    hash=st.none() | st.binary(min_size=32, max_size=32),
    key=st.just(b"") | st.binary(min_size=32, max_size=32).map(lambda x: b"\x02" + x),
    marks=st.binary(min_size=4, max_size=4),
    at=st.integers(-(2**63), 2**63 - 1),
    price=st.builds(Decimal, st.integers(0, 2**64 - 1), st.integers(0, 255)),
    period=st.none() | st.builds(Period, st.integers(0, 2**64 - 1), st.integers(1, 255)),
    proof=st.binary(max_size=80),
    inner=INNERS,
    maybe=st.none() | INNERS,
    inners=listed(INNERS),
    # A listed object without fields reads as an absent one.
    maybes=listed(st.none() | INNERS.filter(lambda inner: inner != Inner())),
    texts=listed(st.text()),
    grid=listed(listed(st.integers(0, 2**32 - 1)).map(lambda row: row or EMPTY)),
    uuid=st.none() | st.binary(min_size=16, max_size=16),
    words=st.none() | st.builds(Words, words=st.text(min_size=1)),
    pair=st.tuples(st.integers(0, 255), st.integers(0, 255)),
    five=st.sampled_from(["", "exact"]),
)


def cut_and_changed(data: bytes, at: int, taken: int, put: bytes) -> bytes:
    at %= len(data)
    return data[:at] + put + data[at + taken :]


CHANGED = st.builds(
    cut_and_changed,
    VALUES.map(Everything.to_bytes),
    st.integers(0, 2**16),
    st.integers(0, 20),
    st.binary(max_size=8),
)
ANY_BYTES = st.binary(max_size=200) | CHANGED


def value_or_wire_error(read: Callable[[bytes], Any], data: bytes) -> Any:
    try:
        return read(data)
    except WireError:
        return None


@given(VALUES)
def test_values_come_back(value: Everything) -> None:
    data = value.to_bytes()
    assert plain(Everything.from_bytes(data)) == plain(value)
    assert b"".join(value.to_items()) == data
    assert script.skip_items(data, 0, len(value.to_items())) == len(data)
    assert Everything.read_items(data, 0)[2] == len(value.to_items())
    assert Everything.read_any_order(data, 0)[2] == len(value.to_items())
    assert plain(Everything.read_any_order(data, 0)[0]) == plain(value)


@given(ANY_BYTES)
@example(b"\x51\x5d\x10\x02" + b"\xff" * 15)
@example(b"\x52\x01\x11")
@example(b"\x51\x01\x18\x4c\x00")
def test_any_bytes_give_an_object_or_a_wire_error(data: bytes) -> None:
    value = value_or_wire_error(Everything.from_bytes, data)
    if value is not None:
        written = value.to_bytes()
        if value.words != Words():  # no words, pushed in a long form, are read; they can not be written
            assert Everything.from_bytes(written).to_bytes() == written
    value_or_wire_error(Words.from_bytes, data)
    value_or_wire_error(lambda read: read_list(Inner, read), data)


@given(ANY_BYTES, st.booleans())
def test_any_bytes_give_an_envelope_or_a_wire_error(data: bytes, headed: bool) -> None:  # noqa: FBT001 - drawn
    envelope = value_or_wire_error(read_envelope, HEADER + data if headed else data)
    if envelope is not None:
        written = envelope.to_script()
        assert read_envelope(written).payload == script.canonical_items(envelope.payload)


@given(st.lists(st.binary(min_size=1, max_size=80)), st.lists(st.binary(max_size=300)), st.binary(max_size=9))
def test_envelopes_come_back(ids: list[bytes], pushes: list[bytes], after: bytes) -> None:
    payload = b"".join(map(script.push, pushes))
    envelope = Envelope(tuple(ids), payload, len(pushes))
    read = read_envelope(envelope.to_script() + after)
    assert read == Envelope(tuple(ids), payload, len(pushes), unread=len(after))


@given(ANY_BYTES)
def test_any_bytes_give_items_or_a_wire_error(data: bytes) -> None:
    again = value_or_wire_error(script.canonical_items, data)
    if again is not None:
        assert script.canonical_items(again) == again


@pytest.mark.parametrize("value", [Everything(pair=(1, 2, 3)), Everything(five="four"), Everything(key=b"\x02")])
def test_values_of_another_size_are_not_written(value: Everything) -> None:
    with pytest.raises(WireError):
        value.to_bytes()


HUGE = script.number(2**62)
LONG_PUSH = b"\x4e\xff\xff\xff\x7f"
CLAIMS = {
    "fields": (Everything.from_bytes, HUGE),
    "items of a list": (Everything.from_bytes, b"\x51" + script.number(19) + HUGE),
    "items of a list in a list": (Everything.from_bytes, b"\x51" + script.number(22) + b"\x51" + HUGE),
    "bytes of a push": (Everything.from_bytes, b"\x51\x58" + LONG_PUSH),
    "objects": (lambda data: read_list(Inner, data), HUGE),
    "protocol ids": (read_envelope, HEADER + HUGE),
    "bytes of a protocol id": (read_envelope, HEADER + b"\x51" + LONG_PUSH),
    "payload items": (read_envelope, HEADER + b"\x51\x01I" + HUGE),
    "bytes of a payload item": (read_envelope, HEADER + b"\x51\x01I\x51" + LONG_PUSH),
}


@pytest.mark.parametrize(("read", "data"), CLAIMS.values(), ids=CLAIMS)
def test_a_number_of_things_to_come_takes_no_memory_by_itself(read: Callable[[bytes], Any], data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(WireError):
            read(data)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_a_list_takes_memory_in_proportion_to_its_bytes() -> None:
    data = b"\x51" + script.number(19) + script.number(10_000) + bytes(10_000)
    tracemalloc.start()
    try:
        assert len(Everything.from_bytes(data).inners) == 10_000
        assert tracemalloc.get_traced_memory()[1] < 1_000 * len(data)
    finally:
        tracemalloc.stop()
