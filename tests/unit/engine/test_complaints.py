"""Answers to what could not be used: rarely, and never in a circle (channels.md 2.7)."""

from __future__ import annotations

from channels_desktop.engine.complaints import INTERVAL, complain
from channels_desktop.engine.rows import ContactState
from channels_desktop.errors import ProtocolError, WireError
from channels_desktop.protocols.ids import Uuid
from channels_desktop.protocols.invoices.messages import PurchaseOrder
from channels_desktop.protocols.response import Response
from channels_desktop.protocols.text import TextMessage
from tests.unit.engine.desk import STRANGER, desk, write


async def test_strangers_make_us_write_once_a_minute() -> None:
    async with desk() as it:
        for second in (0, 1, 59, 60, 61):
            it.at += second * 10**9 - (it.at - 1_700_000_000 * 10**9)
            await it.receive(write(1, TextMessage(text="hello"), key=STRANGER))
        assert await it.answers() == [(2, "S", 2), (2, "S", 2)]


async def test_every_request_of_the_contact_gets_its_answer() -> None:
    async with desk() as it:
        for number in (1, 2, 3):
            await it.receive(write(number, Uuid(uuid=bytes((number,)) * 16), PurchaseOrder()))
        assert await it.answers() == [(2, "I", 2)] * 3
        uuids = [stack.find(Uuid).uuid for stack in await it.sent()]
        assert uuids == [bytes((number,)) * 16 for number in (1, 2, 3)]


async def test_an_answer_says_what_was_wrong() -> None:
    async with desk() as it:
        error = ProtocolError(b"I", 4, "too dear", status=1)
        await it.turn(lambda turn: complain(turn, it.peer, error))
        (answer,) = await it.sent()
        assert answer.find(Response) == Response(status=1, protocol_id=b"I", code=4, note="too dear")


async def test_nobody_is_told_what_no_protocol_names() -> None:
    async with desk() as it:
        await it.turn(lambda turn: complain(turn, it.peer, WireError("eof")))
        assert await it.sent() == []


async def test_only_an_active_relationship_has_somewhere_to_answer() -> None:
    for state in ContactState:
        async with desk(state) as it:
            it.at += INTERVAL
            await it.turn(lambda turn, to=it.peer: complain(turn, to, ProtocolError(b"S", 2)))
            assert bool(await it.sent()) == (state is ContactState.ACTIVE)


async def test_what_an_earlier_run_noted_silences_nobody() -> None:
    """Before, that was a date; and what has elapsed begins anew with every start of the computer."""
    for noted in (1_700_000_000 * 10**9, 2 * INTERVAL):
        async with desk(complained_at=noted) as it:
            await it.receive(write(1, TextMessage(text="hello"), key=STRANGER))
            assert await it.answers() == [(2, "S", 2)]
