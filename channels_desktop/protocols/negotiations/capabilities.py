"""What a party can do in negotiations, as it announces it (channels.md 4.10).

The reference declares Capabilities and sends it in no message. Here the options travel as the option of ETX in the
configuration of a relationship: the byte 01, then one byte in which bit k - 1 stands for the option of field k.
"""

from __future__ import annotations

from channels_desktop.errors import WireError
from channels_desktop.wire.bsor import Message, field

_MARK = 1
_SIZE = 2


class Options(Message):
    """What a party supports; without any of these it takes simple offers to send (`send_disabled`: not even those).

    The `auto` ones are answered at once, before their user has seen them.
    """

    send_disabled: bool = field(1)
    auto_send_response: bool = field(2)
    receive: bool = field(3)
    three_step_exchange: bool = field(4)
    four_step_exchange: bool = field(5)
    auto_exchange_response: bool = field(6)


class Capabilities(Message):
    """The protocols a party negotiates with, and how."""

    protocols: tuple[bytes, ...] = field(1)
    options: Options = field(2)


def write_option(options: Options) -> bytes:
    """Return the two bytes that announce `options` for ETX."""
    return bytes((_MARK, sum(1 << (number - 1) for number, name, _ in Options.FIELDS if getattr(options, name))))


def read_option(data: bytes) -> Options:
    """Return the options in the two bytes of ETX, bits of options yet to come aside; raise WireError for others."""
    if len(data) != _SIZE:
        raise WireError("wrong_size", f"an option of {len(data)} bytes")
    if data[0] != _MARK:
        raise WireError("other", f"option {data[0]} of ETX")
    return Options(**{name: bool(data[1] >> (number - 1) & 1) for number, name, _ in Options.FIELDS})
