"""The targets: each a reader of bytes from outside, the errors it may raise, and inputs to begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from channels_desktop.bitcoin.expanded_tx import ExpandedTx
from channels_desktop.errors import ChannelsError, ProtocolError, TxRejected, WireError
from channels_desktop.protocols.fee_requirements import FeeRequirements
from channels_desktop.protocols.invoices.messages import PurchaseOrder
from tests.fuzz import readers, seeds
from tests.vectors import load

FOUND = Path(__file__).parent / "found"


@dataclass(frozen=True)
class Target:
    """One reader. What it raises is a finding, unless `allowed`."""

    read: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    allowed: type[ChannelsError] | tuple[type[ChannelsError], ...] = WireError

    def __call__(self, data: bytes) -> None:
        """Try one input."""
        try:
            self.read(data)
        except self.allowed:
            return


_REFUSALS = (WireError, ProtocolError)
_REJECTIONS = (WireError, TxRejected)

TARGETS = {
    "items": Target(readers.items, lambda: seeds.hexes(load("script_items"), "hex")),
    "numbers": Target(readers.numbers, lambda: seeds.hexes(load("script_numbers"), "hex")),
    "envelope": Target(readers.envelope, seeds.scripts),
    "object": Target(readers.an_object, seeds.objects),
    "decimal": Target(readers.decimal, lambda: seeds.hexes(load("channels_messages")["decimals"], "binary")),
    "decimal_text": Target(
        readers.decimal_text, lambda: seeds.encoded(load("channels_messages")["decimal_texts"], "text")
    ),
    "period": Target(readers.period, lambda: seeds.hexes(load("channels_messages")["periods"], "binary")),
    "period_text": Target(
        readers.period_text, lambda: seeds.encoded(load("channels_messages")["period_texts"], "text")
    ),
    "instant": Target(readers.instant, lambda: seeds.hexes(load("peer_channels_rest"), "binary")),
    "rfc3339": Target(readers.rfc3339, lambda: seeds.encoded(load("peer_channels_rest"), "rfc3339")),
    "public_key": Target(readers.public_key, seeds.keyed),
    "der": Target(readers.der, lambda: seeds.hexes(load("keys"), "der", "signature")),
    "tx": Target(readers.tx, lambda: seeds.hexes(load("txs"), "hex", "tx")),
    "expanded_tx": Target(readers.expanded_tx, lambda: seeds.bodies(ExpandedTx), _REJECTIONS),
    "merkle_proof": Target(readers.merkle_proof, lambda: seeds.hexes(load("txs"), "binary")),
    "tsc_proof": Target(readers.tsc_proof, seeds.tsc_proofs),
    "header": Target(readers.header, seeds.headers),
    "address": Target(readers.address, seeds.addressed),
    "wif": Target(readers.wif, seeds.wifs),
    "scripts": Target(readers.scripts, seeds.spends, _REJECTIONS),
    "fees": Target(readers.fees, lambda: seeds.bodies(FeeRequirements)),
    "channel": Target(readers.channel, lambda: seeds.encoded(load("peer_channels_rest"), "url")),
    "invite": Target(readers.invite, seeds.invites),
    "signature": Target(readers.signature, seeds.signed),
    "authorization": Target(readers.authorization, seeds.authorized),
    "masked": Target(readers.masked, seeds.masks),
    "stack": Target(readers.stack, seeds.scripts),
    "delivery": Target(readers.delivery, seeds.deliveries, _REFUSALS),
    "limited": Target(readers.limited, seeds.scripts, _REFUSALS),
    "inspection": Target(readers.inspection, seeds.scripts, ()),
    "negotiation": Target(readers.negotiation, seeds.negotiations, _REFUSALS),
    "order": Target(readers.order, lambda: seeds.bodies(PurchaseOrder), _REFUSALS),
    "request": Target(readers.request, seeds.requests, _REFUSALS),
    "host_body": Target(readers.host_body, seeds.host_bodies),
    "host_json": Target(readers.host_json, lambda: seeds.encoded(load("peer_channels_rest"), "go_json_text")),
}


def found(name: str) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every input of a target that once failed."""
    for path in sorted((FOUND / name).glob("*.hex")):
        yield path.stem, bytes.fromhex(path.read_text("ascii"))


def write_corpus(name: str, folder: Path) -> None:
    """Write the inputs that a target begins with into `folder`, one file each."""
    inputs = {*TARGETS[name].seeds(), *(data for _, data in found(name))}
    for number, data in enumerate(sorted(inputs)):
        (folder / f"{number}").write_bytes(data)
