"""TXT, byte for byte: it is our own protocol, so these bytes are its definition (channels.md 9.2)."""

from __future__ import annotations

import pytest

from channels_desktop.errors import WireError
from channels_desktop.protocols.ids import Uuid
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.protocols.text import (
    PROTOCOL,
    Attachment,
    ReceiptKind,
    TextCode,
    TextDelete,
    TextEdit,
    TextMessage,
    TextReaction,
    TextReceipt,
    TextTyping,
)
from channels_desktop.protocols.times import Expiry, Time
from channels_desktop.wire.bsor import Message
from channels_desktop.wire.envelope import head

TARGET = bytes(range(16))
PUSHED = "10" + TARGET.hex()
FILE = Attachment(name="a", mime_type="b/c", size=2, hash=b"\x07" * 32, data=b"hi", locator=b"l", key=b"k")
FILE_HEX = "57 51 0161 52 03622f63 53 52 54 20" + "07" * 32 + "55 026869 56 016c 57 016b"

WRITTEN: list[tuple[Message, str]] = [
    (TextMessage(), "00 51 00"),
    (TextMessage(text="hi"), "00 51 51 51 026869"),
    (TextMessage(text="é", reply_to=TARGET), f"00 51 52 51 02c3a9 52 {PUSHED}"),
    (TextMessage(attachments=(FILE,)), f"00 51 51 53 51 51 {FILE_HEX}"),
    (TextEdit(target=TARGET, text="ho"), f"00 52 52 51 {PUSHED} 52 02686f"),
    (TextDelete(target=TARGET), f"00 53 51 51 {PUSHED}"),
    (TextReaction(target=TARGET, emoji="\N{THUMBS UP SIGN}"), f"00 54 52 51 {PUSHED} 52 04f09f918d"),
    (TextReaction(target=TARGET, emoji="+", remove=True), f"00 54 53 51 {PUSHED} 52 012b 53 51"),
    (TextReceipt(kind=ReceiptKind.DELIVERED, up_to=9), "00 55 52 51 51 52 59"),
    (TextReceipt(kind=ReceiptKind.READ, up_to=200), "00 55 52 51 52 52 02c800"),
    (TextTyping(), "00 56 00"),
]


@pytest.mark.parametrize(("message", "body"), WRITTEN, ids=lambda value: type(value).__name__)
def test_bytes(message: Message, body: str) -> None:
    script = REGISTRY.write([message])
    assert script.endswith(bytes.fromhex(body))
    assert REGISTRY.read(script).messages == [message]


def test_every_type_is_written_above() -> None:
    assert {type(message) for message, _ in WRITTEN} == set(PROTOCOL.messages.values())
    assert set(PROTOCOL.messages) == {1, 2, 3, 4, 5, 6}


def test_what_is_said_of_a_message_stands_in_wrappers() -> None:
    stacks = [
        [Uuid(uuid=TARGET), Time(at=5), TextMessage(text="hi")],
        [Uuid(uuid=bytes(16)), TextEdit(target=TARGET, text="ho")],
        [Expiry(at=10_000_000_005), TextTyping()],
    ]
    for stack in stacks:
        assert REGISTRY.read(REGISTRY.write(stack)).messages == stack


@pytest.mark.parametrize(
    ("items", "kind"),
    [
        ("00 57 00", "unsupported_message_type"),
        ("51 51 00", "unsupported_version"),
        ("00", "invalid_message"),
        ("00 52 51 51 0f000000000000000000000000000000", "wrong_size"),
        ("00 53 51 51 00", "wrong_size"),
        ("00 53 51 52 0161", "unknown_field"),
        ("00 56 51 51 51", "unknown_field"),
    ],
)
def test_what_is_refused(items: str, kind: str) -> None:
    with pytest.raises(WireError) as caught:
        REGISTRY.read(head([b"TXT"], len(items.split())) + bytes.fromhex(items))
    assert caught.value.kind == kind


def test_codes() -> None:
    assert {code.name.lower(): int(code) for code in TextCode} == {
        "parse": 0,
        "target_not_found": 1,
        "too_large": 2,
        "not_the_author": 3,
        "attachment_refused": 4,
        "attachment_mismatch": 5,
    }
