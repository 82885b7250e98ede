"""The programs as a user starts them: processes of their own, found again at the next start."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from channels_desktop import headless
from channels_desktop.adapters.profile_lock import LOCK_FILE
from channels_desktop.errors import Refused
from channels_desktop.host.serve import Host

PATIENCE = 60


@asynccontextmanager
async def started(*arguments: str, until: str, home: Path) -> AsyncIterator[list[str]]:
    """Run a program until it prints a line with `until`; yield what it printed; end it with SIGTERM."""
    environment = {**os.environ, "XDG_DATA_HOME": str(home), "PIP_NO_INDEX": "1", "QT_QPA_PLATFORM": "offscreen"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "channels_desktop", *arguments, stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    lines: list[str] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while not lines or until not in lines[-1]:
                line = (await process.stdout.readline()).decode()
                assert line, f"it ended: {lines}"
                lines.append(line)
        yield lines
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def wallet_of(profile: Path) -> int:
    """Return what an account of the playground holds."""
    account = await headless.unlock(profile, "playground")
    try:
        return (await account.engine.status()).wallet.total
    finally:
        await account.close()


async def test_the_playground_funds_two_people_and_finds_them_again(tmp_path: Path) -> None:
    ground = tmp_path / "ground"
    arguments = ("playground", "--no-windows", "--data", str(ground))
    hosts = []
    for _ in range(2):
        async with started(*arguments, until="Bob again", home=tmp_path) as lines:
            assert any("TEST MONEY" in line for line in lines)
            hosts.append(json.loads((ground / "playground.json").read_text())["host"])
            assert await wallet_of(ground / "alice") == await wallet_of(ground / "bob") == 5_000_000
            assert headless.Playground.find(ground) is not None
    assert hosts[0] == hosts[1]
    assert headless.Playground.find(ground) is None


def runs(profile: Path, pid: int) -> bool:
    """Say whether a process holds a profile."""
    lock = profile / LOCK_FILE
    return lock.exists() and str(pid) in lock.read_text()


async def test_a_second_start_of_an_account_leaves_it_to_the_first(tmp_path: Path) -> None:
    host = await Host.start(tmp_path / "host")
    profile = tmp_path / "carol"
    new = headless.NewProfile("Carol", "pass", host.base_url, host.operator_token, headless.Connection())
    await headless.create(profile, new)
    secret = tmp_path / "passphrase"
    secret.write_text("pass\n")
    command = (sys.executable, "-m", "channels_desktop", "--profile", str(profile), "--passphrase-file", str(secret))
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    first = await asyncio.create_subprocess_exec(*command, env=environment)
    try:
        async with asyncio.timeout(PATIENCE):
            while not runs(profile, first.pid):  # noqa: ASYNC110 - another process writes the file
                await asyncio.sleep(0.02)
            while await (await asyncio.create_subprocess_exec(*command, env=environment)).wait():
                assert first.returncode is None
        assert first.returncode is None
        first.terminate()
        async with asyncio.timeout(PATIENCE):
            assert await first.wait() == 0, "asked to end, it ends in order"
    finally:
        if first.returncode is None:
            first.kill()
            await first.wait()
        await host.stop()


async def test_an_account_that_was_cut_short_at_its_last_step_is_finished_and_earlier_made_anew(tmp_path: Path) -> None:
    host = await Host.start(tmp_path / "host")
    profile = tmp_path / "dave"
    new = headless.NewProfile("Dave", "pass", host.base_url, host.operator_token, headless.Connection())
    await headless.create(profile, new)
    steps = [(headless.DATABASE, headless.NEW_DATABASE), ("account.db-closed", "account.db.new-closed")]
    for name, before in steps:
        (profile / name).rename(profile / before)
        assert headless.exists(profile)
        with pytest.raises(Refused):
            await headless.create(profile, new)
        await headless.check(profile)
    account = await headless.unlock(profile, "pass")
    assert (await account.engine.profile()).name == "Dave"
    await account.close()
    for name, before in [*steps, (headless.VAULT, headless.NEW_VAULT)]:
        (profile / name).rename(profile / before)
    assert not headless.exists(profile)
    await headless.create(profile, replace(new, passphrase="another"))
    account = await headless.unlock(profile, "another")
    await account.close()
    assert not [path for path in profile.iterdir() if ".new" in path.name]
    await host.stop()
