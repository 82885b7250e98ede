"""Programs as processes of their own: run to their end, or until they can be rung."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from channels_desktop.ui.doorbell import Answer, ring

ROOT = Path(__file__).parents[2]
PATIENCE = 60
CHATTER = "This plugin does not support "  # of the offscreen screen, which has no window manager
MEEK = """
import ctypes, os, sys
for capability in (1, 2):  # without CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH rights count for root, too
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def program(*arguments: str | bytes, **environment: str) -> tuple[list[str | bytes], dict[str, str]]:
    """Return command and environment of a program that opens no dialog but those it must."""
    changed = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT), **environment}
    return [sys.executable, "-m", "channels_desktop", *arguments], changed


def run(*arguments: str | bytes, meek: bool = False, code: str = "", **environment: str) -> tuple[int, str]:
    """Run a program to its end; return its exit code and what it said on the standard error.

    With `meek`, it has no more rights than the files give its user; `code` runs in place of the program.
    """
    command, changed = program(*arguments, **environment)
    if code:
        command[1:3] = ["-c", code]
    if meek:
        command[1:1] = ["-c", MEEK]
    ended = subprocess.run(command, env=changed, cwd="/", capture_output=True, timeout=PATIENCE, check=False, text=True)
    assert "Traceback" not in ended.stderr
    return ended.returncode, quiet(ended.stderr + ended.stdout)


def quiet(said: str) -> str:
    return "\n".join(line for line in said.splitlines() if not line.startswith(CHATTER))


async def reached(profile: Path) -> None:
    """Wait until an app of another process can be rung."""
    async with asyncio.timeout(PATIENCE):
        while await ring(profile, PATIENCE) is not Answer.SHOWN:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0)


@asynccontextmanager
async def started(
    profile: Path, *arguments: str | bytes, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program until it can be rung; leave it no longer than the test."""
    command, changed = program(*arguments, **environment)
    process = await asyncio.create_subprocess_exec(*command, env=changed, stderr=asyncio.subprocess.PIPE)
    try:
        await reached(profile)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def told_to_end(process: asyncio.subprocess.Process, number: signal.Signals = signal.SIGTERM) -> None:
    """End a program with a signal; it must end quietly."""
    process.send_signal(number)
    async with asyncio.timeout(PATIENCE):
        _, said = await process.communicate()
    assert (process.returncode, quiet(said.decode())) == (0, "")
