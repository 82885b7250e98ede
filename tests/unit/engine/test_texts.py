"""Texts, receipts, drafts, and what becomes of a text that no host takes (channels.md 9.2)."""

from __future__ import annotations

import pytest

from channels_desktop.engine import commands as ask
from channels_desktop.engine import outbox, texts
from channels_desktop.engine.projection import conversation_row
from channels_desktop.engine.records import Entry
from channels_desktop.engine.repositories import Reader
from channels_desktop.engine.rows import ContactState, TextState
from channels_desktop.engine.turn import Turn
from channels_desktop.errors import Misuse, Refused
from channels_desktop.protocols.ids import MessageId
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.protocols.text import TextMessage, TextReceipt
from channels_desktop.protocols.times import Time
from tests.unit.engine.desk import AT, Desk, desk, text, write


async def send(it: Desk, words: str) -> int:
    return await it.turn(lambda turn: texts.send(turn, ask.SendText(it.peer, words)))


async def states(it: Desk) -> list[str]:
    return [entry.state for entry in await it.entries()]


async def settle(it: Desk, number: int, *, refused: bool = False) -> None:
    """Do what the outbox does after a post."""

    def work(turn: Turn) -> None:
        message = turn.tx.messages.get(it.peer, number, outgoing=True)
        if refused:
            outbox.failed(turn, message, "too_large")
        else:
            outbox.posted(turn, message)

    await it.turn(work)


async def to_post(it: Desk, number: int) -> bytes:
    def read(reader: Reader) -> bytes:
        message = reader.messages.get(it.peer, number, outgoing=True)
        return message.script

    return await it.store.query(read)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("", "empty_text"),
        (" \n", "empty_text"),
        ("\u200b", "empty_text"),
        ("\u200b \u2060\u3164\ufe0f\u00ad\u2800", "empty_text"),
        ("\xe9" * 32_769, "text_too_long"),
    ],
)
async def test_what_is_no_text_is_not_sent(words: str, reason: str) -> None:
    async with desk() as it:
        with pytest.raises(Refused, match=reason):
            await send(it, words)
        assert await it.sent() == []


async def test_nothing_is_sent_to_who_is_no_contact() -> None:
    async with desk(ContactState.RECEIVED) as it:
        with pytest.raises(Refused, match="not_connected"):
            await send(it, "hello")


async def test_half_a_letter_is_replaced_before_it_is_signed() -> None:
    async with desk() as it:
        await send(it, "a\ud800b")
        (message,) = await it.sent()
        assert message.find(TextMessage) == TextMessage(text="a?b")


async def test_receipts_are_cumulative_both_ways() -> None:
    async with desk() as it:
        for words in ("one", "two", "three"):
            await send(it, words)
        await settle(it, 1)
        await it.receive(write(1, TextReceipt(kind=1, up_to=2)))
        assert await states(it) == ["received", "received", "waiting"]
        await it.receive(write(2, TextReceipt(kind=1, up_to=4)))
        assert await states(it) == ["received", "received", "waiting", ""], "a receipt for the future is refused"
        await it.receive(write(3, TextReceipt(kind=1, up_to=3)))
        assert (await states(it))[:3] == ["received"] * 3


async def test_texts_that_come_together_get_one_receipt() -> None:
    async with desk() as it:
        await it.receive(text(2, "two"))
        await it.receive(text(3, "three"))
        await it.receive(text(1, "one"))
        (receipt,) = await it.sent()
        assert receipt.find(TextReceipt) == TextReceipt(kind=1, up_to=3)


async def test_drafts_and_what_was_seen_are_kept() -> None:
    async with desk() as it:
        await it.turn(lambda turn: texts.save_draft(turn, ask.SaveDraft(it.peer, "hal\ud800")))
        assert (await it.contact()).draft == "hal?"
        for entry in (7, 3):
            await it.turn(lambda turn, entry=entry: texts.mark_seen(turn, ask.MarkSeen(it.peer, entry)))
        assert (await it.contact()).seen_entry == 7


async def test_answering_reads_nothing() -> None:
    async with desk() as it:
        await it.receive(text(1, "a question"))
        await send(it, "an answer to something else")
        row = await it.store.query(lambda reader: conversation_row(reader, reader.contacts.get(it.peer), it.at))
        assert (row.unread, row.first_unread) == (1, (await it.entries())[0].number)


# -- refused for good -----------------------------------------------------------------------------------------------


async def test_a_refused_text_may_be_tried_again_with_the_same_bytes() -> None:
    async with desk() as it:
        entry = await send(it, "hello")
        before = (await it.outbox())[0].script
        await settle(it, 1, refused=True)
        assert await states(it) == [TextState.NOT_SENT.value]
        await it.turn(lambda turn: texts.retry(turn, ask.RetryText(entry)))
        assert await states(it) == [TextState.WAITING.value]
        (message,) = await it.outbox()
        assert (message.state, message.script) == ("waiting", before)
        assert await to_post(it, 1) == before


async def test_a_deleted_text_leaves_an_empty_message_in_its_place() -> None:
    async with desk() as it:
        entry = await send(it, "secret")
        await settle(it, 1, refused=True)
        await it.turn(lambda turn: texts.delete(turn, ask.DeleteText(entry)))
        assert await it.entries() == ()
        filler = await to_post(it, 1)
        layers = REGISTRY.read(filler).messages
        assert layers[1:] == [MessageId(message_id=1), Time(at=AT)]
        assert (await it.outbox())[0].state == "waiting"
        await settle(it, 1)
        await it.turn(lambda turn: turn.tx.messages.resend_from(it.peer, 1))
        assert await to_post(it, 1) == filler, "whenever it is asked for: these bytes and no others"
        with pytest.raises(Refused, match="stale"):
            await it.turn(lambda turn: texts.delete(turn, ask.DeleteText(entry)))


async def test_a_text_that_may_have_arrived_is_never_replaced() -> None:
    async with desk() as it:
        entry = await send(it, "hello")
        message = (await it.outbox())[0]
        await it.turn(lambda turn: outbox.postponed(turn, message))
        await settle(it, 1, refused=True)
        with pytest.raises(Refused, match="may_have_arrived"):
            await it.turn(lambda turn: texts.delete(turn, ask.DeleteText(entry)))
        assert await states(it) == [TextState.NOT_SENT.value]


async def test_a_text_that_was_asked_for_in_the_meantime_is_on_its_way() -> None:
    async with desk() as it:
        entry = await send(it, "hello")
        await settle(it, 1, refused=True)
        await it.turn(lambda turn: turn.tx.messages.resend_from(it.peer, 1))
        for command, act in ((ask.DeleteText(entry), texts.delete), (ask.RetryText(entry), texts.retry)):
            with pytest.raises(Refused, match="stale"):
                await it.turn(lambda turn, act=act, command=command: act(turn, command))
        await settle(it, 1)
        assert await states(it) == [TextState.STORED.value]


async def test_only_a_text_that_was_not_sent_can_be_tried_again_or_deleted() -> None:
    async with desk() as it:
        entry = await send(it, "hello")
        for number in (entry, 999):
            with pytest.raises(Refused, match="stale"):
                await it.turn(lambda turn, number=number: texts.delete(turn, ask.DeleteText(number)))


async def test_a_text_without_its_message_is_our_own_mistake() -> None:
    async with desk() as it:
        state = TextState.NOT_SENT.value
        lost = Entry(0, it.peer, "text", AT, mine=True, text="hello", state=state, message=99)
        entry = await it.turn(lambda turn: turn.tx.entries.add(lost))
        with pytest.raises(Misuse):
            await it.turn(lambda turn: texts.retry(turn, ask.RetryText(entry)))
