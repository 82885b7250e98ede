"""One window for each data folder: a second start rings, and the first one shows itself."""

from __future__ import annotations

import asyncio
import hashlib
import os
from enum import Enum
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtNetwork import QLocalServer, QLocalSocket

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtWidgets import QWidget

_HERE = b"here\n"


class Answer(Enum):
    """What came of ringing."""

    NOBODY = "nobody"  # no app runs on the folder
    SHOWN = "shown"  # the app that runs on it has shown itself
    SILENT = "silent"  # one runs on it and does not answer


class Doorbell:
    """What the first start of a folder hears others by; `window` is what it brings forward then, if there is one."""

    def __init__(self) -> None:
        self.window: QWidget | None = None
        self._server = QLocalServer()
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._ring)

    def listen(self, folder: Path) -> None:
        """Be what `ring` finds for a folder from now on; where that can't be, a second start finds nobody."""
        name = _name(folder)
        QLocalServer.removeServer(name)
        self._server.listen(name)

    def close(self) -> None:
        """Stop listening."""
        self._server.close()

    def _ring(self) -> None:
        while (line := self._server.nextPendingConnection()) is not None:
            line.disconnected.connect(line.deleteLater)
            line.write(_HERE)
            line.flush()
        window = self.window
        if window is not None:
            window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
            window.show()
            window.raise_()
            window.activateWindow()


async def ring(folder: Path, patience: float) -> Answer:
    """Ask the app that already runs on `folder` to show itself.

    Give it `patience` seconds to answer: it does so in a moment, unless it hangs.
    """
    socket = QLocalSocket()
    answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def settle(found: Answer) -> None:
        if not answer.done():
            answer.set_result(found)

    socket.readyRead.connect(lambda: settle(Answer.SHOWN))
    # One that hangs up without a word is ending, and leaves the folder to us.
    socket.errorOccurred.connect(lambda _: settle(Answer.NOBODY))
    socket.connectToServer(_name(folder))
    try:
        async with asyncio.timeout(patience):
            return await answer
    except TimeoutError:
        return Answer.SILENT
    finally:
        socket.abort()


def _name(folder: Path) -> str:
    return "channels-desktop-" + hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:24]
