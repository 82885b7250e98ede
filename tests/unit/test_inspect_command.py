"""The program that shows what scripts say: lines in, lines out, its exit status, and no word where there is none."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from channels_desktop.inspect_command import main
from channels_desktop.protocols.inspection import as_text, inspect
from channels_desktop.wire import limits
from tests.vectors import load

CASES = load("signed_stacks")["cases"][:3]
SCRIPTS = [case["wire_hex"] for case in CASES]
KEY = CASES[0]["context_public_key"]
PROGRAM = [sys.executable, "-m", "channels_desktop", "inspect"]


@pytest.fixture
def scripts(tmp_path: Path) -> str:
    path = tmp_path / "scripts.txt"
    path.write_text("\n".join(SCRIPTS), encoding="ascii")
    return str(path)


def answers(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    written = capsys.readouterr()
    assert written.err == ""
    return [json.loads(line) for line in written.out.splitlines()]


def expected(script: str, key: str = "") -> dict[str, Any]:
    return inspect(bytes.fromhex(script), bytes.fromhex(key) or None)


def run(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*PROGRAM, *arguments], input=given, capture_output=True, timeout=30, check=False)


def test_one_object_a_line(scripts: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([scripts]) == 0
    assert answers(capsys) == [expected(script) for script in SCRIPTS]


def test_a_key_may_be_given(scripts: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([scripts, scripts, "--key", KEY.upper()]) == 0
    found = answers(capsys)
    assert found == 2 * [expected(script, KEY) for script in SCRIPTS]
    assert found[0]["signature"]["status"] == "legacy"


def test_a_tree_for_people(scripts: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--text", "--key", KEY, scripts]) == 0
    trees = [as_text(expected(script, KEY), bytes.fromhex(KEY)) for script in SCRIPTS]
    assert capsys.readouterr().out == "".join(f"{tree}\n\n" for tree in trees)


def test_one_bad_line_makes_the_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "scripts.txt"
    path.write_bytes(f"\r\n  {SCRIPTS[0].upper()} \r\n\n \t\n006a\nzz\n\xff\n{SCRIPTS[1]}".encode("latin-1"))
    assert main([str(path)]) == 1
    assert [found.get("error_class") for found in answers(capsys)] == [None, "not_envelope", "not_hex", "not_hex", None]


def test_a_line_that_is_too_long_is_refused_and_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "scripts.txt"
    too_long, longest = b"00" * (limits.MESSAGE_BYTES + 2000), b"00" * limits.MESSAGE_BYTES
    path.write_bytes(too_long + b"\n" + SCRIPTS[0].encode() + b"\n" + longest + b"\n" + 2 * too_long)
    assert main([str(path)]) == 1
    classes = [found.get("error_class") for found in answers(capsys)]
    assert classes == ["invalid_envelope", None, "not_envelope", "invalid_envelope"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.txt"], "No such file or directory"),
        (["."], "."),
        (["--key", "02"], "not the 33 bytes of a public key"),
        (["--key", "xy"], "not the 33 bytes of a public key"),
        (["--key", "02" + "00" * 31 + "05"], "not the 33 bytes of a public key"),
    ],
)
def test_what_can_not_be_used_is_said_before_anything_else(
    arguments: list[str], words: str, scripts: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([scripts, *arguments])
    assert caught.value.code == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert words in written.err


def test_the_program_reads_standard_input() -> None:
    done = run(given=SCRIPTS[0].encode() + b"\nzz\n")
    assert (done.returncode, done.stderr) == (1, b"")
    assert [json.loads(line)["ok"] for line in done.stdout.splitlines()] == [True, False]
    assert run("-", given=b"\n").returncode == 0


def test_each_answer_is_there_before_the_next_line_is_given() -> None:
    with subprocess.Popen(PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for script in SCRIPTS:
            process.stdin.write(script.encode() + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline()) == expected(script)
        process.stdin.close()
        assert process.wait(30) == 0


def test_a_reader_who_leaves_is_no_error() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([*PROGRAM, "--text"], stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(SCRIPTS[0].encode() + b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"signature: not checked: no public key is in it, and none was given\n"
        process.stdout.close()
        process.stdin.write(SCRIPTS[0].encode() + b"\n")
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="a console's Ctrl-C goes to this process too")
def test_ctrl_c_ends_it_quietly() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen(PROGRAM, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b"zz\n")
        process.stdin.flush()
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr.read() == b""
        process.stdin.close()


def test_it_starts_without_windows_and_network() -> None:
    program = "import sys, channels_desktop.inspect_command; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded.isdisjoint({"PySide6", "aiohttp", "asyncio", "sqlcipher3"})
