"""Deliveries, signed messages and the outbox."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from channels_desktop.adapters.repositories.messages import KEPT_BYTES, KEPT_PIECES, MOST_OF_A_NUMBER
from channels_desktop.adapters.repositories.records import Records
from channels_desktop.errors import Misuse
from tests.unit.adapters.repositories.samples import delivery, received, sent

DELIVERY = "SELECT outcome, reason, payload FROM delivery"


def test_a_delivery_is_new_once_in_its_mailbox(records: Records) -> None:
    assert records.messages.arrived(delivery(), 1)
    assert not records.messages.arrived(replace(delivery(), received=5), 2)
    assert records.messages.arrived(delivery(2), 1)
    assert records.messages.arrived(delivery(channel_id="other"), 1)
    assert records.messages.arrived(replace(delivery(), base_url="https://other.example"), 1)


def test_a_used_number_with_other_bytes_is_no_repeat_and_has_an_outcome_of_its_own(
    records: Records, connection: sqlite3.Connection
) -> None:
    other = delivery(payload=b"other")
    assert records.messages.arrived(delivery(), 1)
    assert records.messages.arrived(other, 2)
    assert not records.messages.arrived(other, 3)
    records.messages.outcome(other, "processed", "", keep=False)
    records.messages.outcome(delivery(), "foreign", "why", keep=True)
    assert sorted(connection.execute(DELIVERY).fetchall()) == [("foreign", "why", b"payload"), ("processed", "", None)]


def test_of_one_number_the_newest_four_are_remembered(records: Records, connection: sqlite3.Connection) -> None:
    five = [delivery(payload=bytes((number,))) for number in range(MOST_OF_A_NUMBER + 1)]
    for at, one in enumerate(five):
        assert records.messages.arrived(one, at)
    assert [records.messages.arrived(one, 9) for one in five[1:]] == [False] * MOST_OF_A_NUMBER
    assert connection.execute("SELECT count(*) FROM delivery").fetchall() == [(MOST_OF_A_NUMBER,)]
    assert records.messages.arrived(five[0], 9)


@pytest.mark.parametrize("number", [1 << 63, (1 << 64) - 1])
@pytest.mark.parametrize("received", [0, 1 << 63, -(1 << 80)])
def test_a_host_that_numbers_beyond_63_bits_loses_nothing(records: Records, number: int, received: int) -> None:
    mail = [replace(delivery(number, payload=payload), received=received) for payload in (b"one", b"two")]
    assert [records.messages.arrived(one, 1) for one in mail * 2] == [True, True, False, False]
    records.messages.outcome(mail[1], "processed", "", keep=False)


@pytest.mark.parametrize("payload", [b"payload", None])
def test_the_bytes_of_a_delivery_are_kept_where_asked(
    records: Records, connection: sqlite3.Connection, payload: bytes | None
) -> None:
    records.messages.arrived(delivery(), 1)
    assert connection.execute(DELIVERY).fetchall() == [("", "", None)]
    records.messages.outcome(delivery(), "quarantined", "unreadable", keep=payload is not None)
    assert connection.execute(DELIVERY).fetchall() == [("quarantined", "unreadable", payload)]


def test_a_delivery_has_one_outcome(records: Records, connection: sqlite3.Connection) -> None:
    with pytest.raises(Misuse):
        records.messages.outcome(delivery(), "processed", "", keep=False)
    records.messages.arrived(delivery(), 1)
    records.messages.outcome(delivery(), "processed", "", keep=False)
    with pytest.raises(Misuse):
        records.messages.outcome(delivery(), "quarantined", "late", keep=True)
    assert connection.execute(DELIVERY).fetchall() == [("processed", "", None)]


def test_a_message_comes_back_as_it_was_kept(two: Records) -> None:
    full = replace(received(7, state="gap"), reason="why", attempts=3)
    for message in (full, sent(7), sent(7, relationship=2)):
        two.messages.add(message)
    assert two.messages.get(1, 7, outgoing=False) == full
    assert two.messages.get(1, 7, outgoing=True) == sent(7)
    assert two.messages.get(2, 7, outgoing=True) == sent(7, relationship=2)
    assert two.messages.get(2, 7, outgoing=False) is None


def test_a_number_is_taken_once_in_each_direction(two: Records) -> None:
    two.messages.add(sent(0))
    with pytest.raises(Misuse):
        two.messages.add(replace(sent(0), script=b"other"))
    assert two.messages.get(1, 0, outgoing=True) == sent(0)


@pytest.mark.parametrize("state", ["gap", "processed", "quarantined", "waiting", "posted", "failed", "odd"])
def test_each_direction_has_states_of_its_own(two: Records, state: str) -> None:
    kept = []
    for message in (received(0, state=state), sent(0, state=state)):
        try:
            two.messages.add(message)
        except Misuse:
            continue
        kept.append(message.outgoing)
    expected = {"gap": [False], "processed": [False], "quarantined": [False], "odd": []}
    assert kept == expected.get(state, [True])


def test_a_message_moves_from_the_state_it_is_in(two: Records) -> None:
    two.messages.add(sent(0))
    two.messages.add(received(0, state="gap"))
    two.messages.settle(sent(0), "failed", reason="too_large")
    assert two.messages.get(1, 0, outgoing=True) == replace(sent(0), state="failed", reason="too_large")
    with pytest.raises(Misuse, match="outgoing message 0 of relationship 1"):
        two.messages.settle(sent(0), "posted")
    with pytest.raises(Misuse, match="incoming message 0"):
        two.messages.settle(received(0), "quarantined")
    with pytest.raises(Misuse, match="CHECK"):
        two.messages.settle(received(0, state="gap"), "posted")
    two.messages.settle(received(0, state="gap"), "processed")
    assert two.messages.get(1, 0, outgoing=False) == received(0)


def test_only_a_message_that_nobody_can_have_is_refilled(two: Records) -> None:
    two.messages.add(sent(0))
    with pytest.raises(Misuse, match="outgoing message 0"):
        two.messages.refill(sent(0), b"other")
    two.messages.settle(sent(0), "failed", reason="too_large")
    two.messages.refill(sent(0), b"other")
    assert two.messages.get(1, 0, outgoing=True) == replace(sent(0), script=b"other", kind="empty")


def test_every_failed_attempt_is_counted_once(two: Records) -> None:
    two.messages.add(sent(0))
    two.messages.postpone(sent(0))
    once = replace(sent(0), attempts=1)
    assert two.messages.get(1, 0, outgoing=True) == once
    with pytest.raises(Misuse):
        two.messages.postpone(sent(0))
    two.messages.postpone(once)
    assert two.messages.get(1, 0, outgoing=True) == replace(once, attempts=2)


def test_only_a_waiting_message_is_postponed(two: Records) -> None:
    two.messages.add(sent(0, state="posted"))
    two.messages.add(received(1))
    for message in (sent(0, state="posted"), received(1), sent(2)):
        with pytest.raises(Misuse):
            two.messages.postpone(message)


def test_the_oldest_waiting_message_of_each_relationship_is_next(two: Records) -> None:
    assert two.messages.next_waiting() == ()
    for message in (
        sent(3),
        sent(2),
        sent(1, state="posted"),
        received(0),
        sent(5, relationship=2),
        sent(0, relationship=2, state="failed"),
        sent(9, relationship=2),
    ):
        two.messages.add(message)
    assert two.messages.next_waiting() == (sent(2), sent(5, relationship=2))
    assert two.messages.waiting() == 4


def test_looking_for_what_waits_reads_only_what_waits(two: Records, connection: sqlite3.Connection) -> None:
    two.messages.next_waiting()
    searched: list[str] = []
    connection.set_trace_callback(searched.append)
    two.messages.next_waiting()
    connection.set_trace_callback(None)
    plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + searched[0])]
    assert any("message_waiting" in step for step in plan)
    assert not any(step.startswith("SCAN message") and "INDEX" not in step for step in plan)


def test_messages_from_a_number_on_are_sent_again(two: Records) -> None:
    for message in (
        sent(0, state="posted"),
        replace(sent(1, state="posted"), attempts=4),
        replace(sent(2, state="failed"), reason="too_large"),
        sent(1, relationship=2, state="posted"),
        received(1),
    ):
        two.messages.add(message)
    two.messages.resend_from(1, 1)
    assert two.messages.next_waiting() == (sent(1),)
    assert two.messages.waiting() == 2
    assert two.messages.get(1, 2, outgoing=True) == sent(2)
    assert two.messages.get(1, 1, outgoing=False) == received(1)


def test_a_dialogue_is_told_in_order_of_time(two: Records) -> None:
    first, second, third = replace(sent(4), at=5), replace(received(2), at=5), replace(sent(3), at=8)
    for message in (third, first, second, replace(sent(5), uuid=b"v" * 16)):
        two.messages.add(message)
    assert two.messages.of_thread(b"u" * 16) == (first, second, third)
    assert two.messages.of_thread(b"w" * 16) == ()
    assert two.messages.is_waiting(b"u" * 16)
    for message in (first, third):
        two.messages.settle(message, "posted")
    assert not two.messages.is_waiting(b"u" * 16), "what came in does not wait"


def junk(records: Records, number: int, size: int, *, signed: bool = False) -> None:
    one = delivery(number, payload=number.to_bytes(4, "big") + bytes(size))
    assert records.messages.arrived(one, number)
    records.messages.outcome(one, "foreign", "", keep=True, signed=signed)


def test_of_what_nobody_signed_the_newest_pieces_are_kept(records: Records, connection: sqlite3.Connection) -> None:
    junk(records, 1, 0, signed=True)
    for number in range(2, KEPT_PIECES + 6):
        junk(records, number, 0)
    rows = connection.execute("SELECT sequence FROM delivery ORDER BY sequence").fetchall()
    assert [number for (number,) in rows] == [1, *range(6, KEPT_PIECES + 6)]
    processed = delivery(5000)
    assert records.messages.arrived(processed, 0)
    records.messages.outcome(processed, "processed", "", keep=False)
    assert not records.messages.arrived(processed, 1), "mail that was used is no junk and is known for good"


@pytest.mark.parametrize("signed", [False, True])
def test_what_is_kept_of_deliveries_is_bounded_in_bytes(
    records: Records, connection: sqlite3.Connection, *, signed: bool
) -> None:
    fit = 7
    for number in range(1, fit + 4):
        junk(records, number, KEPT_BYTES // (fit + 1), signed=signed)
    rows = connection.execute("SELECT sequence FROM delivery ORDER BY sequence").fetchall()
    assert [number for (number,) in rows] == [*range(4, fit + 4)]


def test_what_waits_for_others_is_counted_in_bytes(two: Records) -> None:
    assert two.messages.held_bytes(1) == 0
    for number, state in ((0, "gap"), (1, "processed"), (2, "gap")):
        two.messages.add(received(number, state=state))
    two.messages.add(received(0, state="gap", relationship=2))
    assert two.messages.held_bytes(1) == 2 * len(received(0).script)


def test_so_many_messages_are_sent_again_and_no_more(two: Records) -> None:
    for number in range(6):
        two.messages.add(sent(number, state="posted"))
    two.messages.resend_from(1, 2, 3)
    states = [two.messages.get(1, number, outgoing=True).state for number in range(6)]
    assert states == ["posted", "posted", "waiting", "waiting", "waiting", "posted"]
