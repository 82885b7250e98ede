"""A: a locking script and what unlocks it authorize the message inside (channels.md 2.2, wire-format 7).

1. What is authorized is the bytes that a signature at the same place would cover; signatures in the scripts are over
   their double SHA-256. The interpreter runs both scripts without a transaction.
2. The usual locking script is a public key and OP_CHECKSIG: then A is a signature by that key.
3. Anybody can unlock a script of his own: who it was is known by the locking script alone, never by `check`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from channels_desktop.bitcoin.keys import hash256
from channels_desktop.bitcoin.templates import p2pk
from channels_desktop.bitcoin.tx import ALL_FORKID
from channels_desktop.bitcoin.verify import unlocks
from channels_desktop.protocols.protocol import Protocol
from channels_desktop.wire.bsor import Message, field
from channels_desktop.wire.script import push

if TYPE_CHECKING:
    from channels_desktop.bitcoin.keys import PrivateKey


class AuthorizeCode(IntEnum):
    """Response codes of A."""

    PARSE = 0
    REQUIRED = 1
    NOT_UNLOCKED = 2


class Authorize(Message):
    """The two scripts, as a transaction's output and the input that spends it would have them."""

    locking_script: bytes = field(1)
    unlocking_script: bytes = field(2)


def authorize(key: PrivateKey, inside: bytes) -> Authorize:
    """Return the layer around `inside` that `key` signs; no layer around nothing is ever good."""
    signature = key.sign(hash256(inside)) + bytes((ALL_FORKID,))
    return Authorize(locking_script=p2pk(key.public), unlocking_script=push(signature))


def check(authorization: Authorize, inside: bytes) -> bool:
    """Return whether the layer unlocks its own locking script for `inside`; whose script that is, the caller compares.

    Where it does not, the refusal is code NOT_UNLOCKED.
    """
    return inside != b"" and unlocks(authorization.locking_script, authorization.unlocking_script, hash256(inside))


PROTOCOL = Protocol(id=b"A", package="authorize_script", messages={None: Authorize}, wraps=True, codes=AuthorizeCode)
