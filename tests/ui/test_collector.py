"""Qt objects are freed in the thread they live in."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import AsyncIterator

import pytest
from PySide6.QtCore import QObject

from channels_desktop.ui.collector import Collector


class Knot:
    """Something that only the collector can free, and that tells in which thread it was."""

    def __init__(self, freed: list[str]) -> None:
        self.itself = self
        weakref.finalize(self, lambda: freed.append(threading.current_thread().name))


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    parent = QObject()
    yield Collector(parent)
    gc.unfreeze()


def tie(freed: list[str], count: int) -> None:
    """Make rubbish, and enough of it that the automatic collector would come."""
    for _ in range(count):
        Knot(freed)


async def test_rubbish_made_in_another_thread_is_collected_in_ours(collector: Collector) -> None:
    freed: list[str] = []
    thread = threading.Thread(target=tie, args=(freed, 2000))
    thread.start()
    thread.join()
    assert freed == []
    collector.collect()
    assert set(freed) == {threading.current_thread().name}


async def test_nothing_is_collected_before_it_is_due(collector: Collector) -> None:
    gc.collect()
    freed: list[str] = []
    tie(freed, 5)
    collector.collect()
    assert freed == []
