"""What messages of others may hold at most, beyond what reading refuses (channels.md 8.4).

Reading is as lenient as the reference; every delivery meets these limits on top, before anything uses what it says.
The limit of a field stands on its declaration (`field(n, most=...)`). Where nothing stands, a list has LIST_ITEMS, a
text and binary data TEXT_BYTES; transactions and proofs have sizes of their own.
Amounts that can not be are refused here too: sums of what passes fit in 63 bits, whatever they are stored in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from channels_desktop.bitcoin.expanded_tx import ExpandedTx, SpentOutput
from channels_desktop.bitcoin.merkle import MerkleProof
from channels_desktop.bitcoin.tx import MOST_SATOSHIS, Tx, check_sound
from channels_desktop.errors import ProtocolError, WireError
from channels_desktop.protocols.channel_url import read_plain_channel_url
from channels_desktop.protocols.invoices.checks import find_invoice
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.protocols.reply_to import PROTOCOL as REPLY_TO
from channels_desktop.protocols.reply_to import ReplyTo
from channels_desktop.protocols.response import Status
from channels_desktop.protocols.text import PROTOCOL as TXT
from channels_desktop.protocols.text import TextCode
from channels_desktop.wire import limits
from channels_desktop.wire.bsor import Message

if TYPE_CHECKING:
    from collections.abc import Iterable


class TooLarge(ProtocolError):
    """A message holds more than a peer may send."""


def check_limits(messages: Iterable[Message]) -> None:
    """Raise TooLarge where one of `messages` holds more than a peer may send.

    The error names the protocol of that message, its code for what is too large or else 0, and, in words for the
    other side, the field, its size and the limit.
    """
    for message in messages:
        if isinstance(message, ReplyTo) and message.peer_channel is not None:
            _check_place(message.peer_channel)
        try:
            _check_message(message)
        except _TooMuch as error:
            protocol = REGISTRY.protocol_of(message).id
            code = TextCode.TOO_LARGE if protocol == TXT.id else 0
            raise TooLarge(protocol, code, str(error), status=Status.INVALID) from None
        except WireError as error:
            raise ProtocolError(REGISTRY.protocol_of(message).id, 0, str(error), status=Status.INVALID) from None


def _check_place(url: str) -> None:
    try:
        read_plain_channel_url(url)
    except WireError as error:
        raise ProtocolError(REPLY_TO.id, 0, str(error), status=Status.INVALID) from None


class _TooMuch(Exception):
    """One of the limits is exceeded."""


def _check_message(message: Message) -> None:
    for _, name, _ in type(message).FIELDS:
        _check_value(getattr(message, name), f"{type(message).__name__}.{name}", type(message).MOST[name])
    if isinstance(message, ExpandedTx) and message.tx is not None:
        _check_tx(message.tx)
    if isinstance(message, SpentOutput) and message.value > MOST_SATOSHIS:
        raise WireError("bad_amount", "an output of more satoshis than there will ever be")


def _check_value(value: object, place: str, most: int) -> None:
    match value:
        case Message():
            _check_message(value)
        case tuple():
            _check_size(len(value), place, most or limits.LIST_ITEMS, "items")
            for item in value:
                _check_value(item, place, most)
        case str():
            size = len(value.encode("utf-8", "surrogateescape"))
            _check_size(size, place, most or limits.TEXT_BYTES, "bytes")
        case bytes():
            _check_size(len(value), place, most or limits.TEXT_BYTES, "bytes")
        case MerkleProof():
            _check_size(len(value.nodes), place, limits.MERKLE_NODES, "nodes")
            _check_value(value.tx, place, most)
        case Tx():
            check_sound(value)
        case _:
            pass  # numbers, what is absent, and what has a size of its own


def _check_tx(tx: Tx) -> None:
    """Check a transaction that is proposed, and the invoice inside it."""
    _check_size(len(tx.inputs), "Tx", limits.TX_INPUTS, "inputs")
    _check_size(len(tx.outputs), "Tx", limits.TX_OUTPUTS, "outputs")
    found = find_invoice(tx)
    if found is not None:
        _check_message(found[1])


def _check_size(size: int, place: str, most: int, unit: str) -> None:
    if size > most:
        raise _TooMuch(f"{place}: {size} {unit}, at most {most}")
