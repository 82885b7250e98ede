"""Merkle proofs against the reference's vectors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_desktop.bitcoin.keys import sha256
from channels_desktop.bitcoin.merkle import MerkleProof, merkle_nodes, root_from
from channels_desktop.bitcoin.tx import txid_bytes
from channels_desktop.errors import Misuse, WireError
from tests.vectors import load

Case = dict[str, Any]
VECTORS = load("txs")
MADE = VECTORS["merkle_proofs"]


def outcome_of(proof: MerkleProof) -> str:
    try:
        proof.check()
    except WireError as error:
        return error.kind
    return "ok"


def check_fields(proof: MerkleProof, fields: Case) -> None:
    assert (proof.index, proof.txid.hex()) == (fields["index"], fields["txid"])
    assert [node.hex() for node in proof.nodes if node is not None] == fields["path"]
    assert [at for at, node in enumerate(proof.nodes, 1) if node is None] == fields["duplicated_layers"]
    assert (proof.tx.to_bytes().hex() if proof.tx else None) == fields["tx"]
    targets = ((proof.header, "block_header"), (proof.block_hash, "block_hash"), (proof.merkle_root, "merkle_root"))
    assert [target.hex() or None for target, _ in targets] == [fields[name] for _, name in targets]


@pytest.mark.parametrize("case", MADE, ids=lambda case: case["binary"][:12])
def test_proofs_are_those_of_the_reference(case: Case) -> None:
    proof = MerkleProof.from_wire(bytes.fromhex(case["binary"]))
    check_fields(proof, case["fields"])
    assert proof.to_wire().hex() == case["binary"]
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
    check_fields(proof, case["fields"])
    assert outcome_of(proof) == case["verify"]
    if "write_again" in case:
        with pytest.raises(WireError, match=case["write_again"]["error_class"]):
            proof.to_wire()
    else:
        assert proof.to_wire().hex() == case.get("written_again", case["binary"])


@given(st.binary(max_size=200))
def test_any_bytes_are_a_proof_or_a_wire_error(data: bytes) -> None:
    try:
        proof = MerkleProof.from_wire(data)
    except WireError:
        return
    assert outcome_of(proof)


def test_an_unknown_place_is_minus_one_on_the_wire() -> None:
    script = b"\x00" + b"\xff" * 9 + bytes(64) + b"\x00"
    proof = MerkleProof.from_wire(script)
    assert proof.index == -1
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
