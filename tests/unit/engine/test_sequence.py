"""Message numbers: order, gaps, repeats and conflicts (channels.md 3.4)."""

from __future__ import annotations

from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from channels_desktop.adapters.memory import ManualClock
from channels_desktop.engine.dispatch import RESEND_PAUSE
from channels_desktop.engine.inbound import GAP_BYTES, GAP_LIMIT
from channels_desktop.engine.records import StoredMessage
from channels_desktop.engine.timers import GAP_PATIENCE, GAP_REMINDER, Gap, Timers, ask_for
from channels_desktop.engine.turn import Turn
from channels_desktop.protocols.ids import IdCode, Uuid
from channels_desktop.protocols.notes import Note
from channels_desktop.protocols.response import Response, Status
from channels_desktop.protocols.text import TextMessage
from tests.unit.engine.desk import AT, Desk, desk, text, write

YEAR = 365 * 86_400 * 10**9


def plea(number: int, expected: str) -> bytes:
    response = Response(status=Status.REJECT, protocol_id=b"ID", code=IdCode.OUT_OF_SEQUENCE, note=expected)
    return write(number, response)


async def we_wrote(it: Desk, count: int) -> None:
    """Let our messages 1 to `count` be stored at the other side's host."""

    def work(turn: Turn) -> None:
        for number in range(1, count + 1):
            turn.tx.messages.add(
                StoredMessage(it.peer, True, number, b"", "TextMessage", AT, b"script %d" % number, state="posted")
            )

    await it.turn(work)


async def waiting(it: Desk) -> list[int]:
    """Return the numbers of our messages that wait to be posted."""
    sql = "SELECT number FROM message WHERE outgoing = 1 AND state = 'waiting' ORDER BY number"
    rows = await it.store.query(lambda reader: reader.connection.execute(sql).fetchall())
    return [number for (number,) in rows]


def timers_of(it: Desk) -> tuple[Timers, ManualClock]:
    """Return the timers of a program that has just been started."""
    clock = ManualClock(AT)
    return Timers(store=it.store, clock=clock, run_turn=it.turn), clock


@settings(max_examples=30)
@given(st.permutations(range(1, 7)), st.lists(st.integers(1, 6), max_size=3))
async def test_any_order_of_arrival_is_read_in_the_order_of_writing(order: list[int], again: list[int]) -> None:
    async with desk() as it:
        for number in [*order, *again]:
            await it.receive(text(number, f"text {number}"))
        assert await it.texts() == [f"text {number}" for number in range(1, 7)]
        contact = await it.contact()
        assert (contact.next_in, contact.gap_since) == (7, 0)
        assert await it.notices() == []


async def test_what_came_too_early_is_kept_and_shown_in_its_turn() -> None:
    async with desk() as it:
        await it.receive(text(3, "three"))
        await it.receive(text(3, "three"))
        assert await it.texts() == []
        assert (await it.contact()).gap_since == AT
        await it.receive(text(2, "two"))
        await it.receive(text(1, "one"))
        assert await it.texts() == ["one", "two", "three"]


async def test_a_message_held_back_that_cannot_be_used_does_not_stop_the_next() -> None:
    async with desk() as it:
        await it.receive(write(2, TextMessage(text="x" * 65_537)))
        await it.receive(text(3, "three"))
        await it.receive(text(1, "one"))
        assert await it.texts() == ["one", "three"]
        assert await it.notices() == ["too_large"]


async def test_a_second_gap_is_still_known_after_the_first_is_filled() -> None:
    async with desk() as it:
        await it.receive(text(2, "two"))
        await it.receive(text(5, "five"))
        it.at += 1
        await it.receive(text(1, "one"))
        contact = await it.contact()
        assert (contact.next_in, contact.gap_since) == (3, AT + 1)
        await it.receive(text(3, "three"))
        await it.receive(text(4, "four"))
        assert (await it.contact()).gap_since == 0


async def test_what_cannot_be_used_one_after_the_other_adds_one_row_alone() -> None:
    async with desk() as it:
        for number in range(5):
            await it.receive(text(2 + GAP_LIMIT + number, "too far"))
        assert len(await it.notices()) == 1
        await it.receive(text(1, "here I am"))
        await it.receive(text(3 + GAP_LIMIT, "too far"))
        assert len(await it.notices()) == 2


async def test_what_is_far_ahead_is_dropped() -> None:
    async with desk() as it:
        await it.receive(text(1 + GAP_LIMIT, "just near enough"))
        await it.receive(text(2 + GAP_LIMIT, "too far"))
        await it.receive(text(2**63 - 1, "as far as can be"))
        assert await it.outcomes() == [("processed", False), ("quarantined", True), ("quarantined", True)]
        assert await it.notices() == ["missing_before"]
        assert await it.answers() == []


async def test_two_messages_under_one_number_are_both_kept_shown_and_told() -> None:
    async with desk() as it:
        await it.receive(text(1, "I owe you 5"))
        await it.receive(text(1, "I owe you nothing"))
        await it.receive(text(3, "early"))
        await it.receive(text(3, "early, otherwise"))
        assert await it.answers() == [(2, "ID", 2)], "once a minute is enough"
        assert await it.notices() == ["out_of_turn"], "one row for both"
        assert await it.texts() == ["I owe you 5"]
        outcomes = await it.outcomes()
        assert outcomes.count(("quarantined", True)) == 2


# -- asking, and being asked ----------------------------------------------------------------------------------------


async def test_a_gap_is_asked_about_after_a_minute_and_again_after_ten() -> None:
    async with desk() as it:
        timers, clock = timers_of(it)
        assert await timers.look() == 0
        await it.receive(text(2, "two"))
        assert await timers.look() == clock.elapsed() + GAP_PATIENCE
        clock.advance(GAP_PATIENCE - 1)
        clock.set(AT + 10 * YEAR)
        assert await timers.look() == clock.elapsed() + 1
        assert await it.sent() == []
        clock.set(AT - YEAR)
        clock.advance(1)
        assert await timers.look() == clock.elapsed() + GAP_REMINDER
        (asked,) = await it.sent()
        response, note = asked.find(Response), asked.find(Note)
        assert (response.status, response.protocol_id, response.code) == (1, b"ID", 1)
        assert response.note == note.note == "1"
        clock.advance(GAP_REMINDER)
        await timers.look()
        assert len(await it.sent()) == 2
        await it.receive(text(1, "one"))
        assert await timers.look() == 0


async def test_a_gap_known_from_before_is_asked_about_at_once_and_progress_gives_a_new_minute() -> None:
    async with desk() as it:
        await it.receive(text(3, "three"))
        timers, clock = timers_of(it)
        assert await timers.look() == clock.elapsed() + GAP_REMINDER
        assert len(await it.answers()) == 1
        await it.receive(text(1, "one"))
        assert await timers.look() == clock.elapsed() + GAP_PATIENCE
        assert len(await it.answers()) == 1


async def test_a_gap_that_is_filled_before_it_is_asked_about_is_not() -> None:
    async with desk() as it:
        await it.receive(text(2, "two"))
        await it.receive(text(1, "one"))
        await it.turn(partial(ask_for, Gap(it.peer, 1)))
        assert await it.answers() == []


async def test_nobody_is_asked_about_a_gap_once_the_relationship_is_over() -> None:
    async with desk() as it:
        await it.receive(text(3, "three"))
        end = Response(status=Status.UNWANTED, protocol_id=b"RS", code=101)
        await it.receive(write(2, end))
        await it.receive(text(1, "one"))
        await it.receive(text(9, "after the end"))
        timers, _ = timers_of(it)
        assert await timers.look() == 0
        assert await it.answers() == []


async def test_the_other_side_gets_again_what_it_misses() -> None:
    async with desk(next_out=6) as it:
        await we_wrote(it, 5)
        await it.receive(plea(1, "4"))
        assert await waiting(it) == [4, 5]


async def test_a_number_that_is_none_asks_for_nothing() -> None:
    async with desk(next_out=6) as it:
        await we_wrote(it, 5)
        for number, words in enumerate(("", "-1", "four", "9" * 19, "\N{SUPERSCRIPT TWO}", "6"), 1):
            await it.receive(plea(number, words))
        assert await waiting(it) == []


async def test_a_plea_is_heard_although_we_miss_something_too() -> None:
    """Both sides lost a message: each one's plea stands behind the other's gap, and nobody would ever hear."""
    async with desk(next_out=6) as it:
        await we_wrote(it, 5)
        await it.receive(plea(2, "3"))
        assert await waiting(it) == [3, 4, 5]
        assert (await it.contact()).next_in == 1


async def test_a_refused_text_is_told_in_its_conversation() -> None:
    async with desk(next_out=2) as it:
        uuid = b"\x0a" * 16
        await it.turn(
            lambda turn: turn.tx.messages.add(
                StoredMessage(it.peer, True, 1, uuid, "TextMessage", AT, b"script", state="posted")
            )
        )
        await it.receive(write(1, Uuid(uuid=uuid), Response(status=4, protocol_id=b"TXT")))
        await it.receive(write(2, Response(status=1, protocol_id=b"TXT", code=2)))
        await it.receive(write(3, Uuid(uuid=uuid), Response()))
        await it.receive(write(4, Response()))
        assert await it.notices() == ["refused", "refused"]
        assert [entry.reason for entry in await it.entries()] == ["TXT:0", "TXT:2"]


async def test_pleas_are_heard_once_in_a_pause() -> None:
    async with desk() as it:
        await we_wrote(it, 4)
        heard = []
        for number in range(1, 8):
            await it.receive(plea(number, "2"))
            heard.append(await waiting(it) == [2, 3, 4])
            await it.turn(lambda turn: settle_all(turn, it.peer))
            it.at += RESEND_PAUSE // 3
        assert heard == [True, False, False] * 2 + [True]
        it.at -= 1000 * RESEND_PAUSE
        await it.receive(plea(8, "2"))
        assert await waiting(it) == [2, 3, 4], "a clock that was ahead makes nobody wait"


def settle_all(turn: Turn, peer: int) -> None:
    for number in range(1, 5):
        message = turn.tx.messages.get(peer, number, outgoing=True)
        if message.state == "waiting":
            turn.tx.messages.settle(message, "posted")


async def test_what_waits_for_a_missing_message_is_bounded_in_bytes_and_comes_again() -> None:
    big = "x" * (9 * 1024 * 1024)
    fit = GAP_BYTES // len(big)
    async with desk() as it:
        scripts = [write(number, TextMessage(text=big)) for number in range(2, fit + 4)]
        for script in [*scripts, scripts[0]]:
            await it.receive(script)
        rows = await it.store.query(lambda reader: reader.messages.held_bytes(it.peer))
        assert rows <= GAP_BYTES
        outcomes = await it.outcomes()
        assert outcomes == [("processed", False)] * fit + [("quarantined", False)] * 2 + [("processed", False)]
        assert await it.notices() == ["missing_before"]
        await timers_of(it)[0].look()
        assert await it.answers() == [(1, "ID", 1)]
        await it.receive(text(1, "one"))
        for script in scripts[-2:]:
            await it.receive(script)
        assert (await it.contact()).next_in == fit + 4


async def test_what_is_far_ahead_is_asked_for_with_all_before_it() -> None:
    async with desk() as it:
        await it.receive(text(2 + GAP_LIMIT, "too far"))
        await timers_of(it)[0].look()
        assert await it.answers() == [(1, "ID", 1)]
        for number in range(1, 3 + GAP_LIMIT):
            await it.receive(text(number, f"text {number}"))
        contact = await it.contact()
        assert (contact.next_in, contact.gap_since) == (3 + GAP_LIMIT, 0)
