"""What our own code fails on, on one message: it is set aside, told and answered, and the next ones go on."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from dataclasses import replace

import pytest

from channels_desktop.adapters.memory import memory_store
from channels_desktop.adapters.repositories.entries import SqlEntries
from channels_desktop.adapters.repositories.statements import Statements
from channels_desktop.adapters.schema import MIGRATIONS
from channels_desktop.adapters.sqlite import Connection
from channels_desktop.engine.inbound import OUR_FAULTS
from channels_desktop.engine.records import Entry
from channels_desktop.engine.tasks import pause
from channels_desktop.errors import StoreError
from tests.unit.engine.desk import Desk, Opened, text
from tests.unit.engine.test_outbox import ONE, running


class Poisoned(Opened):
    """Records that fail on one text as our own code would; `fault` is how."""

    fault: Exception

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.entries = PoisonedEntries(Statements(connection))


class PoisonedEntries(SqlEntries):
    def add(self, entry: Entry) -> int:
        if entry.text == "poison":
            raise Poisoned.fault
        if entry.text == "too much":  # what a CHECK of the tables refuses
            entry = replace(entry, state="no such state")
        return super().add(entry)


@pytest.mark.parametrize("fault", [kind("a mistake of ours") for kind in OUR_FAULTS], ids=repr)
@pytest.mark.parametrize("words", ["poison", "too much"])
async def test_a_message_our_code_fails_on_is_set_aside_told_and_answered_and_the_next_ones_go_on(
    fault: Exception, words: str, warnings_logged: list[logging.LogRecord]
) -> None:
    store = await memory_store(migrations=MIGRATIONS, records=Poisoned)
    try:
        Poisoned.fault = fault
        it = Desk(store)
        it.peer = await it.add_contact()
        for number, text_of in ((1, "before"), (3, "held back"), (2, words), (4, "after")):
            await it.receive(text(number, text_of))
        assert await it.texts() == ["before", "held back", "after"]
        assert await it.notices() == ["unreadable"]
        assert await it.answers() == [(8, "TXT", 0)]
        assert (await it.contact()).next_in == 5
    finally:
        await store.close()
    assert "could not be used" in warnings_logged.pop().getMessage()


async def test_a_failure_of_the_database_sets_nothing_aside() -> None:
    store = await memory_store(migrations=MIGRATIONS, records=Poisoned)
    try:
        Poisoned.fault = sqlite3.OperationalError("database or disk is full")
        it = Desk(store)
        it.peer = await it.add_contact()
        with pytest.raises(StoreError):
            await it.receive(text(1, "poison"), sequence=1)
        assert await it.outcomes() == []
        assert (await it.contact()).next_in == 1
    finally:
        await store.close()


async def test_a_message_our_code_fails_on_again_is_tried_less_and_less_often(
    warnings_logged: list[logging.LogRecord],
) -> None:
    async with running(ONE) as post:
        post.channels.fail = {"1": [RuntimeError("a mistake of ours") for _ in range(3)]}
        await post.send("hello")
        for tried in (1, 2, 3):
            async with asyncio.timeout(60):
                while len(post.channels.tried) < tried or post.outbox._under_way:  # noqa: SLF001 - a post is done
                    await post.desk.outbox()
            await post.waits(pause(tried))
        await post.until("posted")
        await post.told(None)
        post.troubles.clear()
    warnings_logged.clear()
