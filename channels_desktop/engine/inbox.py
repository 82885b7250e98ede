"""Deliveries on their way from the line to the store, bounded in number and in bytes."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from channels_desktop.engine.ports import Delivery

WAITING = 256
BATCH = 32
WAITING_BYTES = 32 * 1024 * 1024
BATCH_BYTES = 16 * 1024 * 1024


class Inbox:
    """Whoever puts waits for room, whoever takes waits for mail; one delivery always has room, however large."""

    def __init__(self) -> None:
        self._mail: deque[Delivery] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()

    async def put(self, delivery: Delivery) -> None:
        """Add a delivery once there is room for it."""
        while self._mail and (len(self._mail) >= WAITING or self._bytes + len(delivery.payload) > WAITING_BYTES):
            self._taken.clear()
            await self._taken.wait()
        self._mail.append(delivery)
        self._bytes += len(delivery.payload)
        self._arrived.set()

    async def take(self) -> list[Delivery]:
        """Return the oldest deliveries, as many as one transaction should hold, once there is one."""
        while not self._mail:
            self._arrived.clear()
            await self._arrived.wait()
        batch = [self._mail.popleft()]
        size = len(batch[0].payload)
        while self._mail and len(batch) < BATCH and size + len(self._mail[0].payload) <= BATCH_BYTES:
            batch.append(self._mail.popleft())
            size += len(batch[-1].payload)
        self._bytes -= size
        self._taken.set()
        return batch
