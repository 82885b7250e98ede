"""The timelines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from channels_desktop.adapters.repositories.records import Records
from channels_desktop.engine.records import Entry
from channels_desktop.engine.rows import TextState
from channels_desktop.errors import Misuse
from tests.unit.adapters.repositories.samples import own_text, text


def payment(*, relationship: int = 1) -> Entry:
    return Entry(0, relationship, "payment", 8, uuid=b"p" * 16)


def notice(*, relationship: int = 1) -> Entry:
    return Entry(0, relationship, "notice", 8, state="connected", reason="why")


def state_of(records: Records, number: int) -> str:
    entry = records.entries.get(number)
    assert entry is not None
    return entry.state


def test_an_entry_comes_back_as_it_was_kept(two: Records) -> None:
    entries = [text(), own_text(3), payment(), notice()]
    assert [two.entries.add(entry) for entry in entries] == [1, 2, 3, 4]
    assert [two.entries.get(number) for number in range(1, 5)] == [
        replace(entry, number=number) for number, entry in enumerate(entries, 1)
    ]
    assert two.entries.get(5) is None


@pytest.mark.parametrize("wrong", [replace(text(), kind="song"), replace(text(), state="sung")])
def test_an_unknown_kind_or_state_is_misuse(two: Records, wrong: Entry) -> None:
    with pytest.raises(Misuse):
        two.entries.add(wrong)
    assert two.entries.newest(1) is None


@pytest.mark.parametrize("state", TextState)
def test_a_text_can_be_in_every_state(two: Records, state: TextState) -> None:
    number = two.entries.add(own_text(0, state.value))
    assert state_of(two, number) == state.value


def test_pages_run_back_from_the_newest_and_are_read_forward(two: Records) -> None:
    for number in range(1, 8):
        two.entries.add(text(str(number), relationship=2 if number == 4 else 1))

    def page(before: int | None, count: int) -> list[int]:
        return [entry.number for entry in two.entries.page(1, before, count)]

    assert page(None, 3) == [5, 6, 7]
    assert page(5, 3) == [1, 2, 3]
    assert page(3, 10) == [1, 2]
    assert page(1, 10) == []
    assert [entry.number for entry in two.entries.page(2, None, 10)] == [4]
    assert [entry.number for entry in two.entries.page_after(1, 2, 3)] == [3, 5, 6]
    assert [entry.number for entry in two.entries.page_after(1, 7, 3)] == []


def test_the_newest_entry_of_a_conversation_is_a_text_or_a_payment(two: Records) -> None:
    assert two.entries.newest(1) is None
    two.entries.add(text())
    number = two.entries.add(payment())
    two.entries.add(notice())
    two.entries.add(text(relationship=2))
    assert two.entries.newest(1) == replace(payment(), number=number)


def test_unread_are_the_texts_of_the_other_side_after_an_entry(two: Records) -> None:
    for entry in (text(), text(), own_text(0), payment(), notice(), text(), text(relationship=2)):
        two.entries.add(entry)
    assert [two.entries.unread(1, after) for after in (0, 1, 2, 5, 6)] == [3, 2, 1, 1, 0]
    assert two.entries.unread(2, 0) == 1
    assert [two.entries.first_unread(1, after) for after in (0, 1, 2, 5, 6)] == [1, 2, 6, 6, 0]


def test_a_text_moves_from_the_state_it_is_in(two: Records) -> None:
    waiting = replace(own_text(0), number=two.entries.add(own_text(0)))
    two.entries.set_text_state(waiting, TextState.NOT_SENT, reason="too_large")
    assert two.entries.get(waiting.number) == replace(waiting, state="not_sent", reason="too_large")
    with pytest.raises(Misuse):
        two.entries.set_text_state(waiting, TextState.STORED)
    two.entries.set_text_state(replace(waiting, state="not_sent"), TextState.WAITING)
    assert two.entries.get(waiting.number) == waiting


def test_only_a_text_has_a_text_state(two: Records) -> None:
    kept = replace(notice(), number=two.entries.add(notice()))
    with pytest.raises(Misuse):
        two.entries.set_text_state(kept, TextState.RECEIVED)
    assert two.entries.get(kept.number) == kept


def test_texts_that_no_host_has_are_found_newest_first(two: Records) -> None:
    for entry in (
        own_text(0, "waiting"),
        own_text(1, "stored"),
        own_text(2, "waiting"),
        own_text(3, "not_sent"),
        replace(text(), message=4),
        own_text(5, "waiting", relationship=2),
    ):
        two.entries.add(entry)
    assert two.entries.waiting(1) == (3, 1)


def test_a_receipt_covers_own_texts_under_way_up_to_a_message(two: Records) -> None:
    for entry in (
        own_text(1, "stored"),
        own_text(0, "waiting"),
        own_text(2, "stored"),
        own_text(-1, "waiting"),
        own_text(1, "not_sent"),
        own_text(0, "received"),
        replace(text(), message=1),
        replace(payment(), message=1, mine=True, state="stored"),
        own_text(0, "stored", relationship=2),
    ):
        two.entries.add(entry)
    assert two.entries.received_up_to(1, 1) == (1, 2)
    assert two.entries.received_up_to(1, 1) == ()
    states = [state_of(two, number) for number in range(1, 10)]
    assert states == [
        "received",
        "received",
        "stored",
        "waiting",
        "not_sent",
        "received",
        "incoming",
        "stored",
        "stored",
    ]


def test_an_own_text_is_found_by_the_message_that_carried_it(two: Records) -> None:
    for entry in (replace(text(), message=4), own_text(4, relationship=2), own_text(4), replace(payment(), message=5)):
        two.entries.add(entry)
    assert two.entries.text_of_message(1, 4) == replace(own_text(4), number=3)
    assert two.entries.text_of_message(1, 5) is None


def test_a_newer_step_renews_the_time_and_keeps_the_place(two: Records) -> None:
    first = two.entries.add(payment())
    last = two.entries.add(text())
    two.entries.renew(first, 99)
    assert two.entries.get(first) == replace(payment(), number=first, at=99)
    assert [entry.number for entry in two.entries.page(1, None, 2)] == [first, last]
    with pytest.raises(Misuse):
        two.entries.renew(3, 99)


def test_an_entry_is_removed_as_it_was_seen(two: Records) -> None:
    kept = replace(own_text(4, "not_sent"), number=two.entries.add(own_text(4, "not_sent")))
    with pytest.raises(Misuse):
        two.entries.remove(replace(kept, state="waiting"))
    two.entries.remove(kept)
    assert two.entries.get(kept.number) is None
    with pytest.raises(Misuse):
        two.entries.remove(kept)
    assert two.entries.add(text()) == kept.number + 1
