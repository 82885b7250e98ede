"""`host account` and `host backup`, beside a running host and without one."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest

from channels_desktop.host import folder
from channels_desktop.host.rows import MESSAGE_OVERHEAD
from tests import postgres
from tests.hosts import Client, HostProcess, run, running


async def accounts(data: Path, *arguments: str) -> list[dict[str, Any]]:
    code, output, words = await run("account", *arguments, "--data", data)  # flags may stand before a verb and after it
    assert (code, words) == (0, "")
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.slow
async def test_accounts_without_a_running_host(tmp_path: Path) -> None:
    (made,) = await accounts(tmp_path, "--public-url", "https://mail.example", "create", "Alice & Co")
    assert set(made) == {"id", "name", "token", "url"}
    assert made["url"] == f"https://mail.example/api/v1/account/{made['id']}"
    (other,) = await accounts(tmp_path, "create")
    assert other["name"] == ""
    found = await accounts(tmp_path, "list")
    assert [(item["id"], item["name"], item["channels"]) for item in found] == [
        (made["id"], "Alice & Co", 0),
        (other["id"], "", 0),
    ]
    async with running("--data", tmp_path) as process, Client(process.base_url, process.operator_token) as client:
        await client.channel((made["id"], made["token"]))
    assert await accounts(tmp_path, "remove", other["id"]) == []
    assert [item["channels"] for item in await accounts(tmp_path, "list")] == [1]
    code, _, words = await run("account", "--data", tmp_path, "remove", other["id"])
    assert (code, words) == (1, "channels-desktop host: not_found: no such account\n")


@pytest.mark.slow
async def test_accounts_of_a_running_host(tmp_path: Path) -> None:
    async with running("--data", tmp_path) as process, Client(process.base_url, process.operator_token) as client:
        (made,) = await accounts(tmp_path, "create", "Alice")
        assert made["url"].startswith(process.base_url)
        channel = await client.channel((made["id"], made["token"]))
        assert (await client.post(channel, b"x"))[0] == 200
        found = await accounts(tmp_path, "list")
        assert [(item["name"], item["channels"], item["stored"]) for item in found] == [
            ("Alice", 1, 1 + MESSAGE_OVERHEAD)
        ]
        async with client.socket(made["token"]) as line:
            assert await accounts(tmp_path, "remove", made["id"]) == []
            assert (await client.post(channel, b"x"))[0] in {401, 404}
            assert line.closed or await line.receive(timeout=10)
        assert await accounts(tmp_path, "list") == []
        code, _, words = await run("account", "--data", tmp_path, "remove", made["id"])
        assert (code, words) == (1, "channels-desktop host: not_found: no such account\n")


@pytest.mark.slow
async def test_accounts_in_postgresql_need_no_running_host_and_mind_none(tmp_path: Path) -> None:
    async with postgres.database() as url:
        common = ("--database", url)
        (made,) = await accounts(tmp_path / "here", *common, "--public-url", "https://x", "create", "Alice")
        async with (
            running(*common, "--data", tmp_path / "there") as process,
            Client(process.base_url, process.operator_token) as client,
        ):
            channel = await client.channel((made["id"], made["token"]))
            (seen,) = await accounts(tmp_path / "here", *common, "list")
            assert (seen["id"], seen["channels"]) == (made["id"], 1)
            async with client.socket(made["token"]) as line:
                assert await accounts(tmp_path / "here", *common, "remove", made["id"]) == []
                assert (await client.post(channel, b"x"))[0] in {401, 404}
                assert line.closed or await line.receive(timeout=10)


@pytest.mark.slow
@pytest.mark.parametrize("before", ["nothing", "a host on SQLite", "no mark"])
async def test_a_host_on_postgresql_is_asked_where_nobody_names_its_database(tmp_path: Path, before: str) -> None:
    if before == "a host on SQLite":
        async with running("--data", tmp_path):
            pass
    async with postgres.database() as url:
        async with running("--database", url, "--data", tmp_path) as process:
            if before == "no mark":
                (tmp_path / folder.DATABASE).unlink()
            (made,) = await accounts(tmp_path, "create", "Alice")
            async with Client(process.base_url, process.operator_token) as client:
                await client.channel((made["id"], made["token"]))
            assert [item["channels"] for item in await accounts(tmp_path, "list")] == [1]
        code, output, words = await run("account", "--data", tmp_path, "list")
        assert (code, output) == (1, "")
        assert "does not answer" in words
        assert "--database" in words
        code, _, words = await run("backup", "--data", tmp_path, tmp_path / "copy")
        assert (code, "pg_dump" in words) == (1, True)
        if before != "no mark":
            (tmp_path / folder.BASE_URL).unlink()
            code, _, words = await run("account", "--data", tmp_path, "list")
            assert (code, "--database" in words) == (1, True)
        assert (tmp_path / "host.sqlite").exists() == (before == "a host on SQLite")
        assert len(await accounts(tmp_path, "--database", url, "list")) == 1


async def test_a_database_that_is_away_is_said_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://user:secret@127.0.0.1:1/x"
    for words in (("account", "--data", tmp_path, "--database", url, "list"), ("--data", tmp_path, "--database", url)):
        code, output, said = await run(*words)
        assert (code, output) == (1, "")
        assert said.startswith("channels-desktop host: ")
        assert "secret" not in said
        assert "Traceback" not in said


@pytest.mark.slow
async def test_a_running_host_that_does_not_answer_is_named(tmp_path: Path) -> None:
    async with running("--data", tmp_path) as process:
        folder.note(tmp_path / folder.BASE_URL, "http://127.0.0.1:1")
        code, output, words = await run("account", "--data", tmp_path, "list")
        assert (code, output) == (1, "")
        assert "the host running on this folder does not answer at http://127.0.0.1:1" in words
        assert "--host" in words
        assert await accounts(tmp_path, "--host", process.base_url, "list") == []
        (tmp_path / folder.BASE_URL).unlink()
        code, _, words = await run("account", "--data", tmp_path, "list")
        assert (code, "another host is running on this folder" in words) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("account", "--data", "{}", "create", "a:b"), 1, "without a colon"),
        (("account", "--data", "{}", "create", "a\nb"), 1, "printable"),
        (("account", "--data", "{}", "remove", "x"), 2, "invalid int"),
        (("account", "--data", "{}"), 2, "verb"),
        (("account", "list"), 1, "data, the folder of all mailboxes, is missing"),
        (("backup", "--data", "{}", "{}/copy"), 1, "there are no mailboxes"),
        (("backup", "--data", "{}", "--database", "postgresql://x", "{}/copy"), 1, "pg_dump"),
    ],
)
async def test_what_is_asked_wrongly(tmp_path: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    found = await run(*(word.format(tmp_path) for word in arguments))
    assert found[:2] == (code, "")
    assert words in found[2]
    assert "Traceback" not in found[2]


@pytest.mark.slow
async def test_a_copy_of_a_running_host_serves_what_it_held(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    host = tmp_path / "host"
    async with running("--data", host) as process, Client(process.base_url, process.operator_token) as client:
        channel = await client.new_channel()
        for number in range(20):
            assert (await client.post(channel, str(number).encode()))[0] == 200
        assert await run("backup", "--data", host, copy) == (0, "", "")
        assert (await client.post(channel, b"after the copy"))[0] == 200
        code, _, words = await run("backup", "--data", host, copy)
        assert (code, "cannot be made" in words) == (1, True)
    if os.name == "posix":
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert {path.name for path in await asyncio.to_thread(lambda: list(tmp_path.iterdir()))} == {"copy", "host"}
    (tmp_path / "again").mkdir()
    copy.rename(tmp_path / "again" / "host.sqlite")
    process = await HostProcess.start("--data", tmp_path / "again")
    async with Client(process.base_url, process.operator_token) as client:
        found = await client.messages(channel)
    assert found == {number + 1: str(number).encode() for number in range(20)}
    assert (await process.end())[0] == 0


@pytest.mark.slow
async def test_a_copy_of_a_stopped_host_and_of_what_is_none(tmp_path: Path) -> None:
    async with running("--data", tmp_path):
        pass
    for name in ("copy.part", "copy.part-journal"):
        (tmp_path / name).write_bytes(b"of a copy that was cut short")
    assert await run("backup", "--data", tmp_path, tmp_path / "copy") == (0, "", "")
    copied = sqlite3.connect(tmp_path / "copy")
    assert copied.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    copied.close()
    (tmp_path / "host.sqlite").write_bytes(b"nonsense" * 1000)
    code, _, words = await run("backup", "--data", tmp_path, tmp_path / "other")
    assert (code, "cannot be copied" in words) == (1, True)
    assert not [path for path in await asyncio.to_thread(lambda: list(tmp_path.iterdir())) if "other" in path.name]
    assert not (tmp_path / "copy.part").exists()
