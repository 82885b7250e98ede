"""Block headers: the tree of all that carry their proof of work, its best chain, and what that proves.

bitcoinx checks difficulty and work of each network; here is which chain counts. Rules: channels.md 4.8 and 6.7.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Self

import bitcoinx

from channels_desktop.bitcoin.keys import HASH_SIZE, hash256
from channels_desktop.bitcoin.merkle import HEADER_SIZE, MerkleProof
from channels_desktop.bitcoin.networks import network_rules
from channels_desktop.errors import Misuse, WireError


@dataclass(frozen=True, slots=True)
class Header:
    """A block header: its 80 bytes, their hash in wire order, and its height."""

    height: int
    hash: bytes
    raw: bytes

    @property
    def previous(self) -> bytes:
        """The hash of the block before."""
        return self.raw[4:36]

    @property
    def merkle_root(self) -> bytes:
        """The root over the block's transactions."""
        return self.raw[36:68]

    @property
    def timestamp(self) -> int:
        """The time the miner claims, in seconds since 1970."""
        return int.from_bytes(self.raw[68:72], "little")


@dataclass(frozen=True, slots=True)
class Change:
    """What new headers did.

    `new` are all headers learnt (to be stored, also those of side chains), `added` those now in the best chain and
    `detached` those no longer in it (both lowest first), `tip` the end of the best chain.
    """

    new: tuple[Header, ...]
    added: tuple[Header, ...]
    detached: tuple[Header, ...]
    tip: Header


class HeaderChain:
    """All known headers of a network, beginning with its first block; the chain with the most work is the best."""

    def __init__(self, network: str) -> None:
        self.network = network
        self._headers = bitcoinx.Headers(network_rules(network))
        self._best: Any = self._headers.longest_chain()

    @classmethod
    def load(cls, network: str, rows: Iterable[tuple[int, bytes, bytes]]) -> Self:
        """Return the chain of stored rows (height, hash, raw), lowest first; their work was checked when they came.

        A row that is damaged or whose parent is missing is left out, with what grows on it: a source of the chain has
        them all again, and money must not be locked up until then.
        """
        chain = cls(network)
        for _, _, raw in rows:
            try:
                branch = chain._headers.connect(raw, check_work=False)
            except (bitcoinx.ChainException, ValueError, bitcoinx.PackingError):
                continue
            if branch.chainwork > chain._best.chainwork:
                chain._best = branch
        return chain

    def rows(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield (height, hash, raw) of every header known, side chains too, lowest first, without the first block."""
        known = sorted((height, block, branch) for block, (branch, height) in self._headers.hashes.items() if height)
        return ((height, block, branch.raw_header_at_height(height)) for height, block, branch in known)

    def connect(self, raw_headers: Iterable[bytes]) -> Change:
        """Add headers, each after its parent, and return what changed; those known already are passed over.

        A header that cannot be (unknown parent, wrong difficulty, too little work) ends the run: if headers before it
        were new they count, and the next call meets it again. Otherwise it raises WireError: "unknown_header" or
        "bad_header".
        """
        before, new = self._best, list[Header]()
        height_before = before.height
        for raw in raw_headers:
            try:
                header = self._connect_one(raw)
            except WireError:
                if new:
                    break
                raise
            if header is not None:
                new.append(header)
        added, detached = self._moved(before, height_before)
        return Change(tuple(new), added, detached, self.tip)

    def _connect_one(self, raw: bytes) -> Header | None:
        """Return the header if it was new."""
        if len(raw) != HEADER_SIZE:
            raise WireError("bad_header", f"{len(raw)} bytes")
        block = hash256(raw)
        if block in self._headers.hashes:
            return None
        try:
            branch = self._headers.connect(raw)
        except bitcoinx.MissingHeader:
            raise WireError("unknown_header", "its parent is not known") from None
        except (bitcoinx.ChainException, ValueError):
            raise WireError("bad_header", "difficulty or work") from None
        if branch.chainwork > self._best.chainwork:
            self._best = branch
        return Header(branch.height, block, raw)

    def _moved(self, before: Any, height_before: int) -> tuple[tuple[Header, ...], tuple[Header, ...]]:  # noqa: ANN401
        _, common = before.common_chain_and_height(self._best)
        common = min(common, height_before)
        added = tuple(_header(self._best, height) for height in range(common + 1, self._best.height + 1))
        return added, tuple(_header(before, height) for height in range(common + 1, height_before + 1))

    @property
    def tip(self) -> Header:
        """The end of the best chain."""
        return _header(self._best, self._best.height)

    def header_at(self, height: int) -> Header | None:
        """Return the header of the best chain at a height, None beyond its end."""
        return _header(self._best, height) if 0 <= height <= self._best.height else None

    def height_of(self, block_hash: bytes) -> int | None:
        """Return the height of a known header, in the best chain or not; None if it is unknown."""
        branch, height = self._headers.lookup(block_hash)
        return int(height) if branch else None

    def in_best_chain(self, block_hash: bytes) -> bool:
        """Return whether a block belongs to the best chain."""
        header = self.find(block_hash)
        return header is not None and self.header_at(header.height) == header

    def find(self, block_hash: bytes) -> Header | None:
        """Return a known header, in the best chain or not."""
        branch, height = self._headers.lookup(block_hash)
        return _header(branch, height) if branch else None

    def locator(self) -> tuple[bytes, ...]:
        """Return hashes of the best chain from its end back to the first block, ever further apart."""
        return tuple(self._best.block_locator())


def _header(branch: Any, height: int) -> Header:  # noqa: ANN401 - bitcoinx is published without types
    raw = branch.raw_header_at_height(height)
    return Header(height, hash256(raw), raw)


class ProofState(Enum):
    """What a merkle proof is worth against our own headers."""

    CONFIRMED = "confirmed"
    UNKNOWN_HEADER = "unknown_header"
    NOT_BEST = "not_best"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of a proof: `header` is the block it leads to, where we know that."""

    state: ProofState
    header: Header | None = None


def check_proof(proof: MerkleProof, chain: HeaderChain) -> Verdict:
    """Return what `proof` is worth: CONFIRMED only if it leads to a header of the best chain.

    UNKNOWN_HEADER: keep it and fetch headers. NOT_BEST: the block lost against another. WRONG: the sums do not fit,
    or it names a bare merkle root, which is not enough (channels.md 6.7). The caller holds the transaction itself: a
    proof for a txid alone could be one for an inner node of the tree.
    """
    if proof.merkle_root or proof.index < 0 or proof.index >> len(proof.nodes):
        return Verdict(ProofState.WRONG)
    try:
        root = proof.root()
    except WireError:
        return Verdict(ProofState.WRONG)
    header = chain.find(proof.block_hash or hash256(proof.header))
    if header is None:
        wrong = proof.header and proof.header[36:68] != root
        return Verdict(ProofState.WRONG if wrong else ProofState.UNKNOWN_HEADER)
    if header.merkle_root != root:
        return Verdict(ProofState.WRONG)
    best = chain.header_at(header.height) == header
    return Verdict(ProofState.CONFIRMED if best else ProofState.NOT_BEST, header)


def grind(previous: Header, merkle_root: bytes, network: str) -> Header:
    """Return a header on top of `previous` with its proof of work found: for regtest, where two tries are enough.

    Its time is ten minutes after the block before, so that the same blocks always give the same chain.
    """
    if network != "regtest" or len(merkle_root) != HASH_SIZE:
        raise Misuse("only regtest blocks are ground here")
    bits = network_rules(network).genesis_bits
    raw = bytes(bitcoinx.grind_header(0x20000000, previous.hash, merkle_root, previous.timestamp + 600, bits))
    return Header(previous.height + 1, hash256(raw), raw)
