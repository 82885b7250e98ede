"""The objects in the bodies and frames of the peer channel API, and their JSON forms (channels.md 5.4)."""

from __future__ import annotations

from typing import Any

from channels_desktop.errors import WireError
from channels_desktop.wire.bsor import Message, field
from channels_desktop.wire.kinds import U64, HostTime
from channels_desktop.wire.rfc3339 import read_rfc3339, write_rfc3339

BSOR_TYPE = "application/octet-stream"
"""The one content type under which objects travel in BSOR."""


class FullChannel(Message):
    """A channel as its account sees it; a public one has no write token."""

    id: str = field(1)
    account_id: str = field(2)
    read_token: str = field(3)
    write_token: str = field(4)

    def json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "id": self.id,
            "account_id": self.account_id,
            "read_token": self.read_token,
            "write_token": self.write_token,
        }


class AccountReply(Message, bare=True):
    """The reply to the creation of an account: one push of the URL `base/api/v1/account/<id>?token=<token>`."""

    url: str = field(1)

    def json(self) -> str:
        """Return the JSON form."""
        return self.url


class HostMessage(Message):
    """A message in a mailbox; `received` is the host's clock in nanoseconds."""

    sequence: U64 = field(1)
    received: HostTime = field(2)
    content_type: str = field(3)
    channel_id: str = field(4)
    payload: bytes = field(5)

    def json(self) -> dict[str, Any]:
        """Return the JSON form of the Tokenized dialect, with the payload in hex."""
        return {**self.notification().json(), "payload": self.payload.hex()}

    def notification(self) -> MessageNotification:
        """Return the same without the payload."""
        return MessageNotification(
            sequence=self.sequence,
            received=self.received,
            content_type=self.content_type,
            channel_id=self.channel_id,
        )


class MessageNotification(Message):
    """The news that a message arrived."""

    sequence: U64 = field(1)
    received: HostTime = field(2)
    content_type: str = field(3)
    channel_id: str = field(4)

    def json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "sequence": self.sequence,
            "received": write_rfc3339(self.received),
            "content_type": self.content_type,
            "channel_id": self.channel_id,
        }


class ChannelData(Message):
    """What a token holder may know of a channel: the first field for writers, the second for readers."""

    max_message_payload_size: U64 | None = field(1)
    auto_delete_read_messages: bool | None = field(2)

    def json(self) -> dict[str, Any]:
        """Return the JSON form."""
        values = {
            "max_message_payload_size": self.max_message_payload_size,
            "auto_delete_read_messages": self.auto_delete_read_messages,
        }
        return {name: value for name, value in values.items() if value is not None}


def message_from_json(value: object) -> HostMessage:
    """Read the JSON form of a message (payload in hex); raise WireError where it is none."""
    if not isinstance(value, dict):
        raise WireError("bad_json", "a message is an object")
    try:
        payload = value["payload"]
        return HostMessage(
            sequence=_number(value["sequence"]),
            received=read_rfc3339(str(value["received"])),
            content_type=str(value["content_type"]),
            channel_id=str(value["channel_id"]),
            payload=b"" if payload is None else bytes.fromhex(str(payload)),
        )
    except KeyError as error:
        raise WireError("bad_json", f"a message lacks {error}") from None
    except ValueError:
        raise WireError("bad_json", "a payload that is not hex") from None


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**64:
        raise WireError("bad_json", "a sequence that is no number")
    return value
