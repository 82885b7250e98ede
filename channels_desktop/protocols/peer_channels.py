"""peers: a service gives and takes away peer channels by message (channels.md 5.2, 5.3).

1. Who has no channel yet writes to the service's public one; it answers into the channel that both derive from the
   customer's public key (`service_channel`).
2. Once the customer has paid, the service sends an Account.
3. CreateChannel is answered by a Channel inside a Response; unpaid by a Response NEED_PAYMENT and a TransferRequest,
   without an account by UNAUTHORIZED.
4. DeleteChannel is answered by a Response alone: OK, UNKNOWN_CHANNEL, or UNAUTHORIZED where it is somebody else's.
"""

from __future__ import annotations

from enum import IntEnum
from uuid import UUID

from channels_desktop.bitcoin.keys import check_public, hash160
from channels_desktop.protocols.protocol import Protocol
from channels_desktop.wire import limits
from channels_desktop.wire.bsor import Message, field
from channels_desktop.wire.kinds import U8

_NAME_BYTES = 16


class ChannelType(IntEnum):
    """Who may write to a channel: whoever has its write token, or everybody."""

    STANDARD = 0
    PUBLIC = 1


class PeerChannelsCode(IntEnum):
    """Response codes of peers: ours, the reference has none (channels.md 5.3)."""

    PARSE = 0
    UNKNOWN_CHANNEL = 1
    QUOTA_REACHED = 2
    TYPE_NOT_OFFERED = 3


class Account(Message):
    """An account at a host; its token opens all its channels."""

    base_url: str = field(1, most=limits.URL_LENGTH)
    id: str = field(2, most=limits.PLACE_BYTES)
    token: str = field(3, most=limits.PLACE_BYTES)


class Channel(Message):
    """A channel that was made. A public one has no write token; without a read token the account's serves."""

    base_url: str = field(1, most=limits.URL_LENGTH)
    id: str = field(2, most=limits.PLACE_BYTES)
    read_token: str = field(3, most=limits.PLACE_BYTES)
    write_token: str = field(4, most=limits.PLACE_BYTES)


class CreateChannel(Message):
    """Ask for a channel of a type (see `ChannelType`)."""

    channel_type: U8 = field(1, shown_as="type")


class DeleteChannel(Message):
    """Ask that a channel be taken away."""

    id: str = field(1, most=limits.PLACE_BYTES)


def service_channel(public_key: bytes) -> tuple[str, str]:
    """Return id and read token of the channel a service answers into before the customer has any (wire-format 10).

    Both follow from the 33 byte public key that the relationship begins with, so whoever knows the key can read there.
    A bad key raises WireError.
    """
    key_hash = hash160(check_public(public_key))
    return str(UUID(bytes=key_hash[:_NAME_BYTES])), str(UUID(bytes=public_key[:_NAME_BYTES]))


PROTOCOL = Protocol(
    id=b"peers",
    package="peer_channels",
    messages={1: Account, 2: Channel, 10: CreateChannel, 11: DeleteChannel},
    minimum=1,
    codes=PeerChannelsCode,
)
