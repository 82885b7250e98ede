"""Fuzz readers of bytes from outside: `python -m tests.fuzz [TARGET ...] [--seconds N] [--jobs N] [--seed N]`.

The project is imported and instrumented once; each target then runs in a process of its own. A finding is printed with
its traceback and its input in hex, and the exit code is 1. Keep such an input as `tests/fuzz/found/TARGET/WHAT.hex`:
every later run of the tests tries it again.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import multiprocessing
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from pathlib import Path

MEGABYTES = 1024
"""Memory that a process may take, a tenth of it for Python and what it imports."""
LONGEST_INPUT = 4096
SLOWEST = 5.0
"""Seconds of the processor that one input may take, instrumented: orders of magnitude above what any does."""
HANGS = 300
"""Seconds on the clock after which an input never ends; a busy machine leaves a process waiting for many."""


class Run:
    """One target in a process of its own; `folder` is for what it says and finds."""

    def __init__(self, name: str, folder: Path, seconds: int, seed: int) -> None:
        self.name = name
        self._corpus, self._found, self._said = folder / "corpus", folder / "found", folder / "said"
        self._corpus.mkdir(parents=True)
        self._found.mkdir()
        options = {
            "artifact_prefix": f"{self._found}/",
            "max_len": LONGEST_INPUT,
            "max_total_time": seconds,
            "print_final_stats": 1,
            "rss_limit_mb": MEGABYTES,
            "seed": seed,
            "timeout": HANGS,
        }
        arguments = [name, *(f"-{key}={value}" for key, value in options.items()), str(self._corpus)]
        self.process: ForkProcess = multiprocessing.get_context("fork").Process(target=self._fuzz, args=(arguments,))
        self.process.start()

    def _fuzz(self, arguments: list[str]) -> None:
        import atheris  # noqa: PLC0415 - in this process alone

        from tests.fuzz.table import TARGETS, write_corpus  # noqa: PLC0415 - instrumented by now

        said = os.open(self._said, os.O_WRONLY | os.O_CREAT)
        os.dup2(said, sys.stdout.fileno())
        os.dup2(said, sys.stderr.fileno())
        write_corpus(self.name, self._corpus)
        target = TARGETS[self.name]

        def attempt(data: bytes) -> None:
            try:
                in_time(target, data)
            except BaseException:
                (self._found / "input").write_bytes(data)
                raise

        atheris.Setup(arguments, attempt)
        atheris.Fuzz()

    def report(self) -> tuple[int, str]:
        """Wait for the end; return how many inputs were tried and what was found, nothing where all is well."""
        self.process.join()
        said = self._said.read_text("utf-8", "replace")
        match = re.search(r"^stat::number_of_executed_units: (\d+)", said, re.MULTILINE)
        tried = int(match[1]) if match else 0
        inputs = [path.read_bytes().hex() for path in self._found.iterdir()]
        if self.process.exitcode == 0 and match and not inputs:
            return tried, ""
        traceback = said.partition("=== Uncaught Python exception: ===")[2] or said[-4000:]
        return tried, "\n".join([traceback.strip(), *(f"input: {text}" for text in inputs)])


def in_time(target: Callable[[bytes], None], data: bytes) -> None:
    """Try one input; raise TimeoutError where it took too long."""
    began = time.process_time()
    target(data)
    if (spent := time.process_time() - began) > SLOWEST:
        raise TimeoutError(f"{spent:.1f} seconds")


def instrument() -> tuple[str, ...]:
    """Import the project so that libFuzzer sees which branches an input takes; return the names of the targets."""
    import atheris  # noqa: PLC0415 - is not there on every platform

    with redirect_stderr(io.StringIO()), atheris.instrument_imports(include=["channels_desktop", "bitcoinx"]):
        from tests.fuzz.readers import CLASSES  # noqa: PLC0415 - instrumented as it is imported
        from tests.fuzz.table import TARGETS  # noqa: PLC0415 - as above
    for cls in CLASSES:  # generated functions are never imported
        for function in (cls.read_items, cls.read_any_order, cls.write_items):
            atheris.instrument_func(function)
    return tuple(TARGETS)


def run_all(names: list[str], folder: Path, options: argparse.Namespace) -> dict[str, tuple[int, str]]:
    """Run the targets, so many at a time; return what became of each."""
    waiting, running, reports = names[::-1], list[Run](), dict[str, tuple[int, str]]()
    while waiting or running:
        while waiting and len(running) < options.jobs:
            name = waiting.pop()
            running.append(Run(name, folder / name, options.seconds, options.seed))
        done = wait([run.process.sentinel for run in running])
        for run in [run for run in running if run.process.sentinel in done]:
            running.remove(run)
            tried, finding = reports[run.name] = run.report()
            print(f"{run.name:<14}{tried:>12,} inputs  {'FOUND' if finding else 'ok'}", flush=True)
            print(finding, end="\n" if finding else "")
    return reports


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz readers of bytes from outside.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="readers to try; all without any")
    parser.add_argument("--seconds", type=int, default=60, help="for each target; 60 without")
    parser.add_argument("--jobs", type=int, default=2, help="targets at a time; 2 without")
    parser.add_argument("--seed", type=int, default=0, help="one number takes much the same course each time; 0: none")
    options = parser.parse_args(arguments)
    if importlib.util.find_spec("atheris") is None:
        print("skipped: atheris is missing; it is published for Linux on x86-64 alone")
        return 0
    known = instrument()
    names = list(dict.fromkeys(options.targets)) or list(known)
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no target {', '.join(unknown)}; there are {', '.join(known)}")
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        reports = run_all(names, Path(folder), options)
    failed = [name for name, (_, finding) in reports.items() if finding]
    total = sum(tried for tried, _ in reports.values())
    print(f"{len(names)} targets, {total:,} inputs; found: {', '.join(failed) or 'nothing'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
