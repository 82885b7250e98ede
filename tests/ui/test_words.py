"""Amounts, times and what others wrote, in words."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from channels_desktop import errors
from channels_desktop.engine.rows import Action, Link, NeedRow, PaymentState, Role, StatusRow, Step, StepRow, WalletRow
from channels_desktop.engine.troubles import Obstacle, Task, TroubleRow
from channels_desktop.ui import host_words, payment_words, words
from tests.ui.conftest import HOUR, payment, steps
from tests.ui.scripted_engine import NOW

CASES = Path(__file__).parent / "cases"
AMOUNTS: dict[str, Any] = json.loads((CASES / "amounts.json").read_text("utf-8"))
TEXTS: dict[str, Any] = json.loads((CASES / "texts.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines", "two\nlines"),
        ("tab\there", "tab\there"),
        ("lone\rreturn\r\n", "lone[U+000D]return\n"),
        ("hidden\U000e0041\U000e007f", "hidden[U+E0041][U+E007F]"),
        ("surrogate\ud800", "surrogate[U+D800]"),
        ("a\u202eb", "a[U+202E]b"),
        ("a\u2066b\u2069", "a[U+2066]b[U+2069]"),
        ("zero\u200bwidth", "zero[U+200B]width"),
        ("nul\x00", "nul[U+0000]"),
        ("family 👨\u200d👩", "family 👨\u200d👩"),
        ("<b>x</b>", "<b>x</b>"),
    ],
)
def test_what_others_wrote_is_shown_as_it_is(text: str, shown: str) -> None:
    assert words.escaped(text) == shown


@pytest.mark.parametrize("text", TEXTS["same"])
def test_what_living_languages_are_written_with_is_text(text: str) -> None:
    assert words.escaped(text) == words.plain(text) == text


@pytest.mark.parametrize(("text", "marks"), TEXTS["escaped"])
def test_what_deceives_is_shown(text: str, marks: list[str]) -> None:
    shown = words.escaped(text)
    for mark in marks:
        assert f"[{mark}]" in shown
        assert chr(int(mark.removeprefix("U+"), base=16)) not in shown


def test_right_to_left_names_cannot_reorder_a_sentence() -> None:
    assert words.name("مريم") == "\u2068مريم\u2069"
    assert words.name("Bob") == "Bob"
    assert words.name(" \n ") == "Someone"
    assert len(words.name("x" * 500)) == words.LONGEST_NAME


@pytest.mark.parametrize(
    ("satoshis", "shown"),
    [(0, "0"), (999, "999"), (12_400, "12,400"), (-2012, "−2,012"), (10**15, "1,000,000,000,000,000")],
)
def test_amounts_are_grouped(satoshis: int, shown: str) -> None:
    assert words.digits(satoshis) == shown


@pytest.mark.parametrize(("text", "satoshis"), AMOUNTS["satoshis"].items())
def test_typed_amounts_are_read(text: str, satoshis: int | None) -> None:
    assert words.read_amount(text) == satoshis


@pytest.mark.parametrize(
    ("text", "satoshis"),
    [
        ("12 400 sat", 12_400),
        (words.sat(12_400), 12_400),
        (" 5 ", 5),
        ("0", 0),
        ("2,100,000,000,000,000 sat", 21 * 10**14),
        ("0" * 5000 + "7", 7),
        ("9" * 5000, None),
        ("1_000", None),
        ("1,000 000", None),
        ("1,0000", None),
        ("1 5", None),
        (",500", None),
        ("500,", None),
        ("12\n400", None),
        ("5 sat 6", None),
        ("5 sats", None),
    ],
)
def test_separators_of_amounts_are_checked(text: str, satoshis: int | None) -> None:
    assert words.read_amount(text) == satoshis


@pytest.mark.parametrize(
    ("length", "shown"),
    [
        (23 * HOUR, "23 h"),
        (24 * HOUR, "1 day"),
        (72 * HOUR, "3 days"),
        (HOUR // 60, "1 min"),
        (5 * 10**9, "5 s"),
        (-1, "0 s"),
    ],
)
def test_durations(length: int, shown: str) -> None:
    assert words.duration(length) == shown


def test_the_status_says_what_is_known() -> None:
    row = StatusRow(Link.WAITING, 14, 3, 8 * 10**9, 3, 912_204, False, WalletRow(5, 0, 0))
    assert words.status(row) == [
        "◔ Reconnecting in 8 s (attempt 3)",
        "3 messages wait to be sent",
        "▲ No block data",
        "Wallet 5\u00a0sat",
    ]


def test_the_status_says_what_of_the_wallet_is_free() -> None:
    row = StatusRow(Link.LISTENING, 14, 0, 0, 0, 5, True, WalletRow(20, 30, 0, pending=50))
    assert words.status(row)[-2:] == ["Wallet 100\u00a0sat", "of it free 20\u00a0sat"]
    row = StatusRow(Link.LISTENING, 14, 0, 0, 0, 5, True, WalletRow(20, 0, 0))
    assert words.status(row)[-1] == "Wallet 20\u00a0sat"


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("obstacle", Obstacle)
def test_nobody_is_told_that_all_is_well_while_a_task_is_not(task: Task, obstacle: Obstacle) -> None:
    row = StatusRow(Link.LISTENING, 14, 0, 0, 0, 912_204, task is not Task.CHAIN, WalletRow(5, 0, 0))
    parts = words.status(replace(row, troubles=(TroubleRow(task, obstacle, NOW),)))
    assert any(part.startswith("▲") for part in parts)
    no_block_data = (task, obstacle) == (Task.CHAIN, Obstacle.NO_ANSWER)
    assert no_block_data == any("Listening" in part for part in parts), "who only lacks a chain does hear"
    assert len(set(parts)) == len(parts) == (3 if no_block_data else 4)


def test_while_there_is_no_line_its_return_is_what_is_told() -> None:
    row = StatusRow(Link.WAITING, 14, 3, 8 * 10**9, 0, 912_204, True, WalletRow(5, 0, 0))
    away = TroubleRow(Task.MAILROOM, Obstacle.NO_ANSWER, NOW)
    assert words.status(replace(row, troubles=(away,)))[0].startswith("◔ Reconnecting")
    full = TroubleRow(Task.TAKE_IN, Obstacle.STORE, NOW)
    assert words.status(replace(row, troubles=(away, full)))[0].startswith("▲")


@pytest.mark.parametrize(
    "problem",
    [
        errors.Refused("stale", "secret detail"),
        errors.Refused("never heard of", "secret detail"),
        errors.TransportError("secret detail"),
        errors.TransportError("secret detail", gone=True),
        errors.StoreError("secret detail"),
        errors.WrongPassphrase("secret detail"),
        errors.AlreadyRunning(7),
        errors.AlreadyRunning(None),
        errors.NotAnswering(7),
        *(errors.FolderUnusable("/a folder", fault, "secret detail") for fault in errors.FolderFault),
        errors.TxRejected("secret detail"),
        errors.WireError("eof", "secret detail"),
        errors.InsufficientFunds(5, 3),
        errors.WalletLocked(),
        RuntimeError("secret detail"),
    ],
)
def test_every_error_has_a_sentence_without_foreign_text(problem: Exception) -> None:
    sentence = words.error(problem)
    assert sentence.endswith((".", "channels:"))
    assert "secret detail" not in sentence


@pytest.mark.parametrize("place", list(host_words.Place))
def test_every_cause_has_its_own_words_in_every_place(place: host_words.Place) -> None:
    said = {host_words.problem(cause, place, "https://host.example") for cause in errors.Cause}
    assert len(said) == len(errors.Cause)
    for sentence in said:
        assert sentence.startswith("https://host.example ")
        assert sentence.endswith(".")
        assert "invite" not in sentence, "whoever chooses a host has no contact to ask"
    assert len({host_words.briefly(cause) for cause in errors.Cause}) == len(errors.Cause)


@pytest.mark.parametrize("cause", list(errors.Cause))
def test_the_status_says_why_the_host_does_not_serve(cause: errors.Cause) -> None:
    row = StatusRow(Link.WAITING, 14, 3, 8 * 10**9, 0, 912_204, True, WalletRow(5, 0, 0), cause)
    assert words.status(row)[0] == f"◔ Reconnecting in 8 s (attempt 3): {host_words.briefly(cause)}"


@pytest.mark.parametrize(
    ("number", "words_of_it"),
    [(errno.EROFS, "only be read"), (errno.ENOSPC, "full"), (errno.EPERM, "may not write"), (errno.EIO, "can't be")],
)
def test_a_folder_is_refused_for_what_the_system_says(number: int, words_of_it: str) -> None:
    problem = errors.FolderUnusable.because("/a folder", OSError(number, "secret detail"))
    assert words_of_it in words.error(problem)
    assert "/a folder" in words.error(problem)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("state", list(PaymentState))
def test_every_payment_has_its_words(role: Role, state: PaymentState) -> None:
    row = payment(role=role, state=state, reason="I:6", block_height=912_204, held=12_412)
    badge, tone = payment_words.badge(row, "Bob", NOW)
    assert badge
    assert tone in {"plain", "accent", "success", "warning", "danger"}
    assert payment_words.copy(row, "Bob", NOW)
    assert "7F2A" in payment_words.spoken(row, "Bob", NOW)


def test_the_words_of_the_specification() -> None:
    row = payment()
    assert payment_words.title(row, "Bob") == "Invoice from Bob · #7F2A"
    assert payment_words.badge(row, "Bob", NOW) == ("Waiting for you", "warning")
    assert payment_words.badge(payment(expiry=NOW + 40 * HOUR // 60), "Bob", NOW)[0] == "Expires in 40 min"
    assert payment_words.progress_spoken(steps(2)) == "Progress: 2 of 5 done, next Payment"
    unordered = (StepRow(Step.ORDER), *steps(3)[1:])
    assert payment_words.progress_spoken(unordered) == "Progress: 2 of 4 done, next Accepted"
    assert payment_words.progress_spoken((StepRow(Step.ORDER), *steps(5)[1:])) == "Progress: 4 of 4 done"
    assert payment_words.progress_spoken(steps(5)) == "Progress: 5 of 5 done"
    assert payment_words.action_spoken(Action.PAY, row) == "Review and pay invoice 7F2A"
    assert payment_words.need(NeedRow("pay", satoshis=12_400), "Bob")[0] == (
        "Bob's invoice for 12,400\u00a0sat is waiting for you"
    )
