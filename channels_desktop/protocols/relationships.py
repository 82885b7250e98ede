"""RS: two parties exchange peer channels and base public keys (channels.md 3).

1. Alice shares a mailbox and her base key in an invite.
2. Bob posts an Initiation with his key and mailbox there.
3. Alice, when she accepts, posts an Initiation of her own inside a Response with status OK to Bob's mailbox.
4. Both compare the safety number.
5. Whoever ends it sends a Response UNWANTED with the code TERMINATED.
"""

from __future__ import annotations

from enum import IntEnum

from channels_desktop.protocols.protocol import Protocol
from channels_desktop.wire import limits
from channels_desktop.wire.bsor import Message, field
from channels_desktop.wire.kinds import Key33


class RelationshipCode(IntEnum):
    """Response codes of RS; from 100 on they are ours (channels.md 3.5)."""

    PARSE = 0
    NOT_INITIATED = 1
    ALREADY_INITIATED = 2
    TERMINATED = 101


class PeerChannel(Message):
    """A mailbox as its owner tells another party: the read token is never told."""

    base_url: str = field(1, most=limits.URL_LENGTH)
    id: str = field(2, most=limits.PLACE_BYTES)
    read_token: str = field(3, most=limits.PLACE_BYTES)
    write_token: str = field(4, most=limits.PLACE_BYTES)


class ProtocolOption(Message):
    """What a party can do beyond the basic form of a protocol."""

    protocol: bytes = field(1, most=limits.PROTOCOL_ID_BYTES)
    option: bytes = field(2, most=limits.NAME_BYTES)


class Configuration(Message):
    """How to write to a party and check what it writes."""

    public_key: Key33 = field(1)
    peer_channels: tuple[PeerChannel, ...] = field(2, most=limits.PEER_CHANNELS)
    supported_protocols: tuple[bytes, ...] = field(3, most=limits.SUPPORTED_PROTOCOLS)
    protocol_options: tuple[ProtocolOption | None, ...] = field(4, most=limits.SUPPORTED_PROTOCOLS)


class Location(Message):
    """A postal address."""

    streets: tuple[str, ...] = field(1, most=limits.IDENTITY_BYTES)
    city: str = field(2, most=limits.IDENTITY_BYTES)
    province: str | None = field(3, most=limits.IDENTITY_BYTES)
    country: str | None = field(4, most=limits.IDENTITY_BYTES)
    postal_code: str | None = field(5, most=limits.IDENTITY_BYTES)


class Identity(Message):
    """What a party says of itself; nobody vouches for it."""

    name: str | None = field(1, most=limits.IDENTITY_BYTES)
    email: str | None = field(2, most=limits.IDENTITY_BYTES)
    url: str | None = field(3, most=limits.IDENTITY_BYTES)
    handle: str | None = field(4, most=limits.IDENTITY_BYTES)
    phone: str | None = field(5, most=limits.IDENTITY_BYTES)
    location: Location | None = field(6)


class Initiation(Message):
    """Begin a relationship, or accept one inside a Response."""

    data: Configuration = field(1)
    identity: Identity = field(5)


class Update(Message):
    """Replace one's configuration."""

    data: Configuration = field(1)
    identity: Identity = field(5)


class SubInitiation(Message):
    """Announce a further key and mailbox of the same identity."""

    data: Configuration = field(1)


class SubUpdate(Message):
    """Replace the configuration of a sub channel."""

    data: Configuration = field(1)


class SubTerminate(Message):
    """End the sub channel it is sent on."""


PROTOCOL = Protocol(
    id=b"RS",
    package="relationships",
    messages={1: Initiation, 2: Update, 3: SubInitiation, 4: SubUpdate, 5: SubTerminate},
    minimum=1,
    short_error="invalid_message",
    codes=RelationshipCode,
)
