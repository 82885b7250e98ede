"""Channels and tokens managed in JSON, and what the settings of a channel do to its messages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from channels_desktop.host.limits import Limits
from channels_desktop.host.management import MOST_DAYS
from channels_desktop.host.options import Options
from channels_desktop.host.serve import Host
from tests.hosts import PATIENCE
from tests.unit.host.conftest import Plain

JSON = {"Content-Type": "application/json"}
DAY = 86_400 * 10**9


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = 1_800_000_000 * 10**9

    def __call__(self) -> int:
        return self.at


class Spv:
    """An account on a host, spoken to in JSON."""

    def __init__(self, plain: Plain, account: tuple[str, str]) -> None:
        self.plain = plain
        self.account, self.key = account

    async def manage(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Ask for something below the account's channels."""
        data = None if body is None else json.dumps(body).encode()
        place = f"/account/{self.account}/channel{path}"
        status, _, said = await self.plain.ask(method, place, self.key, data=data, headers=JSON)
        return status, json.loads(said) if said else None

    async def channel(self, **settings: object) -> tuple[str, str]:
        """Create a channel; return its id and its owner's token."""
        status, made = await self.manage("POST", "", settings)
        assert status == 200
        return made["id"], made["access_tokens"][0]["token"]

    async def post(self, channel: str, token: str) -> int:
        return (await self.plain.ask("POST", f"/channel/{channel}", token, data=b"x"))[0]


@pytest.fixture
async def spv(plain: Plain) -> Spv:
    return Spv(plain, await plain.account())


@pytest.fixture
async def clock() -> Clock:
    return Clock()


@pytest.fixture
async def elapsed() -> Clock:
    return Clock()


@pytest.fixture
async def slow(tmp_path: Path, clock: Clock, elapsed: Clock) -> AsyncIterator[Spv]:
    """Yield an account on a host with set clocks that takes two posts at once and one in a second."""
    chosen = Options(data=tmp_path / "slow", limits=Limits(posts_per_second=1, burst=2))
    host = await Host.open(chosen, clock, elapsed=elapsed)
    async with aiohttp.ClientSession() as session:
        plain = Plain(host, session)
        yield Spv(plain, await plain.account())
    await host.stop()


async def test_what_is_left_out_is_off(spv: Spv) -> None:
    status, made = await spv.manage("POST", "", {"retention": None, "unknown": [1]})
    assert status == 200
    assert not any(made[name] for name in ("public_read", "public_write", "sequenced", "locked", "head"))
    assert made["retention"] == {"min_age_days": 0, "max_age_days": 0, "auto_prune": False}
    retention = {"min_age_days": 2, "max_age_days": 9, "auto_prune": True}
    status, made = await spv.manage("POST", "", {"sequenced": True, "retention": retention})
    assert (made["sequenced"], made["retention"]) == (True, retention)
    status, listed = await spv.manage("GET", "/list")
    assert [channel["sequenced"] for channel in listed["channels"]] == [False, True]


@pytest.mark.parametrize(
    "body",
    [
        [],
        "text",
        None,
        {"public_read": 1},
        {"sequenced": "true"},
        {"retention": []},
        {"retention": {"min_age_days": -1}},
        {"retention": {"min_age_days": True}},
        {"retention": {"max_age_days": 10**30}},
        {"retention": {"max_age_days": 36_501}},
        {"retention": {"min_age_days": 2**63, "auto_prune": True}},
        {"retention": {"max_age_days": 1.5}},
        {"retention": {"min_age_days": 5, "max_age_days": 4}},
        {"retention": {"auto_prune": "no"}},
    ],
)
async def test_settings_of_the_wrong_kind_are_refused(spv: Spv, body: object) -> None:
    data = json.dumps(body).encode()
    status, _, said = await spv.plain.ask("POST", f"/account/{spv.account}/channel", spv.key, data=data, headers=JSON)
    assert (status, json.loads(said)["reason"]) == (400, "bad_request")
    assert await spv.manage("GET", "/list") == (200, {"channels": []})


async def test_bodies_that_are_no_json_or_too_large_are_refused(slow: Spv) -> None:
    spv, place = slow, f"/account/{slow.account}/channel"
    for data, status in ((b"{", 400), (b"\xff", 400), (b"[" * 50_000, 400), (b" " * 65_536 + b"{}", 413)):
        assert (await spv.plain.ask("POST", place, spv.key, data=data, headers=JSON))[0] == status
        assert (await spv.plain.ask("POST", place, "stranger", data=data, headers=JSON))[0] == 401

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(7):
            yield b" " * 9_999
        yield b"{}"

    assert (await spv.plain.ask("POST", place, spv.key, data=parts(), headers=JSON))[0] == 413


async def test_an_amendment_says_all_three_and_holds_at_once(spv: Spv) -> None:
    channel, owner = await spv.channel()
    said = {"public_read": True, "public_write": True, "locked": False}
    for missing in said:
        assert (await spv.manage("POST", f"/{channel}", {**said, missing: None}))[0] == 400
    assert await spv.manage("POST", f"/{channel}", said) == (200, said)
    locked = {"public_read": False, "public_write": False, "locked": True}
    assert await spv.manage("POST", f"/{channel}", locked) == (200, locked)
    assert await spv.post(channel, owner) == 403
    assert (await spv.plain.ask("GET", f"/channel/{channel}", owner))[0] == 200
    assert (await spv.manage("GET", f"/{channel}"))[1]["locked"] is True


async def test_tokens_may_what_they_were_made_for_until_they_are_taken_back(spv: Spv) -> None:
    channel, owner = await spv.channel()
    made = {}
    for reads, writes in ((True, False), (False, True), (False, False)):
        body = {"description": "d" * 1024, "can_read": reads, "can_write": writes}
        status, token = await spv.manage("POST", f"/{channel}/api-token", body)
        assert (status, token["description"]) == (200, "d" * 1024)
        made[token["id"]] = token["token"]
        assert await spv.post(channel, token["token"]) == (200 if writes else 403)
        assert (await spv.plain.ask("GET", f"/channel/{channel}", token["token"]))[0] == (200 if reads else 403)
        head, headers, _ = await spv.plain.ask("HEAD", f"/channel/{channel}", token["token"])
        assert (head, headers.get("Channel-Flags")) == {
            (True, False): (200, "r"),
            (False, True): (200, "w"),
            (False, False): (403, None),
        }[reads, writes]
    status, listed = await spv.manage("GET", f"/{channel}/api-token")
    assert {token["id"]: token["token"] for token in listed[1:]} == made
    for key, token in made.items():
        assert (await spv.manage("DELETE", f"/{channel}/api-token/{key}"))[0] == 204
        assert await spv.post(channel, token) == 401
    assert await spv.post(channel, owner) == 200


@pytest.mark.parametrize("description", ["d" * 1025, "\ud800", "a\0b", 7, ["x"]])
async def test_a_description_is_a_text_of_a_thousand_characters(spv: Spv, description: object) -> None:
    channel, _ = await spv.channel()
    status, said = await spv.manage("POST", f"/{channel}/api-token", {"description": description})
    assert (status, said["reason"]) == (400, "bad_request")
    assert (await spv.manage("POST", f"/{channel}/api-token", {}))[0] == 200


async def test_a_sequenced_channel_wants_its_readers_to_be_up_to_date(spv: Spv) -> None:
    channel, owner = await spv.channel(sequenced=True)
    _, peer = await spv.manage("POST", f"/{channel}/api-token", {"can_read": True, "can_write": True})
    assert [await spv.post(channel, owner), await spv.post(channel, owner)] == [200, 200]
    assert await spv.post(channel, peer["token"]) == 409
    await spv.plain.ask("POST", f"/channel/{channel}/2?older=true", peer["token"], data=b'{"read":true}')
    assert await spv.post(channel, peer["token"]) == 200
    assert await spv.post(channel, owner) == 409


async def test_messages_are_kept_as_long_as_their_channel_says(slow: Spv, clock: Clock) -> None:
    channel, owner = await slow.channel(retention={"min_age_days": 2})
    assert await slow.post(channel, owner) == 200
    status, _, said = await slow.plain.ask("DELETE", f"/channel/{channel}/1", owner)
    assert (status, json.loads(said)["detail"]) == (400, "the retention period has not expired")
    clock.at += 2 * DAY
    assert (await slow.plain.ask("DELETE", f"/channel/{channel}/1", owner))[0] == 200


async def test_who_posts_too_fast_is_told_when_to_come_again(slow: Spv, elapsed: Clock) -> None:
    channel, owner = await slow.channel()
    assert [await slow.post(channel, owner) for _ in range(3)] == [200, 200, 429]
    status, headers, said = await slow.plain.ask("POST", f"/channel/{channel}", owner, data=b"x")
    assert (status, headers["Retry-After"], json.loads(said)["reason"]) == (429, "1", "rate")
    elapsed.at += 10**9
    assert [await slow.post(channel, owner) for _ in range(2)] == [200, 429]
    assert (await slow.plain.ask("HEAD", f"/channel/{channel}", owner))[1]["ETag"] == "3"


async def test_the_longest_retention_holds_up_nobody(spv: Spv) -> None:
    channel, owner = await spv.channel(retention={"max_age_days": MOST_DAYS, "auto_prune": True})
    async with asyncio.timeout(PATIENCE):
        assert await spv.post(channel, owner) == 200
        assert await spv.post(*await spv.channel()) == 200


@pytest.mark.parametrize("hours", [1, -1, 10**5, -(10**5)])
async def test_a_date_that_jumps_lets_nobody_post_faster_or_slower(
    slow: Spv, clock: Clock, elapsed: Clock, hours: int
) -> None:
    channel, owner = await slow.channel()
    assert [await slow.post(channel, owner) for _ in range(3)] == [200, 200, 429]
    clock.at += hours * 3600 * 10**9
    assert await slow.post(channel, owner) == 429
    elapsed.at += 10**9
    assert [await slow.post(channel, owner) for _ in range(2)] == [200, 429]
