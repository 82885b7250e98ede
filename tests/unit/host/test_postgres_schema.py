"""What a newer host makes of the tables of an older one."""

from __future__ import annotations

import asyncio

import pytest

from channels_desktop.host import postgres_schema
from channels_desktop.host.postgres_schema import MIGRATIONS
from channels_desktop.host.postgres_session import connect
from tests import postgres

TIMEOUT = 60.0


async def test_channels_of_version_2_open_to_the_public_as_they_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    async with asyncio.timeout(TIMEOUT), postgres.database() as url:
        session = await connect(url)
        with monkeypatch.context() as patch:
            patch.setattr(postgres_schema, "MIGRATIONS", MIGRATIONS[:2])
            await postgres_schema.prepare(session)
        await session.execute("""INSERT INTO account (id, token, name, created) VALUES (1, '', '', 0);
            INSERT INTO channel (id, account, public_read, public_write, sequenced, locked, auto_delete, min_age_days,
            max_age_days, auto_prune, created, owner)
            SELECT n, 1, true, true, false, false, false, 0, 0, false, 0, n FROM generate_series(1, 2) n;
            INSERT INTO token (channel, name, description, can_read, can_write, created)
            VALUES (1, 'read', '', true, false, 0), (2, 'owner', '', true, true, 0)""")
        await postgres_schema.prepare(session)
        assert await session.fetchval("SELECT stored FROM account") == 0
        found = await session.fetch("SELECT id, opens FROM channel ORDER BY key")
        assert [tuple(row) for row in found] == [("1", True), ("2", False)]
        await session.close()
