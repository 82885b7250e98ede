"""What every test lives under, shown on small tests of which each one breaks a rule or keeps all of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).resolve().parents[2]

PLAIN = """
import asyncio, logging, socket, time, warnings

async def test_plain_loop_kept():
    assert type(asyncio.get_running_loop()).__module__.startswith("asyncio")

async def test_loopback_kept():
    async def answer(reader, writer):
        writer.close()
    server = await asyncio.start_server(answer, "localhost", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    assert await reader.read() == b""
    writer.close()
    server.close()

def test_expected_warning_kept(warnings_logged):
    logging.getLogger("sample").warning("expected")
    assert warnings_logged.pop().getMessage() == "expected"

def test_log_broken():
    logging.getLogger("sample").warning("unexpected")

def test_python_warning_broken():
    warnings.warn("unexpected")

def test_connection_broken():
    with socket.socket() as out:
        try:
            out.connect(("192.0.2.1", 9))
        except OSError:
            pass

def test_datagram_broken():
    with socket.socket(type=socket.SOCK_DGRAM) as out:
        try:
            out.sendto(b"", ("192.0.2.1", 9))
        except OSError:
            pass

def test_lookup_broken():
    try:
        socket.getaddrinfo("host.invalid", 80)
    except OSError:
        pass

async def test_held_loop_broken():
    time.sleep(5.1)
"""

QT = """
import asyncio, time
import qasync
from PySide6.QtCore import qWarning
from PySide6.QtWidgets import QPushButton

async def test_qt_loop_kept(qtbot):
    assert isinstance(asyncio.get_running_loop(), qasync.QEventLoop)
    button = QPushButton("press")
    qtbot.addWidget(button)
    pressed = asyncio.Event()
    button.clicked.connect(pressed.set)
    button.click()
    await asyncio.wait_for(pressed.wait(), 60)

def test_no_loop_kept(qtbot):
    qtbot.addWidget(QPushButton("press"))

def test_qt_warning_broken(qtbot):
    qWarning("unexpected")

async def test_held_qt_loop_broken():
    time.sleep(5.1)
"""


@pytest.mark.slow
def test_a_broken_rule_fails_its_test_and_no_other(tmp_path: Path) -> None:
    for place, text in (("unit", PLAIN), ("ui", QT)):
        folder = tmp_path / "tests" / place
        folder.mkdir(parents=True)
        (folder / f"test_{place}.py").write_text(text, encoding="utf-8")
    shutil.copy(TESTS / "conftest.py", tmp_path / "tests")
    shutil.copy(TESTS.parent / "pyproject.toml", tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    outcomes = set(re.findall(r"^(PASSED|FAILED|ERROR) .*::(\w+)", done.stdout, re.MULTILINE))
    broken = {name for outcome, name in outcomes if outcome != "PASSED"}
    passed = {name for outcome, name in outcomes if outcome == "PASSED"} - broken
    assert broken == set(re.findall(r"def (test_\w+_broken)", PLAIN + QT)), done.stdout
    assert passed == set(re.findall(r"def (test_\w+_kept)", PLAIN + QT)), done.stdout


def test_properties_are_tried_on_the_same_examples_unless_asked_otherwise() -> None:
    usual = settings.get_profile("project")
    assert (usual.derandomize, usual.database, usual.deadline) == (True, None, None)
    asked = os.environ.get("CHANNELS_RANDOM_TESTS")
    assert settings.get_current_profile_name() == ("random" if asked else "project")
