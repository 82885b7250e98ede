"""What a host counts is what has happened, and only its operator may read it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from channels_desktop.errors import StoreError
from channels_desktop.host import metrics
from channels_desktop.host.http import errors
from channels_desktop.host.limits import Limits
from channels_desktop.host.rows import Looking, Posting, Rows
from channels_desktop.host.serve import Host
from channels_desktop.host.tasks import Health
from tests.hosts import PATIENCE, Client

T = TypeVar("T")
POSTING = {"method": "POST", "route": "/api/v1/channel/{channel}"}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    host = await Host.start(tmp_path, limits=Limits(message_bytes=1000))
    async with Client(host.base_url, host.operator_token) as made:
        yield made
    await host.stop()


async def figures(client: Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    status, text = await client.ask("GET", "/metrics", client.operator_token)
    assert status == 200
    return {
        (sample.name.removeprefix("channels_host_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


async def test_posts_requests_refusals_and_commits_are_counted(client: Client) -> None:
    channel = await client.new_channel()
    for _ in range(3):
        assert (await client.post(channel, bytes(100)))[0] == 200
    assert (await client.post(channel, bytes(2000)))[0] == 413
    assert (await client.ask("POST", f"/api/v1/channel/{channel.id}", "wrong", data=b"x"))[0] == 401
    assert (await client.ask("GET", "/nowhere?token=secret"))[0] == 404
    found = await figures(client)
    assert (found[key("posts_total")], found[key("post_bytes_total")]) == (3, 300)
    assert found[key("requests_total", status="200", **POSTING)] == 3
    assert found[key("requests_total", status="413", **POSTING)] == 1
    assert found[key("requests_total", status="401", **POSTING)] == 1
    assert found[key("requests_total", method="", route="", status="404")] == 1
    assert found[key("refused_total", reason="too_large")] == 1
    assert found[key("refused_total", reason="unauthorized")] == 1
    assert found[key("store_seconds_count", work="post")] == 3
    assert found[key("store_seconds_count", work="change")] >= 2
    assert found[key("commit_works_count")] == found[key("commit_seconds_count")] >= 3
    assert found[key("connections")] >= 1
    assert found[key("process_resident_memory_bytes")] > 0


async def test_no_figure_names_a_channel_or_a_token(client: Client) -> None:
    account = await client.account("some name")
    channel = await client.channel(account)
    await client.post(channel, b"x")
    await client.ask("GET", f"/api/v1/notify?token={channel.read_token}")
    await client.ask("DELETE", f"/api/v1/account/{account[0]}/channel/{channel.id}", account[1])
    text = (await client.ask("GET", "/metrics", client.operator_token))[1]
    for secret in (channel.id, channel.read_token, channel.write_token, *account, "some name", client.operator_token):
        assert secret not in text


@pytest.mark.parametrize("token", ["", "wrong", "account"])
async def test_only_the_operator_reads_them(client: Client, token: str) -> None:
    token = (await client.account())[1] if token == "account" else token
    status, said = await client.ask("GET", "/metrics", token)
    assert (status, said["reason"]) == (401, "unauthorized")


async def test_open_sockets_are_counted(client: Client) -> None:
    account = await client.account()
    assert (await figures(client))[key("sockets")] == 0
    async with client.socket(account[1]), client.socket(account[1]):
        assert (await figures(client))[key("sockets")] == 2
    async with asyncio.timeout(PATIENCE):
        while (await figures(client))[key("sockets")]:
            pass


class Broken:
    """A store whose database is away: it fails at once, or does not answer."""

    def __init__(self, *, answers: bool) -> None:
        self.answers = answers

    def transact(self, work: Callable[[Rows], Awaitable[T]], post: Posting | None = None) -> asyncio.Future[T]:
        return self.query(work)

    def query(self, work: Callable[[Rows], Awaitable[T]], look: Looking | None = None) -> asyncio.Future[T]:
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if self.answers:
            answer.set_exception(StoreError("the database is away"))
        return answer

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("answers", [True, False])
async def test_a_host_without_its_store_is_not_well(
    warnings_logged: list[logging.LogRecord],
    answers: bool,  # noqa: FBT001
    unused_tcp_port: int,
) -> None:
    app = web.Application(middlewares=[errors])
    counted = metrics.Metrics()
    store = metrics.Measured(Broken(answers=answers), counted)
    app[metrics.HEALTH] = Health(store, counted.tasks)
    app.add_routes(metrics.routes(health_seconds=0.05))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    async with Client(f"http://127.0.0.1:{unused_tcp_port}", "") as client:
        status, said = await client.ask("GET", "/healthz")
    assert (status, said["reason"], said["detail"]) == (503, "failing", "failing: reading, writing")
    words = "StoreError" if answers else "TimeoutError"
    assert [record.getMessage() for record in warnings_logged] == [f"writing fails: {words}", f"reading fails: {words}"]
    warnings_logged.clear()
    await runner.cleanup()
