"""Size and speed of four messages, here and in other codecs, and what a signature costs. `python -m tests.bench.codec`

The other codecs are in no lock: `.venv/bin/python -m pip install --editable ".[bench]"`.

Every codec gives the same object back, which is asserted before anything is timed. "Ours" is the whole message:
envelope and all layers, whose classes are found by protocol id and type. The peers below it carry the layers as fields
of one object whose class they are told beforehand. "Body" is the note or the innermost message, alone. "x ours" is a
time over that of our row above it: more than 1 is slower than ours.

A transaction is parsed into the same `Tx` everywhere but in plain dicts and protobuf, where it stays bytes; what that
costs has a line of its own. One that was read keeps its bytes for writing. The best of many rounds counts, and rounds
go through all rows in turn, so that one busy moment does not decide between two. One thread, no garbage collection.

The reference implementation is compiled Go. Its figures are those it publishes for the same messages on the same kind
of machine, in microseconds: `REFERENCE_DECODE`, and for the signed purchase order `REFERENCE_SIGN` (sign and encode)
and `REFERENCE_VERIFY` (decode and verify).
"""

from __future__ import annotations

import json
import timeit
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import coincurve

from channels_desktop.bitcoin.keys import PrivateKey, sha256, verify_derived
from channels_desktop.bitcoin.tx import Tx
from channels_desktop.protocols.ids import MessageId
from channels_desktop.protocols.invoices.messages import PurchaseOrder
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.protocols.response import Response
from channels_desktop.protocols.signed import Signature, SignatureStatus, check, derivation_hash, sign
from channels_desktop.protocols.stack import Inside
from channels_desktop.wire.bsor import Message, field
from channels_desktop.wire.kinds import U64
from tests.bench.codec_peers import Peer, bsor, peers
from tests.vectors import load

REFERENCE_DECODE = {"note": 0.6, "initiation": 46.0, "transfer request": 6.5}
REFERENCE_SIGN, REFERENCE_VERIFY = 96.0, 230.0
BYTES_GOAL = 0.45  # of the reference's JSON of a purchase order

ROUNDS, ROUND_SECONDS = 15, 0.004
SIGNED_MESSAGES, SIGNED_ROUNDS = 5000, 5  # more messages than keys are remembered: each derived key is a new one
KEY = PrivateKey(sha256(b"the base key of this bench"))


class NoteResponse(Message):
    """The layers of the note as one object."""

    note: str = field(1)
    response: Response = field(2)


class SignedOrder(Message):
    """The layers of the signed purchase order as one object."""

    signature: Signature = field(1)
    message_id: U64 = field(2)
    order: PurchaseOrder = field(3)


def vector(name: str) -> Any:
    """Return the first of the reference's cases of a name."""
    return next(case for case in load("channels_messages")["cases"] if case["name"] == name)


def layers_of(name: str) -> list[Any]:
    """Return the layers of a case, once they are known to be written as the reference does."""
    script = bytes.fromhex(vector(name)["wire_hex"])
    layers = REGISTRY.read(script).messages
    assert REGISTRY.write(layers) == script
    return layers


def best(calls: Iterable[Callable[[], object]], rounds: int = ROUNDS) -> list[float]:
    """Return the microseconds that each call takes, in its best round."""
    timers, loops = [timeit.Timer(call) for call in calls], []
    for timer in timers:
        count = 1
        while timer.timeit(count) < ROUND_SECONDS:
            count *= 2
        loops.append(count)
    found = [[timer.timeit(count) / count for timer, count in zip(timers, loops, strict=True)] for _ in range(rounds)]
    return [min(times) * 1e6 for times in zip(*found, strict=True)]


def line(name: str, size: object, *figures: tuple[float | None, float]) -> None:
    """Print a row: for each figure its microseconds, and how many times ours they are."""
    shown = (f"{time:11.2f} {time / ours:8.2f}" if time is not None else f"{'-':>11} {'':8}" for time, ours in figures)
    print(f"  {name:32}{size:>6}{''.join(shown)}")


def table(name: str, layers: list[Any], one: Message, body: Any) -> None:
    """Print the rows of a message: its layers, the same as one object for codecs without layers, and its body."""
    ids = " ".join(REGISTRY.protocol_of(layer).id.decode() for layer in layers)
    print(f"\n{f'{name} ({ids})':34}{'bytes':>6}{'encode µs':>11} {'x ours':>8}{'decode µs':>11} {'x ours':>8}")
    ours = Peer("ours", layers, REGISTRY.write, lambda script: REGISTRY.read(script).messages)
    decode = rows(ours, *peers(one))
    if name in REFERENCE_DECODE:
        line("reference (Go), published", len(REGISTRY.write(layers)), (None, 1), (REFERENCE_DECODE[name], decode))
    rows(Peer("ours, body", body, type(body).to_bytes, body.from_bytes), *([] if body.BARE else [bsor(body)]))
    if body.BARE:
        print("  electrumsv-bsor 0.9 can not express this body: it has objects alone, and this is a bare push")
    if name == "transfer request":
        raw = body.tx.tx.to_bytes()
        line("the transaction in it, alone", len(raw), (None, 1), (*best([lambda: Tx.from_bytes(raw)]), decode))


def rows(*compared: Peer) -> float:
    """Print a row for each codec, once it gives its object back; return what the first takes to decode."""
    data = [peer.encode(peer.value) for peer in compared]
    for peer, encoded in zip(compared, data, strict=True):
        assert peer.decode(encoded) == peer.value, peer.name
    encode = best(partial(peer.encode, peer.value) for peer in compared)
    decode = best(partial(peer.decode, encoded) for peer, encoded in zip(compared, data, strict=True))
    for peer, encoded, *times in zip(compared, data, encode, decode, strict=True):
        line(peer.name, len(encoded), *zip(times, (encode[0], decode[0]), strict=True))
    return decode[0]


def sign_and_encode(layers: Sequence[Message]) -> bytes:
    """Do what `engine/outbound.py` does."""
    return REGISTRY.write(layers, partial(sign, KEY))


def only_encode(layers: Sequence[Message], signature: Signature) -> bytes:
    """Do the same with a signature that exists."""
    return REGISTRY.write(layers, lambda _inside: signature)


def only_decode(script: bytes) -> tuple[Any, Inside]:
    """Return the signature of a message and what it covers."""
    stack = REGISTRY.read(script)
    return stack.messages[0], stack.inside(0)


def decode_and_verify(script: bytes) -> SignatureStatus:
    """Do what `engine/inbound.py` does."""
    return check(*only_decode(script), KEY.public)


def hashes(inside: Inside) -> bytes:
    """Hash what a signature covers, and that once more for the derived key."""
    return derivation_hash(KEY.public, inside)


def signatures(order: PurchaseOrder) -> None:
    """Print what the signed purchase order costs, whole and by parts. `hs` are the derivation hashes."""
    stacks = [(MessageId(message_id=number), order) for number in range(SIGNED_MESSAGES)]
    scripts = [sign_and_encode(stack) for stack in stacks]
    signed, covered = zip(*map(only_decode, scripts), strict=True)
    digests, hs = [sha256(inside.joined) for inside in covered], [hashes(inside) for inside in covered]
    children, ders = [KEY.derive(h) for h in hs], [each.signature for each in signed]
    base, public = coincurve.PrivateKey(KEY.to_bytes()), coincurve.PublicKey(KEY.public)
    bare, points = base.add(hs[0]), [public.add(h) for h in hs]
    assert {decode_and_verify(script) for script in scripts} == {SignatureStatus.VALID}
    assert all(point.verify(*each, None) for point, *each in zip(points, ders, digests, strict=True))

    outgoing = (
        ("sign and encode", sign_and_encode, stacks),
        ("  of this: hashing", hashes, covered),
        ("  of this: key derivation", KEY.derive, hs),
        ("  of this: ECDSA", PrivateKey.sign, children, digests),
        ("  of this: codec", only_encode, stacks, signed),
        ("coincurve alone: sign", lambda digest: bare.sign(digest, None), digests),
        ("coincurve alone: with derivation", lambda h, digest: base.add(h).sign(digest, None), hs, digests),
    )
    incoming = (
        ("decode and verify", decode_and_verify, scripts),
        ("  of this: hashing", hashes, covered),
        ("  of this: derivation and ECDSA", partial(verify_derived, KEY.public), hs, digests, ders),
        ("  of this: codec", only_decode, scripts),
        ("coincurve alone: verify", lambda point, *given: point.verify(*given, None), points, ders, digests),
        ("coincurve alone: with derivation", lambda h, *given: public.add(h).verify(*given, None), hs, ders, digests),
    )
    for measured, published in ((outgoing, REFERENCE_SIGN), (incoming, REFERENCE_VERIFY)):
        times = best((partial(_run, *work) for _, *work in measured), SIGNED_ROUNDS)
        print(f"\n{'signed purchase order (S ID I)':34}{'bytes':>6}{'µs':>11} {'x ours':>8}")
        for (name, *_), time in zip(measured, times, strict=True):
            line(name, len(scripts[0]), (time / SIGNED_MESSAGES, times[0] / SIGNED_MESSAGES))
        line("reference (Go), published", "", (published, times[0] / SIGNED_MESSAGES))


def _run(function: Callable[..., object], *columns: Iterable[object]) -> None:
    deque(map(function, *columns), maxlen=0)


def everything() -> None:
    """Print how every kind of message fares against json and dataclasses: the first case of each, whole envelopes."""
    columns = f"{'encode µs':>11} {'json':>8}{'decode µs':>11} {'json':>8}"
    print(f"\n{'every message, in its envelope':34}{columns}   json / ours")
    seen: set[type[Message]] = set()
    for case in load("channels_messages")["cases"]:
        if len(case["protocol_ids"]) > 1 or not case["read_back"]["ok"]:
            continue
        script = bytes.fromhex(case["wire_hex"])
        (message,) = REGISTRY.read(script).messages
        if type(message) in seen or message == type(message)():
            continue
        seen.add(type(message))
        peer = next(peers(message))
        data = peer.encode(peer.value)
        calls = (
            partial(REGISTRY.write, [message]),
            partial(peer.encode, peer.value),
            partial(REGISTRY.read, script),
            partial(peer.decode, data),
        )
        ours_in, json_in, ours_out, json_out = best(calls)
        ratios = f"{json_in / ours_in:6.2f} {json_out / ours_out:6.2f}"
        print(f"  {case['type']:32}{ours_in:11.2f} {json_in:8.2f}{ours_out:11.2f} {json_out:8.2f}  {ratios}")


def main() -> None:
    """Print all tables, and the bytes of the purchase order next to the reference's own JSON of it."""
    note, response = layers_of("note_around_response")
    table("note", [note, response], NoteResponse(note=note.note, response=response), note)
    (order,) = layers_of("purchase_order_five_items")
    inside = [MessageId(message_id=3), order]
    signature = sign(KEY, REGISTRY.inside(inside))
    signed = SignedOrder(signature=signature, message_id=3, order=order)
    table("signed purchase order", [signature, *inside], signed, order)
    (initiation,) = layers_of("initiation_full_identity_full_configuration")
    table("initiation", [initiation], initiation, initiation)
    (request,) = layers_of("transfer_request_incomplete_tx")
    table("transfer request", [request], request, request)
    signatures(order)
    everything()
    in_json = json.dumps(vector("purchase_order_five_items")["go_json"], ensure_ascii=False, separators=(",", ":"))
    ours, theirs = len(REGISTRY.write([order])), len(in_json.encode())
    print(
        f"\npurchase order, not signed: {ours} bytes in its envelope, {theirs} in the reference's JSON (go_json of the"
    )
    print(f"vectors, minified, no envelope): ours / JSON = {ours / theirs:.2f}, to be at most {BYTES_GOAL}")


if __name__ == "__main__":
    main()
