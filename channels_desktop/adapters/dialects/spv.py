"""The SPV dialect: Basic credentials, accounts by number, and a websocket for each channel that only says "look".

peer-channel-api 1.2 and 1.4.
"""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn

import aiohttp

from channels_desktop.adapters.dialects.lines import Line
from channels_desktop.adapters.dialects.managed import Managed
from channels_desktop.adapters.host_json import member
from channels_desktop.adapters.host_requests import JSON_TYPE, segment
from channels_desktop.engine.ports import Account
from channels_desktop.errors import TransportError

MOST_SOCKETS = 256
"""Channels beyond these are only polled."""


class Spv:
    """See Paths."""

    name = "spv"

    def __init__(self, most_sockets: int = MOST_SOCKETS) -> None:
        self._most_sockets = most_sockets

    def channels(self, account: Account) -> str:
        """See Paths."""
        return f"/account/{segment(account.account_id)}/channel"

    def listed(self, answer: object) -> list[Any]:
        """See Paths."""
        return member(answer, "channels", list)

    async def hear(self, host: Managed, line: Line) -> NoReturn:
        """Follow every channel that there is, also those that are made later and elsewhere."""
        following: dict[str, asyncio.Task[NoReturn]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                channels = await host.mailboxes(line.account)
                line.open()
                for channel_id in following.keys() - set(channels):
                    following.pop(channel_id).cancel()
                for channel_id in channels:
                    if channel_id in following:
                        continue
                    if len(following) < self._most_sockets:
                        following[channel_id] = group.create_task(_follow(host, line, channel_id))
                    else:
                        line.look(channel_id)
                await line.pause()


async def _follow(host: Managed, line: Line, channel_id: str) -> NoReturn:
    """Listen on the socket of one channel; read the channel whenever there is news, or may have been."""
    base_url, loop = line.account.base_url, asyncio.get_running_loop()
    while True:
        began = loop.time()
        try:
            token = await host.reader(line.account, channel_id)
            path = f"/channel/{segment(channel_id)}/notify?token={segment(token)}"
            async with host.requests.socket(base_url, path, accept=JSON_TYPE) as socket:
                line.look(channel_id)
                if socket is not None:
                    async for frame in socket:
                        if frame.type is aiohttp.WSMsgType.TEXT:
                            line.look(channel_id)
        except TransportError as error:
            if not error.gone:
                raise
        if loop.time() - began < line.poll_seconds:  # never opened, or soon broken: no faster than polling
            await asyncio.sleep(line.poll_seconds)
