"""The dialect of the ElectrumSV reference server: one master key, and a websocket for the account that only notifies.

peer-channel-api 1.2 and 1.4.
"""

from __future__ import annotations

from typing import Any, NoReturn

import aiohttp

from channels_desktop.adapters.dialects.lines import Line
from channels_desktop.adapters.dialects.managed import Managed
from channels_desktop.adapters.host_json import member, read_json
from channels_desktop.adapters.host_requests import segment, sensible
from channels_desktop.engine.ports import Account
from channels_desktop.errors import Cause, TransportError, WireError
from channels_desktop.host.messages import BSOR_TYPE

_KIND_BYTES = 4
_CHANNEL_MESSAGE = 1
_NAMED = "bsvapi.channels.notification"


class Esv:
    """See Paths. The key alone says whose account it is."""

    name = "esv"

    def channels(self, account: Account) -> str:
        """See Paths."""
        return "/channel/manage"

    def listed(self, answer: object) -> list[Any]:
        """See Paths."""
        if not isinstance(answer, list):
            raise WireError("bad_json", "no list of channels")
        return answer

    async def hear(self, host: Managed, line: Line) -> NoReturn:
        """Hold the account's websocket, on which a client says nothing; poll as long as there is none."""
        account = line.account
        path = f"/web-socket?token={segment(account.token)}"
        while True:
            async with host.requests.socket(account.base_url, path, accept=BSOR_TYPE) as socket:
                await line.look_at_all()
                line.open()
                if socket is not None:
                    async for frame in socket:
                        notify(line, frame)
                    detail = f"the host closed the line with code {socket.close_code}"
                    raise TransportError(detail, cause=Cause.BROKEN)
            await line.pause()


def notify(line: Line, frame: aiohttp.WSMessage) -> None:
    """Tell the line what a frame tells; frames about other things, like headers of blocks, tell nothing."""
    if frame.type is aiohttp.WSMsgType.BINARY:
        kind, text = int.from_bytes(frame.data[:_KIND_BYTES], "big"), frame.data[_KIND_BYTES:]
        if kind == _CHANNEL_MESSAGE:
            sensible(lambda: _look(line, read_json(text)))
    elif frame.type is aiohttp.WSMsgType.TEXT:
        value = sensible(lambda: read_json(frame.data))
        if isinstance(value, dict) and value.get("message_type") == _NAMED:
            sensible(lambda: _look(line, value.get("result")))


def _look(line: Line, notification: object) -> None:
    line.look(member(notification, "channel_id", str), member(notification, "sequence", int))
