"""What grey rows, attachments and refusals say: true sentences, each by the code that was really given."""

from __future__ import annotations

import pytest

from channels_desktop.engine.rows import AttachmentRow, NoticeRow, PaymentState, Role, TextRow, TextState
from channels_desktop.ui import entry_words, payment_words
from channels_desktop.ui.refusal_words import refusal
from tests.ui.conftest import payment
from tests.ui.scripted_engine import NOW

CODES = [
    "connected",
    "verified",
    "mismatch",
    "unreadable",
    "unknown_protocol",
    "bad_signature",
    "out_of_turn",
    "expired",
    "refused",
    "terminated",
    "too_large",
    "missing_before",
    "reply",
    "empty_text",
    "edited",
    "taken_back",
    "reaction",
    "reaction_removed",
    "menu",
    "menu_wanted",
    "moved",
    "sub_channel",
    "channel_managed",
    "transaction",
]


def row(code: str, detail: str = "") -> NoticeRow:
    return NoticeRow(1, 1, code, NOW, detail)


@pytest.mark.parametrize("code", CODES)
def test_every_grey_row_has_words_of_its_own(code: str) -> None:
    words, tone = entry_words.notice(row(code, "TXT:2 why"), "Bob")
    assert words not in {entry_words.notice(row(other, "TXT:2 why"), "Bob")[0] for other in CODES if other != code}
    assert "no words for" not in words
    assert tone in {"secondary", "success", "danger"}


def attached(*files: AttachmentRow, text: str = "") -> str:
    return entry_words.text_shown(TextRow(1, 1, False, text, NOW, TextState.INCOMING, attachments=files))


def test_attachments_are_named_with_their_sizes() -> None:
    photo = AttachmentRow("photo.jpg", 12_400)
    assert attached(photo) == "1 attachment: photo.jpg, 12\u00a0kB. This version can't open it; it is kept."
    assert attached(photo, text="look").startswith("look\n1 attachment: photo.jpg")
    many = attached(*[AttachmentRow(f"{n}.{{x}}", n) for n in range(12)])
    assert many.startswith("12 attachments: 0.{x}, 0\u00a0B · 1.{x}, 1\u00a0B")
    assert "9.{x}, 9\u00a0B · and 2 more. This version can't open them" in many
    assert attached(AttachmentRow("gpj.\u202eexe", 3_000_000_000)).startswith(
        "1 attachment: gpj.[U+202E]exe, 3\u00a0GB"
    )
    assert "Bob, " in entry_words.text_spoken(
        TextRow(1, 1, False, "", NOW, TextState.INCOMING, attachments=(photo,)), "Bob"
    )


def test_one_code_means_another_thing_in_each_protocol() -> None:
    for code in ("0", "1", "2", "101"):
        sentences = [
            refusal(f"{protocol}:{code}", "Bob") for protocol in ("I", "TXT", "S", "ID", "RE", "RS", "ETX", "")
        ]
        assert len(set(sentences)) == len(sentences)
    assert payment_words.problem("S:2", "Bob") == refusal("S:2", "Bob") != payment_words.problem("I:2", "Bob")
    assert refusal("odd:7", "Bob") == "Bob's app reported a problem (odd:7)."


def test_a_refusal_is_shown_with_the_words_that_came_with_it() -> None:
    refused = row("refused", "TXT:2 at most\n1 kB")
    assert entry_words.notice(refused, "Bob")[0] == refusal("TXT:2", "Bob")
    assert entry_words.notice_detail(refused) == "at most 1 kB"
    assert entry_words.notice_detail(row("refused", "TXT:2")) == ""
    assert entry_words.notice_detail(row("edited", "one\ntwo")) == "one two"


def test_a_payment_that_ended_says_whose_word_it_was() -> None:
    ended = {"state": PaymentState.DECLINED, "role": Role.PAYER}
    assert payment_words.copy(payment(**ended), "Bob", NOW) == "Bob declined."
    assert payment_words.copy(payment(**ended, reason="RS:1", reason_note="who?"), "Bob", NOW) == (
        refusal("RS:1", "Bob") + " who?"
    )
    assert payment_words.copy(payment(**ended, reason="I:3", ended_by_us=True), "Bob", NOW) == "You declined."
