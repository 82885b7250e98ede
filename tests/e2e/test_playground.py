"""The playground as somebody sees it in a terminal: what it prints can be done as it is printed."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path

import pytest

from channels_desktop import playground
from channels_desktop.adapters.profile_lock import LOCK_FILE, acquire
from channels_desktop.errors import AlreadyRunning
from tests.e2e.programs import PATIENCE, program, quiet, reached, run


async def until(output: asyncio.StreamReader, wanted: str) -> re.Match[str]:
    """Read lines until one matches."""
    async with asyncio.timeout(2 * PATIENCE):
        while True:
            line = (await output.readline()).decode()
            assert line, f"it ended without: {wanted}"
            if found := re.match(wanted, line):
                return found


@pytest.mark.slow
async def test_what_is_printed_can_be_done(tmp_path: Path) -> None:
    (tmp_path / "a folder").mkdir()
    command, environment = program("playground", "--data", "a folder/ground", PIP_NO_INDEX="1", XDG_DATA_HOME="")
    pipe = asyncio.subprocess.PIPE
    ground = await asyncio.create_subprocess_exec(
        *command, env=environment, cwd=tmp_path, stdout=pipe, stderr=pipe, start_new_session=True
    )
    try:
        await kill_and_start_again(ground, tmp_path / "a folder" / "ground" / "alice", environment)
        os.killpg(ground.pid, signal.SIGINT)  # as Ctrl+C does
        async with asyncio.timeout(PATIENCE):
            _, said = await ground.communicate()
        assert (ground.returncode, quiet(said.decode())) == (0, "")
    finally:
        if ground.returncode is None:
            ground.terminate()
            await ground.communicate()


async def kill_and_start_again(ground: asyncio.subprocess.Process, profile: Path, environment: dict[str, str]) -> None:
    """Kill Alice's window by what is printed, and start it again by what is printed then."""
    assert ground.stdout is not None
    await until(ground.stdout, r"Two windows are open: Alice and Bob\.")
    await until(ground.stdout, r"To stop: Ctrl\+C here")
    alice = await until(ground.stdout, r"Alice's window is process (\d+)\..* kill -9 \1$")
    await reached(profile)
    os.kill(int(alice[1]), signal.SIGKILL)
    again = await until(ground.stdout, r"Alice's window was killed\. Start it again: (.*)$")
    second = await asyncio.create_subprocess_exec("/bin/sh", "-c", f"exec {again[1]}", env=environment, cwd="/")
    try:
        await reached(profile)
        async with asyncio.timeout(PATIENCE):  # it can be rung before it has opened the account
            while (profile / LOCK_FILE).read_text().strip() != str(second.pid):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0)
        with pytest.raises(AlreadyRunning, match=f"process {second.pid}"):
            acquire(profile)
    finally:
        if second.returncode is None:
            second.terminate()
        assert await second.wait() == 0


def test_a_playground_runs_once(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.touch()
    with acquire(tmp_path):
        code, said = run("playground", "--no-windows", "--fresh", "--data", str(tmp_path))
    assert code == 1
    assert said == f"The playground could not start: the folder is in use by process {os.getpid()}"
    code, said = run("playground", "--no-windows", "--fresh", "--data", str(precious / "inner"))
    assert (code, said.startswith("The playground could not start: ")) == (1, True)
    assert precious.exists()


def test_starting_over_forgets_nothing_but_what_a_playground_left(tmp_path: Path) -> None:
    for name in ("alice", "host", "node"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    for name in ("passphrase", "precious"):
        (tmp_path / name).touch()
    playground._forget(tmp_path)  # noqa: SLF001 - what --fresh does before anything else
    assert [left.name for left in tmp_path.iterdir()] == ["precious"]
