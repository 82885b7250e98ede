"""What two people live through when the host, the node or the time is against them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput, sign_input
from channels_desktop.engine import commands as ask
from channels_desktop.engine.payments import INVOICE_VALID_FOR
from channels_desktop.engine.ports import MailboxAddress
from channels_desktop.engine.records import OwnCoin
from channels_desktop.engine.rows import Action, Link, PaymentRow, PaymentState, TextState
from channels_desktop.errors import Refused
from channels_desktop.protocols.invoices.payee import GRACE
from tests.faults.mortals import SECOND, Mortal, MortalChannels, Opened, Pair, mortals

ACCEPTED, CONFIRMED = [PaymentState.ACCEPTED] * 2, [PaymentState.CONFIRMED] * 2


async def states(pair: Pair, what: str) -> list[PaymentState]:
    rows = [await who.payment(what) for who in (pair.alice, pair.bob)]
    return [row.state for row in rows if row is not None]


async def until_states(pair: Pair, what: str, wanted: list[PaymentState]) -> list[PaymentRow]:
    async def look() -> bool:
        return await states(pair, what) == wanted

    await pair.until(look)
    rows = [await who.payment(what) for who in (pair.alice, pair.bob)]
    return [row for row in rows if row is not None]


async def until_action(pair: Pair, who: Mortal, what: str, action: Action) -> None:
    async def look() -> bool:
        row = await who.payment(what)
        return row is not None and action in row.actions

    await pair.until(look)
    await who.act(what, action)


async def pay(pair: Pair, what: str, satoshis: int = 1000) -> None:
    """Go as far as Bob's signature."""
    await pair.alice.do(ask.RequestPayment(pair.alice.relationship, what, satoshis))
    await until_action(pair, pair.bob, what, Action.PAY)


async def rival(pair: Pair) -> bytes:
    """Return a transaction by which Bob spends his first coin elsewhere, free or not."""

    def read(reader: Opened) -> OwnCoin:
        sql = "SELECT outpoint FROM coin WHERE state = 'safe' ORDER BY rowid LIMIT 1"
        ((outpoint,),) = reader.connection.execute(sql).fetchall()
        coin = reader.coins.get(Outpoint.from_bytes(outpoint))
        assert coin is not None
        return coin

    coin = await pair.bob.store.query(read)
    bare = Tx(1, (TxInput(coin.outpoint),), (TxOutput(coin.satoshis - 500, b"\x51"),))
    key = pair.bob.keys.coin_key(coin.context, coin.key_index)
    return sign_input(bare, 0, key, TxOutput(coin.satoshis, coin.locking_script)).to_bytes()


# -- the host -------------------------------------------------------------------------------------------------------


async def test_what_is_written_while_the_host_is_away_arrives_once_it_is_back(tmp_path: Path) -> None:
    async with mortals(tmp_path) as pair:
        await pay(pair, "before")
        pair.alice.host.go_offline()

        async def away() -> bool:
            lines = [(await who.engine.status()).link for who in (pair.alice, pair.bob)]
            return lines == [Link.WAITING] * 2

        await pair.until(away)
        for number in range(5):
            for who in (pair.alice, pair.bob):
                await who.do(ask.SendText(who.relationship, f"{who.name} {number}"))
        await pair.alice.do(ask.RequestPayment(pair.alice.relationship, "asked", 2000))
        await pair.bob.do(ask.OfferPayment(pair.bob.relationship, "offered", 3000))
        for _ in range(20):
            await pair.pass_time()
        assert (await pair.bob.engine.status()).waiting_to_send >= 6
        assert await pair.bob.payment("asked") is None
        pair.alice.host.come_back()
        await until_action(pair, pair.alice, "offered", Action.MAKE_INVOICE)

        async def has_change() -> bool:
            return (await pair.bob.engine.status()).wallet.free > 5000

        await pair.until(has_change)  # the first payment may have been on its way when the host went
        await until_action(pair, pair.bob, "asked", Action.PAY)
        await until_action(pair, pair.bob, "offered", Action.PAY)
        for what in ("before", "asked", "offered"):
            await until_states(pair, what, ACCEPTED)
        await pair.faucet.mine(1)
        for what in ("before", "asked", "offered"):
            await until_states(pair, what, CONFIRMED)
        await pair.settle_texts()
        await pair.check_texts()
        await pair.check_payments(3)
        await pair.check_numbers()


async def test_new_mail_at_a_host_that_was_restored_from_its_backup_is_read(tmp_path: Path) -> None:
    async with mortals(tmp_path) as pair:
        host, backup = pair.alice.host, sqlite3.connect(":memory:")
        await pay(pair, "before")
        await pair.settle_texts()
        host._db.backup(backup)  # noqa: SLF001 - what its operator would keep
        for number in range(3):
            for who in (pair.alice, pair.bob):
                await who.do(ask.SendText(who.relationship, f"{who.name} {number}"))
        await pair.settle_texts()
        used = await pair.alice.sql("SELECT max(sequence) FROM delivery GROUP BY channel_id")
        host.go_offline()
        backup.backup(host._db)  # noqa: SLF001 - and bring back
        host.come_back()
        await pair.alice.do(ask.RequestPayment(pair.alice.relationship, "after", 2000))
        for number in range(3, 9):
            for who in (pair.alice, pair.bob):
                await who.do(ask.SendText(who.relationship, f"{who.name} {number}"))
        await until_action(pair, pair.bob, "after", Action.PAY)
        await pair.settle_texts()
        await pair.check_texts()
        for what in ("before", "after"):
            await until_states(pair, what, ACCEPTED)
        await pair.faucet.mine(1)
        for what in ("before", "after"):
            await until_states(pair, what, CONFIRMED)
        await pair.check_payments(2)
        await pair.check_numbers()
        twice = "SELECT count(*) - count(DISTINCT channel_id || ' ' || sequence) FROM delivery"
        assert max(row[0] for row in used) > 3
        assert await pair.alice.sql(twice) > [(0,)], "the host did use numbers again"
        backup.close()


class Picky(MortalChannels):
    """Peer channels of a host that takes nothing while `refusing`."""

    refusing = False

    async def leave(self, to: MailboxAddress, payload: bytes) -> None:
        if self.refusing:
            self.posts.remove((to.channel_id, payload))
            raise Refused("too_large")
        await super().leave(to, payload)


async def test_a_text_that_no_host_takes_is_deleted_and_leaves_no_gap(tmp_path: Path) -> None:
    async with mortals(tmp_path, Picky) as pair:
        bob = pair.bob
        bob.channels.refusing = True
        await bob.do(ask.SendText(bob.relationship, "too much"))

        async def refused() -> bool:
            return [row.state for row in await bob.texts(mine=True)] == [TextState.NOT_SENT]

        await pair.until(refused)
        bob.channels.refusing = False
        await bob.do(ask.SendText(bob.relationship, "short"))
        for _ in range(3):
            await pair.pass_time()
        assert await pair.alice.texts(mine=False) == [], "it waits for the one before it"
        (unsent, _) = await bob.texts(mine=True)
        await bob.do(ask.DeleteText(unsent.entry))
        await pair.settle_texts()
        await pair.check_texts()
        assert [row.text for row in await pair.alice.texts(mine=False)] == ["short"]
        rows = await pair.alice.sql("SELECT state FROM message WHERE outgoing = 0 AND state <> 'processed'")
        assert rows == [], "nothing is quarantined or missing"


# -- the time -------------------------------------------------------------------------------------------------------


async def test_an_invoice_expires_on_both_sides_each_in_its_time(tmp_path: Path) -> None:
    async with mortals(tmp_path) as pair:
        await pair.alice.do(ask.RequestPayment(pair.alice.relationship, "lunch", 1000, valid_for=3600 * SECOND))
        await until_states(pair, "lunch", [PaymentState.INVOICED] * 2)
        pair.clock.advance(3600 * SECOND)
        await until_states(pair, "lunch", [PaymentState.INVOICED, PaymentState.EXPIRED])
        pair.clock.advance(GRACE)
        alices, bobs = await until_states(pair, "lunch", [PaymentState.EXPIRED] * 2)
        assert (alices.actions, bobs.actions) == ((Action.INVOICE_AGAIN,), (Action.ORDER_AGAIN,))


async def test_an_ordered_invoice_is_good_for_a_day(tmp_path: Path) -> None:
    async with mortals(tmp_path) as pair:
        await pair.bob.do(ask.OfferPayment(pair.bob.relationship, "lunch", 1000))
        await until_action(pair, pair.alice, "lunch", Action.MAKE_INVOICE)
        _, bobs = await until_states(pair, "lunch", [PaymentState.INVOICED] * 2)
        left = bobs.expiry - pair.clock.now()
        assert 0 <= INVOICE_VALID_FOR - left < 60 * SECOND
        pair.clock.advance(INVOICE_VALID_FOR + GRACE)
        await until_states(pair, "lunch", [PaymentState.EXPIRED] * 2)


# -- the chain ------------------------------------------------------------------------------------------------------


async def test_a_reorganisation_takes_the_confirmation_back_and_a_new_proof_gives_it_again(tmp_path: Path) -> None:
    async with mortals(tmp_path) as pair:
        await pay(pair, "lunch")
        await until_states(pair, "lunch", ACCEPTED)
        await pair.faucet.mine(1)
        first = [row.block_height for row in await until_states(pair, "lunch", CONFIRMED)]
        pair.chain.reorg(1)
        rows = await until_states(pair, "lunch", ACCEPTED)
        assert all(row.steps[-1].at == 0 for row in rows)
        await pair.faucet.mine(1)
        again = [row.block_height for row in await until_states(pair, "lunch", CONFIRMED)]
        assert again == [pair.chain.height] * 2
        assert again > first
        await pair.check_payments(1)
        for who in (pair.alice, pair.bob):
            (line,) = [line for line in await who.engine.history() if line.relationship]
            assert line.block_height == pair.chain.height


async def test_a_reorganisation_makes_a_plain_coin_unconfirmed_until_it_is_mined_again(tmp_path: Path) -> None:
    async with mortals(tmp_path) as pair:
        total = pair.bob.total

        async def unconfirmed(satoshis: int) -> bool:
            return (await pair.bob.engine.status()).wallet.unconfirmed == satoshis

        await pair.until(lambda: unconfirmed(0))
        await pair.until(lambda: _watched(pair))
        pair.chain.reorg(1)
        await pair.until(lambda: unconfirmed(total))
        await pair.faucet.mine(1)
        await pair.until(lambda: unconfirmed(0))


async def _watched(pair: Pair) -> bool:
    """Say whether Bob's engine has seen where all it watches is."""
    return not await pair.bob.sql("SELECT 1 FROM watch WHERE height = 0")


async def test_a_payment_the_node_refuses_is_told_and_its_coins_stay_held(tmp_path: Path) -> None:
    async with mortals(tmp_path) as pair:
        pair.chain.submit(await rival(pair))
        await pay(pair, "lunch")
        alices, bobs = await until_states(pair, "lunch", [PaymentState.INVOICED, PaymentState.REFUSED])
        assert (alices.reason, bobs.reason) == ("I:1", "I:1")
        assert "txn-mempool-conflict" in bobs.reason_note
        assert bobs.held == 1000 + (bobs.fee or 0)
        assert bobs.actions == (Action.SEND_AGAIN,)
        wallet = (await pair.bob.engine.status()).wallet
        assert (wallet.free, wallet.held) == (0, bobs.held)
        assert (await pair.alice.engine.status()).wallet.total == 0


async def test_a_payment_the_network_lost_is_handed_out_again(tmp_path: Path) -> None:
    async with mortals(tmp_path) as pair:
        await pay(pair, "lunch")
        await until_states(pair, "lunch", ACCEPTED)

        async def seen_by_both() -> bool:
            return all([await who.sql("SELECT 1 FROM watch WHERE seen = 1 AND height = 0") for who in both])

        both = (pair.alice, pair.bob)
        await pair.until(seen_by_both)
        (txid,) = pair.chain.pool
        forget_the_pool(pair)

        async def back() -> bool:
            return txid in pair.chain.pool

        await pair.until(back)
        await pair.faucet.mine(1)
        await until_states(pair, "lunch", CONFIRMED)
        await pair.check_payments(1)


async def test_a_payment_whose_coins_were_spent_elsewhere_has_failed(tmp_path: Path) -> None:
    async with mortals(tmp_path) as pair:
        other = await rival(pair)
        await pay(pair, "lunch")
        await until_states(pair, "lunch", ACCEPTED)
        both = (pair.alice, pair.bob)

        async def seen_by_both() -> bool:
            return all([await who.sql("SELECT 1 FROM watch WHERE seen = 1 AND height = 0") for who in both])

        await pair.until(seen_by_both)
        forget_the_pool(pair)
        pair.chain.submit(other)
        pair.chain.mine(1)
        alices, bobs = await until_states(pair, "lunch", [PaymentState.FAILED] * 2)
        assert (alices.reason, bobs.reason) == ("conflict", "conflict")
        assert (await pair.alice.engine.status()).wallet.total == 0


def forget_the_pool(pair: Pair) -> None:
    """Let the node start anew without the transactions that waited."""
    pair.chain._start(list(pair.chain.blocks))  # noqa: SLF001 - the small chain has no switch for it
