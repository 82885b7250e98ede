"""From Enter in one window to the painted bubble in the other. `python -m tests.bench.click_to_pixel`

Two real windows and engines with encrypted databases in one process, and a real host on loopback. Beside it, in the
same run and process, the way of the same bytes without us: posted to the host and read from its websocket.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import qasync
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from channels_desktop.adapters.http_channels import HttpPeerChannels
from channels_desktop.engine.ports import Delivery
from channels_desktop.ui.application import create_application
from tests.e2e.test_main_job import Town, a_town, meet
from tests.e2e.users import User

TEXTS = 60
BREATH = 0.15  # seconds between texts, as people leave: windows batch what comes within 50 ms


class Painted(QObject):
    """Resolves a future at the first paint of a widget after it shows a text."""

    def __init__(self, user: User, widget: QWidget) -> None:
        super().__init__()
        self._user = user
        self._wanted, self._future = "", asyncio.get_running_loop().create_future()
        widget.installEventFilter(self)

    def expect(self, text: str) -> asyncio.Future[float]:
        """Return a future of the time at which `text` is painted."""
        self._wanted, self._future = text, asyncio.get_running_loop().create_future()
        return self._future

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look at paint events only."""
        if event.type() == QEvent.Type.Paint and not self._future.done() and self._wanted in self._user.texts()[-1:]:
            self._future.set_result(time.perf_counter())
        return super().eventFilter(watched, event)


async def click_to_pixel(town: Town) -> list[float]:
    """Return the milliseconds of each text."""
    painted = Painted(town.bob, town.bob.window.chats.pane.timeline.viewport())
    times = []
    for number in range(TEXTS):
        await asyncio.sleep(BREATH)
        text = f"Message {number}"
        await town.alice.type_into("composer", text)
        seen = painted.expect(text)
        started = time.perf_counter()
        QTest.keyClick(town.alice.field("composer"), Qt.Key.Key_Return)
        times.append(1000 * (await asyncio.wait_for(seen, 60) - started))
    return times


async def post_to_socket(town: Town) -> list[float]:
    """Return the milliseconds of a bare post and its delivery."""
    channels = HttpPeerChannels()
    account = await channels.create_account(town.host.base_url, town.host.operator_token)
    mailbox = await channels.create_mailbox(account)
    line, times = channels.listen(account), []
    await anext(line)
    for _ in range(TEXTS):
        started = time.perf_counter()
        await channels.post(mailbox.address, bytes(220))
        assert isinstance(await anext(line), Delivery)
        times.append(1000 * (time.perf_counter() - started))
    await line.aclose()
    await channels.close()
    return times


async def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        async with a_town(Path(folder)) as town:
            await meet(town)
            await town.alice.until(lambda: town.alice.field("composer"), "the composer")
            await town.bob.until(lambda: town.bob.field("composer"), "the composer")
            bare = await post_to_socket(town)
            whole = await click_to_pixel(town)
    base = statistics.median(bare)
    print(f"{TEXTS} texts")
    for name, times in (("Enter to painted bubble", whole), ("bare post to websocket", bare)):
        middle, slow = statistics.median(times), statistics.quantiles(times, n=20)[-1]
        print(f"  {name:26} p50 {middle:7.1f} ms   p95 {slow:7.1f} ms   {middle / base:6.1f} x bare")


if __name__ == "__main__":
    loop = qasync.QEventLoop(create_application())
    asyncio.set_event_loop(loop)
    with loop:
        loop.run_until_complete(main())
