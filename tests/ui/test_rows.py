"""The list models: order and headings of conversations, and the window on a timeline."""

from __future__ import annotations

from typing import Any, cast

import pytest
from PySide6.QtCore import Qt
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from channels_desktop.engine.rows import ContactState, NeedRow, TextRow, TextState
from channels_desktop.ui.rows import FIRST_PAGE, LONGEST_WINDOW, NEXT_PAGE, ConversationModel, RowRole, TimelineModel
from tests.ui.conftest import payment
from tests.ui.scripted_engine import NOW, contact

DAY = 86_400 * 10**9


def text(entry: int, **values: object) -> TextRow:
    filled: dict[str, Any] = {"mine": False, "text": f"text {entry}", "at": NOW, "state": TextState.INCOMING}
    return TextRow(entry=entry, relationship=1, **(filled | cast("dict[str, Any]", values)))


def history(first: int, last: int) -> list[TextRow]:
    return [text(entry) for entry in range(first, last + 1)]


def page(model: TimelineModel, length: int, before: int | None) -> list[TextRow]:
    last = length if before is None else before - 1
    return history(max(1, last - NEXT_PAGE + 1), last)


@pytest.fixture
def people() -> ConversationModel:
    return ConversationModel(lambda: NOW)


@pytest.fixture
def timeline(qtmodeltester: ModelTester) -> TimelineModel:
    model = TimelineModel(lambda: NOW)
    qtmodeltester.check(model)  # type: ignore[no-untyped-call]  # published without types
    return model


def test_what_needs_the_user_comes_first_by_deadline(people: ConversationModel, qtmodeltester: ModelTester) -> None:
    people.fill(
        [
            contact(1, "Old", last_at=1),
            contact(2, "New", last_at=9),
            contact(3, "Later", needs=(NeedRow("pay", deadline=NOW + DAY),)),
            contact(4, "Sooner", needs=(NeedRow("pay", deadline=NOW + 1),)),
            contact(5, "No deadline", needs=(NeedRow("answer_request"),), state=ContactState.RECEIVED),
        ]
    )
    shown = [people.index(at).data(RowRole) for at in range(people.rowCount())]
    assert [item if isinstance(item, str) else item.name for item in shown] == (
        ["Needs you · 3", "Sooner", "Later", "No deadline", "Conversations", "New", "Old"]
    )
    assert not people.flags(people.index(0)) & Qt.ItemFlag.ItemIsSelectable
    qtmodeltester.check(people)  # type: ignore[no-untyped-call]  # published without types


def test_a_changed_line_changes_one_row_only(people: ConversationModel, qtbot: QtBot) -> None:
    people.fill([contact(1, "Bob", last_at=9), contact(2, "Carol", last_at=5)])
    with qtbot.waitSignal(people.dataChanged, timeout=0) as changed, qtbot.assertNotEmitted(people.modelReset):
        people.change([contact(2, "Carol", last_at=5, unread=3)])
    assert changed.args[0].row() == 2


def test_a_filter_looks_at_names_and_texts(people: ConversationModel) -> None:
    people.fill([contact(1, "Bob", last_line="about the INK"), contact(2, "Carol"), contact(3, "Inka")])
    people.filter("ink")
    assert {row.name for row in people.shown()} == {"Bob", "Inka"}
    people.filter("")
    assert len(people.shown()) == 3


def test_a_line_speaks_name_state_and_need(people: ConversationModel) -> None:
    people.fill([contact(1, "Bob Martin", unread=1, needs=(NeedRow("pay", satoshis=12_400),))])
    spoken = people.index(1).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "Bob Martin, verified, needs you: Invoice 12,400\u00a0sat, 1 unread"


def test_the_window_never_grows_beyond_its_length(timeline: TimelineModel) -> None:
    timeline.fill(history(801, 1000), "Bob")
    while not timeline.complete:
        timeline.prepend(page(timeline, 1000, timeline.rows[0].entry))
        assert len(timeline.rows) <= LONGEST_WINDOW
    assert timeline.detached
    assert timeline.rows[0].entry == 1


def test_dropped_newer_pages_come_back_without_a_gap(timeline: TimelineModel) -> None:
    timeline.fill(history(801, 1000), "Bob")
    while not timeline.complete:
        timeline.prepend(page(timeline, 1000, timeline.rows[0].entry))
    while timeline.detached:
        timeline.append_newer(history(timeline.rows[-1].entry + 1, min(1000, timeline.rows[-1].entry + NEXT_PAGE)))
        entries = [row.entry for row in timeline.rows]
        assert entries == list(range(entries[0], entries[0] + len(entries)))
    assert timeline.rows[-1].entry == 1000


def test_a_window_in_the_middle_grows_to_both_ends(timeline: TimelineModel) -> None:
    timeline.fill_around(history(259, 358), history(359, 458), "Bob", 359)
    assert (timeline.complete, timeline.detached, timeline.new_from) == (False, True, 359)
    timeline.change([text(1001)])
    assert timeline.rows[-1].entry == 458
    timeline.fill_around(history(1, 7), history(8, 9), "Bob", 8)
    assert (timeline.complete, timeline.detached) == (True, False)
    timeline.change([text(10)])
    assert timeline.rows[-1].entry == 10


def test_news_are_added_only_where_the_newest_rows_are(timeline: TimelineModel) -> None:
    timeline.fill(history(801, 1000), "Bob")
    timeline.change([text(1001)])
    assert timeline.rows[-1].entry == 1001
    while not timeline.detached:
        timeline.prepend(page(timeline, 1001, timeline.rows[0].entry))
    last = timeline.rows[-1].entry
    timeline.change([text(1002)])
    assert timeline.rows[-1].entry == last


def test_a_changed_entry_is_replaced_in_place(timeline: TimelineModel) -> None:
    timeline.fill([text(1), payment(entry=2), text(3)], "Bob")
    newer = payment(entry=2, version=7)
    timeline.change([newer])
    assert timeline.rows[1] is newer
    assert timeline.payment(newer.thread) is newer


def test_a_removed_entry_is_gone(timeline: TimelineModel) -> None:
    timeline.fill(history(1, 3), "Bob")
    timeline.remove(2)
    timeline.remove(99)
    assert [row.entry for row in timeline.rows] == [1, 3]


def test_the_new_line_stands_above_the_first_unread(timeline: TimelineModel) -> None:
    timeline.fill([text(1), text(2), text(3, mine=True), text(4)], "Bob", 2)
    assert timeline.new_from == 2


def test_a_day_starts_where_the_date_changes(timeline: TimelineModel) -> None:
    timeline.fill([text(1, at=NOW - DAY), text(2), text(3)], "Bob")
    assert [timeline.starts_day(at) for at in range(3)] == [True, True, False]


def test_only_the_newest_text_of_ours_says_its_state(timeline: TimelineModel) -> None:
    timeline.fill([text(1, mine=True), text(2, mine=True), text(3)], "Bob")
    assert [timeline.newest_of_mine(at) for at in range(2)] == [False, True]


def test_a_short_first_page_is_the_whole(timeline: TimelineModel) -> None:
    timeline.fill(history(1, FIRST_PAGE - 1), "Bob")
    assert timeline.complete
    timeline.fill(history(1, FIRST_PAGE), "Bob")
    assert not timeline.complete
