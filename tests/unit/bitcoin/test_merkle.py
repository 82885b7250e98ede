"""Merkle proofs against the reference's vectors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.bitcoin.keys import hash256, sha256
from channels_desktop.bitcoin.merkle import MerkleProof, merkle_nodes, root_from
from channels_desktop.bitcoin.tx import txid_bytes
from channels_desktop.errors import Misuse, WireError
from tests.unit.bitcoin.described import Case, proof_of
from tests.vectors import load

VECTORS = load("txs")
MADE = VECTORS["merkle_proofs"]


def outcome_of(proof: MerkleProof) -> str:
    try:
        proof.check()
    except WireError as error:
        return error.kind
    return "ok"


@pytest.mark.parametrize("case", MADE, ids=lambda case: case["binary"][:12])
def test_proofs_are_those_of_the_reference(case: Case) -> None:
    proof = MerkleProof.from_wire(bytes.fromhex(case["binary"]))
    assert proof.to_json() == case["fields"]
    assert proof == proof_of(case["fields"])
    assert proof.to_wire().hex() == case["binary"]
    assert (hash256(proof.header).hex() if proof.header else None) == case.get("block_hash")
    assert len(proof.nodes) == (case["tx_count"] - 1).bit_length()
    assert proof.root().hex() == case["root"]
    assert outcome_of(proof) == case["verify"]
    assert MerkleProof.from_tsc(case["go_json"]) == proof


@pytest.mark.parametrize(
    "case", [c for c in MADE if "verify_with_first_path_byte_changed" in c], ids=lambda case: case["binary"][:12]
)
def test_another_path_leads_elsewhere(case: Case) -> None:
    first = bytes.fromhex(case["fields"]["path"][0])
    changed = bytes((first[0] ^ 1,)) + first[1:]
    proof = MerkleProof.from_wire(bytes.fromhex(case["binary"].replace(first.hex(), changed.hex())))
    assert outcome_of(proof) == case["verify_with_first_path_byte_changed"]


@pytest.mark.parametrize("case", VECTORS["merkle_proof_reading"], ids=lambda case: case["name"])
def test_bytes_are_read_as_the_reference_does(case: Case) -> None:
    data = bytes.fromhex(case["binary"])
    if not case["ok"]:
        with pytest.raises(WireError) as caught:
            MerkleProof.from_wire(data)
        assert caught.value.kind == case["error_class"]
        return
    proof = MerkleProof.from_wire(data)
    assert proof.to_json() == case["fields"]
    assert proof == proof_of(case["fields"])
    assert outcome_of(proof) == case["verify"]
    if "write_again" in case:
        with pytest.raises(WireError, match=case["write_again"]["error_class"]):
            proof.to_wire()
    else:
        assert proof.to_wire().hex() == case.get("written_again", case["binary"])


MESSAGES = [c for c in load("channels_messages")["cases"] if c["type"] == "merkle_proofs.MerkleProof"]
PROOFS = [c for c in MESSAGES if len(c["protocol_ids"]) == 1]


@pytest.mark.parametrize("case", PROOFS, ids=lambda case: case["name"])
def test_proofs_of_messages_are_written_and_read(case: Case) -> None:
    fields = case["layers_outer_first"][0]["fields"]["merkle_proof"]
    data = bytes.fromhex(case["payload_items"][1]["push"])
    proof = proof_of(fields)
    assert proof.to_json() == fields
    assert proof.to_wire() == data
    read = fields if case["read_back"]["equal"] else case["read_back"]["layers"][0]["fields"]["merkle_proof"]
    assert MerkleProof.from_wire(data).to_json() == read


def test_the_header_counts_before_the_root_and_the_root_before_the_hash() -> None:
    (case,) = (c for c in PROOFS if c["name"] == "merkle_proof_several_targets")
    several = proof_of(case["layers_outer_first"][0]["fields"]["merkle_proof"])
    for proof in (several, replace(several, header=b"")):
        assert outcome_of(proof) == outcome_of(MerkleProof.from_wire(proof.to_wire()))
    assert MerkleProof.from_wire(replace(several, header=b"").to_wire()).merkle_root == several.merkle_root


@pytest.mark.parametrize(
    "case",
    [c for c in load("channels_messages")["not_writable"] if c["fields"]["merkle_proof"]],
    ids=lambda case: case["name"],
)
def test_proofs_without_a_target_or_a_txid_are_not_made(case: Case) -> None:
    assert not case["write"]["ok"]
    with pytest.raises(WireError, match="invalid_merkle_proof"):
        proof_of(case["fields"]["merkle_proof"])


@pytest.mark.parametrize(
    "change",
    [
        {"txid": bytes(31)},
        {"nodes": (bytes(33),)},
        {"block_hash": bytes(20)},
        {"merkle_root": bytes(20)},
        {"header": bytes(79)},
        {"index": 1 << 63},
        {"index": -(1 << 63) - 1},
    ],
)
def test_proofs_of_other_sizes_are_not_made(change: dict[str, Any]) -> None:
    good = MerkleProof(0, bytes(32), (), block_hash=bytes(32))
    with pytest.raises(WireError, match="invalid_merkle_proof"):
        replace(good, **change)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_proof_or_a_wire_error(data: bytes) -> None:
    try:
        proof = MerkleProof.from_wire(data)
    except WireError:
        return
    assert outcome_of(proof)


@pytest.mark.parametrize("index", [-1, -5, -(1 << 63)])
def test_places_that_cannot_be_are_below_zero(index: int) -> None:
    script = b"\x00\xff" + index.to_bytes(8, "little", signed=True) + bytes(64) + b"\x00"
    proof = MerkleProof.from_wire(script)
    assert proof.index == index
    assert proof.to_wire() == script
    with pytest.raises(WireError, match="merkle_bad_index"):
        proof.check()


@given(st.integers(1, 40), st.data())
def test_every_transaction_of_a_block_has_its_proof(count: int, data: st.DataObject) -> None:
    txids = [sha256(bytes((n,))) for n in range(count)]
    root = root_from(txids[0], 0, merkle_nodes(txids, 0))
    index = data.draw(st.integers(0, count - 1))
    assert root_from(txids[index], index, merkle_nodes(txids, index)) == root


def test_a_block_has_no_other_places() -> None:
    with pytest.raises(Misuse):
        merkle_nodes([bytes(32)], 1)


GOOD = {"index": 0, "txOrId": "ab" * 32, "target": "cd" * 32, "nodes": ["*", "ef" * 32]}


def test_a_node_names_the_block_hash_unless_it_says_otherwise() -> None:
    proof = MerkleProof.from_tsc(GOOD)
    assert proof.block_hash == txid_bytes("cd" * 32)
    assert proof.nodes == (None, txid_bytes("ef" * 32))
    assert MerkleProof.from_tsc({**GOOD, "targetType": "merkleroot"}).merkle_root == txid_bytes("cd" * 32)


@pytest.mark.parametrize(
    "change",
    [
        {"index": None},
        {"index": "0"},
        {"index": 1 << 70},
        {"index": 1 << 63},
        {"index": -2},
        {"txOrId": 5},
        {"txOrId": "zz"},
        {"target": "00"},
        {"targetType": "header"},
        {"nodes": [1]},
        {"nodes": 7},
        {"nodes": "ab"},
    ],
)
def test_other_json_is_no_proof(change: Case) -> None:
    with pytest.raises(WireError):
        MerkleProof.from_tsc({**GOOD, **change})


@pytest.mark.parametrize("json", [None, [], "proof", 5, {}])
def test_nor_is_json_of_another_shape(json: object) -> None:
    with pytest.raises(WireError, match="invalid_merkle_proof"):
        MerkleProof.from_tsc(json)
