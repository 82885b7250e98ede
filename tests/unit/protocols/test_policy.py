"""The limits of channels.md 8.4 on what messages hold."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from channels_desktop.bitcoin.expanded_tx import AncestorTx, ExpandedTx, SpentOutput
from channels_desktop.bitcoin.merkle import MerkleProof
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput
from channels_desktop.errors import ProtocolError, WireError
from channels_desktop.protocols.authorize import Authorize
from channels_desktop.protocols.channel_url import read_plain_channel_url
from channels_desktop.protocols.ids import MessageId, StringId
from channels_desktop.protocols.invoices.messages import (
    Invoice,
    InvoiceItem,
    Menu,
    MenuItem,
    Price,
    PurchaseOrder,
    TokenId,
    Transfer,
    TransferRequest,
    invoice_script,
)
from channels_desktop.protocols.merkle_proofs import ProofMessage
from channels_desktop.protocols.notes import Note
from channels_desktop.protocols.policy import check_limits
from channels_desktop.protocols.registry import ALL, REGISTRY
from channels_desktop.protocols.relationships import Configuration, Identity, Initiation, Location, PeerChannel
from channels_desktop.protocols.reply_to import ReplyTo
from channels_desktop.protocols.response import Response, Status
from channels_desktop.protocols.text import Attachment, TextCode, TextEdit, TextMessage, TextReaction
from channels_desktop.wire import kinds, limits
from channels_desktop.wire.bsor import Message
from tests.fuzz.seeds import scripts


def tx(inputs: int = 0, outputs: int = 0) -> Tx:
    spent = TxInput(Outpoint(bytes(32), 0))
    return Tx(1, (spent,) * inputs, (TxOutput(1, b"\x51"),) * outputs)


def proof(nodes: int, of: Tx | None = None) -> MerkleProof:
    txid = of.txid if of is not None else b"\x01" * 32
    return MerkleProof(index=0, txid=txid, nodes=(b"\x02" * 32,) * nodes, block_hash=b"\x03" * 32, tx=of)


def initiation(
    *, channels: int = 1, protocols: int = 1, options: int = 0, identity: Identity | None = None
) -> Initiation:
    data = Configuration(
        peer_channels=(PeerChannel(id="x"),) * channels,
        supported_protocols=(b"I",) * protocols,
        protocol_options=(None,) * options,
    )
    return Initiation(data=data, identity=identity or Identity())


def transfer(**fields: object) -> Transfer:
    return Transfer(tx=ExpandedTx(**fields))  # type: ignore[arg-type]  # named by each case


def embedded(invoice: Invoice) -> TransferRequest:
    record = TxOutput(0, invoice_script(invoice))
    return TransferRequest(tx=ExpandedTx(tx=Tx(1, (), (record,))))


ITEM = InvoiceItem(id=b"x")
AT_MOST: dict[str, tuple[Message, Message]] = {
    "Note.note: 4097 bytes, at most 4096": (Note(note="x" * 4096), Note(note="x" * 4095 + "ü")),
    "Response.note: 4097 bytes, at most 4096": (Response(note="x" * 4096), Response(note="x" * 4097)),
    "StringId.thread_id: 257 bytes, at most 256": (StringId(thread_id="x" * 256), StringId(thread_id="\udcff" * 257)),
    "TextEdit.text: 65537 bytes, at most 65536": (TextEdit(text="x" * 65536), TextEdit(text="\udcff" * 65537)),
    "TextReaction.emoji: 257 bytes, at most 256": (TextReaction(emoji="x" * 256), TextReaction(emoji="x" * 257)),
    "Attachment.name: 257 bytes, at most 256": (
        TextMessage(attachments=(Attachment(name="x" * 256),)),
        TextMessage(attachments=(None, Attachment(name="x" * 257))),
    ),
    "InvoiceItem.id: 9000000 bytes, at most 256": (
        PurchaseOrder(items=(InvoiceItem(id=b"x" * 256),)),
        PurchaseOrder(items=(ITEM, InvoiceItem(id=b"x" * 9_000_000))),
    ),
    "InvoiceItem.id: 257 bytes, at most 256": (
        embedded(Invoice(items=(InvoiceItem(id=b"x" * 256),))),
        embedded(Invoice(items=(InvoiceItem(id=b"x" * 257),))),
    ),
    "TokenId.id: 257 bytes, at most 256": (
        PurchaseOrder(items=(InvoiceItem(price=Price(token=TokenId(id=b"x" * 256))),)),
        PurchaseOrder(items=(InvoiceItem(price=Price(token=TokenId(id=b"x" * 257))),)),
    ),
    "MenuItem.description: 4097 bytes, at most 4096": (
        Menu(items=(MenuItem(description="x" * 4096),)),
        Menu(items=(MenuItem(description="x" * 4097),)),
    ),
    "PeerChannel.write_token: 1025 bytes, at most 1024": (
        Initiation(data=Configuration(peer_channels=(PeerChannel(write_token="x" * 1024),))),
        Initiation(data=Configuration(peer_channels=(PeerChannel(write_token="x" * 1025),))),
    ),
    "Response.protocol_id: 65 bytes, at most 64": (Response(protocol_id=b"x" * 64), Response(protocol_id=b"x" * 65)),
    "Configuration.supported_protocols: 65 bytes, at most 64": (
        Initiation(data=Configuration(supported_protocols=(b"x" * 64,))),
        Initiation(data=Configuration(supported_protocols=(b"x" * 65,))),
    ),
    "Authorize.locking_script: 65537 bytes, at most 65536": (
        Authorize(locking_script=bytes(65536)),
        Authorize(locking_script=bytes(65537)),
    ),
    "TextMessage.text: 65537 bytes, at most 65536": (TextMessage(text="x" * 65536), TextMessage(text="x" * 65537)),
    "TextMessage.attachments: 1001 items, at most 1000": (
        TextMessage(attachments=(None,) * 1000),
        TextMessage(attachments=(None,) * 1001),
    ),
    "Attachment.data: 262145 bytes, at most 262144": (
        TextMessage(attachments=(Attachment(data=bytes(262144)),)),
        TextMessage(attachments=(None, Attachment(data=bytes(262145)))),
    ),
    "Configuration.peer_channels: 6 items, at most 5": (initiation(channels=5), initiation(channels=6)),
    "Configuration.supported_protocols: 65 items, at most 64": (initiation(protocols=64), initiation(protocols=65)),
    "Configuration.protocol_options: 65 items, at most 64": (initiation(options=64), initiation(options=65)),
    "Identity.name: 257 bytes, at most 256": (
        initiation(identity=Identity(name="x" * 256)),
        initiation(identity=Identity(name="x" * 257)),
    ),
    "Location.streets: 257 bytes, at most 256": (
        initiation(identity=Identity(location=Location(streets=("x" * 256,)))),
        initiation(identity=Identity(location=Location(streets=("", "x" * 257)))),
    ),
    "Menu.items: 1001 items, at most 1000": (Menu(items=(MenuItem(),) * 1000), Menu(items=(MenuItem(),) * 1001)),
    "PurchaseOrder.notes: 4097 bytes, at most 4096": (PurchaseOrder(notes="x" * 4096), PurchaseOrder(notes="x" * 4097)),
    "Invoice.items: 1001 items, at most 1000": (
        embedded(Invoice(items=(ITEM,) * 1000)),
        embedded(Invoice(items=(ITEM,) * 1001)),
    ),
    "Invoice.notes: 4097 bytes, at most 4096": (
        embedded(Invoice(notes="x" * 4096)),
        embedded(Invoice(notes="x" * 4097)),
    ),
    "Tx: 1001 inputs, at most 1000": (transfer(tx=tx(inputs=1000)), transfer(tx=tx(inputs=1001))),
    "Tx: 1001 outputs, at most 1000": (transfer(tx=tx(outputs=1000)), transfer(tx=tx(outputs=1001))),
    "ExpandedTx.ancestors: 1001 items, at most 1000": (
        transfer(ancestors=(AncestorTx(tx=tx(outputs=1001)),) * 1000),
        transfer(ancestors=(None,) * 1001),
    ),
    "ExpandedTx.spent_outputs: 1001 items, at most 1000": (
        transfer(spent_outputs=(SpentOutput(value=1),) * 1000),
        transfer(spent_outputs=(None,) * 1001),
    ),
    "ProofMessage.merkle_proof: 65 nodes, at most 64": (
        ProofMessage(merkle_proof=proof(64, of=tx(outputs=1001))),
        ProofMessage(merkle_proof=proof(65)),
    ),
    "AncestorTx.merkle_proofs: 65 nodes, at most 64": (
        transfer(ancestors=(AncestorTx(merkle_proofs=(proof(64),)),)),
        transfer(ancestors=(None, AncestorTx(merkle_proofs=(None, proof(65))))),
    ),
}
"""What is said of too much, what just fits, and what does not."""


@pytest.mark.parametrize(("text", "fits", "too_much"), [(text, *pair) for text, pair in AT_MOST.items()], ids=AT_MOST)
def test_a_limit_lets_in_what_fits_and_nothing_more(text: str, fits: Message, too_much: Message) -> None:
    check_limits((MessageId(message_id=1), fits))
    with pytest.raises(ProtocolError) as caught:
        check_limits((MessageId(message_id=1), too_much))
    error = caught.value
    assert (error.note, error.status) == (text, Status.INVALID)
    assert error.protocol == REGISTRY.protocol_of(too_much).id
    assert error.code == (TextCode.TOO_LARGE if error.protocol == b"TXT" else 0)


def stacks() -> Iterator[list[Message]]:
    for script in scripts():
        try:
            yield list(REGISTRY.read(script).messages)
        except WireError:
            continue


def odd(message: Message) -> bool:
    """Say whether a message wants its answer at a place with more to it than a channel; we post to none of them."""
    if not isinstance(message, ReplyTo) or message.peer_channel is None:
        return False
    with contextlib.suppress(WireError):
        read_plain_channel_url(message.peer_channel)
        return False
    return True


def test_the_messages_of_the_reference_fit() -> None:
    found = list(stacks())
    for messages in found:
        check_limits(message for message in messages if not odd(message))
    assert any(odd(message) for messages in found for message in messages)


@pytest.mark.parametrize("url", ["https://h.example/x?y=1&token=t", "https://h.example/api/v1/channel/c/more"])
def test_an_answer_is_not_wanted_anywhere_else_than_at_a_channel(url: str) -> None:
    check_limits((ReplyTo(peer_channel="https://h.example/api/v1/channel/c?token=t"), ReplyTo(handle="a@b")))
    with pytest.raises(ProtocolError, match="RT:0"):
        check_limits((ReplyTo(peer_channel=url),))


def depth(kind: kinds.Kind) -> int:
    of = getattr(kind, "of", None)
    if isinstance(kind, kinds.Struct):
        return 1 + max((depth(inner) for _, _, inner in kind.of.FIELDS), default=0)
    return depth(of) if isinstance(of, kinds.Kind) else 0


def test_no_message_is_declared_to_nest_deeper_than_the_limit() -> None:
    deepest = max(depth(kinds.Struct(cls)) for protocol in ALL for cls in protocol.messages.values())
    assert 1 < deepest <= limits.NESTING
