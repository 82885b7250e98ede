"""What one post brings harms no other: neither numbers that no store can keep, nor texts, nor rows of old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from channels_desktop.host.management import posting
from channels_desktop.host.messages import HostMessage
from channels_desktop.host.rows import Retention, Rows, Settings
from tests.contract.host_ports import START, STORES, Place, opened, text

TIMEOUT = 60.0


@pytest_asyncio.fixture(params=STORES)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async with opened(request.param, tmp_path) as place:
        yield place


@pytest.mark.parametrize("at", [START, 2**63])
@pytest.mark.parametrize("content_type", ["t", "\ud800"])
async def test_a_post_that_cannot_be_written_fails_alone(place: Place, at: int, content_type: str) -> None:
    tokens = [await place.account() for _ in range(2)]
    channels = [await place.channel(token) for token in tokens]
    fails = at != START or content_type != "t"

    async def odd(rows: Rows) -> int:
        row = await rows.channel(channels[0].id)
        assert row
        return await rows.add_message(row, at, content_type, b"odd")

    async with asyncio.timeout(TIMEOUT):
        for turn in range(1, 4):
            outcomes = await asyncio.gather(
                place.post(text(channels[0], "write"), channels[0]),
                place.store.transact(odd, posting(channels[0].id, text(channels[0], "write"))),
                place.post(text(channels[1], "write"), channels[1]),
                return_exceptions=True,
            )
            assert isinstance(outcomes[1], Exception) == fails
            assert [isinstance(outcome, HostMessage) for outcome in outcomes[::2]] == [True, True]
            assert len(await place.sequences(tokens[0], channels[0])) == turn * (1 if fails else 2)
            assert len(await place.sequences(tokens[1], channels[1])) == turn


async def test_a_retention_beyond_all_time_keeps_for_ever(place: Place) -> None:
    """A host that knew no bound may have left such a row."""
    token = await place.account()
    channel, other = await place.channel(token), await place.channel(token)

    async def keep(rows: Rows) -> None:
        row = await rows.channel(channel.id)
        assert row
        await rows.set_settings(row, Settings(retention=Retention(0, 10**12, auto_prune=True)))

    await place.store.transact(keep)
    async with asyncio.timeout(TIMEOUT):
        posts = [place.post(text(each, "write"), each) for each in (channel, other, channel)]
        assert [message.sequence for message in await asyncio.gather(*posts)] in ([1, 1, 2], [2, 1, 1])
    assert await place.change(lambda rules: rules.prune(100)) == 0
    assert await place.sequences(token, channel) == [1, 2]
