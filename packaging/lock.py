"""Write the lock files anew from pyproject.toml: `python packaging/lock.py` (needs the `uv` command).

`requirements.lock` holds what runs the program and installs it, `requirements-test.lock` what the tests need besides.
Both carry the hashes of every platform's files, so that one pair serves Linux, macOS and Windows. Neither may name an
index: which one is asked is the user's choice.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUN_LOCK = ROOT / "packaging" / "requirements.lock"
TEST_LOCK = ROOT / "packaging" / "requirements-test.lock"
HEADER = "# Written by packaging/lock.py from pyproject.toml: do not edit.\n"
COMPILE = ("uv", "pip", "compile", "--universal", "--python-version=3.11", "--generate-hashes", "--upgrade")
QUIETLY = ("--quiet", "--system-certs", "--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links")


def entries(text: str) -> list[str]:
    """Split the text of a lock file into one entry per package: its pin, its marker and its hashes."""
    found: list[str] = []
    for line in text.splitlines():
        if line.startswith(" "):
            found[-1] += f"\n{line}"
        elif line and not line.startswith(("#", "-")):
            found.append(line)
    return found


def _resolve(*wanted: str) -> dict[str, str]:
    """Return what pyproject.toml, its build group and `wanted` require: each entry under its pin, `name==version`."""
    command = (*COMPILE, *QUIETLY, "--group=build", *wanted, "pyproject.toml")
    done = subprocess.run(command, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE)
    return {entry.split()[0]: entry for entry in entries(done.stdout)}


def _write(lock: Path, found: Iterable[str]) -> None:
    lock.write_text(HEADER + "".join(f"{entry}\n" for entry in found), encoding="utf-8")


def main() -> int:
    """Write both lock files; return the exit code."""
    run = _resolve()
    _write(RUN_LOCK, run.values())
    everything = _resolve("--extra=test", f"--constraints={RUN_LOCK}")
    _write(TEST_LOCK, (entry for pin, entry in everything.items() if pin not in run))
    return 0


if __name__ == "__main__":
    sys.exit(main())
