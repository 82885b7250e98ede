"""The negotiations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from channels_desktop.adapters.repositories.records import Records
from channels_desktop.engine.needs import Need
from channels_desktop.engine.rows import NeedRow
from channels_desktop.errors import Misuse
from tests.unit.adapters.repositories.samples import hash_of, thread

A, B, C = b"a" * 16, b"b" * 16, b"c" * 16


def test_a_thread_comes_back_as_it_was_kept(two: Records) -> None:
    two.threads.add(thread(wake=3))
    assert two.threads.get(A) == thread(wake=3)
    assert two.threads.get(B) is None


def test_a_uuid_is_taken_once(two: Records) -> None:
    two.threads.add(thread())
    with pytest.raises(Misuse):
        two.threads.add(thread(relationship=2))
    assert two.threads.get(A) == thread()


def test_a_thread_is_saved_one_version_after_the_other(two: Records) -> None:
    two.threads.add(thread())
    second = replace(thread(version=2), entry=10, state_number=4, state=b"other", at=50, wake=60, txid=hash_of(9))
    two.threads.save(second)
    assert two.threads.get(A) == second
    for version in (1, 2, 4):
        with pytest.raises(Misuse):
            two.threads.save(thread(version=version))
    assert two.threads.get(A) == second


def test_an_unknown_thread_can_neither_be_saved_nor_woken(two: Records) -> None:
    with pytest.raises(Misuse):
        two.threads.save(thread(version=1))
    with pytest.raises(Misuse):
        two.threads.set_wake(A, 5)


def test_threads_are_woken_when_they_are_due_earliest_first(two: Records) -> None:
    assert two.threads.next_wake() == 0
    two.threads.add(thread(b"a", wake=30))
    two.threads.add(thread(b"b"))
    two.threads.add(thread(b"c", wake=20))
    assert two.threads.next_wake() == 20
    assert two.threads.due(19) == ()
    assert [each.uuid for each in two.threads.due(30)] == [C, A]
    two.threads.set_wake(C, 0)
    two.threads.set_wake(B, 25)
    assert two.threads.next_wake() == 25
    assert [each.uuid for each in two.threads.due(29)] == [B]


def test_the_threads_of_a_relationship_come_newest_first_and_at_most_a_hundred(two: Records) -> None:
    two.threads.add(thread(b"z", relationship=2, at=999))
    for number in range(101):
        two.threads.add(replace(thread(at=5 if number == 1 else number), uuid=number.to_bytes(16, "big")))
    number = thread().state_number
    uuids = [int.from_bytes(each.uuid, "big") for each in two.threads.of(1, (number, 99))]
    assert uuids == [*range(100, 5, -1), 5, 1, 4, 3, 2]
    assert [each.uuid for each in two.threads.of(2, (number,))] == [b"z" * 16]
    assert two.threads.of(2, (99,)) == ()


def test_what_waits_is_known_without_the_states(two: Records) -> None:
    two.threads.add(thread(b"z", relationship=2))
    for number in range(101):
        need = Need("pay", number, 5) if number else Need()
        two.threads.add(replace(thread(at=number), uuid=number.to_bytes(16, "big"), need=need))
    rows = two.threads.needs(1)
    assert rows[0] == NeedRow("pay", f"{100:032x}", 100, 5)
    assert [row.satoshis for row in rows] == [*range(100, 0, -1)]
    assert two.threads.needs(2) == ()
    first = replace(thread(version=2), uuid=bytes(16), need=Need("make_invoice", 7))
    two.threads.save(first)
    assert two.threads.get(bytes(16)) == first
    assert two.threads.needs(1)[-1].satoshis == 1, "at most a hundred"
