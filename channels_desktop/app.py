"""The desktop app: one account, one window."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import logging
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qasync
from PySide6.QtCore import QRect
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from channels_desktop import headless
from channels_desktop.adapters.profile_lock import AlreadyRunning
from channels_desktop.errors import StoreError, WrongPassphrase
from channels_desktop.ui import words
from channels_desktop.ui.application import create_application, create_theme, show_window
from channels_desktop.ui.bridge import Tasks
from channels_desktop.ui.onboarding import NewAccount, Onboarding
from channels_desktop.ui.passphrase import UnlockDialog

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from channels_desktop.ui.preferences import Preferences
    from channels_desktop.ui.theme import Theme
    from channels_desktop.ui.window import MainWindow

log = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    """Run the app until its window is closed; return the exit code."""
    options = _parser().parse_args(arguments)
    folder: Path = options.profile or headless.data_folder("account")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    app = create_application()
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    with loop:
        return int(loop.run_until_complete(_run(app, folder, options)))


async def _run(app: QApplication, folder: Path, options: argparse.Namespace) -> int:
    if await raise_running(folder):
        return 0
    theme, preferences = create_theme(app, folder)
    if not headless.exists(folder) and not await _onboard(folder, theme, options):
        return 0
    account = await _unlock(folder, theme, options)
    if account is None:
        return 1 if options.passphrase_file else 0
    try:
        await _show(account, folder, theme, preferences, options.place)
    finally:
        await account.close()
    return 0


async def _show(
    account: headless.Account, folder: Path, theme: Theme, preferences: Preferences, place: str | None
) -> None:
    window = show_window(account.engine, theme, preferences)
    _place(window, place)
    doorbell = Doorbell(folder, window)
    closed = asyncio.get_running_loop().create_future()
    window.closed.connect(lambda: _settle(closed, None))
    for number in (signal.SIGTERM, signal.SIGINT):
        # Python runs this the next time the loop runs anything, which a listening account does every second.
        signal.signal(number, lambda *_: window.close())
    try:
        await closed
    finally:
        doorbell.close()
        await window.bridge.close()
        window.deleteLater()


async def _onboard(folder: Path, theme: Theme, options: argparse.Namespace) -> bool:
    """Show the wizard until an account is made; return False where the user left it."""
    tasks, done = Tasks(), asyncio.get_running_loop().create_future()
    connection = headless.Connection(options.network, options.node or "", (options.node and "your node") or "")
    host, access = options.host or "", options.access or ""
    playground = headless.Playground.find(headless.data_folder("playground"))
    if playground is not None and not options.node:
        connection = replace(playground.connection, chain_url=headless.PLAYGROUND_CHAIN)
        host, access = playground.host, playground.access
    start = NewAccount(host=host, access=access, network=connection.network, chain=connection.chain)
    wizard = Onboarding(theme, tasks, headless.try_host, start)

    def create(new: NewAccount) -> None:
        profile = headless.NewProfile(new.name, new.passphrase, new.host, new.access, connection)
        tasks.run(
            headless.create(folder, profile),
            lambda _: _settle(done, new.passphrase),
            lambda error: wizard.show_problem(words.error(error)),
        )

    wizard.finished_with.connect(create)
    wizard.rejected.connect(lambda: _settle(done, None))
    wizard.open()
    options.passphrase = await done
    wizard.close()
    await tasks.close()
    return options.passphrase is not None


async def _unlock(folder: Path, theme: Theme, options: argparse.Namespace) -> headless.Account | None:
    """Open the account with the passphrase that is given, or ask for it; None where the user gives up."""
    given = getattr(options, "passphrase", None) or _read_passphrase(options.passphrase_file)
    if given is not None:
        try:
            return await headless.unlock(folder, given)
        except WrongPassphrase:
            log.info("the passphrase that was given does not fit")
        except AlreadyRunning as error:
            print(f"channels-desktop: {error}", file=sys.stderr)  # noqa: T201 - words to a terminal
            return None
    return await _ask(folder, theme)


async def _ask(folder: Path, theme: Theme) -> headless.Account | None:
    dialog = UnlockDialog(theme, folder.name)
    tasks, done = Tasks(), asyncio.get_running_loop().create_future()

    def unlock(passphrase: str) -> None:
        tasks.run(
            headless.unlock(folder, passphrase),
            lambda account: _settle(done, account),
            lambda error: dialog.show_problem(words.error(error)),
        )

    dialog.unlock_wanted.connect(unlock)
    dialog.rejected.connect(lambda: _settle(done, None))
    dialog.open()
    account: headless.Account | None = await done
    dialog.close()
    await tasks.close()
    return account


class Doorbell:
    """Lets a second start of the same profile raise this window instead of opening another."""

    def __init__(self, folder: Path, window: MainWindow) -> None:
        self._window = window
        self._server = QLocalServer()
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        name = _bell_name(folder)
        QLocalServer.removeServer(name)
        self._server.listen(name)
        self._server.newConnection.connect(self._ring)

    def close(self) -> None:
        """Stop listening."""
        self._server.close()

    def _ring(self) -> None:
        while (line := self._server.nextPendingConnection()) is not None:
            line.disconnected.connect(line.deleteLater)
        self._window.setWindowState(self._window.windowState() & ~self._window.windowState().WindowMinimized)
        self._window.show()
        self._window.raise_()
        self._window.activateWindow()


async def raise_running(folder: Path) -> bool:
    """Ask the app that already runs on this folder to show itself; return whether there was one."""
    socket, answered = QLocalSocket(), asyncio.get_running_loop().create_future()
    socket.connected.connect(lambda: _settle(answered, True))
    socket.errorOccurred.connect(lambda _: _settle(answered, False))
    socket.connectToServer(_bell_name(folder))
    return bool(await answered)


def _settle(future: asyncio.Future[Any], result: object) -> None:
    """Give a future its result, unless it has one: signals may come more than once."""
    if not future.done():
        future.set_result(result)


def _bell_name(folder: Path) -> str:
    return "channels-desktop-" + hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:24]


def _read_passphrase(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError):
        raise StoreError(f"{file} can't be read") from None


def _place(window: MainWindow, place: str | None) -> None:
    """Put the window on one half of the screen, for two of them side by side."""
    if place is None:
        return
    room = window.screen().availableGeometry()
    half = max(window.minimumWidth(), room.width() // 2)
    left = room.left() if place == "left" else max(room.left(), room.right() + 1 - half)
    window.setGeometry(QRect(left, room.top() + 28, half, room.height() - 28))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="channels-desktop",
        description="Open your account. Other programs: channels-desktop playground, channels-desktop host.",
    )
    parser.add_argument("--profile", type=Path, metavar="DIR", help="the data folder of the account")
    parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help="read the passphrase from a file")
    parser.add_argument("--host", metavar="URL", help="what the first start fills in as channel host")
    parser.add_argument("--access", metavar="TOKEN", help="what the first start fills in as access token")
    parser.add_argument("--node", metavar="URL", help="a Bitcoin SV node's JSON-RPC, for a new account")
    parser.add_argument("--network", choices=("main", "test", "regtest"), default="regtest", help="of that node")
    parser.add_argument("--place", choices=("left", "right"), help=argparse.SUPPRESS)
    return parser
