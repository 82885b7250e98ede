"""Events become batches of signals, commands become tasks, errors become sentences."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from channels_desktop.engine.commands import SendText
from channels_desktop.engine.events import ConversationChanged, EngineFailed, EntryChanged, EntryRemoved, StatusChanged
from channels_desktop.engine.troubles import Task
from channels_desktop.errors import Refused
from channels_desktop.ui.bridge import Bridge
from tests.ui.conftest import heard, payment
from tests.ui.scripted_engine import ScriptedEngine, contact


async def test_a_burst_becomes_one_batch_of_the_newest_rows(engine: ScriptedEngine) -> None:
    bridge = Bridge(engine)
    entries, people, status = heard(bridge.entries), heard(bridge.conversations), heard(bridge.status)
    for version in range(100):
        engine.publish(EntryChanged(payment(version=version)), ConversationChanged(contact(1, "Bob", unread=version)))
        engine.publish(StatusChanged(replace(engine.line, channels=version)))
    (rows,) = await asyncio.wait_for(entries, 60)
    assert [row.version for row in rows] == [99]
    assert [row.unread for row in (await people)[0]] == [99]
    assert (await status)[0].channels == 99
    await bridge.close()


async def test_other_news_arrive(engine: ScriptedEngine) -> None:
    bridge = Bridge(engine)
    removed, failed = heard(bridge.removed), heard(bridge.failed)
    engine.publish(EntryRemoved(1, 4), EngineFailed(Task.OUTBOX))
    assert (await asyncio.wait_for(removed, 60))[0] == ((1, 4),)
    assert (await failed)[0].task is Task.OUTBOX
    await bridge.close()


async def test_an_answer_goes_to_its_callback(engine: ScriptedEngine) -> None:
    bridge = Bridge(engine)
    answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    bridge.submit(SendText(1, "hello"), answer.set_result)
    row = await asyncio.wait_for(answer, 60)
    assert getattr(row, "text", "") == "hello"
    await bridge.close()


async def test_an_error_becomes_a_sentence(engine: ScriptedEngine) -> None:
    bridge = Bridge(engine)
    engine.refusing = Refused("stale")
    told = heard(bridge.problem)
    bridge.submit(SendText(1, "hello"))
    assert (await asyncio.wait_for(told, 60))[0] == "This changed in the meantime. Look again, then decide."
    own: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    bridge.submit(SendText(1, "hello"), on_error=own.set_result)
    assert await asyncio.wait_for(own, 60)
    await bridge.close()


async def test_a_callback_that_fails_is_told_and_logged(
    engine: ScriptedEngine, warnings_logged: list[logging.LogRecord]
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("a mistake of a view")

    bridge = Bridge(engine)
    told = heard(bridge.problem)
    bridge.submit(SendText(1, "hello"), fail)
    assert "went wrong in this program" in (await asyncio.wait_for(told, 60))[0]
    await bridge.close()
    assert "a task of the window failed" in warnings_logged.pop().getMessage()


async def test_a_command_that_runs_comes_to_its_end(engine: ScriptedEngine) -> None:
    bridge = Bridge(engine)
    bridge.submit(SendText(1, "the last words"))
    await bridge.close()
    bridge.submit(SendText(1, "too late"))
    assert engine.commands == [SendText(1, "the last words")]


async def test_after_closing_nothing_arrives_and_nothing_runs(engine: ScriptedEngine) -> None:
    bridge = Bridge(engine)
    forever = asyncio.Event()
    bridge.ask(forever.wait())
    await asyncio.sleep(0)
    await bridge.close()
    arrived: list[object] = []
    bridge.entries.connect(arrived.append)
    engine.publish(EntryChanged(payment()))
    assert engine.listeners == []
    assert arrived == []
