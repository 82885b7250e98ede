"""Nothing that a contact sends is dropped silently: what this version cannot act on is named, quoted and refused."""

from __future__ import annotations

import pytest

from channels_desktop.bitcoin.expanded_tx import ExpandedTx
from channels_desktop.engine.projection import conversation_row, entry_row
from channels_desktop.engine.rows import AttachmentRow, TextRow
from channels_desktop.protocols.ids import Uuid
from channels_desktop.protocols.invoices.messages import Invoice, Menu, MenuItem, RequestMenu
from channels_desktop.protocols.notes import Note
from channels_desktop.protocols.peer_channels import Account
from channels_desktop.protocols.relationships import Configuration, SubTerminate, Update
from channels_desktop.protocols.response import Response
from channels_desktop.protocols.text import Attachment, TextDelete, TextEdit, TextMessage, TextReaction, TextReceipt
from tests.unit.engine.desk import PEER, desk, write
from tests.unit.protocols.samples import COINS

UUID = Uuid(uuid=b"\x0f" * 16)
MENU = Menu(items=tuple(MenuItem(id=b"%d" % number, name=f"Soup {number}") for number in range(12)))
TOKEN = "c0ffee-token"
NAMED = {
    "an edit": (TextEdit(target=b"\x0f" * 16, text="hallo"), b"TXT", "edited", "hello → hallo"),
    "an edit of nothing": (TextEdit(target=bytes(16), text="hallo"), b"TXT", "edited", "hallo"),
    "a deletion": (TextDelete(target=b"\x0f" * 16), b"TXT", "taken_back", "hello"),
    "a reaction": (TextReaction(target=b"\x0f" * 16, emoji="👍"), b"TXT", "reaction", "hello → 👍"),
    "no reaction": (TextReaction(emoji="👍", remove=True), b"TXT", "reaction_removed", "👍"),
    "a menu": (MENU, b"I", "menu", ", ".join(f"Soup {number}" for number in range(10)) + " … (12)"),
    "a wish for a menu": (RequestMenu(), b"I", "menu_wanted", ""),
    "an invoice by itself": (Invoice(notes="n"), b"I", "unknown_protocol", "Invoice"),
    "new mailboxes": (Update(data=Configuration(public_key=PEER.public)), b"RS", "moved", ""),
    "a second channel": (SubTerminate(), b"RS", "sub_channel", ""),
    "an account": (Account(base_url="https://h.example", id="1", token=TOKEN), b"peers", "channel_managed", ""),
    "a transaction": (ExpandedTx(tx=COINS), b"ETX", "transaction", ""),
}


@pytest.mark.parametrize("name", NAMED)
async def test_what_this_version_cannot_act_on_is_named_in_a_grey_row_and_refused(name: str) -> None:
    body, protocol, notice, detail = NAMED[name]
    async with desk() as it:
        await it.receive(write(1, UUID, TextMessage(text="hello")))
        await it.receive(write(2, Uuid(uuid=b"\x0e" * 16), body))
        row = (await it.entries())[-1]
        assert (row.kind, row.text, row.reason) == ("notice", notice, detail)
        assert await it.answers() == [(4, protocol.decode(), 0)]
        assert TOKEN not in repr(await it.sent()) + repr(await it.entries())
        stored = await it.store.query(lambda reader: reader.messages.get(it.peer, 2, outgoing=False))
        assert stored.state == "quarantined"


async def test_a_long_text_is_quoted_by_its_beginning() -> None:
    async with desk() as it:
        await it.receive(write(1, UUID, TextMessage(text="so long " * 50)))
        await it.receive(write(2, TextMessage(text="yes", reply_to=UUID.uuid)))
        await it.receive(write(3, TextMessage(text="what?", reply_to=bytes(16))))
        rows = [(entry.kind, entry.text, entry.reason) for entry in (await it.entries())[1:]]
        quoted = ("so long " * 50)[:79] + "…"
        assert rows == [
            ("notice", "reply", quoted),
            ("text", "yes", ""),
            ("notice", "reply", ""),
            ("text", "what?", ""),
        ]


@pytest.mark.parametrize("words", ["", "look"])
async def test_attachments_are_named_refused_and_kept(words: str) -> None:
    files = (Attachment(name="a\nb.jpg", size=12_400, data=b"bytes"), None, Attachment(size=5))
    script = write(1, UUID, TextMessage(text=words, attachments=files))
    async with desk() as it:
        await it.receive(script)
        (entry,) = await it.entries()
        row = await it.store.query(lambda reader: entry_row(reader, entry))
        assert isinstance(row, TextRow)
        assert (row.text, row.reason) == (words, "")
        assert row.attachments == (AttachmentRow("a b.jpg", 12_400), AttachmentRow("", 5))
        assert await it.answers() == [(1, "TXT", 4)]
        assert [stack.find(TextReceipt) for stack in await it.sent()][-1] == TextReceipt(kind=1, up_to=1)
        line = await it.store.query(lambda reader: conversation_row(reader, reader.contacts.get(it.peer), it.at))
        assert (line.last_code, line.unread) == ("text" if words else "attachments", 1)
        stored = await it.store.query(lambda reader: reader.messages.get(it.peer, 1, outgoing=False))
        assert (stored.state, stored.script) == ("processed", script)


async def test_a_text_with_nothing_in_it_is_said_to_be_one() -> None:
    async with desk() as it:
        await it.receive(write(1, UUID, TextMessage()))
        assert await it.texts() == []
        assert await it.notices() == ["empty_text"]


SAID = {
    "beside a text": (write(1, Note(note="by the way"), TextMessage(text="hello")), ["hello", "by the way"]),
    "with an answer to nothing": (write(1, Note(note="by the way"), Response()), ["by the way"]),
    "in an answer": (write(1, UUID, Note(note="by the way"), Response()), ["by the way"]),
    "in an answer's own words": (write(1, Response(note="by the way")), ["by the way"]),
}


@pytest.mark.parametrize("name", SAID)
async def test_what_a_note_says_is_shown_whatever_it_comes_with(name: str) -> None:
    script, words = SAID[name]
    async with desk() as it:
        await it.receive(script)
        assert await it.texts() == words
        assert await it.notices() == []
        assert await it.answers() == []


async def test_a_refusal_is_shown_with_its_protocol_and_its_words() -> None:
    async with desk() as it:
        await it.receive(write(1, Response(status=2, protocol_id=b"TXT", code=2, note="at most 1 kB")))
        await it.receive(write(2, Note(note="no"), Response(status=2, protocol_id=b"S", code=3)))
        rows = [(entry.text, entry.reason) for entry in await it.entries()]
        assert rows == [("refused", "TXT:2 at most 1 kB"), ("refused", "S:3 no")]
