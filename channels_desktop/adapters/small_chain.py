"""A small regtest block chain of our own: real scripts, real proofs, real work, blocks on demand, all in memory.

For tests, and for the playground on systems that have no Bitcoin SV node. The same calls always give the same chain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from channels_desktop.bitcoin.headers import Header, grind
from channels_desktop.bitcoin.keys import hash256
from channels_desktop.bitcoin.merkle import MerkleProof, merkle_nodes, root_from
from channels_desktop.bitcoin.networks import genesis_header
from channels_desktop.bitcoin.tx import FINAL, MOST_SATOSHIS, Outpoint, Tx, TxInput, TxOutput
from channels_desktop.bitcoin.verify import verify_inputs
from channels_desktop.engine.ports import TxPlace
from channels_desktop.errors import Misuse, TransportError, TxRejected, WireError
from channels_desktop.wire.varints import write_varint

MATURITY = 100
"""How many blocks a coinbase output must wait."""
MOST_HEADERS = 2000
_SUBSIDY = 50 * 100_000_000
_HALVING = 150  # blocks, on regtest
_NO_TX = bytes(32)
_ANYONE = b"\x51"  # OP_TRUE
_LOCKTIME_IS_TIME = 500_000_000


@dataclass(frozen=True, slots=True)
class Block:
    """A header and the transactions under its merkle root, the coinbase first."""

    header: Header
    txs: tuple[Tx, ...]

    def to_bytes(self) -> bytes:
        """Return the block as nodes pass it on."""
        return b"".join((self.header.raw, write_varint(len(self.txs)), *(tx.to_bytes() for tx in self.txs)))


@dataclass(frozen=True, slots=True)
class _Unspent:
    output: TxOutput
    height: int
    is_coinbase: bool


class SmallChain:
    """The chain and its pool of waiting transactions."""

    network = "regtest"

    def __init__(self) -> None:
        self._forks = 0
        raw = genesis_header(self.network)
        self._start([Block(Header(0, hash256(raw), raw), ())])

    def _start(self, blocks: Sequence[Block]) -> None:
        """Set everything to what `blocks` say; nothing waits."""
        self.blocks: list[Block] = []
        self.pool: dict[bytes, Tx] = {}
        self._unspent: dict[Outpoint, _Unspent] = {}
        self._heights: dict[bytes, int] = {}
        self._mined: dict[bytes, int] = {}
        self._spent_in_pool: set[Outpoint] = set()
        for block in blocks:
            self._add(block)

    @property
    def height(self) -> int:
        """The number of the newest block."""
        return len(self.blocks) - 1

    def submit(self, raw: bytes) -> bytes:
        """Take a transaction into the pool after all checks of a node; return its txid. Known already is fine.

        Raises TxRejected with the words a node uses.
        """
        try:
            tx = Tx.from_bytes(raw)
        except WireError:
            raise TxRejected("TX decode failed") from None
        if self.place(tx.txid) is TxPlace.UNKNOWN:
            self._check(tx)
            self._pool_add(tx)
        return tx.txid

    def _pool_add(self, tx: Tx) -> None:
        self.pool[tx.txid] = tx
        self._spent_in_pool.update(i.outpoint for i in tx.inputs)

    def _check(self, tx: Tx) -> None:
        spent = [self._spendable(i.outpoint) for i in tx.inputs]
        outpoints = {i.outpoint for i in tx.inputs}
        total = sum(o.satoshis for o in tx.outputs)
        if not tx.inputs or not tx.outputs or len(outpoints) != len(tx.inputs):
            raise TxRejected("16: bad-txns-inputs")
        if total > MOST_SATOSHIS:
            raise TxRejected("16: bad-txns-txouttotal-toolarge")
        if sum(o.satoshis for o in spent) < total:
            raise TxRejected("16: bad-txns-in-belowout")
        if not self._is_final(tx):
            raise TxRejected("64: non-final")
        try:
            verify_inputs(tx, spent)
        except TxRejected as error:
            raise TxRejected(f"16: mandatory-script-verify-flag-failed ({error.reason})") from None

    def _is_final(self, tx: Tx) -> bool:
        now = self.height + 1 if tx.locktime < _LOCKTIME_IS_TIME else self.blocks[-1].header.timestamp
        return tx.locktime < now or all(i.sequence == FINAL for i in tx.inputs)

    def _spendable(self, outpoint: Outpoint) -> TxOutput:
        if outpoint in self._spent_in_pool:
            raise TxRejected("258: txn-mempool-conflict")
        found = self._unspent.get(outpoint)
        if found is None:
            output = self.output(outpoint)
            if output is None:
                raise TxRejected("Missing inputs")
            return output
        if found.is_coinbase and self.height + 1 - found.height < MATURITY:
            raise TxRejected("16: bad-txns-premature-spend-of-coinbase")
        return found.output

    def output(self, outpoint: Outpoint) -> TxOutput | None:
        """Return an output that neither a block nor the pool spends, else None."""
        if outpoint in self._spent_in_pool:
            return None
        if outpoint in self._unspent:
            return self._unspent[outpoint].output
        parent = self.pool.get(outpoint.txid)
        return parent.outputs[outpoint.index] if parent and outpoint.index < len(parent.outputs) else None

    def spenders(self, outpoints: Sequence[Outpoint], after: int) -> tuple[tuple[Tx, ...], int]:
        """Return what spends one of some outputs, in the pool or in blocks above `after`, and the height searched."""
        wanted = frozenset(outpoints)
        candidates = [*self.pool.values(), *(tx for block in self.blocks[after + 1 :] for tx in block.txs)]
        return tuple(tx for tx in candidates if wanted & {i.outpoint for i in tx.inputs}), self.height

    def place(self, txid: bytes) -> TxPlace:
        """Return where a transaction is."""
        if txid in self.pool:
            return TxPlace.MEMPOOL
        return TxPlace.MINED if txid in self._mined else TxPlace.UNKNOWN

    def find(self, txid: bytes) -> tuple[Tx, Block | None] | None:
        """Return a transaction and the block it is in, None while it waits."""
        if txid in self.pool:
            return self.pool[txid], None
        if txid not in self._mined:
            return None
        block = self.blocks[self._mined[txid]]
        return next(tx for tx in block.txs if tx.txid == txid), block

    def block_of(self, block_hash: bytes) -> Block | None:
        """Return a block of the chain by its hash."""
        height = self._heights.get(block_hash)
        return None if height is None else self.blocks[height]

    def proof(self, txid: bytes) -> MerkleProof | None:
        """Return the proof of a mined transaction, with the block's header as its target."""
        if txid not in self._mined:
            return None
        block = self.blocks[self._mined[txid]]
        txids = [tx.txid for tx in block.txs]
        index = txids.index(txid)
        return MerkleProof(index, txid, merkle_nodes(txids, index), header=block.header.raw)

    def headers_after(self, locator: Sequence[bytes]) -> tuple[bytes, ...]:
        """Return up to 2000 raw headers after the newest block of `locator` in the chain, or after the first."""
        start = max((self._heights[block] for block in locator if block in self._heights), default=0)
        return tuple(block.header.raw for block in self.blocks[start + 1 : start + 1 + MOST_HEADERS])

    def mine(self, count: int, locking_script: bytes = _ANYONE) -> tuple[Header, ...]:
        """Add `count` blocks, the first with all waiting transactions, each paying `locking_script`."""
        return tuple(self._mine_one(locking_script) for _ in range(count))

    def _mine_one(self, locking_script: bytes) -> Header:
        waiting = tuple(self.pool.values())
        height = self.height + 1
        fees = sum(self._fees(waiting))
        mark = height.to_bytes(4, "little") + self._forks.to_bytes(4, "little")
        source = TxInput(Outpoint(_NO_TX, FINAL), bytes((len(mark),)) + mark)
        reward = TxOutput((_SUBSIDY >> height // _HALVING) + fees, locking_script)
        txs = (Tx(1, (source,), (reward,)), *waiting)
        txids = [tx.txid for tx in txs]
        root = root_from(txids[0], 0, merkle_nodes(txids, 0))
        block = Block(grind(self.blocks[-1].header, root, self.network), txs)
        self.pool.clear()
        self._spent_in_pool.clear()
        self._add(block)
        return block.header

    def _fees(self, txs: Sequence[Tx]) -> Iterator[int]:
        made = {Outpoint(tx.txid, n): o for tx in txs for n, o in enumerate(tx.outputs)}
        for tx in txs:
            spent = (made.get(i.outpoint) or self._unspent[i.outpoint].output for i in tx.inputs)
            yield sum(o.satoshis for o in spent) - sum(o.satoshis for o in tx.outputs)

    def _add(self, block: Block) -> None:
        height = block.header.height
        self.blocks.append(block)
        self._heights[block.header.hash] = height
        for place, tx in enumerate(block.txs):
            self._mined[tx.txid] = height
            for spent in tx.inputs:
                self._unspent.pop(spent.outpoint, None)
            for index, output in enumerate(tx.outputs):
                self._unspent[Outpoint(tx.txid, index)] = _Unspent(output, height, place == 0)

    def reorg(self, depth: int) -> tuple[Header, ...]:
        """Replace the newest `depth` blocks by `depth` + 1 others without payments; their transactions wait again."""
        if not 0 < depth <= self.height:
            raise Misuse(f"{depth} blocks cannot be replaced")
        kept, gone, waiting = self.blocks[:-depth], self.blocks[-depth:], list(self.pool.values())
        self._forks += 1
        self._start(kept)
        for _ in range(depth + 1):
            self._mine_one(_ANYONE)
        for tx in [tx for block in gone for tx in block.txs[1:]] + waiting:
            self._return(tx)
        return tuple(block.header for block in self.blocks[-depth - 1 :])

    def _return(self, tx: Tx) -> None:
        """Put a transaction back into the pool; one that spends what is gone is lost, as at a node."""
        try:
            self._check(tx)
        except TxRejected:
            return
        self._pool_add(tx)


class MemoryChain:
    """The chain port on a SmallChain in the same process; several may share one. `reachable` false: the line is cut."""

    network = "regtest"

    def __init__(self, chain: SmallChain) -> None:
        self.chain = chain
        self.reachable = True

    async def broadcast(self, raw: bytes) -> None:
        """Hand a transaction to the network; known already is success. Raises TxRejected."""
        self._reached().submit(raw)

    async def place(self, txid: bytes) -> TxPlace:
        """Return where the network has a transaction."""
        return self._reached().place(txid)

    async def proof(self, txid: bytes) -> MerkleProof | None:
        """Return the merkle proof of a mined transaction."""
        return self._reached().proof(txid)

    async def headers(self, locator: Sequence[bytes]) -> tuple[bytes, ...]:
        """Return up to 2000 raw headers after the newest common block."""
        return self._reached().headers_after(locator)

    async def output(self, outpoint: Outpoint) -> TxOutput | None:
        """Return an unspent output, else None."""
        return self._reached().output(outpoint)

    async def spenders(self, outpoints: Sequence[Outpoint], after: int) -> tuple[tuple[Tx, ...], int]:
        """Return what spends one of some outputs, and the height up to which blocks were searched."""
        return self._reached().spenders(outpoints, after)

    async def close(self) -> None:
        """Let go of the chain."""
        self.reachable = False

    def _reached(self) -> SmallChain:
        if not self.reachable:
            raise TransportError("the chain cannot be reached")
        return self.chain
