"""Children end with us, and their shell says nothing of its own."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from channels_desktop.adapters.kept_process import kept

CHILD = "import os, sys; print(os.getpid(), flush=True); import signal; signal.pause()"


def started() -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen(kept(sys.executable, "-c", CHILD), stdin=pipe, stdout=pipe, stderr=pipe)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_that_ends_first_ends_quietly(number: signal.Signals) -> None:
    with started() as shell:
        assert shell.stdout is not None
        pid = int(shell.stdout.readline())
        subprocess.run(["kill", f"-{number.value}", str(pid)], check=True)
        assert shell.wait() == 128 + number.value
        assert shell.stderr is not None
        assert shell.stderr.read() == b""


def test_a_child_ends_when_we_let_go() -> None:
    with started() as shell:
        assert shell.stdout is not None
        assert shell.stdin is not None
        shell.stdout.readline()
        shell.stdin.close()
        assert shell.wait() == 128 + signal.SIGTERM
        assert shell.stderr is not None
        assert shell.stderr.read() == b""
