"""What every test lives under: an offscreen screen, loopback only, no unexpected warning, no blocked loop.

Tests below `tests/ui` and `tests/e2e` run in Qt's event loop, all others in a plain asyncio loop.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import ipaddress
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

LONGEST_HOLD = 5.0
"""Seconds that one callback may hold an event loop: enough to find what waits for the world. The stall budget is far
below; `tests/bench` measures it, since a test shares its cores and may open two windows in one step."""

# Every task, future and handle notes where it was made. Ten frames of it take longer than what the tests are about.
asyncio.constants.DEBUG_STACK_DEPTH = 1  # type: ignore[attr-defined] # not declared, but there

QT_TESTS = (Path(__file__).parent / "ui", Path(__file__).parent / "e2e")

RANDOM_TESTS = "CHANNELS_RANDOM_TESTS"
"""Set it to look for examples that were never tried; without it a property is tried on the same ones everywhere."""

# No deadline: a shared machine gives no even timing.
settings.register_profile("project", deadline=None, derandomize=True, database=None)
settings.register_profile("random", deadline=None, print_blob=True)
settings.load_profile("random" if os.environ.get(RANDOM_TESTS) else "project")

# ------------------------------------------------------------------------------------------------------------ the loop


@functools.cache
def _application() -> QApplication:
    """Return the one QApplication of this process; the cache keeps it alive between tests."""
    from PySide6.QtCore import QCoreApplication  # noqa: PLC0415 - only tests of the ui pay for Qt
    from PySide6.QtWidgets import QApplication  # noqa: PLC0415

    running = QCoreApplication.instance()
    application = running if isinstance(running, QApplication) else QApplication([])
    application.setQuitOnLastWindowClosed(False)  # it would stop the loop under the test
    return application


@pytest.fixture(autouse=True)
def _collected_in_the_main_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """Free Qt objects where they live: a collection in the thread of a database would crash a later test."""
    if not any(request.path.is_relative_to(place) for place in QT_TESTS):
        yield
        return
    gc.disable()
    yield
    gc.collect()
    gc.enable()


def _plain_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.slow_callback_duration = LONGEST_HOLD
    return loop


def _qt_loop() -> asyncio.AbstractEventLoop:
    from qasync import QEventLoop  # noqa: PLC0415 - only tests of the ui pay for Qt

    loop: asyncio.AbstractEventLoop = QEventLoop(_application())
    loop.slow_callback_duration = LONGEST_HOLD
    return loop


@pytest.hookimpl
def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Give tests of the ui Qt's event loop, and every other test a plain one."""
    if any(item.path.is_relative_to(place) for place in QT_TESTS):
        return {"qt": _qt_loop}
    return {"plain": _plain_loop}


# --------------------------------------------------------------------------------------------------------- the network

_refused: list[str] = []


def _is_loopback(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False


def _guard(event: str, args: tuple[object, ...]) -> None:
    """Refuse, as an audit hook, every look-up, connection and datagram that would leave this machine."""
    if event == "socket.getaddrinfo":
        host = args[0]
    elif event in {"socket.connect", "socket.sendmsg", "socket.sendto"}:
        address = args[1]
        host = address[0] if isinstance(address, tuple) else None  # a path names a socket of this machine
    else:
        return
    if not _is_loopback(host):
        _refused.append(f"{event}: {host!r}")
        raise PermissionError(_refused[-1])


sys.addaudithook(_guard)


@pytest.fixture(autouse=True)
def _loopback_only() -> Iterator[None]:
    """Fail the test during which anything tried to leave this machine, even where the code under test hid it."""
    _refused.clear()
    yield
    assert not _refused, f"only loopback is allowed in tests: {_refused}"


# ------------------------------------------------------------------------------------------------------------- the log


class _Collector(logging.Handler):
    """Keep every record at or above WARNING."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture(autouse=True)
def warnings_logged() -> Iterator[list[logging.LogRecord]]:
    """Collect the warnings and errors that are logged; fail the test if any is left at its end.

    A test that expects one takes it out: `assert "lost" in warnings_logged.pop().getMessage()`.
    """
    collector = _Collector()
    root = logging.getLogger()
    root.addHandler(collector)
    try:
        yield collector.records
    finally:
        root.removeHandler(collector)
    left = [f"{record.name}: {record.getMessage()}" for record in collector.records]
    assert not left, f"unexpected in the log: {left}"
