"""What others wrote is never markup: hostile text in every field, and no label that could render it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

import channels_desktop.ui
from channels_desktop.engine.rows import (
    ContactState,
    EvidenceRow,
    InvitePreview,
    InviteRow,
    ItemRow,
    NoticeRow,
    PaymentState,
    ProfileRow,
    RawRow,
    TextRow,
    TextState,
)
from channels_desktop.ui.plain import Button, ElidedLabel, PlainLabel
from channels_desktop.ui.window import MainWindow
from tests.ui.conftest import THREAD, heard, payment, review, settle
from tests.ui.scripted_engine import NOW, ScriptedEngine, contact

HOSTILE = '<a href="x">a</a><img src="file:///etc/passwd"><b>b</b>\u202egnp.exe & {name}'


def labels(widget: QWidget) -> list[QLabel]:
    return widget.findChildren(QLabel)


def assert_plain(widget: QWidget) -> None:
    shown = labels(widget)
    assert shown
    assert [label.text() for label in shown if label.textFormat() is not Qt.TextFormat.PlainText] == []
    assert [label.text() for label in shown if "\u202e" in label.text()] == []
    tips = [part.toolTip() for part in widget.findChildren(QWidget)]
    assert [tip for tip in tips if "\u202e" in tip or ("<" in tip and "<" in tip.removeprefix("<span>")[:-7])] == []


async def test_hostile_text_is_plain_everywhere(window: MainWindow, engine: ScriptedEngine) -> None:
    entries = heard(window.bridge.entries)
    engine.add(TextRow(1, 1, False, HOSTILE, NOW, TextState.INCOMING))
    engine.add(NoticeRow(2, 1, "refused", NOW, HOSTILE))
    row = payment(items=(ItemRow(HOSTILE, 1, 12_400),), note=HOSTILE, reason=HOSTILE, reason_note=HOSTILE)
    engine.add(row)
    engine.add(payment(entry=5, thread="ab" * 16, state=PaymentState.DECLINED, reason_note=HOSTILE, items=row.items))
    engine.change(contact(1, HOSTILE, detail=HOSTILE, last_line=HOSTILE, last_code="text", draft=HOSTILE))
    await entries
    proof = EvidenceRow(HOSTILE, False, NOW)
    engine.proofs[THREAD] = (proof,)
    engine.raws[0, 0, False] = RawRow(HOSTILE, "")
    engine.reviews[THREAD] = review(name=HOSTILE, items=row.items, note=HOSTILE)
    window.show_payment(row)
    await settle()
    window.show_profile(ProfileRow(HOSTILE, HOSTILE, HOSTILE, HOSTILE))
    assert_plain(window)
    doors: tuple[Callable[[], None], ...] = (
        lambda: window.doors.review(THREAD),
        lambda: window.doors.pay(contact(1, HOSTILE)),
        lambda: window.doors.request(contact(1, HOSTILE)),
        lambda: window.doors.verify(contact(1, HOSTILE)),
        lambda: window.doors.remove(contact(1, HOSTILE)),
        lambda: window.doors.raw(proof, HOSTILE),
    )
    for open_door in doors:
        open_door()
        await settle()
        assert window.doors.sheet is not None
        assert_plain(window.doors.sheet)


async def test_hostile_invites_are_plain(window: MainWindow, engine: ScriptedEngine) -> None:
    engine.made[9] = InviteRow(9, HOSTILE, HOSTILE, NOW, NOW + 10**15, "used", HOSTILE)
    engine.previews["x"] = InvitePreview(HOSTILE, HOSTILE, HOSTILE, NOW, HOSTILE)
    window.doors.add_contact(use=True)
    sheet = window.doors.sheet
    assert sheet is not None
    sheet.use.box.setPlainText("x")  # type: ignore[attr-defined]  # it is the AddContact dialog
    await settle()
    assert_plain(sheet)


async def test_hostile_requests_are_plain(window: MainWindow, engine: ScriptedEngine) -> None:
    known = heard(window.bridge.conversations)
    engine.change(contact(2, HOSTILE, state=ContactState.RECEIVED))
    await known
    window.open_conversation(2)
    assert_plain(window)


@pytest.mark.parametrize("kind", [PlainLabel, ElidedLabel])
def test_a_label_shows_marks_as_escapes(qtbot: QtBot, kind: type[PlainLabel]) -> None:
    label = kind("a\u202eb<i>c</i>")
    qtbot.addWidget(label)
    label.resize(400, 20)
    assert label.text() == "a[U+202E]b<i>c</i>"
    assert label.textFormat() is Qt.TextFormat.PlainText


def test_an_ampersand_is_no_shortcut(qtbot: QtBot) -> None:
    button = Button("Review & pay…")
    qtbot.addWidget(button)
    assert button.text() == "Review && pay…"
    assert button.shortcut().isEmpty()


def test_no_view_makes_a_label_of_its_own() -> None:
    folder = Path(next(iter(channels_desktop.ui.__path__)))
    found = [
        f"{file.name}:{node.lineno}"
        for file in folder.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id in {"QLabel", "QTextBrowser", "QTextEdit", "QMessageBox"}
    ]
    assert found == []
