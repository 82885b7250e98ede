"""A desk on a street: with a chain, money, and a watch that looks when it is told to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from channels_desktop.adapters.faucet import Faucet, SmallMiner
from channels_desktop.adapters.memory import ManualClock
from channels_desktop.adapters.small_chain import MemoryChain, SmallChain
from channels_desktop.bitcoin.expanded_tx import AncestorTx, ExpandedTx
from channels_desktop.bitcoin.headers import HeaderChain
from channels_desktop.bitcoin.keys import PrivateKey
from channels_desktop.bitcoin.templates import p2pkh_to
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput, sign_input
from channels_desktop.engine import payments, wallet
from channels_desktop.engine.chain_watch import ChainWatch
from channels_desktop.engine.commands import Act
from channels_desktop.engine.payment_rows import payment_row
from channels_desktop.engine.projection import wallet_row
from channels_desktop.engine.records import OwnCoin
from channels_desktop.engine.reviews import Inputs
from channels_desktop.engine.rows import Action, HistoryRow, PaymentRow, PaymentState, WalletRow
from channels_desktop.protocols.ids import Uuid
from channels_desktop.protocols.invoices.messages import Transfer, TransferAccept, TransferRequest
from channels_desktop.protocols.response import Response
from tests.scenarios.people import CONSENTS
from tests.unit.engine.desk import AT, Desk, desk, write
from tests.unit.protocols.samples import FEES, PAYEE_KEY, invoice_script
from tests.unit.protocols.samples import invoice as invoice_of

THEIRS = p2pkh_to(PAYEE_KEY.public)
OK = Response()


@dataclass
class Street:
    """Our desk, the chain, and the peer who asks for money."""

    it: Desk
    chain: SmallChain
    faucet: Faucet
    watch: ChainWatch
    number: int = 1

    async def money(self, satoshis: int) -> Outpoint:
        """Put a confirmed coin into our wallet."""
        script = await self.it.turn(wallet.receive_script)
        raw, proof = await self.faucet.pay(script, satoshis)
        await self.watch.look()
        tx = Tx.from_bytes(raw)
        assert await self.it.turn(lambda turn: wallet.import_coin(turn, tx, proof)) == satoshis
        return Outpoint(tx.txid, 0)

    async def receive(self, *layers: object) -> None:
        """Let the peer send a message."""
        await self.it.receive(write(self.number, *layers))  # type: ignore[arg-type] # messages
        self.number += 1

    async def theirs(self, satoshis: int) -> tuple[Tx, AncestorTx]:
        """Return a confirmed transaction that pays the peer, and the same as an ancestor with its proof."""
        raw, proof = await self.faucet.pay(THEIRS, satoshis)
        tx = Tx.from_bytes(raw)
        return tx, AncestorTx(tx=tx, merkle_proofs=(proof,))

    async def asked(self, uuid: bytes, satoshis: int = 50_000, *, own: int = 0, lock: bytes = THEIRS) -> Tx:
        """Let the peer ask for money, with an input of its own of `own` satoshis; return what it asks to complete."""
        record = TxOutput(0, invoice_script(invoice_of(satoshis)))
        inputs, ancestors = (), ()
        if own:
            parent, ancestor = await self.theirs(own)
            inputs, ancestors = (TxInput(Outpoint(parent.txid, 0)),), (ancestor,)
        tx = Tx(1, inputs, (TxOutput(satoshis + own, lock), record))
        request = TransferRequest(tx=ExpandedTx(tx=tx, ancestors=ancestors), fees=FEES)
        await self.receive(Uuid(uuid=uuid), request)
        return tx

    async def act(self, uuid: bytes, action: Action, inputs: Inputs = Inputs.UNSPENT) -> None:
        """Press a button."""
        thread = await self.it.store.query(lambda reader: reader.threads.get(uuid))
        assert thread is not None
        command = Act(uuid.hex(), action, thread.version, consents=CONSENTS)
        await self.it.turn(lambda turn: payments.act(turn, command, inputs))

    async def pay(self, uuid: bytes) -> Tx:
        """Approve what was asked for; return the transaction that we signed."""
        await self.act(uuid, Action.PAY)
        sent = (await self.it.sent())[-1].find(Transfer)
        assert sent is not None
        assert sent.tx is not None
        assert sent.tx.tx is not None
        return sent.tx.tx

    async def accepted(self, uuid: bytes, tx: Tx | None = None) -> None:
        """Let the peer accept, with the transaction as it completed it."""
        full = ExpandedTx(tx=tx) if tx is not None else None
        await self.receive(Uuid(uuid=uuid), OK, TransferAccept(tx=full))

    async def card(self, uuid: bytes) -> PaymentRow:
        """Return the card of a payment."""

        def read(reader: object) -> PaymentRow:
            thread = reader.threads.get(uuid)  # type: ignore[attr-defined] # a Reader
            return payment_row(reader, thread)  # type: ignore[arg-type] # as above

        return await self.it.store.query(read)

    async def state(self, uuid: bytes) -> PaymentState:
        """Return where a payment stands."""
        return (await self.card(uuid)).state

    async def sums(self) -> tuple[int, int, int]:
        """Return what is free, coming back and held."""
        row: WalletRow = await self.it.store.query(wallet_row)
        assert row.total == row.free + row.pending + row.held
        return row.free, row.pending, row.held

    async def history(self) -> tuple[HistoryRow, ...]:
        """Return the wallet's history, less what only came in."""
        rows = await self.it.store.query(lambda reader: reader.chain.history())
        return tuple(row for row in rows if row.relationship)

    async def mine(self) -> None:
        """Add a block, and look."""
        await self.faucet.mine(1)
        await self.look()

    async def look(self) -> None:
        """Look twice: what is found the first time is asked about the second time."""
        for _ in range(2):
            await self.watch.look()

    def forget(self) -> None:
        """Let the network forget what waits, as nodes do in time."""
        self.chain.pool.clear()
        self.chain._spent_in_pool.clear()  # noqa: SLF001 - the pool and this are one

    async def rival(self, coin: Outpoint, lock: bytes = b"\x51", *, less: int = 500) -> Tx:
        """Return a transaction that spends a coin of ours elsewhere."""
        own = await self.it.store.query(lambda reader: reader.coins.get(coin))
        assert own is not None
        bare = Tx(1, (TxInput(coin),), (TxOutput(own.satoshis - less, lock),))
        return sign_input(bare, 0, self.key(own), TxOutput(own.satoshis, own.locking_script))

    def key(self, own: OwnCoin) -> PrivateKey:
        """Return the key of a coin of ours."""
        return self.it.keys.coin_key(own.context, own.key_index)


@asynccontextmanager
async def street() -> AsyncIterator[Street]:
    """Open a desk whose wallet watches a chain."""
    async with desk() as it:
        small = SmallChain()
        chain = MemoryChain(small)

        async def turn(work: object) -> None:
            await it.turn(work)  # type: ignore[arg-type] # a function of a Turn

        async def headers() -> HeaderChain:
            return it.headers

        watch = ChainWatch(
            chain=chain,
            clock=ManualClock(AT),
            store=it.store,
            headers=headers,
            run_turn=turn,
        )
        yield Street(it, small, Faucet(chain, SmallMiner(small), PrivateKey(bytes(31) + b"\x05")), watch)


def completed(tx: Tx, parent: Tx) -> Tx:
    """Return our payment as the peer completes it: its own input, the first, is signed."""
    return sign_input(tx, 0, PAYEE_KEY, parent.outputs[0])
