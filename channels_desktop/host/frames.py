"""How a message, or the news of one, looks to the clients of each dialect (peer channel API 1.3, 1.4)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from channels_desktop.host.messages import HostMessage
from channels_desktop.wire.rfc3339 import write_rfc3339

Form = Callable[[HostMessage], str | bytes]
"""What makes a websocket's frame of a message: text or binary."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A websocket's frame whose payload is written piece by piece: what is before it, how it is written, what is after.

    `is_text` says of which kind the frame is.
    """

    head: bytes
    written: Callable[[bytes], bytes]
    tail: bytes
    is_text: bool


CHANNEL_MESSAGE = (1).to_bytes(4, "big")
_NS = 1_000_000_000


def plain_time(at: int) -> str:
    """Return a time as text with a fraction of six digits: some clients read three or six, and no other number."""
    seconds, rest = divmod(at, _NS)
    return f"{write_rfc3339(seconds * _NS).removesuffix('Z')}.{rest // 1000:06}Z"


def message_json(message: HostMessage, *, payload: bool = True) -> dict[str, Any]:
    """Return a message as SPV and ESV clients read it, with the payload in base64."""
    said = {
        "sequence": message.sequence,
        "received": plain_time(message.received),
        "content_type": message.content_type,
    }
    return {**said, "payload": base64.b64encode(message.payload).decode()} if payload else said


def tokenized_form(*, full: bool, bsor: bool) -> Form:
    """Return the form of the Tokenized socket: the message or news of it, in BSOR or in JSON with hex."""

    def form(message: HostMessage) -> str | bytes:
        frame = message if full else message.notification()
        return frame.to_bytes() if bsor else json.dumps(frame.json())

    return form


def tokenized_parts(*, bsor: bool) -> Callable[[HostMessage], Parts]:
    """Return what takes the full form of a message apart."""

    def parts(message: HostMessage) -> Parts:
        if bsor:
            whole = message.to_bytes()  # the payload is its last field
            return Parts(whole[: -len(message.payload)], bytes, b"", is_text=False)
        text = json.dumps({**message.notification().json(), "payload": ""}).encode()
        return Parts(text[:-2], lambda piece: piece.hex().encode(), text[-2:], is_text=True)

    return parts


def channel_news(message: HostMessage) -> str:
    """Return the news of a message for the socket of one channel, in the words of SPV and with the fields of ESV."""
    said = {"channel_id": message.channel_id, "notification": "New message arrived"}
    return json.dumps({**said, **message_json(message, payload=False)})


def account_news(*, binary: bool) -> Form:
    """Return the form of ESV's account socket: the number of the kind and JSON, or JSON that names the kind."""

    def form(message: HostMessage) -> str | bytes:
        said = {**message_json(message, payload=False), "channel_id": message.channel_id}
        if binary:
            return CHANNEL_MESSAGE + json.dumps(said).encode()
        return json.dumps({"message_type": "bsvapi.channels.notification", "result": said})

    return form
