"""Inputs to begin with, from the vectors of the reference and the samples of other tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from channels_desktop.bitcoin.headers import grind
from channels_desktop.errors import WireError
from channels_desktop.protocols.authorize import Authorize
from channels_desktop.protocols.ids import MessageId
from channels_desktop.protocols.invites import Invite
from channels_desktop.protocols.invoices.messages import TransferRequest
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.protocols.response import Response
from channels_desktop.protocols.signed import Signature, sign
from channels_desktop.protocols.text import TextMessage
from channels_desktop.protocols.unlocking_data import masked_script
from channels_desktop.wire.bsor import Message
from channels_desktop.wire.script import push
from tests.fuzz.readers import CHAIN, CLASSES, DIGEST, HOST_CLASSES, KEY
from tests.unit.protocols.samples import REQUEST
from tests.vectors import load


def texts(where: Any, *keys: str) -> Iterator[str]:
    """Yield every text below `where` that stands under one of `keys`."""
    if isinstance(where, list):
        for value in where:
            yield from texts(value, *keys)
    elif isinstance(where, dict):
        for key, value in where.items():
            if key in keys and isinstance(value, str):
                yield value
            yield from texts(value, *keys)


def hexes(where: Any, *keys: str) -> Iterator[bytes]:
    """Yield the bytes of every hex below `where` that stands under one of `keys`."""
    return map(bytes.fromhex, texts(where, *keys))


def encoded(where: Any, *keys: str) -> Iterator[bytes]:
    """Yield every text below `where` that stands under one of `keys`, in UTF-8."""
    return (text.encode() for text in texts(where, *keys))


def scripts() -> Iterator[bytes]:
    """Yield whole envelopes, good and bad."""
    for name in ("channels_messages", "random_messages", "signed_stacks"):
        yield from hexes(load(name), "wire_hex")
    yield from hexes(load("envelope"), "hex")


def deliveries() -> Iterator[bytes]:
    """Yield envelopes, and some that are signed by the key that is expected."""
    yield from scripts()
    for body in (TextMessage(text="hello"), REQUEST, Response(status=1)):
        yield REGISTRY.write([MessageId(message_id=1), body], lambda inside: sign(KEY, inside))


def messages() -> Iterator[tuple[Message, bytes]]:
    """Yield the messages of all envelopes, each with what lies inside it."""
    for script in scripts():
        try:
            stack = REGISTRY.read(script)
        except WireError:
            continue
        for position, message in enumerate(stack.messages):
            yield message, stack.inside(position).joined


def bodies(of: type[Message]) -> Iterator[bytes]:
    return (message.to_bytes() for message, _ in messages() if isinstance(message, of))


def objects() -> Iterator[bytes]:
    for index in range(len(CLASSES)):
        yield bytes((index, 0))
    for message, _ in messages():
        yield bytes((CLASSES.index(type(message)),)) + message.to_bytes()


def signed() -> Iterator[bytes]:
    return (message.to_bytes() + inside for message, inside in messages() if isinstance(message, Signature))


def authorized() -> Iterator[bytes]:
    return (message.to_bytes() + inside for message, inside in messages() if isinstance(message, Authorize))


def masks() -> Iterator[bytes]:
    yield masked_script(108, 1000, 1)
    yield from hexes(load("channels_messages")["cases"], "wire_hex")


def negotiations() -> Iterator[bytes]:
    return hexes(load("channels_messages")["negotiation_transactions"], "wire_hex")


def wifs() -> Iterator[bytes]:
    return encoded(load("keys"), "wif_mainnet", "wif_testnet", "wif_compressed_mainnet", "text")


def spends() -> Iterator[bytes]:
    for case in load("txs")["signature_hashes"]:
        yield push(bytes.fromhex(case.get("unlocking_script", ""))) + bytes.fromhex(case["locking_script"])


def tsc_proofs() -> Iterator[bytes]:
    return (json.dumps(case["go_json"]).encode() for case in load("txs")["merkle_proofs"])


def invites() -> Iterator[bytes]:
    for name in ("", "Bob & Söhne"):
        link = Invite("https://h.example/x", "id", KEY.public, "token", name, 1, "regtest").to_link()
        yield link.encode()


def addressed() -> Iterator[bytes]:
    return encoded(load("keys"), "address_mainnet", "address_testnet", "text")


def keyed() -> Iterator[bytes]:
    return (key + DIGEST for key in hexes(load("keys"), "public_key", "bytes"))


def host_bodies() -> Iterator[bytes]:
    for index in range(len(HOST_CLASSES)):
        for body in hexes(load("peer_channels_rest")["cases"], "hex"):
            yield bytes((index,)) + body


def requests() -> Iterator[bytes]:
    yield from bodies(TransferRequest)
    yield REQUEST.to_bytes()


def headers() -> Iterator[bytes]:
    yield grind(CHAIN.tip, DIGEST, "regtest").raw
