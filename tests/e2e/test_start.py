"""The start, and what may keep it from happening: always a sentence and an exit code, never a traceback."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtNetwork import QLocalServer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget

from channels_desktop import headless
from channels_desktop.__main__ import PROGRAMS, parser
from channels_desktop.app import _run
from channels_desktop.host.serve import Host
from channels_desktop.ui import doorbell
from channels_desktop.ui.doorbell import Answer, Doorbell, ring
from channels_desktop.ui.onboarding import Onboarding
from channels_desktop.ui.passphrase import UnlockDialog
from channels_desktop.ui.problem import ProblemDialog
from channels_desktop.ui.sheet import Sheet
from tests.e2e.programs import PATIENCE, run, started, told_to_end

# ---------------------------------------------------------------------------------------------------- the command line


def test_the_help_lists_every_program() -> None:
    code, said = run("--help")
    assert code == 0
    for name in PROGRAMS:
        assert f"channels-desktop {name} " in said


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_has_a_help_of_its_own(name: str) -> None:
    code, said = run(*name.split(), "--help")
    assert code == 0
    assert f"usage: channels-desktop {name}" in said


def test_the_version_is_told() -> None:
    assert run("--version") == (0, "channels-desktop 0.1.0")


def test_an_unknown_word_is_refused() -> None:
    code, said = run("plaground")
    assert (code, said) == (
        2,
        'channels-desktop: There is no program "plaground". channels-desktop --help lists those there are.',
    )


# ------------------------------------------------------------------------------------------------- folders of all kinds

SECRET = ("--passphrase-file", "/dev/null")


def test_a_profile_that_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("precious")
    for path in (file, file / "inner"):
        code, said = run("--profile", str(path), *SECRET)
        assert code == 1
        assert said == (
            f"channels-desktop: {path} can't be a folder, because there is a file in its place. Choose another."
        )
    assert file.read_text() == "precious"


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    profile.mkdir(mode=0o555)
    for path in (profile, profile / "inner"):
        code, said = run("--profile", str(path), *SECRET, meek=True)
        assert code == 1
        assert said == f"channels-desktop: You may not write into {path}. Change who may, or choose another folder."


def test_a_folder_that_may_not_be_entered(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o000)
    path = tmp_path / "closed" / "profile"
    code, said = run("--profile", str(path), *SECRET, meek=True)
    assert code == 1
    assert said == f"channels-desktop: You may not write into {path}. Change who may, or choose another folder."


def test_a_place_where_nothing_can_be() -> None:
    code, said = run(*SECRET, XDG_DATA_HOME="/proc/nowhere")
    assert code == 1
    assert said.startswith("channels-desktop: /proc/nowhere/channels-desktop/account can't be made or written into.")


def test_a_home_that_nobody_names() -> None:
    said = "channels-desktop: This computer names no home folder for you. Say where your data goes: --profile FOLDER."
    assert run(*SECRET, HOME="relative", XDG_DATA_HOME="") == (1, said)


def test_a_lock_that_can_not_be_taken(tmp_path: Path) -> None:
    for name in (headless.VAULT, headless.DATABASE):
        (tmp_path / name).write_bytes(b"anything")
    (tmp_path / "profile.lock").mkdir()
    code, said = run("--profile", str(tmp_path), *SECRET)
    assert (code, said) == (1, f"channels-desktop: {tmp_path} can't be made or written into. Choose another folder.")


def test_a_passphrase_that_can_not_be_read(tmp_path: Path) -> None:
    code, said = run("--profile", str(tmp_path), "--passphrase-file", str(tmp_path / "none"))
    sentence = "channels-desktop: The file that should hold the passphrase can't be read. Nothing was opened."
    assert (code, said) == (1, sentence)


def test_no_screen(tmp_path: Path) -> None:
    code, said = run("--profile", str(tmp_path), QT_QPA_PLATFORM="xcb", DISPLAY=":no")
    assert code == 1
    assert said.splitlines()[-1].startswith("channels-desktop: There is no screen to open a window on.")


# -------------------------------------------------------------------------------------------- one start after the other


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_wizard_that_is_told_to_end_ends_quietly(tmp_path: Path, number: signal.Signals) -> None:
    async with started(tmp_path, "--profile", str(tmp_path)) as process:
        await told_to_end(process, number)


@pytest.mark.slow
async def test_a_relative_data_home_counts_as_none(tmp_path: Path) -> None:
    profile = tmp_path / ".local" / "share" / "channels-desktop" / "account"
    async with started(profile, HOME=str(tmp_path), XDG_DATA_HOME="relative") as process:
        await told_to_end(process)


@pytest.mark.slow
async def test_a_folder_whose_name_is_no_text(tmp_path: Path) -> None:
    host = await Host.start(tmp_path / "host")
    profile = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    new = headless.NewProfile("Carol", "pass", host.base_url, host.operator_token, headless.Connection())
    await headless.create(profile, new)
    secret = tmp_path / "passphrase"
    secret.write_text("pass\n")
    async with started(profile, "--profile", os.fsencode(profile), "--passphrase-file", str(secret)) as process:
        await told_to_end(process)
    await host.stop()


@pytest.mark.slow
async def test_a_second_start_says_that_the_first_hangs(tmp_path: Path) -> None:
    async with started(tmp_path, "--profile", str(tmp_path)) as process:
        process.send_signal(signal.SIGSTOP)
        with headless.acquire(tmp_path):
            code, said = await asyncio.to_thread(run, "--profile", str(tmp_path), *SECRET, "--patience", "0.1")
        assert code == 1
        assert said == (
            f"channels-desktop: This account is open already, in process {os.getpid()}, which doesn't answer. "
            "End it and start again."
        )
        process.send_signal(signal.SIGCONT)
        await told_to_end(process)


async def test_who_answers_a_ring(qapp: QApplication, tmp_path: Path) -> None:
    assert await ring(tmp_path, PATIENCE) is Answer.NOBODY
    silent = QLocalServer()
    assert silent.listen(doorbell._name(tmp_path))  # noqa: SLF001 - as one that hangs does
    assert await ring(tmp_path, 0.01) is Answer.SILENT
    silent.close()
    bell = Doorbell()
    bell.listen(tmp_path)
    bell.window = QWidget()
    assert await ring(tmp_path, PATIENCE) is Answer.SHOWN
    assert bell.window.isVisible()
    bell.window.close()
    bell.close()
    assert await ring(tmp_path, PATIENCE) is Answer.NOBODY


# ------------------------------------------------------------------------------------------------------ leaving early


@asynccontextmanager
async def running(app: QApplication, profile: Path, code: int = 0) -> AsyncIterator[None]:
    """Run the app inside this process; it must end with an exit code."""
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        run = group.create_task(_run(app, parser().parse_args(["--profile", str(profile)])))
        yield
        assert await run == code


async def dialog_of(kind: type[Sheet]) -> Any:
    """Return a dialog as soon as it is shown."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for widget in QApplication.topLevelWidgets():
                if isinstance(widget, kind) and widget.isVisible():
                    return widget
            await asyncio.sleep(0)


async def test_the_wizard_is_left(qapp: QApplication, tmp_path: Path) -> None:
    async with running(qapp, tmp_path):
        (await dialog_of(Onboarding)).reject()
    assert not headless.exists(tmp_path)


async def test_the_unlock_dialog_is_left(qapp: QApplication, tmp_path: Path) -> None:
    host = await Host.start(tmp_path / "host")
    profile = tmp_path / "dave"
    new = headless.NewProfile("Dave", "pass", host.base_url, host.operator_token, headless.Connection())
    await headless.create(profile, new)
    async with running(qapp, profile):
        (await dialog_of(UnlockDialog)).reject()
    async with running(qapp, profile):
        dialog = await dialog_of(UnlockDialog)
        QTest.keyClicks(dialog.box.field, "pass")
        dialog.findChild(QPushButton, "unlock").click()
        dialog.reject()  # while it is being unlocked
    account = await headless.unlock(profile, "pass")  # nobody holds it any more
    await account.close()
    await host.stop()


async def test_a_problem_is_shown_in_a_dialog(qapp: QApplication, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    async with running(qapp, tmp_path / "file", code=1):
        dialog = await dialog_of(ProblemDialog)
        assert any("there is a file in its place" in label.text() for label in dialog.findChildren(QLabel))
        dialog.findChild(QPushButton, "close").click()


QUIT = """
import sys
from PySide6.QtCore import QTimer
from channels_desktop import app
from channels_desktop.__main__ import parser
from channels_desktop.ui.application import create_application
QTimer.singleShot(0, create_application().quit)
sys.exit(app.main(parser().parse_args()))
"""


def test_the_end_of_the_session_is_no_crash(tmp_path: Path) -> None:
    assert run("--profile", str(tmp_path), code=QUIT) == (0, "")
