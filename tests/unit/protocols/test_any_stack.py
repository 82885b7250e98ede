"""What must hold of all protocols at once: values come back, and any bytes give a stack or WireError."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.bitcoin.keys import write_der
from channels_desktop.bitcoin.merkle import MerkleProof
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput
from channels_desktop.errors import WireError
from channels_desktop.protocols.notes import Note
from channels_desktop.protocols.protocol import Protocol
from channels_desktop.protocols.registry import ALL, REGISTRY
from channels_desktop.protocols.response import Response
from channels_desktop.protocols.stack import Registry
from channels_desktop.wire import kinds, limits
from channels_desktop.wire.amounts import Decimal, Period
from channels_desktop.wire.bsor import EMPTY, Message
from channels_desktop.wire.envelope import HEADER
from tests.fuzz.seeds import scripts
from tests.fuzz.table import TARGETS

CLASSES = [cls for protocol in ALL for cls in protocol.messages.values()]
HASHES = st.binary(min_size=32, max_size=32)
U32, U64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
SCRIPTS = st.binary(max_size=40)
INPUTS = st.builds(TxInput, st.builds(Outpoint, HASHES, U32), SCRIPTS, U32)
TXS = st.builds(
    Tx,
    st.integers(-(2**31), 2**31 - 1),
    st.lists(INPUTS, max_size=3).map(tuple),
    st.lists(st.builds(TxOutput, U64, SCRIPTS), max_size=3).map(tuple),
    U32,
)
PROOFS = st.builds(
    lambda index, txid, nodes, target, tx: MerkleProof(index, tx.txid if tx else txid, tuple(nodes), **target, tx=tx),
    st.integers(-1, 2**20),
    HASHES.filter(lambda txid: txid[0] != 0x55),
    st.lists(st.binary(min_size=31, max_size=31).map(b"\x55".__add__), max_size=3),  # no node is the own hash
    st.fixed_dictionaries({"block_hash": HASHES})
    | st.fixed_dictionaries({"merkle_root": HASHES})
    | st.fixed_dictionaries({"header": st.binary(min_size=80, max_size=80)}),
    st.none() | TXS,
)
SCALARS = st.integers(1, 2**250)
CODED = {
    "binary Tx": TXS,
    "binary MerkleProof": PROOFS,
    "binary Decimal": st.builds(Decimal, U64, st.integers(0, 255)),
    "binary Period": st.builds(Period, U64, st.integers(1, 255)),
    "binary bytes": st.builds(write_der, SCALARS, SCALARS),  # a signature
    "binary channel_url": st.sampled_from(
        ("https://h.example/api/v1/channel/c?token=t", "http://[::1]:80/api/v1/channel/")
    ),
}
"""Values of each kind with a binary form of its own, by the name that the schema gives it."""


def values_of(kind: kinds.Kind) -> st.SearchStrategy[Any]:
    """Return values of a kind that come back as they were."""
    match kind:
        case kinds.Struct():
            return messages_of(kind.of)
        case kinds.Pointer():
            return st.none() | values_of(kind.of)
        case kinds.Slice(of=kinds.Pointer(of=kinds.Struct(of=cls))):
            # A listed object without fields is read as an absent one (wire-format 3).
            return listed(st.none() | messages_of(cls).filter(lambda value: value != cls()))
        case kinds.Slice():
            return listed(values_of(kind.of))
        case kinds.Unsigned():
            return st.integers(0, min(2**kind.bits, 2**63) - 1)
        case kinds.Signed():
            return st.integers(1 - 2 ** (kind.bits - 1), 2 ** (kind.bits - 1) - 1)
        case kinds.Bool():
            return st.booleans()
        case kinds.PublicKey():
            return st.builds(bytes.__add__, st.sampled_from((b"\x02", b"\x03")), HASHES)
        case kinds.Exact() | kinds.Pushed():
            return st.binary(min_size=kind.size, max_size=kind.size)
        case kinds.Bytes():
            return st.binary(max_size=300)
        case kinds.PushedText():
            return st.text(min_size=1)
        case kinds.Text():
            return st.text()
        case _:
            return CODED[kind.name]


def listed(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.just(EMPTY) | st.just(()) | st.lists(items, min_size=1, max_size=3).map(tuple)


def messages_of(cls: type[Message]) -> st.SearchStrategy[Any]:
    return st.builds(cls, **{name: values_of(kind) for _, name, kind in cls.FIELDS})


def any_message(protocol: Protocol) -> st.SearchStrategy[Message]:
    return st.one_of([messages_of(cls) for cls in protocol.messages.values()])


WRAPPERS = st.one_of([any_message(protocol) for protocol in ALL if protocol.wraps])
BODIES = st.one_of([any_message(protocol) for protocol in ALL if not protocol.wraps])
STACKS = st.builds(
    lambda wrappers, body: [*wrappers, body], st.lists(WRAPPERS, max_size=limits.PROTOCOL_IDS - 1), BODIES
)


@pytest.mark.parametrize("cls", CLASSES)
@given(st.data())
def test_values_of_every_message_come_back(cls: type[Message], data: st.DataObject) -> None:
    value = data.draw(messages_of(cls))
    written = value.to_bytes()
    assert cls.from_bytes(written) == value
    assert cls.from_bytes(written).to_bytes() == written
    assert b"".join(value.to_items()) == written
    if not cls.BARE:
        assert cls.read_any_order(written, 0)[0] == value


@given(STACKS, st.binary(max_size=5))
def test_stacks_come_back(messages: list[Message], after: bytes) -> None:
    written = REGISTRY.write(messages)
    for _ in range(2):  # the second time it is of a kind known by now
        stack = REGISTRY.read(written + after)
        assert list(stack.messages) == messages
        assert (stack.unread_items, stack.unread_bytes) == (0, len(after))
        insides = [stack.inside(position) for position in range(len(messages))]
        assert insides == [REGISTRY.inside(messages[position:]) for position in range(1, len(messages) + 1)]


VECTORS = sorted(set(scripts()))
READERS = ("stack", "delivery", "limited")


@pytest.mark.parametrize("name", READERS)
@given(data=st.binary(max_size=100), headed=st.booleans())
def test_any_bytes_give_a_stack_or_an_error(name: str, data: bytes, headed: bool) -> None:  # noqa: FBT001 - drawn
    TARGETS[name](HEADER + data if headed else data)


@pytest.mark.parametrize("name", READERS)
@given(data=st.sampled_from(VECTORS), at=st.integers(0, 2**12), taken=st.integers(0, 20), put=st.binary(max_size=8))
def test_any_change_of_a_vector_gives_a_stack_or_an_error(
    name: str, data: bytes, at: int, taken: int, put: bytes
) -> None:
    at %= len(data) + 1
    TARGETS[name](data[:at] + put + data[at + taken :])


def test_no_stack_is_too_large_the_first_time_alone() -> None:
    registry = Registry(ALL)
    large = registry.write([Note(note="x" * limits.MESSAGE_BYTES), Response()])
    for _ in range(2):
        with pytest.raises(WireError, match="too many"):
            registry.read(large)
        registry.read(registry.write([Note(note="x"), Response()]))  # stacks of this kind are known from here on
