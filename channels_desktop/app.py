"""The desktop app: one account, one window."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qasync
from PySide6.QtCore import QRect, Qt, QtMsgType, qInstallMessageHandler

from channels_desktop import headless
from channels_desktop.adapters.folders import data_folder, make_private
from channels_desktop.adapters.profile_lock import holder
from channels_desktop.errors import ChannelsError, NotAnswering, Refused, WrongPassphrase
from channels_desktop.ui import words
from channels_desktop.ui.application import create_application, create_theme, show_window
from channels_desktop.ui.bridge import Tasks
from channels_desktop.ui.doorbell import Answer, Doorbell, ring
from channels_desktop.ui.onboarding import NewAccount, Onboarding
from channels_desktop.ui.passphrase import UnlockDialog
from channels_desktop.ui.problem import ProblemDialog
from channels_desktop.ui.theme import Theme
from channels_desktop.ui.window import MainWindow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PySide6.QtWidgets import QApplication

    from channels_desktop.ui.preferences import Preferences
    from channels_desktop.ui.sheet import Sheet

log = logging.getLogger(__name__)


def main(options: argparse.Namespace) -> int:
    """Run the app until its window is closed; return the exit code."""
    app = _application()
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    with loop:
        run = loop.create_task(_run(app, options))
        with contextlib.suppress(asyncio.CancelledError):  # told to end before there was a window
            try:
                return int(loop.run_until_complete(run))
            except RuntimeError:
                if run.done():
                    raise
                run.cancel()  # Qt stopped the loop: the session ends, or the screen is gone
                return int(loop.run_until_complete(run))
    return 0


def _application() -> QApplication:
    """Return Qt's application; where it finds no screen it would end this process by a crash, so end it before."""

    def hear(kind: QtMsgType, _: object, text: str) -> None:
        if kind is not QtMsgType.QtFatalMsg:
            print(text, file=sys.stderr)  # noqa: T201 - what Qt would do itself
            return
        sentence = "There is no screen to open a window on. Start it from a desktop, or try xvfb-run channels-desktop."
        print(f"channels-desktop: {sentence}", file=sys.stderr, flush=True)  # noqa: T201 - words to a terminal
        os._exit(1)

    before = qInstallMessageHandler(hear)
    try:
        return create_application()
    finally:
        qInstallMessageHandler(before)


async def _run(app: QApplication, options: argparse.Namespace) -> int:
    """Run the app; whatever keeps it from starting is said in a dialog and on the standard error."""
    doorbell = Doorbell()
    with _ending_on_signals(doorbell):
        try:
            folder: Path = options.profile or data_folder("account")
            make_private(folder)
            if await _shown_by_another(folder, options):
                return 0
            doorbell.listen(folder)
            return await _open(app, folder, options, doorbell)
        except Exception as problem:
            if not isinstance(problem, ChannelsError):
                log.exception("the app could not start")
            await _tell(app, words.error(problem), doorbell, silent=options.passphrase_file is not None)
            return 1
        finally:
            doorbell.close()


async def _open(app: QApplication, folder: Path, options: argparse.Namespace, doorbell: Doorbell) -> int:
    given = _read_passphrase(options.passphrase_file)
    theme, preferences = create_theme(app, folder)
    if not headless.exists(folder):
        given = await _onboard(folder, theme, options, doorbell)
        if given is None:
            return 0
    await headless.check(folder)  # nobody types a passphrase in vain
    account = await _unlock(folder, theme, given, doorbell)
    if account is None:
        return 0
    try:
        await _show(account, theme, preferences, options.place, doorbell)
    finally:
        await account.close()
    return 0


async def _show(
    account: headless.Account, theme: Theme, preferences: Preferences, place: str | None, doorbell: Doorbell
) -> None:
    window = show_window(account.engine, theme, preferences)
    _place(window, place)
    closed = _future()
    window.closed.connect(lambda: _settle(closed, None))
    doorbell.window = window
    try:
        await closed
    finally:
        doorbell.window = None
        await window.bridge.close()
        window.deleteLater()


async def _onboard(folder: Path, theme: Theme, options: argparse.Namespace, doorbell: Doorbell) -> str | None:
    """Show the wizard until an account is made; return its passphrase, None where the user left."""
    tasks, done = Tasks(), _future()
    start, connection = _beginning(options)
    wizard = Onboarding(theme, tasks, headless.try_host, start)

    def create(new: NewAccount) -> None:
        profile = headless.NewProfile(new.name, new.passphrase, new.host, new.access, connection)
        tasks.run(
            headless.create(folder, profile),
            lambda _: _settle(done, new.passphrase),
            lambda error: wizard.show_problem(wizard.hosts.sentence(error)),
        )

    wizard.finished_with.connect(create)
    passphrase: str | None = await _until_left(wizard, tasks, done, doorbell)
    return passphrase


def _beginning(options: argparse.Namespace) -> tuple[NewAccount, headless.Connection]:
    """Return what the wizard is filled with, and the chain of the new account: a playground's where one runs."""
    connection = headless.Connection(options.network, options.node or "", (options.node and "your node") or "")
    host, access = options.host or "", options.access or ""
    playground = headless.Playground.find()
    if playground is not None and not options.node:
        connection = replace(playground.connection, chain_url=headless.PLAYGROUND_CHAIN)
        host, access = playground.host, playground.access
    return NewAccount(host=host, access=access, network=connection.network, chain=connection.chain), connection


async def _unlock(folder: Path, theme: Theme, given: str | None, doorbell: Doorbell) -> headless.Account | None:
    """Open the account with the passphrase that is given, or ask for it; None where the user gives up."""
    if given is not None:
        try:
            return await headless.unlock(folder, given)
        except WrongPassphrase:
            log.info("the passphrase that was given does not fit")
    return await _ask(folder, theme, doorbell)


async def _ask(folder: Path, theme: Theme, doorbell: Doorbell) -> headless.Account | None:
    dialog = UnlockDialog(theme, folder.name)
    tasks, done = Tasks(), _future()
    opened: list[headless.Account] = []

    def keep(account: headless.Account) -> None:
        opened.append(account)
        _settle(done, True)

    def unlock(passphrase: str) -> None:
        tasks.run(headless.unlock(folder, passphrase), keep, lambda error: dialog.show_problem(words.error(error)))

    dialog.unlock_wanted.connect(unlock)
    stays = await _until_left(dialog, tasks, done, doorbell)
    if opened and not stays:  # it opened at the moment when the user gave up
        await opened.pop().close()
    return opened[0] if opened else None


async def _until_left(dialog: Sheet, tasks: Tasks, done: asyncio.Future[Any], doorbell: Doorbell) -> Any:  # noqa: ANN401
    """Show a dialog until `done` has its result, which it returns; None where the user left it, or we are to end."""
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)  # its tasks may speak to it until they end
    dialog.rejected.connect(lambda: _settle(done, None))
    dialog.open()
    doorbell.window = dialog
    try:
        return await done
    finally:
        doorbell.window = None
        dialog.hide()
        await tasks.close()
        dialog.deleteLater()


async def _shown_by_another(folder: Path, options: argparse.Namespace) -> bool:
    """Let the app that already runs on this folder show itself; return whether there was one that did."""
    match await ring(folder, options.patience):
        case Answer.SHOWN:
            return True
        case Answer.NOBODY:
            return False
        case Answer.SILENT:
            raise NotAnswering(holder(folder))


async def _tell(app: QApplication, sentence: str, doorbell: Doorbell, *, silent: bool) -> None:
    """Say why nothing opens: on the standard error, and unless `silent` in a dialog until it is closed."""
    print(f"channels-desktop: {sentence}", file=sys.stderr, flush=True)  # noqa: T201 - words to a terminal
    if not silent:
        await _until_left(ProblemDialog(Theme(app), sentence), Tasks(), _future(), doorbell)


@contextlib.contextmanager
def _ending_on_signals(doorbell: Doorbell) -> Iterator[None]:
    """End in order when the system or a terminal asks: close the window, or leave the start where it is.

    Qt's loop runs no Python while nothing happens, so a byte through a pair of sockets wakes it.
    """
    loop, everything = asyncio.get_running_loop(), asyncio.current_task()

    def end(*_: object) -> None:
        if isinstance(doorbell.window, MainWindow):
            doorbell.window.close()
        elif everything is not None:
            everything.cancel()

    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        with contextlib.suppress(NotImplementedError):  # Windows: heard when the loop next runs
            loop.add_reader(ours.fileno(), lambda: ours.recv(64))
        woken = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(woken)
            with contextlib.suppress(NotImplementedError):
                loop.remove_reader(ours.fileno())


def _future() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


def _settle(future: asyncio.Future[Any], result: object) -> None:
    """Give a future its result, unless it has one: signals may come more than once."""
    if not future.done():
        future.set_result(result)


def _read_passphrase(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError):
        raise Refused("passphrase_file", str(file)) from None


def _place(window: MainWindow, place: str | None) -> None:
    """Put the window on one half of the screen, for two of them side by side."""
    if place is None:
        return
    room = window.screen().availableGeometry()
    half = max(window.minimumWidth(), room.width() // 2)
    left = room.left() if place == "left" else max(room.left(), room.right() + 1 - half)
    window.setGeometry(QRect(left, room.top() + 28, half, room.height() - 28))
