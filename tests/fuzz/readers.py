"""Every reader of bytes from outside, tried with any bytes, and what must hold of the value it gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress

from channels_desktop.bitcoin.expanded_tx import ExpandedTx
from channels_desktop.bitcoin.fees import ByteCounts, FeeRate, byte_counts, funding_fee, is_overpaid, required_fee
from channels_desktop.bitcoin.headers import HeaderChain, check_proof
from channels_desktop.bitcoin.keys import CURVE_ORDER, PrivateKey, check_public, derive_public, parse_der, write_der
from channels_desktop.bitcoin.keys import verify as verify_signature
from channels_desktop.bitcoin.merkle import MerkleProof
from channels_desktop.bitcoin.templates import read_address
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput, signature_hash
from channels_desktop.bitcoin.verify import verify_input, verify_inputs
from channels_desktop.bitcoin.wif import read_wif, write_wif
from channels_desktop.engine.inbound import authenticate, body_of, may_be_refused, parse
from channels_desktop.engine.records import Contact
from channels_desktop.engine.rows import ContactState, Verification
from channels_desktop.errors import WireError
from channels_desktop.host.messages import (
    AccountReply,
    ChannelData,
    FullChannel,
    HostMessage,
    MessageNotification,
    message_from_json,
)
from channels_desktop.protocols import channel_url
from channels_desktop.protocols.authorize import Authorize
from channels_desktop.protocols.authorize import check as check_authorization
from channels_desktop.protocols.fee_requirements import FeeRequirements
from channels_desktop.protocols.inspection import as_text, inspect
from channels_desktop.protocols.invites import Invite
from channels_desktop.protocols.invoices.checks import check_fulfils, check_order, check_request, find_invoice
from channels_desktop.protocols.invoices.messages import PurchaseOrder, TransferRequest
from channels_desktop.protocols.negotiations.checks import check_final
from channels_desktop.protocols.negotiations.negotiation_tx import NegotiationTx
from channels_desktop.protocols.negotiations.status import scenario_of, status, step_of
from channels_desktop.protocols.policy import check_limits
from channels_desktop.protocols.registry import ALL, REGISTRY
from channels_desktop.protocols.signed import Signature, check
from channels_desktop.protocols.stack import Inside, Registry, Stack
from channels_desktop.protocols.unlocking_data import masked_script, read_masked
from channels_desktop.wire import script
from channels_desktop.wire.amounts import Decimal, Period
from channels_desktop.wire.bsor import Message, present, read_list
from channels_desktop.wire.envelope import Envelope, read_envelope
from channels_desktop.wire.rfc3339 import read_rfc3339, write_rfc3339
from channels_desktop.wire.times import read_instant, write_instant

KEY = PrivateKey(bytes(31) + b"\x05")
DIGEST = bytes(range(32))
CHAIN = HeaderChain("regtest")
SETTLES = 4
AT = 1_700_000_000 * 10**9
CONTACT = Contact(1, ContactState.ACTIVE, "Bob", KEY.public, Verification.UNVERIFIED, 0, 0, (), AT)
HOST_CLASSES = (AccountReply, ChannelData, FullChannel, HostMessage, MessageNotification)


CLASSES = tuple(cls for protocol in ALL for cls in protocol.messages.values()) + HOST_CLASSES
"""Every message that comes from outside, alone or in the body of a host's reply."""


def text_of(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def settle(again: Callable[[bytes], bytes], data: bytes) -> None:
    """Read and write until nothing changes: an item that is written without a field is absent when read again."""
    for _ in range(SETTLES):
        before, data = data, again(data)
        if data == before:
            return
    raise AssertionError("written differently each time")


# ---------------------------------------------------------------------------------------------------------------- wire


def items(data: bytes) -> None:
    with script.reading():
        at, count = 0, 0
        while at < len(data):
            _, at = script.read_item(data, at)
            count += 1
        assert script.skip_items(data, 0, count) == at == len(data)
    canonical = script.canonical_items(data, 0, len(data))
    assert script.canonical_items(canonical, 0, len(canonical)) == canonical


def numbers(data: bytes) -> None:
    for read in (script.read_number, script.read_unsigned):
        try:
            with script.reading():
                value, _ = read(data, 0)
        except WireError:
            continue
        assert read(script.number(value), 0)[0] == value


def envelope(data: bytes) -> None:
    read = read_envelope(data)
    again = read_envelope(read.to_script())
    # An id of no bytes is written as an op code, whose byte it then is.
    ids = tuple(name or b"\x00" for name in read.protocol_ids)
    size = len(read.payload)
    assert again == Envelope(ids, script.canonical_items(read.payload, 0, size), read.count)


def an_object(data: bytes) -> None:
    """Read an object of the class that the first byte chooses."""
    if not data:
        return
    cls, body = CLASSES[data[0] % len(CLASSES)], data[1:]
    value, at = cls.read_at(body, 0)
    written = value.to_bytes()
    if not cls.BARE:
        with script.reading():
            other, end, _ = cls.read_any_order(body, 0)
        assert (at, written) == (end, other.to_bytes()), "both readers agree"
    assert cls.read_items(written, 0)[2] == len(value.to_items()), "items are counted as written"
    settle(lambda data: cls.from_bytes(data).to_bytes(), written)


def decimal(data: bytes) -> None:
    value = Decimal.from_wire(data)
    again = Decimal.from_wire(value.to_wire())
    assert (again.value, again.precision) == (value.value, value.precision)
    assert Decimal.from_text(str(value)) == value == value.normalised()
    assert value + value == value * 2
    assert value - value == Decimal()


def decimal_text(data: bytes) -> None:
    value = Decimal.from_text(text_of(data))
    assert Decimal.from_text(str(value)) == value


def period(data: bytes) -> None:
    value = Period.from_wire(data)
    again = Period.from_wire(value.to_wire())
    assert again == value or not value.unit
    json.dumps(value.to_json())


def period_text(data: bytes) -> None:
    value = Period.from_text(text_of(data))
    assert Period.from_text(str(value)) == value


def instant(data: bytes) -> None:
    at = read_instant(data)
    assert read_instant(write_instant(at)) == at
    seconds = abs(read_rfc3339(write_rfc3339(at)) - at) // 10**9
    assert seconds < 60, "only the seconds of a zone have no place in the text"


def rfc3339(data: bytes) -> None:
    at = read_rfc3339(text_of(data))
    assert read_rfc3339(write_rfc3339(at)) == at


# ------------------------------------------------------------------------------------------------------------- bitcoin


def public_key(data: bytes) -> None:
    """Read a key, and derive from it by the 32 bytes that may follow it."""
    key, h = check_public(data[:33]), data[33:65]
    if len(h) == len(DIGEST):
        check_public(derive_public(key, h))


def der(data: bytes) -> None:
    verify_signature(KEY.public, DIGEST, data)
    r, s = parse_der(data)
    assert parse_der(write_der(r, s)) == (r, min(s, CURVE_ORDER - s))


def tx(data: bytes) -> None:
    read = Tx.from_bytes(data, strict=False)
    assert read.to_bytes() == data[: read.size]
    assert Tx.from_bytes(read.to_bytes()) == read
    assert Tx(read.version, read.inputs, read.outputs, read.locktime).to_bytes() == read.to_bytes()
    counts = byte_counts(read)
    assert counts.standard + counts.data == read.size
    find_invoice(read)
    if read.inputs:
        signature_hash(read, 0, 1, b"\x51", data[0])


def expanded_tx(data: bytes) -> None:
    read, _ = ExpandedTx.read_at(data, 0)
    if read.tx is not None:
        spent = [read.spent(position) for position in range(len(read.tx.inputs))]
        known = [output for output in spent if output is not None]
        if len(known) == len(spent):
            verify_inputs(read.tx, known)


def merkle_proof(data: bytes) -> None:
    read = MerkleProof.from_wire(data)
    check_proof(read, CHAIN)
    assert MerkleProof.from_wire(read.to_wire()) == read
    read.check()


def tsc_proof(data: bytes) -> None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    read = MerkleProof.from_tsc(value)
    check_proof(read, CHAIN)
    assert MerkleProof.from_wire(read.to_wire()) == read


def header(data: bytes) -> None:
    """Connect one header to a chain of its own."""
    HeaderChain("regtest").connect([data])


def address(data: bytes) -> None:
    for network in ("main", "regtest"):
        read_address(text_of(data), network)


def wif(data: bytes) -> None:
    key, network = read_wif(text_of(data))
    assert read_wif(write_wif(key, network)) == (key, network)


def scripts(data: bytes) -> None:
    """Run two scripts: the unlocking one, pushed in front, and the locking one that follows it."""
    with script.reading():
        unlocking, at = script.read_push(data, 0)
    spending = Tx(1, (TxInput(Outpoint(DIGEST, 0), unlocking),), (TxOutput(1, b"\x51"),))
    verify_input(spending, 0, TxOutput(2, data[at:]))


# ----------------------------------------------------------------------------------------------------------- protocols


def fees(data: bytes) -> None:
    read, _ = FeeRequirements.read_at(data, 0)
    rates = tuple(FeeRate(fee.fee_type, fee.satoshis, fee.bytes) for fee in present(read.fees))
    counts = ByteCounts(1000, len(data))
    assert required_fee(counts, rates) <= funding_fee(counts, rates)
    is_overpaid(1000, counts.standard, rates)


def channel(data: bytes) -> None:
    for read, write in (
        (channel_url.read_channel_url, channel_url.write_channel_url),
        (channel_url.read_account_url, channel_url.write_account_url),
    ):
        try:
            parts = read(text_of(data))
        except WireError:
            continue
        write(*parts, wire=True)
        again = read(write(*parts))
        assert read(write(*again)) == again


def invite(data: bytes) -> None:
    read = Invite.from_link(text_of(data))
    assert Invite.from_link(read.to_link()).public_key == read.public_key


def signature(data: bytes) -> None:
    """Check a signature object, with what follows it inside."""
    read, at = Signature.read_at(data, 0)
    for base in (None, KEY.public):
        check(read, Inside(data[at:], data[:at]), base)


def authorization(data: bytes) -> None:
    """Check the two scripts of an object, with what follows it inside."""
    read, at = Authorize.read_at(data, 0)
    check_authorization(read, data[at:])


def _same(one: Stack, other: Stack) -> bool:
    parts = (one.protocol_ids, one.unread_items, one.unread_bytes, one.failed, str(one.error))
    if parts != (other.protocol_ids, other.unread_items, other.unread_bytes, other.failed, str(other.error)):
        return False
    inside = [stack.inside(position) for stack in (one, other) for position in range(len(stack.messages))]
    half = len(inside) // 2
    written = [[message.to_items() for message in stack.messages] for stack in (one, other)]
    return inside[:half] == inside[half:] and written[0] == written[1]


def stack(data: bytes) -> None:
    """Read a stack the first time and, as one of a kind known by now, again; write it and read that."""
    registry = Registry(ALL)
    first = registry.read_as_far_as_possible(data)
    assert _same(first, registry.read_as_far_as_possible(data)), "both readers agree"
    if first.error is not None:
        raise first.error
    again = registry.read(registry.write(first.messages))
    assert (again.unread_items, again.unread_bytes, again.protocol_ids) == (0, 0, first.protocol_ids)
    settle(lambda data: registry.write(registry.read(data).messages), registry.write(again.messages))


def delivery(data: bytes) -> None:
    """Take a delivery as far as it goes before anything looks at what it says."""
    read = parse(data)
    may_be_refused(read)
    authenticate(CONTACT, read)
    body_of(read)


def limited(data: bytes) -> None:
    check_limits(REGISTRY.read(data).messages)


def inspection(data: bytes) -> None:
    found = inspect(data, KEY.public)
    json.dumps(found, ensure_ascii=False).encode()
    as_text(found).encode()


def masked(data: bytes) -> None:
    read = read_masked(data)
    if read is not None:
        assert read_masked(masked_script(read.size, read.value, read.party)) == read


def negotiation(data: bytes) -> None:
    read, _ = NegotiationTx.from_messages(REGISTRY.read(data).messages)
    assert NegotiationTx.from_messages(read.to_messages())[0] == read
    if read.tx is not None:
        status(read.tx, read.fees or ())
        step_of(scenario_of(read.tx), read.tx)
        check_final(read.tx, read.fees or ())


def order(data: bytes) -> None:
    check_order(PurchaseOrder.read_at(data, 0)[0])


def request(data: bytes) -> None:
    read, _ = TransferRequest.read_at(data, 0)
    check_request(read, AT)
    assert read.tx is not None
    assert read.tx.tx is not None
    check_fulfils(read.tx.tx, read.tx.tx)


# ---------------------------------------------------------------------------------------------------------------- host


def host_body(data: bytes) -> None:
    """Read a body of the class that the first byte chooses, alone and as a list, and show it as JSON."""
    if not data:
        return
    cls, body = HOST_CLASSES[data[0] % len(HOST_CLASSES)], data[1:]
    try:
        found: tuple[Message, ...] = read_list(cls, body)
    except WireError:
        found = ()
    with suppress(WireError):
        found += (cls.from_bytes(body),)
    for value in found:
        shown = json.loads(json.dumps(value.json()))
        if isinstance(value, HostMessage) and value.sequence < 2**63:
            assert message_from_json(shown) == value


def host_json(data: bytes) -> None:
    try:
        value = json.loads(text_of(data))
    except (ValueError, RecursionError):
        return
    read = message_from_json(value)
    assert HostMessage.from_bytes(read.to_bytes()) == read
