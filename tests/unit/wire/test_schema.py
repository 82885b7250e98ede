"""Declared messages as text."""

from __future__ import annotations

from typing import Annotated

import pytest

from channels_desktop.errors import Misuse
from channels_desktop.wire import kinds
from channels_desktop.wire.amounts import Decimal
from channels_desktop.wire.bsor import Message, field
from channels_desktop.wire.schema import NOTATION, schema_of


class Leaf(Message):
    pass


class Twig(Message):
    leaves: tuple[Leaf | None, ...] = field(1)
    name: str = field(3)


class Names(Message, bare=True):
    names: tuple[str | None, ...] = field(1)


class Tree(Message):
    twig: Twig | None = field(1)
    leaf: Leaf = field(2)
    grid: tuple[tuple[kinds.U8, ...], ...] = field(4)
    height: Annotated[float, kinds.Float(single=True)] = field(5)
    weight: float = field(6)
    alive: bool = field(7)
    below: kinds.I64 = field(8)
    ring: kinds.Uuid16 = field(9)
    rings: Annotated[bytes, kinds.Pushed()] = field(10)
    key: kinds.Key33 = field(11)
    marks: Annotated[bytes, kinds.Padded(size=4)] = field(12)
    digest: kinds.Hash32 = field(13)
    sap: bytes = field(14)
    words: kinds.Words = field(15)
    at: kinds.HostTime = field(16)
    price: Decimal | None = field(17)
    pair: Annotated[tuple[Leaf, ...], kinds.Array(kinds.Struct(Leaf), 2)] = field(18)
    code: Annotated[str, kinds.SizedText(size=5)] = field(19)


TREE = """\
Tree {
  1 twig: ?Twig
  2 leaf: Leaf
  4 grid: [[u8]]
  5 height: f32
  6 weight: f64
  7 alive: bool
  8 below: i64
  9 ring: push16
  10 rings: push
  11 key: key33
  12 marks: array4
  13 digest: bytes32
  14 sap: bytes
  15 words: words
  16 at: instant
  17 price: ?binary Decimal
  18 pair: [2 Leaf]
  19 code: text5
}
"""
TWIG = """\
Twig {
  1 leaves: [?Leaf]
  3 name: text
}
"""
LEAF = "Leaf {}\n"


def test_each_class_is_told_once_and_a_holder_first() -> None:
    assert schema_of([Names, Tree, Twig]) == f"Names = [?text]\n\n{TREE}\n{TWIG}\n{LEAF}"
    assert schema_of([Leaf, Twig]) == f"{LEAF}\n{TWIG}"
    assert schema_of([]) == ""


def test_the_order_of_declaration_is_the_order_on_the_wire() -> None:
    class Turned(Message):
        second: str = field(2)
        first: str = field(1)

    assert schema_of([Turned]) == "Turned {\n  2 second: text\n  1 first: text\n}\n"


def test_two_classes_of_one_name_are_refused() -> None:
    other = type("Leaf", (Message,), {})
    with pytest.raises(Misuse, match="Leaf"):
        schema_of([Leaf, other])


def test_the_notation_is_a_comment() -> None:
    assert all(line.startswith("# ") for line in NOTATION.splitlines())
