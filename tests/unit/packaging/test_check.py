"""The gate's own measures: sizes and files that tests must run whole."""

from __future__ import annotations

import json
from pathlib import Path

import check
import pytest


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def function(lines: int, *, docstring: int = 0) -> str:
    """Return a function of `lines` lines, of which `docstring` are its docstring."""
    text = ['    """First."""'] if docstring == 1 else ['    """First.', *[""] * (docstring - 2), '    """']
    return "\n".join(
        ["def sample() -> None:", *(text if docstring else []), *["    pass"] * (lines - docstring - 1), ""]
    )


def report(root: Path, **files: dict[str, list[object]]) -> None:
    measured = {f"channels_desktop/wire/{name}.py": found for name, found in files.items()}
    write(root / check.COVERAGE_REPORT, json.dumps({"files": measured}))


def test_a_module_at_the_limit_passes_and_one_above_is_named(tmp_path: Path) -> None:
    write(tmp_path / "channels_desktop" / "fits.py", "x = 1\n" * check.MODULE_LINES)
    write(tmp_path / "tests" / "unit" / "long.py", "x = 1\n" * (check.MODULE_LINES + 1))
    assert list(check.oversized(tmp_path)) == ["tests/unit/long.py: 401 lines, at most 400"]


def test_a_function_at_the_limit_passes_and_one_above_is_named(tmp_path: Path) -> None:
    write(tmp_path / "channels_desktop" / "fits.py", function(check.FUNCTION_LINES))
    write(tmp_path / "packaging" / "long.py", "\n" + function(check.FUNCTION_LINES + 1))
    assert list(check.oversized(tmp_path)) == ["packaging/long.py:2: sample has 41 lines, at most 40"]


def test_a_method_and_an_inner_coroutine_are_measured_too(tmp_path: Path) -> None:
    long = function(check.FUNCTION_LINES + 1).replace("def", "async def").splitlines()
    write(tmp_path / "tests" / "inner.py", "class Sample:\n" + "\n".join(f"    {line}" for line in long))
    assert list(check.oversized(tmp_path)) == ["tests/inner.py:2: sample has 41 lines, at most 40"]


@pytest.mark.parametrize("docstring", [1, 2, 9])
def test_a_docstring_does_not_count(tmp_path: Path, docstring: int) -> None:
    write(tmp_path / "tests" / "fits.py", function(check.FUNCTION_LINES + docstring, docstring=docstring))
    write(tmp_path / "tests" / "long.py", function(check.FUNCTION_LINES + docstring + 1, docstring=docstring))
    assert list(check.oversized(tmp_path)) == ["tests/long.py:1: sample has 41 lines, at most 40"]


def test_a_file_that_is_not_python_is_named(tmp_path: Path) -> None:
    write(tmp_path / "tests" / "broken.py", "x = 1\ndef\n")
    assert list(check.oversized(tmp_path)) == ["tests/broken.py:2: invalid syntax"]


def test_a_line_or_branch_never_run_is_named(tmp_path: Path) -> None:
    for name in ("whole", "line", "branch", "unseen"):
        write(tmp_path / "channels_desktop" / "wire" / f"{name}.py", "")
    report(
        tmp_path,
        whole={"missing_lines": [], "missing_branches": []},
        line={"missing_lines": [7], "missing_branches": []},
        branch={"missing_lines": [], "missing_branches": [[3, 5]]},
    )
    assert list(check.uncovered(tmp_path, ("channels_desktop/wire/*.py",))) == [
        "channels_desktop/wire/branch.py: lines [] and branches [[3, 5]] never run",
        "channels_desktop/wire/line.py: lines [7] and branches [] never run",
        "channels_desktop/wire/unseen.py: was not measured",
    ]


def test_a_pattern_that_fits_nothing_is_named(tmp_path: Path) -> None:
    report(tmp_path)
    (tmp_path / "channels_desktop" / "folder").mkdir(parents=True)
    patterns = ("channels_desktop/gone.py", "channels_desktop/folder*", "channels_desktop/folder/**/*.py")
    assert list(check.uncovered(tmp_path, patterns)) == [f"{pattern}: fits no file of Python" for pattern in patterns]


def test_patterns_go_into_folders(tmp_path: Path) -> None:
    for name in ("top", "deep/er", "deep/est/of"):
        write(tmp_path / "channels_desktop" / "wire" / f"{name}.py", "")
    report(tmp_path)
    assert list(check.uncovered(tmp_path, ("channels_desktop/wire/**/*.py",))) == [
        "channels_desktop/wire/deep/er.py: was not measured",
        "channels_desktop/wire/deep/est/of.py: was not measured",
        "channels_desktop/wire/top.py: was not measured",
    ]


def test_every_pattern_of_the_gate_fits_here_and_covers_what_lies_in_folders() -> None:
    fits = {pattern: list(check.ROOT.glob(pattern)) for pattern in check.FULLY_COVERED}
    assert all(fits.values())
    covered = {path.relative_to(check.ROOT).as_posix() for found in fits.values() for path in found}
    assert {
        "channels_desktop/protocols/invoices/payer.py",
        "channels_desktop/protocols/negotiations/checks.py",
        "channels_desktop/adapters/repositories/coins.py",
    } <= covered


def test_coverage_without_a_test_run_fails(tmp_path: Path) -> None:
    assert list(check.uncovered(tmp_path, ())) == ["build/coverage.json is missing: run the tests step first"]


def test_one_step_may_be_run_and_its_failure_is_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "packaging" / "fits.py", "")
    assert check.main(["--only", "sizes"], root=tmp_path) == 0
    write(tmp_path / "packaging" / "long.py", function(99))
    assert check.main(["--only", "sizes"], root=tmp_path) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("sizes     FAILED")


def test_readers_are_fuzzed_and_a_finding_fails_the_gate(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "tests" / "__init__.py", "")
    write(tmp_path / "tests" / "fuzz" / "__init__.py", "")
    command = tmp_path / "tests" / "fuzz" / "__main__.py"
    write(command, "import sys\nprint(*sys.argv[1:])\n")
    assert check.main(["--only", "fuzz"], root=tmp_path) == 0
    assert "--seconds=2 --seed=1\n" in capfd.readouterr().out
    write(command, "raise SystemExit(1)\n")
    assert check.main(["--only", "fuzz"], root=tmp_path) == 1
    assert capfd.readouterr().out.splitlines()[-1].startswith("fuzz      FAILED")


def test_the_fast_gate_does_not_fuzz(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        check.main(["--fast", "--only", "fuzz"])
    assert "no step fuzz" in capsys.readouterr().err


def test_an_unknown_step_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        check.main(["--only", "wishes"], root=tmp_path)
    assert "no step wishes" in capsys.readouterr().err
