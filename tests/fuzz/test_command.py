"""`python -m tests.fuzz` itself: it finds what is there to be found, and says why it does nothing."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WITHOUT = "import sys; sys.modules['atheris'] = None"
BROKEN = """
from tests.fuzz.table import TARGETS, Target

def broken(data):
    if data[:1] == b"\\xbd":
        raise KeyError(data[1])

TARGETS["broken"] = Target(broken, lambda: (b"\\xbc\\x07",))
"""


def fuzz(before: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command after a few lines of Python."""
    text = f"{before}\nimport sys, tests.fuzz.__main__ as command\nsys.exit(command.main({arguments!r}))"
    return subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=False)


def test_without_atheris_it_says_so() -> None:
    done = fuzz(WITHOUT)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "skipped: atheris is missing; it is published for Linux on x86-64 alone\n"


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is missing")
@pytest.mark.slow
def test_a_finding_is_printed_with_its_input() -> None:
    done = fuzz(BROKEN, "--seconds=60", "--seed=1", "broken")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "KeyError" in done.stdout
    assert "in broken\n" in done.stdout
    assert "input: bd" in done.stdout
    assert "found: broken\n" in done.stdout
