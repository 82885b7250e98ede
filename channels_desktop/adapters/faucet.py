"""Coins for tests and the playground: mined on regtest to a key of our own and paid out with their proof.

The node runs without a wallet, so the transactions are built and signed in the `bitcoin` room.
"""

from __future__ import annotations

from typing import Any, Protocol

from channels_desktop.adapters.node import Rpc
from channels_desktop.adapters.small_chain import MATURITY, SmallChain
from channels_desktop.bitcoin.blocks import transactions_of
from channels_desktop.bitcoin.coins import Coin, select
from channels_desktop.bitcoin.fees import POLICY_RATE
from channels_desktop.bitcoin.keys import PrivateKey, hash256
from channels_desktop.bitcoin.merkle import HEADER_SIZE, MerkleProof
from channels_desktop.bitcoin.templates import KEY_HASH_SIZE, address_of, p2pkh, p2pkh_to
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput, sign_input
from channels_desktop.engine.ports import Chain
from channels_desktop.errors import InsufficientFunds, Misuse, TransportError, WireError

_PREVIOUS = slice(4, 36)  # of a header
_BATCH = 200  # blocks read at once


class Miner(Protocol):
    """Who makes blocks on demand."""

    async def mine(self, count: int, locking_script: bytes) -> None:
        """Add blocks that pay to a P2PKH `locking_script`, with all waiting transactions."""
        ...

    async def blocks_after(self, height: int) -> tuple[bytes, ...]:
        """Return some raw blocks after a height, at least one unless it is the newest."""
        ...

    async def reorg(self, depth: int) -> None:
        """Replace the newest `depth` blocks by a longer chain."""
        ...


class SmallMiner:
    """The miner of a SmallChain in the same process."""

    def __init__(self, chain: SmallChain) -> None:
        self._chain = chain

    async def mine(self, count: int, locking_script: bytes) -> None:
        """Add blocks."""
        self._chain.mine(count, locking_script)

    async def blocks_after(self, height: int) -> tuple[bytes, ...]:
        """Return all raw blocks after a height."""
        return tuple(block.to_bytes() for block in self._chain.blocks[height + 1 :])

    async def reorg(self, depth: int) -> None:
        """Replace the newest blocks."""
        self._chain.reorg(depth)


class NodeMiner:
    """The miner of a regtest node, or of a SmallNode, over its JSON-RPC."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    async def mine(self, count: int, locking_script: bytes) -> None:
        """Add blocks."""
        address = address_of(locking_script, "regtest")
        if address is None:
            raise Misuse("a node mines to an address")
        await self._rpc.call("generatetoaddress", count, address)

    async def blocks_after(self, height: int) -> tuple[bytes, ...]:
        """Return up to 200 raw blocks after a height."""
        heights = range(height + 1, min(await self._height(), height + _BATCH) + 1)
        hashes = await self._rpc.batch([("getblockhash", (number,)) for number in heights])
        return tuple(_raw(answer) for answer in await self._rpc.batch([("getblock", (text, 0)) for text in hashes]))

    async def reorg(self, depth: int) -> None:
        """Replace the newest blocks: the node forgets them and makes one more than there were."""
        lowest = await self._height() - depth + 1
        await self._rpc.call("invalidateblock", await self._rpc.call("getblockhash", lowest))
        await self.mine(depth + 1, p2pkh(bytes(KEY_HASH_SIZE)))

    async def _height(self) -> int:
        height = await self._rpc.call("getblockcount")
        if not isinstance(height, int):
            raise TransportError("the node gave an unusable answer")
        return height


def _raw(answer: Any) -> bytes:  # noqa: ANN401 - any JSON
    try:
        return bytes.fromhex(answer)
    except (TypeError, ValueError):
        raise TransportError("the node gave an unusable block") from None


class Faucet:
    """Pays satoshis of regtest to any script. `key` owns what is mined; with the same key it finds its coins again."""

    def __init__(self, chain: Chain, miner: Miner, key: PrivateKey) -> None:
        if chain.network != "regtest":
            raise Misuse("a faucet mines its coins: only on regtest")
        self._chain = chain
        self._miner = miner
        self._key = key
        self.script = p2pkh_to(key.public)
        self._start()

    def _start(self) -> None:
        """Know nothing of the chain."""
        self._coins: dict[Outpoint, Coin] = {}
        self._young: dict[Outpoint, Coin] = {}
        self._height = 0
        self._newest = b""

    async def pay(self, locking_script: bytes, satoshis: int) -> tuple[bytes, MerkleProof]:
        """Pay, mine the payment into a block, and return (raw transaction, its proof with the header).

        The output paid is the first.
        """
        await self._read_blocks()
        draft = Tx(1, (), (TxOutput(satoshis, locking_script),))
        try:
            selection = select(tuple(self._coins.values()), draft, (POLICY_RATE,))
        except InsufficientFunds:
            await self.mine(MATURITY + 1)
            selection = select(tuple(self._coins.values()), draft, (POLICY_RATE,))
        change = (TxOutput(selection.change, self.script),) if selection.change else ()
        tx = Tx(1, tuple(TxInput(coin.outpoint) for coin in selection.coins), draft.outputs + change)
        for index, coin in enumerate(selection.coins):
            tx = sign_input(tx, index, self._key, TxOutput(coin.satoshis, coin.locking_script))
        await self._chain.broadcast(tx.to_bytes())
        await self.mine(1)
        proof = await self._chain.proof(tx.txid)
        if proof is None:
            raise TransportError("the payment was not mined")
        return tx.to_bytes(), proof

    async def mine(self, count: int) -> None:
        """Add blocks to the chain; what they pay is ours."""
        await self._miner.mine(count, self.script)
        await self._read_blocks()

    async def _read_blocks(self) -> None:
        while blocks := await self._miner.blocks_after(self._height):
            if blocks[0][_PREVIOUS] != self._newest and self._height:
                self._start()  # the chain moved: what we knew may be gone
                continue
            for raw in blocks:
                self._read_block(raw)
        ripe = [coin for coin in self._young.values() if self._height + 1 - (coin.height or 0) >= MATURITY]
        for coin in ripe:
            self._coins[coin.outpoint] = self._young.pop(coin.outpoint)

    def _read_block(self, raw: bytes) -> None:
        self._height += 1
        self._newest = hash256(raw[:HEADER_SIZE])
        try:
            for place, tx in enumerate(transactions_of(raw)):
                self._read_tx(tx, is_coinbase=place == 0)
        except WireError:
            raise TransportError("the node gave an unusable block") from None

    def _read_tx(self, tx: Tx, *, is_coinbase: bool) -> None:
        for spent in tx.inputs:
            self._coins.pop(spent.outpoint, None)
            self._young.pop(spent.outpoint, None)
        for index, output in enumerate(tx.outputs):
            if output.locking_script == self.script and output.satoshis:
                coin = Coin(Outpoint(tx.txid, index), output.satoshis, self.script, self._height)
                (self._young if is_coinbase else self._coins)[coin.outpoint] = coin
