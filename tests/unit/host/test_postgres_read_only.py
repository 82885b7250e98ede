"""A server that takes no writes any more, as one that another has replaced: its sessions are not used again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import cast

import pytest
import pytest_asyncio

from channels_desktop.errors import StoreError
from channels_desktop.host.management import posting
from channels_desktop.host.postgres import POST_SESSIONS, WORK_SESSIONS
from channels_desktop.host.postgres_rows import PgRows
from channels_desktop.host.rows import Rows
from channels_desktop.host.tasks import WRITING, Health, Tasks
from tests import postgres
from tests.contract.host_ports import Place, opened, text

TIMEOUT = 60.0
OURS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'channels-%'"


@pytest_asyncio.fixture
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with asyncio.timeout(TIMEOUT), opened("postgres", tmp_path_factory.mktemp("unused")) as place:
        yield place


async def shut(rows: Rows) -> None:
    """Make the session of a work refuse writes from now on."""
    await cast("PgRows", rows)._fetch("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")  # noqa: SLF001


@pytest.mark.parametrize("first", ["post", "work"])
async def test_no_session_of_a_server_that_turned_read_only_is_used_again(
    place: Place, first: str, warnings_logged: list[logging.LogRecord]
) -> None:
    token = await place.account()
    channel = await place.channel(token)
    writer = text(channel, "write")
    await place.post(writer, channel)
    hint = posting(channel.id, writer)
    works = [place.store.transact(shut) for _ in range(WORK_SESSIONS)]
    posts = [place.store.transact(shut, hint) for _ in range(POST_SESSIONS)]
    await asyncio.gather(*works, *posts)
    assert await place.sequences(token, channel) == [1]
    before = {row["pid"] for row in await postgres.server().execute(OURS)}
    with pytest.raises(StoreError, match="read-only"):
        await (place.post(writer, channel) if first == "post" else place.account())
    assert (await place.post(writer, channel)).sequence == 2
    await place.account()
    assert await place.sequences(token, channel) == [1, 2]
    await place.post(writer, channel)
    while before & {row["pid"] for row in await postgres.server().execute(OURS + " AND query LIKE '%LISTEN%'")}:
        pass
    warnings_logged.clear()


async def test_health_tells_of_a_server_that_is_read_only(
    place: Place, warnings_logged: list[logging.LogRecord]
) -> None:
    health, server = Health(place.store, Tasks()), postgres.server()
    assert await health.failing(TIMEOUT) == []
    try:
        await server.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        await server.execute("SELECT pg_reload_conf()")
        while await health.failing(TIMEOUT) != [WRITING]:
            pass
    finally:
        await server.execute("ALTER SYSTEM RESET default_transaction_read_only")
        await server.execute("SELECT pg_reload_conf()")
    while await health.failing(TIMEOUT):
        pass
    warnings_logged.clear()
