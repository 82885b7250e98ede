"""The work of reading grows no faster than the input, whatever the input is made of.

Work is the lines of Python that run and the memory they hold, both counted: no clock is looked at.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from threading import Thread
from types import FrameType
from typing import Any

import pytest

from channels_desktop.bitcoin.expanded_tx import AncestorTx, ExpandedTx
from channels_desktop.bitcoin.merkle import MerkleProof
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput
from channels_desktop.errors import ChannelsError
from channels_desktop.host.messages import HostMessage
from channels_desktop.protocols.invoices.messages import (
    Invoice,
    InvoiceItem,
    Menu,
    MenuItem,
    Price,
    TransferRequest,
    invoice_script,
)
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.protocols.relationships import Identity, Initiation, Location
from channels_desktop.wire.bsor import Message, write_list
from channels_desktop.wire.envelope import HEADER, head
from channels_desktop.wire.script import number, push
from tests.fuzz import readers

SIZE = 300
SLACK = 1.25
FIXED = 200_000
"""Bytes of memory that a small input may take as well."""


def counted_lines(attempt: Callable[[bytes], object], data: bytes) -> int:
    """Return how many lines of Python an attempt runs, in a thread so that coverage is left alone."""
    lines = 0

    def count(frame: FrameType, event: str, value: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return count

    def run() -> None:
        sys.settrace(count)
        try:
            attempt(data)
        except ChannelsError:
            pass
        finally:
            sys.settrace(None)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    assert lines
    return lines


def held_bytes(attempt: Callable[[bytes], object], data: bytes) -> int:
    """Return how much memory an attempt holds at most."""
    tracemalloc.start()
    try:
        attempt(data)
    except ChannelsError:
        pass
    finally:
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return most


def object_of(cls: type[Message]) -> Callable[[bytes], object]:
    def read(data: bytes) -> None:
        cls.read_at(data, 0)[0].to_bytes()

    return read


def fields(*pairs: tuple[int, bytes]) -> bytes:
    """Return an object of fields in any order."""
    return number(len(pairs)) + b"".join(number(field_id) + value for field_id, value in pairs)


def signed_around(size: int, item: bytes) -> bytes:
    """Return a stack of a Response in a Signature, with items after it that belong to nothing."""
    return head((b"S", b"RE"), 4 + size) + bytes(4) + item * size


def out_of_order(size: int) -> bytes:
    """Return a request in which the fields of every object come in the wrong order."""
    miner = fields((5, push(b"text")), (1, push(b"payload")))
    ancestor = fields((3, number(1) + b"\x51" + miner), (1, push(Tx(1, (), ()).to_bytes())))
    ancestors = number(size) + (b"\x51" + ancestor) * size
    return fields((2, number(0)), (1, fields((2, ancestors), (1, push(Tx(1, (), ()).to_bytes())))))


def spending(size: int) -> bytes:
    """Return a transaction of so many inputs, with an ancestor for each."""
    parents = [Tx(1, (), (TxOutput(place, b"\x51"),)) for place in range(size)]
    tx = Tx(1, tuple(TxInput(Outpoint(parent.txid, 0)) for parent in parents), ())
    return ExpandedTx(tx=tx, ancestors=tuple(AncestorTx(tx=parent) for parent in parents)).to_bytes()


def tx(inputs: int = 0, outputs: int = 0, script: bytes = b"") -> bytes:
    return Tx(1, (TxInput(Outpoint(bytes(32), 0)),) * inputs, (TxOutput(0, script),) * outputs).to_bytes()


def proof(size: int) -> bytes:
    return MerkleProof(index=0, txid=b"\x01" * 32, nodes=(None,) * size, block_hash=b"\x02" * 32).to_wire()


INVOICE = invoice_script(Invoice(items=(InvoiceItem(price=Price(quantity=1)),) * 3))
MENU_ITEM = MenuItem(prices=(Price(quantity=1),) * 3)

CASES: dict[str, tuple[Callable[[bytes], object], Callable[[int], bytes]]] = {
    "items of a list": (object_of(Menu), lambda n: Menu(items=(MENU_ITEM,) * n).to_bytes()),
    "absent items": (object_of(Menu), lambda n: fields((1, number(n) + bytes(n)))),
    "texts of a list": (
        object_of(Initiation),
        lambda n: Initiation(identity=Identity(location=Location(streets=("x",) * n))).to_bytes(),
    ),
    "a count of what is not there": (object_of(Menu), lambda n: fields((1, number(n * 8) + b"\x51\x00" * n))),
    "fields that repeat": (object_of(Menu), lambda n: fields(*((1, number(1) + b"\x00"),) * n)),
    "fields out of order at every depth": (object_of(TransferRequest), out_of_order),
    "text that is not UTF-8": (object_of(Identity), lambda n: fields((1, push(b"\xff" * n)))),
    "protocol ids": (REGISTRY.read, lambda n: HEADER + number(n) + b"\x02RE" * n + number(2 * n) + bytes(2 * n)),
    "items that belong to nothing": (readers.stack, lambda n: signed_around(n, b"\x00")),
    "pushes of one byte": (readers.stack, lambda n: signed_around(n, b"\x01\x41")),
    "pushes in a long form": (readers.stack, lambda n: signed_around(n, b"\x4d\x01\x00\x41")),
    "inputs": (readers.tx, lambda n: tx(inputs=n)),
    "outputs": (readers.tx, lambda n: tx(outputs=n, script=b"\x51")),
    "outputs that carry an invoice": (readers.tx, lambda n: tx(outputs=n, script=INVOICE + b"\x00")),
    "outputs that seem to carry an invoice": (readers.tx, lambda n: tx(outputs=n, script=INVOICE[:-1])),
    "ancestors of inputs": (readers.expanded_tx, spending),
    "nodes": (readers.merkle_proof, proof),
    "op codes": (readers.scripts, lambda n: push(b"") + b"\x61" * n),
    "fees": (readers.fees, lambda n: number(n) + b"\x51\x52\x52\x51\x53\x51" * n),
    "messages of a host": (readers.host_body, lambda n: b"\x03" + write_list((HostMessage(payload=b"x"),) * n)),
    "places in a URL": (readers.channel, lambda n: b"https://h" + b"/api/v1/channel/x" * n),
    "parameters of a URL": (readers.channel, lambda n: b"https://h/api/v1/channel/x?token=t" + b"&a=b" * n),
    "parameters of an invite": (readers.invite, lambda n: b"channels:?u=x" + b"&a=b" * n),
    "brackets of JSON": (readers.host_json, lambda n: b"[" * n),
    "digits of JSON": (readers.host_json, lambda n: b'{"sequence":' + b"1" * n + b"}"),
    "nodes in JSON": (readers.tsc_proof, lambda n: b'{"nodes":[' + b'"*",' * n + b'"*"]}'),
}
"""How to read, and an input of a size."""


@pytest.mark.parametrize(("attempt", "made"), CASES.values(), ids=CASES)
def test_work_is_in_proportion_to_the_input(attempt: Callable[[bytes], object], made: Callable[[int], bytes]) -> None:
    small, large = made(SIZE), made(4 * SIZE)
    grown = len(large) / len(small)
    assert 3 < grown < 5
    counted_lines(attempt, small)  # what is generated or learned once
    lines, memory = ([count(attempt, data) for data in (small, large)] for count in (counted_lines, held_bytes))
    assert lines[1] <= lines[0] * grown * SLACK
    assert memory[1] <= memory[0] * grown * SLACK + FIXED
