"""The gate: everything a change has to pass, `python packaging/check.py [--fast] [--only STEP]`.

Every step runs even where an earlier one fails; a table at the end tells which did, and the last line is pytest's own.
"""

from __future__ import annotations

import argparse
import ast
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("channels_desktop", "packaging", "tests")
MODULE_LINES = 400
FUNCTION_LINES = 40

FULLY_COVERED = (
    "channels_desktop/wire/**/*.py",
    "channels_desktop/protocols/**/*.py",
    "channels_desktop/engine/advance.py",
    "channels_desktop/engine/outbox.py",
    "channels_desktop/adapters/repositories/**/*.py",
)
"""Files whose every line and branch a test must run. Each pattern must fit at least one; `**` goes into folders."""

COVERAGE_REPORT = Path("build") / "coverage.json"
SCHEMA_GENERATOR = Path("channels_desktop") / "protocols" / "schema.py"
LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"  # has no `-m` form
GOLDEN_SCHEMA = Path("resources") / "schema" / "channels.bsor"
FUZZ_SECONDS = 2
"""For each reader; `python -m tests.fuzz` takes any time."""


class Gate:
    """The steps, run below `root`; `fast` leaves out slow tests, coverage and fuzzing.

    A step prints what is wrong and returns whether all is well. `closing_line` is what pytest said last.
    """

    def __init__(self, root: Path, *, fast: bool) -> None:
        self._root = root
        self._fast = fast
        self.closing_line = ""
        self.steps: dict[str, Callable[[], bool]] = {
            "lint": lambda: self._passes("-m", "ruff", "check"),
            "format": lambda: self._passes("-m", "ruff", "format", "--check"),
            "types": lambda: self._passes("-m", "mypy"),
            "imports": lambda: self._passes("-c", LINT_IMPORTS, "--no-logo"),
            "sizes": lambda: _nothing_wrong(oversized(self._root)),
            "schema": self._schema,
            "tests": self._tests,
        }
        if not fast:
            self.steps["coverage"] = lambda: _nothing_wrong(uncovered(self._root, FULLY_COVERED))
            self.steps["fuzz"] = lambda: self._passes("-m", "tests.fuzz", f"--seconds={FUZZ_SECONDS}", "--seed=1")

    def _passes(self, *arguments: str) -> bool:
        return self._run(*arguments)[0]

    def _run(self, *arguments: str) -> tuple[bool, str]:
        """Run Python with `arguments`, showing its output as it comes; return its success and its last line."""
        last = ""
        command = [sys.executable, *arguments]
        with subprocess.Popen(
            command, cwd=self._root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as process:
            for line in process.stdout or ():
                print(line, end="", flush=True)
                last = line.strip() or last
        return process.returncode == 0, last

    def _schema(self) -> bool:
        """Compare what the declared messages say now with the text reviewed last."""
        if not (self._root / SCHEMA_GENERATOR).exists():
            print(f"{SCHEMA_GENERATOR} does not exist yet")
            return True
        command = [sys.executable, "-m", "channels_desktop.protocols.schema"]
        made = subprocess.run(command, cwd=self._root, check=False, stdout=subprocess.PIPE)
        golden = self._root / GOLDEN_SCHEMA
        if made.returncode == 0 and golden.exists() and golden.read_bytes() == made.stdout:
            return True
        print(f"{GOLDEN_SCHEMA} is not what {' '.join(command[1:])} prints: review the difference and write it anew")
        return False

    def _tests(self) -> bool:
        (self._root / COVERAGE_REPORT).unlink(missing_ok=True)
        chosen = (
            ("-m", "not slow") if self._fast else ("--cov", "--cov-report=", f"--cov-report=json:{COVERAGE_REPORT}")
        )
        # Tests start servers and windows of their own: on many cores a few at once are enough.
        spread = ("--numprocesses=auto", "--maxprocesses=4", "--dist=worksteal")
        done, self.closing_line = self._run("-m", "pytest", *spread, *chosen)
        return done


def oversized(root: Path) -> Iterator[str]:
    """Yield a complaint for every module and function below `root` that is too long to be read at one sitting.

    A function is measured from its `def` to its last line, less its docstring.
    """
    for path in sorted(path for source in SOURCES for path in (root / source).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(root).as_posix()
        if (lines := len(text.splitlines())) > MODULE_LINES:
            yield f"{name}: {lines} lines, at most {MODULE_LINES}"
        try:
            tree = ast.parse(text)
        except SyntaxError as error:
            yield f"{name}:{error.lineno}: {error.msg}"
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (lines := _length(node)) > FUNCTION_LINES:
                yield f"{name}:{node.lineno}: {node.name} has {lines} lines, at most {FUNCTION_LINES}"


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function, clean=False) is not None:
        docstring = function.body[0]
        lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return lines


def uncovered(root: Path, patterns: tuple[str, ...]) -> Iterator[str]:
    """Yield a complaint for every file that fits `patterns` and was not run whole by the last tests below `root`."""
    report = root / COVERAGE_REPORT
    if not report.exists():
        yield f"{COVERAGE_REPORT} is missing: run the tests step first"
        return
    measured = json.loads(report.read_text(encoding="utf-8"))["files"]
    for pattern in patterns:
        names = sorted(path.relative_to(root).as_posix() for path in root.glob(pattern) if path.suffix == ".py")
        if not names:
            yield f"{pattern}: fits no file of Python"
        for name in names:
            found = measured.get(name)
            if found is None:
                yield f"{name}: was not measured"
            elif found["missing_lines"] or found["missing_branches"]:
                yield f"{name}: lines {found['missing_lines']} and branches {found['missing_branches']} never run"


def _nothing_wrong(complaints: Iterator[str]) -> bool:
    found = list(complaints)
    print(*found, sep="\n", end="\n" if found else "")
    return not found


def _run_step(name: str, step: Callable[[], bool]) -> tuple[str, bool, float]:
    print(f"\n--- {name}", flush=True)
    started = time.monotonic()
    try:
        passed = step()
    except Exception as error:  # noqa: BLE001 - a step that breaks has failed; the others still run
        print(f"{type(error).__name__}: {error}")
        passed = False
    return name, passed, time.monotonic() - started


def main(arguments: list[str] | None = None, *, root: Path = ROOT) -> int:
    """Run the gate below `root` as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(description="Run everything that a change has to pass.")
    parser.add_argument("--fast", action="store_true", help="leave out slow tests, coverage and fuzzing")
    parser.add_argument("--only", metavar="STEP", action="append", help="run this step; may be given several times")
    options = parser.parse_args(arguments)
    gate = Gate(root, fast=options.fast)
    chosen = options.only or list(gate.steps)
    if unknown := [name for name in chosen if name not in gate.steps]:
        parser.error(f"no step {', '.join(unknown)}; there are {', '.join(gate.steps)}")
    results = [_run_step(name, step) for name, step in gate.steps.items() if name in chosen]
    print("\n--- result")
    for name, passed, seconds in results:
        print(f"{name:<10}{'ok' if passed else 'FAILED':<8}{seconds:6.1f} s")
    if gate.closing_line:
        print(f"\n{gate.closing_line}")
    return 0 if all(passed for _, passed, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
