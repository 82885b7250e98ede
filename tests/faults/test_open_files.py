"""A host that may open too few files says so, and one that runs out of them takes connections again."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path

import pytest

from channels_desktop.errors import Refused
from channels_desktop.host import resources
from channels_desktop.host.bounds import Bounds
from channels_desktop.host.resources import SPARE_FILES
from tests.hosts import Client, HostProcess, raw_socket, running

pytestmark = pytest.mark.skipif(os.name != "posix", reason="limits of resources, /proc")


def limited(files: int) -> None:
    """Let the process that is being started open so many files."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))


def open_files(process: int) -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


@pytest.mark.parametrize("connections", [1, 100])
async def test_too_few_files_are_said_at_the_start(tmp_path: Path, connections: int) -> None:
    arguments = ("--data", tmp_path, "--connections", connections, "--log-format", "text")
    files, needed = SPARE_FILES + 50, connections + SPARE_FILES
    process = await HostProcess.start(*arguments, preexec_fn=lambda: limited(files))
    assert process.greeting
    code, _, words = await process.end()
    assert code == 0
    assert (f"{files} open files are allowed, and {needed} are needed" in words) == (needed > files)


async def test_files_for_no_connection_at_all_are_refused(tmp_path: Path) -> None:
    process = await HostProcess.start("--data", tmp_path, "--connections", 7, preexec_fn=lambda: limited(SPARE_FILES))
    code, output, words = await process.end(None)
    assert (process.greeting, code, output) == ({}, 1, "")
    assert f"{SPARE_FILES} open files are allowed, and {SPARE_FILES + 7} are needed" in words
    assert "Traceback" not in words


def test_a_program_that_embeds_a_host_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (SPARE_FILES, SPARE_FILES))
    with pytest.raises(Refused, match="open files are allowed"):
        resources.affordable(Bounds())
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert resources.affordable(Bounds()) == Bounds()


async def test_a_host_that_ran_out_of_files_takes_connections_again(tmp_path: Path) -> None:
    async with running("--data", tmp_path) as process, Client(process.base_url, process.operator_token) as client:
        channel = await client.new_channel()
        number = process.child.pid
        before = resource.prlimit(number, resource.RLIMIT_NOFILE)
        few = open_files(number) + 3
        resource.prlimit(number, resource.RLIMIT_NOFILE, (few, before[1]))
        with contextlib.ExitStack() as stack:
            for _ in range(20):
                stack.enter_context(raw_socket(process.base_url))
            assert (await client.post(channel, b"on an open connection"))[0] == 200
        async with Client(process.base_url, process.operator_token) as other:
            while True:
                with contextlib.suppress(OSError):
                    if (await other.post(channel, b"on a new one"))[0] == 200:
                        break
        resource.prlimit(number, resource.RLIMIT_NOFILE, before)
