"""Whatever happens to our payments in whatever order: no coin counts twice, and none is free that is not there."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from channels_desktop.bitcoin.keys import PrivateKey
from channels_desktop.bitcoin.templates import p2pkh_to
from channels_desktop.bitcoin.tx import Outpoint, Tx
from channels_desktop.engine import contacts, wallet
from channels_desktop.engine.commands import CheckedSafetyNumber
from channels_desktop.engine.rows import PaymentState
from channels_desktop.errors import InsufficientFunds, Refused, TransportError, TxRejected
from channels_desktop.protocols.ids import Uuid
from channels_desktop.protocols.merkle_proofs import ProofMessage
from tests.unit.engine.street import Street, completed, street
from tests.unit.protocols.samples import NO

COINS = (30_000, 40_000)


@dataclass
class Walk:
    """The street, and what happened on it so far; each step does what can be done, about payment `which`."""

    at: Street
    coins: list[Outpoint]
    base: int  # blocks up to this stay: what the peer spends is in them
    asked: list[bytes] = field(default_factory=list)
    paid: dict[bytes, Tx] = field(default_factory=dict)
    parents: dict[bytes, Tx] = field(default_factory=dict)

    async def ask(self, which: int) -> None:
        """Let the peer ask for money, now and then with an input of its own."""
        uuid = bytes([len(self.asked) + 1]) * 16
        lock = p2pkh_to(PrivateKey(bytes(31) + bytes([len(self.asked) + 9])).public)
        if which % 3:
            await self.at.asked(uuid, 10_000 + 5_000 * which, lock=lock)
        else:
            tx = await self.at.asked(uuid, 10_000 + 5_000 * which, own=3_000)
            found = self.at.chain.find(tx.inputs[0].outpoint.txid)
            assert found is not None
            self.parents[uuid], self.base = found[0], self.at.chain.height
        self.asked.append(uuid)

    async def pay(self, which: int) -> None:
        """Approve one of the requests."""
        if self.asked:
            uuid = self.asked[which % len(self.asked)]
            self.paid[uuid] = await self.at.pay(uuid)

    def final(self, which: int) -> tuple[bytes, Tx] | None:
        """Return one of our payments as the peer completes it."""
        if not self.paid:
            return None
        uuid, tx = list(self.paid.items())[which % len(self.paid)]
        return uuid, completed(tx, self.parents[uuid]) if uuid in self.parents else tx

    async def accept(self, which: int) -> None:
        """Let the peer accept a payment, with or without the final transaction."""
        if found := self.final(which):
            await self.at.accepted(found[0], found[1] if which % 2 or found[0] in self.parents else None)

    async def refuse(self, which: int) -> None:
        """Let the peer refuse a payment."""
        if found := self.final(which):
            await self.at.receive(Uuid(uuid=found[0]), NO)

    async def submit(self, which: int) -> None:
        """Let somebody hand a payment to the network."""
        if found := self.final(which):
            self.at.chain.submit(found[1].to_bytes())

    async def rival(self, which: int) -> None:
        """Spend a coin that is held elsewhere, to ourselves or not."""
        coin = self.coins[which % len(self.coins)]
        own = await self.at.it.store.query(lambda reader: reader.coins.get(coin))
        if own is not None and own.spent_by:
            lock = await self.at.it.turn(wallet.receive_script) if which % 2 else b"\x51"
            self.at.chain.submit((await self.at.rival(coin, lock)).to_bytes())

    async def prove(self, which: int) -> None:
        """Let the peer send a proof that it has."""
        if (found := self.final(which)) and (proof := self.at.chain.proof(found[1].txid)):
            await self.at.receive(ProofMessage(merkle_proof=proof))

    async def check(self, which: int) -> None:
        """Compare the safety number."""
        command = CheckedSafetyNumber(self.at.it.peer, which % 3 > 0)
        await self.at.it.turn(lambda turn: contacts.checked(turn, command))

    async def mine(self, _: int) -> None:
        """Add a block."""
        await self.at.faucet.mine(1)

    async def look(self, _: int) -> None:
        """Ask the chain."""
        await self.at.watch.look()

    async def reorganise(self, which: int) -> None:
        """Replace the newest blocks."""
        if (depth := min(1 + which % 2, self.at.chain.height - self.base)) > 0:
            self.at.chain.reorg(depth)

    async def forget(self, _: int) -> None:
        """Let the network lose what waits."""
        self.at.forget()

    async def settled(self) -> None:
        """Let all come to rest, and compare the wallet with the chain."""
        for _ in range(4):
            await self.at.faucet.mine(1)
            await self.at.look()
        blocks = [tx for block in self.at.chain.blocks for tx in block.txs]
        spendable = await self.at.it.store.query(lambda reader: reader.coins.spendable())
        there = [self.at.chain.output(coin.outpoint) for coin in spendable]
        assert [output.satoshis for output in there if output] == [coin.satoshis for coin in spendable]
        assert (await self.at.sums())[0] == sum(coin.satoshis for coin in spendable)
        mined = {tx.unsigned_txid for tx in blocks}
        for uuid, tx in self.paid.items():
            assert (await self.at.state(uuid) is PaymentState.CONFIRMED) is (tx.unsigned_txid in mined)


STEPS = (
    *(Walk.ask, Walk.pay, Walk.pay, Walk.submit, Walk.accept, Walk.refuse, Walk.rival, Walk.rival, Walk.prove),
    *(Walk.check, Walk.mine, Walk.look, Walk.look, Walk.reorganise, Walk.forget),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 11)), min_size=5, max_size=40))
async def test_no_coin_counts_twice_and_none_is_free_that_is_not_there(steps: list[tuple[object, int]]) -> None:
    async with street() as at:
        coins = [await at.money(satoshis) for satoshis in COINS]
        walk = Walk(at, coins, at.chain.height)
        await walk.ask(8)  # needs both
        for step, which in steps:
            with suppress(Refused, TxRejected, TransportError, InsufficientFunds):
                await step(walk, which)  # type: ignore[operator]  # one of the steps
            assert min(sums := await at.sums()) >= 0
            assert sum(sums) <= sum(COINS)
        await walk.settled()
