"""The header chain: work, forks, what moves in a reorg, and what a proof is worth."""

from __future__ import annotations

import bitcoinx
import pytest

from channels_desktop.bitcoin.headers import Change, Header, HeaderChain, ProofState, check_proof, grind
from channels_desktop.bitcoin.keys import hash256, sha256
from channels_desktop.bitcoin.merkle import MerkleProof, merkle_nodes, root_from
from channels_desktop.bitcoin.networks import genesis_header
from channels_desktop.errors import Misuse, WireError

TXIDS = [sha256(bytes((n,))) for n in range(5)]
ROOT = root_from(TXIDS[0], 0, merkle_nodes(TXIDS, 0))


def on_top_of(header: Header, count: int, mark: bytes = b"a") -> list[Header]:
    made = [header]
    for _ in range(count):
        made.append(grind(made[-1], sha256(mark), "regtest"))
    return made[1:]


def raw(headers: list[Header]) -> list[bytes]:
    return [header.raw for header in headers]


@pytest.fixture(name="chain")
def _chain() -> HeaderChain:
    return HeaderChain("regtest")


def test_a_chain_begins_with_the_first_block_of_its_network() -> None:
    texts = {name: HeaderChain(name).tip.hash[::-1].hex() for name in ("main", "test", "regtest")}
    assert texts["main"] == "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
    assert texts["test"] == "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943"
    assert texts["regtest"] == "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"


def test_headers_lengthen_the_chain(chain: HeaderChain) -> None:
    made = on_top_of(chain.tip, 3)
    change = chain.connect(raw(made))
    assert change == Change(tuple(made), tuple(made), (), made[-1])
    assert chain.tip == chain.header_at(3) == made[-1]
    assert chain.header_at(4) is chain.header_at(-1) is None
    assert chain.height_of(made[1].hash) == 2
    assert chain.height_of(bytes(32)) is None
    assert chain.in_best_chain(made[0].hash)
    assert not chain.in_best_chain(bytes(32))
    assert (made[1].previous, made[1].merkle_root) == (made[0].hash, sha256(b"a"))
    assert made[1].timestamp == made[0].timestamp + 600


def test_known_headers_change_nothing(chain: HeaderChain) -> None:
    made = raw(on_top_of(chain.tip, 3))
    chain.connect(made)
    assert chain.connect([genesis_header("regtest"), *made]) == Change((), (), (), chain.tip)


def test_the_longer_fork_wins_and_tells_what_moved(chain: HeaderChain) -> None:
    first = on_top_of(chain.tip, 4)
    chain.connect(raw(first))
    fork = on_top_of(first[1], 3, b"b")
    beside = chain.connect(raw(fork[:2]))
    assert beside == Change(tuple(fork[:2]), (), (), first[-1])  # equal work: the first seen stays
    assert not chain.in_best_chain(fork[0].hash)
    assert chain.height_of(fork[0].hash) == 3
    moved = chain.connect(raw(fork[2:]))
    assert moved == Change((fork[2],), tuple(fork), tuple(first[2:]), fork[2])
    back = chain.connect(raw(on_top_of(first[-1], 2)))
    assert back.detached == tuple(fork)
    assert back.added[:2] == tuple(first[2:])
    assert chain.tip.height == 6


def test_a_bad_header_ends_the_run(chain: HeaderChain) -> None:
    made = on_top_of(chain.tip, 3)
    change = chain.connect([made[0].raw, made[2].raw, made[1].raw])
    assert change.new == (made[0],)
    with pytest.raises(WireError, match="unknown_header"):
        chain.connect([made[2].raw])
    with pytest.raises(WireError, match="bad_header"):
        chain.connect([made[1].raw[:79]])
    assert chain.tip == made[0]


def without_work(header: Header) -> bytes:
    for nonce in range(1000):
        changed = header.raw[:76] + nonce.to_bytes(4, "little")
        if hash256(changed)[31] > 0x7F:
            return changed
    raise AssertionError


def test_headers_without_work_or_with_another_difficulty_are_refused(chain: HeaderChain) -> None:
    good = on_top_of(chain.tip, 1)[0]
    easier = good.raw[:72] + b"\xff\xff\x7f\x21" + good.raw[76:]
    nonsense = good.raw[:72] + b"\xff\xff\xff\xff" + good.raw[76:]
    for bad in (without_work(good), easier, nonsense):
        with pytest.raises(WireError, match="bad_header"):
            chain.connect([bad])
    with pytest.raises(WireError, match="bad_header"):
        HeaderChain("main").connect([grind(HeaderChain("main").tip, ROOT, "regtest").raw])


def test_real_headers_of_the_main_chain_connect() -> None:
    first = bytes.fromhex(
        "010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000982051fd1e4ba744bbbe680e1fee14677ba1a3c354"
        "0bf7b1cdb606e857233e0e61bc6649ffff001d01e36299"
    )
    assert HeaderChain("main").connect([first]).tip.height == 1


def test_a_stored_chain_comes_back_with_its_forks(chain: HeaderChain) -> None:
    first = on_top_of(chain.tip, 4)
    fork = on_top_of(first[1], 1, b"b")
    chain.connect(raw(first + fork))
    rows = list(chain.rows())
    assert [height for height, _, _ in rows] == [1, 2, 3, 3, 4]
    assert all(hash256(header) == block for _, block, header in rows)
    again = HeaderChain.load("regtest", rows)
    assert again.tip == chain.tip
    assert again.locator() == chain.locator()
    assert list(again.rows()) == rows
    assert again.connect(raw(on_top_of(fork[0], 2, b"b"))).detached == tuple(first[2:])


@pytest.mark.parametrize("header", [bytes(80), bytes(79), b""])
def test_a_damaged_row_is_left_out_with_what_grows_on_it_and_can_come_again(chain: HeaderChain, header: bytes) -> None:
    chain.connect(raw(on_top_of(chain.tip, 4)))
    rows = list(chain.rows())
    again = HeaderChain.load("regtest", [*rows[:2], (3, bytes(32), header), *rows[3:]])
    assert again.tip.height == 2
    new = again.connect(header for _, _, header in rows).new
    assert [header.height for header in new] == [3, 4]
    assert again.tip == chain.tip
    # What was left out stays stored beside what came again.
    kept = [*rows[:2], *rows[3:], *((header.height, header.hash, header.raw) for header in new)]
    assert HeaderChain.load("regtest", kept).tip == chain.tip


def test_a_locator_reaches_back_in_growing_steps(chain: HeaderChain) -> None:
    chain.connect(raw(on_top_of(chain.tip, 1000)))
    locator = chain.locator()
    assert locator[0] == chain.tip.hash
    assert locator[-1] == hash256(genesis_header("regtest"))
    assert len(locator) < 15


def test_only_regtest_blocks_are_made() -> None:
    with pytest.raises(Misuse):
        grind(HeaderChain("main").tip, ROOT, "main")


# ----------------------------------------------------------------------------------------------------------- the proofs


@pytest.fixture(name="block")
def _block(chain: HeaderChain) -> Header:
    header = grind(chain.tip, ROOT, "regtest")
    chain.connect([header.raw])
    return header


def proving(index: int, *, header: bytes = b"", block_hash: bytes = b"", merkle_root: bytes = b"") -> MerkleProof:
    return MerkleProof(index, TXIDS[index], merkle_nodes(TXIDS, index), block_hash, header, merkle_root)


def test_a_proof_into_the_best_chain_confirms(chain: HeaderChain, block: Header) -> None:
    for proof in (proving(3, header=block.raw), proving(4, block_hash=block.hash)):
        verdict = check_proof(proof, chain)
        assert (verdict.state, verdict.header) == (ProofState.CONFIRMED, block)


def test_a_proof_into_a_lost_block_does_not(chain: HeaderChain, block: Header) -> None:
    chain.connect(raw(on_top_of(HeaderChain("regtest").tip, 2)))
    assert check_proof(proving(1, header=block.raw), chain).state is ProofState.NOT_BEST


def test_a_proof_into_an_unknown_block_waits(chain: HeaderChain, block: Header) -> None:
    ahead = grind(block, ROOT, "regtest")
    assert check_proof(proving(1, header=ahead.raw), chain).state is ProofState.UNKNOWN_HEADER
    assert check_proof(proving(1, block_hash=ahead.hash), chain).state is ProofState.UNKNOWN_HEADER


def test_wrong_proofs(chain: HeaderChain, block: Header) -> None:
    nodes = merkle_nodes(TXIDS, 1)
    empty = on_top_of(block, 1)[0]
    for proof in (
        proving(1, merkle_root=ROOT),
        proving(1, header=empty.raw),
        MerkleProof(2, TXIDS[1], nodes, block_hash=block.hash),
        MerkleProof(1 + 8, TXIDS[1], nodes, block_hash=block.hash),
        MerkleProof(-1, TXIDS[1], nodes, block_hash=block.hash),
        MerkleProof(1, TXIDS[0], nodes, block_hash=block.hash),
    ):
        assert check_proof(proof, chain).state is ProofState.WRONG


def test_the_first_blocks_are_those_bitcoinx_knows() -> None:
    assert genesis_header("main") == bitcoinx.Bitcoin.genesis_header
