"""Sessions of the database that end: whoever did not use them notices nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import cast

import pytest
import pytest_asyncio

from channels_desktop.errors import StoreError
from channels_desktop.host import postgres_posts
from channels_desktop.host.management import hashed
from channels_desktop.host.postgres_rows import PgRows
from channels_desktop.host.rows import Rows
from tests import postgres
from tests.contract.host_ports import Place, opened, text

TIMEOUT = 60.0
END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'channels-%'"


@pytest_asyncio.fixture
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with asyncio.timeout(TIMEOUT), opened("postgres", tmp_path_factory.mktemp("unused")) as place:
        yield place


async def test_sessions_that_died_unused_are_replaced(
    place: Place, warnings_logged: list[logging.LogRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_posts, "LIVES_SECONDS", 0)  # they have not just been used
    token = await place.account()
    channel = await place.channel(token)
    for number in range(1, 11):
        assert await place.sequences(token, channel) == list(range(1, number))
        await postgres.server().execute(END_ALL)
        await asyncio.gather(
            place.post(text(channel, "write"), channel),
            place.account(),
            *(place.look(lambda rules: rules.accounts()) for _ in range(10)),
        )
    warnings_logged.clear()  # the line of wake-ups says each time that it broke


async def test_a_look_whose_session_dies_is_taken_again_once(place: Place) -> None:
    token = await place.account()
    tried = 0

    async def die(rows: Rows) -> int | None:
        nonlocal tried
        tried += 1
        if tried == 1:
            await end_own(rows)
        return await rows.account_of(hashed(token))

    assert await place.store.query(die) is not None
    assert tried == 2
    with pytest.raises(StoreError):
        await place.store.query(end_own)


async def end_own(rows: Rows) -> None:
    """End the session that a work runs on."""
    await cast("PgRows", rows)._fetch("SELECT pg_terminate_backend(pg_backend_pid())")  # noqa: SLF001 - no rule does so
