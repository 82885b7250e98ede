"""A payment is found again whatever its txid becomes, and what takes its coins decides (payments.md 1 to 3, 21)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from channels_desktop.adapters.small_chain import MemoryChain
from channels_desktop.bitcoin.expanded_tx import ExpandedTx
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput, TxOutput, sign_input, txid_text
from channels_desktop.engine import payments, wallet
from channels_desktop.engine.chain_watch import MOST_ASKED
from channels_desktop.engine.commands import RequestPayment
from channels_desktop.engine.rows import Action, PaymentState
from channels_desktop.protocols.ids import Uuid
from channels_desktop.protocols.invoices.messages import Transfer
from channels_desktop.protocols.merkle_proofs import ProofMessage
from channels_desktop.protocols.response import Response, Status
from tests.unit.engine.street import OK, THEIRS, Street, completed, street
from tests.unit.protocols.samples import NO, PAYEE_KEY

LUNCH, DINNER = b"\x0b" * 16, b"\x0c" * 16


async def parent_of(at: Street, tx: Tx) -> Tx:
    found = at.chain.find(tx.inputs[0].outpoint.txid)
    assert found is not None
    return found[0]


async def test_the_payee_s_own_signature_gives_the_payment_another_txid_and_all_goes_on() -> None:
    async with street() as at:
        await at.money(100_000)
        asked = await at.asked(LUNCH, own=3_000)
        ours = await at.pay(LUNCH)
        fee = (await at.card(LUNCH)).fee or 0
        assert await at.sums() == (0, 50_000 - fee, 50_000 + fee)
        final = completed(ours, await parent_of(at, asked))
        assert final.txid != ours.txid
        await at.accepted(LUNCH, final)
        card = await at.card(LUNCH)
        assert (card.state, card.txid) == (PaymentState.ACCEPTED, txid_text(final.txid))
        assert await at.sums() == (0, 50_000 - fee, 50_000 + fee), "each coin counts once"
        at.chain.submit(final.to_bytes())
        await at.look()
        assert await at.sums() == (50_000 - fee, 0, 0)
        await at.mine()
        assert await at.state(LUNCH) is PaymentState.CONFIRMED
        (line,) = await at.history()
        assert (line.txid, line.satoshis, line.block_height) == (txid_text(final.txid), -50_000 - fee, at.chain.height)


async def test_a_proof_of_the_completed_payment_counts_before_our_own_source_shows_it() -> None:
    async with street() as at:
        await at.money(100_000)
        asked = await at.asked(LUNCH, own=3_000)
        final = completed(await at.pay(LUNCH), await parent_of(at, asked))
        await at.accepted(LUNCH, final)
        at.chain.submit(final.to_bytes())
        await at.faucet.mine(1)
        await at.watch._fetch_headers()  # noqa: SLF001 - the headers alone
        await at.receive(ProofMessage(merkle_proof=at.chain.proof(final.txid)))
        assert await at.state(LUNCH) is PaymentState.CONFIRMED
        assert await at.it.notices() == []


@pytest.mark.parametrize("mined", [False, True])
async def test_a_payment_whose_txid_nobody_told_us_is_found_by_its_coins(*, mined: bool) -> None:
    async with street() as at:
        await at.money(100_000)
        asked = await at.asked(LUNCH, own=3_000)
        final = completed(await at.pay(LUNCH), await parent_of(at, asked))
        fee = (await at.card(LUNCH)).fee or 0
        at.chain.submit(final.to_bytes())
        await at.look()
        assert await at.state(LUNCH) is PaymentState.ACCEPTED
        assert await at.sums() == (50_000 - fee, 0, 0)
        if mined:
            await at.mine()
            assert await at.state(LUNCH) is PaymentState.CONFIRMED
        assert [line.txid for line in await at.history()] == [txid_text(final.txid)]


async def test_change_that_was_seen_under_one_txid_counts_once_when_another_is_mined() -> None:
    async with street() as at:
        await at.money(100_000)
        asked = await at.asked(LUNCH, own=3_000)
        ours = await at.pay(LUNCH)
        fee = (await at.card(LUNCH)).fee or 0
        parent = await parent_of(at, asked)
        at.chain.submit(completed(ours, parent).to_bytes())
        await at.look()
        assert await at.sums() == (50_000 - fee, 0, 0)
        at.forget()
        again = sign_input(ours, 0, PAYEE_KEY, parent.outputs[0], 0xC1)
        at.chain.submit(again.to_bytes())
        await at.mine()
        assert await at.sums() == (50_000 - fee, 0, 0)
        assert (await at.card(LUNCH)).txid == txid_text(again.txid)
        assert [line.txid for line in await at.history()] == [txid_text(again.txid)]


async def test_a_payment_that_was_refused_and_is_mined_all_the_same_counts() -> None:
    async with street() as at:
        await at.money(100_000)
        await at.asked(LUNCH)
        ours = await at.pay(LUNCH)
        await at.receive(Uuid(uuid=LUNCH), NO)
        assert await at.state(LUNCH) is PaymentState.REFUSED
        at.chain.submit(ours.to_bytes())
        await at.mine()
        assert await at.state(LUNCH) is PaymentState.CONFIRMED


async def test_a_rival_that_is_only_seen_is_shown_and_moves_nothing() -> None:
    async with street() as at:
        coin = await at.money(100_000)
        await at.asked(LUNCH)
        await at.pay(LUNCH)
        before = await at.sums()
        at.chain.submit((await at.rival(coin)).to_bytes())
        await at.look()
        card = await at.card(LUNCH)
        assert (card.state, card.reason) == (PaymentState.PAID, "contested")
        assert await at.sums() == before


async def test_a_rival_in_a_block_frees_what_it_did_not_spend_and_is_taken_in() -> None:
    async with street() as at:
        first, second = await at.money(30_000), await at.money(40_000)
        await at.asked(LUNCH)
        await at.pay(LUNCH)
        assert (await at.sums())[0] == 0, "both coins are needed"
        ours = await at.it.turn(wallet.receive_script)
        at.chain.submit((await at.rival(first, ours)).to_bytes())
        await at.mine()
        card = await at.card(LUNCH)
        assert (card.state, card.reason, card.held) == (PaymentState.FAILED, "conflict", 0)
        assert await at.sums() == (40_000 + 29_500, 0, 0), "the other coin is free, and what came to us counts"
        kept = [await at.it.store.query(lambda reader, c=coin: reader.coins.get(c)) for coin in (first, second)]
        assert [bool(coin.spent_by) for coin in kept if coin] == [True, False]
        (line,) = await at.history()
        assert line.satoshis == -500


async def test_a_reorganisation_takes_a_conflict_back_and_the_payment_may_still_win() -> None:
    async with street() as at:
        first, _ = await at.money(30_000), await at.money(40_000)
        await at.asked(LUNCH)
        ours = await at.pay(LUNCH)
        sums = await at.sums()
        rival = await at.rival(first)
        at.chain.submit(rival.to_bytes())
        await at.mine()
        assert await at.state(LUNCH) is PaymentState.FAILED
        at.chain.reorg(1)
        at.forget()
        await at.look()
        assert await at.state(LUNCH) is PaymentState.ACCEPTED
        assert await at.sums() == sums
        at.chain.submit(ours.to_bytes())
        await at.mine()
        assert await at.state(LUNCH) is PaymentState.CONFIRMED


async def test_a_payment_that_lost_stays_down_where_its_other_coin_went_elsewhere_meanwhile() -> None:
    """Both would else count the same coin as what comes back to us."""
    async with street() as at:
        first, _ = await at.money(30_000), await at.money(40_000)
        await at.asked(LUNCH)
        await at.pay(LUNCH)
        at.chain.submit((await at.rival(first)).to_bytes())
        await at.mine()
        await at.asked(DINNER, 20_000, lock=b"\x76\xa9\x14" + b"\x09" * 20 + b"\x88\xac")
        await at.pay(DINNER)
        fee = (await at.card(DINNER)).fee or 0
        at.chain.reorg(1)
        at.forget()
        await at.look()
        assert [await at.state(uuid) for uuid in (LUNCH, DINNER)] == [PaymentState.FAILED, PaymentState.PAID]
        assert await at.sums() == (0, 20_000 - fee, 20_000 + fee)


async def test_two_that_take_a_coin_each_of_one_payment_leave_none_free() -> None:
    async with street() as at:
        coins = [await at.money(30_000), await at.money(40_000)]
        await at.asked(LUNCH)
        await at.pay(LUNCH)
        for coin in coins:
            ours = await at.it.turn(wallet.receive_script)
            at.chain.submit((await at.rival(coin, ours)).to_bytes())
        await at.mine()
        assert await at.state(LUNCH) is PaymentState.FAILED
        assert await at.sums() == (70_000 - 2 * 500, 0, 0), "what came to us of both"


async def test_a_payment_that_lost_twice_stays_down_while_one_of_the_winners_is_in_a_block() -> None:
    """We are paid here, out of two coins of the peer that went elsewhere in two blocks."""
    async with street() as at:
        uuid = await ask_for_lunch(at)
        request = (await at.it.sent())[-1].messages[-1].tx.tx
        pairs = [await at.theirs(40_000), await at.theirs(40_000)]
        inputs = tuple(TxInput(Outpoint(parent.txid, 0)) for parent, _ in pairs)
        payment = replace(request, inputs=inputs, outputs=(*request.outputs, TxOutput(29_000, THEIRS)))
        rivals = []
        for place, (parent, _) in enumerate(pairs):
            payment = sign_input(payment, place, PAYEE_KEY, parent.outputs[0])
            bare = Tx(1, (TxInput(Outpoint(parent.txid, 0)),), (TxOutput(39_000, THEIRS),))
            rivals.append(sign_input(bare, 0, PAYEE_KEY, parent.outputs[0]))
        full = ExpandedTx(tx=payment, ancestors=tuple(ancestor for _, ancestor in pairs))
        await at.receive(Uuid(uuid=uuid), OK, Transfer(tx=full))
        await at.look()
        assert await at.state(uuid) is PaymentState.ACCEPTED
        for rival in rivals:
            at.forget()
            at.chain.submit(rival.to_bytes())
            await at.mine()
            assert await at.state(uuid) is PaymentState.FAILED
        at.chain.reorg(1)
        at.forget()
        await at.look()
        assert await at.state(uuid) is PaymentState.FAILED


async def test_what_was_built_on_one_txid_falls_where_the_payment_is_mined_under_another() -> None:
    async with street() as at:
        await at.money(200_000)
        asked = await at.asked(LUNCH, own=3_000)
        ours = await at.pay(LUNCH)
        parent = await parent_of(at, asked)
        at.chain.submit(completed(ours, parent).to_bytes())
        await at.look()
        await at.asked(DINNER, 60_000, lock=b"\x76\xa9\x14" + b"\x09" * 20 + b"\x88\xac")
        await at.pay(DINNER)
        at.forget()
        at.chain.submit(sign_input(ours, 0, PAYEE_KEY, parent.outputs[0], 0xC1).to_bytes())
        await at.mine()
        assert [await at.state(uuid) for uuid in (LUNCH, DINNER)] == [PaymentState.CONFIRMED, PaymentState.FAILED]
        fee = (await at.card(LUNCH)).fee or 0
        assert await at.sums() == (150_000 - fee, 0, 0)


async def test_a_proof_of_the_new_branch_that_is_held_counts_once_its_headers_come() -> None:
    async with street() as at:
        await at.money(100_000)
        await at.asked(LUNCH)
        ours = await at.pay(LUNCH)
        at.chain.submit(ours.to_bytes())
        await at.mine()
        assert await at.state(LUNCH) is PaymentState.CONFIRMED
        at.chain.reorg(1)
        at.chain.submit(ours.to_bytes())
        at.chain.mine(2)
        await at.receive(ProofMessage(merkle_proof=at.chain.proof(ours.txid)))
        await at.watch._fetch_headers()  # noqa: SLF001 - the headers alone
        assert await at.state(LUNCH) is PaymentState.CONFIRMED


async def test_a_payment_that_comes_again_after_its_proof_is_answered_with_the_proof_again() -> None:
    async with street() as at:
        uuid = await ask_for_lunch(at)
        request = (await at.it.sent())[-1].messages[-1].tx.tx
        payment = await pay_us(at, uuid, request)
        await at.mine()
        await at.mine()
        assert await at.state(uuid) is PaymentState.CONFIRMED
        sent = len(await at.it.sent())
        await at.receive(Uuid(uuid=uuid), OK, Transfer(tx=ExpandedTx(tx=payment)))
        answers = (await at.it.sent())[sent:]
        assert [type(answer.messages[-1]).__name__ for answer in answers] == ["TransferAccept", "ProofMessage"]
        assert answers[-1].messages[-1].merkle_proof == at.chain.proof(payment.txid)


async def test_what_the_wallet_does_not_reckon_with_is_asked_about_once_a_block() -> None:
    """Whoever we ask for money can send us payments that spend what never was."""
    asked: list[int] = []

    class Counting(MemoryChain):
        async def output(self, outpoint: Outpoint) -> TxOutput | None:
            asked.append(outpoint.index)
            return await super().output(outpoint)

    async with street() as at:
        uuid = await ask_for_lunch(at)
        request = (await at.it.sent())[-1].messages[-1].tx.tx
        await at.act(uuid, Action.WITHDRAW)
        inputs = tuple(TxInput(Outpoint(b"\x07" * 32, index)) for index in range(200))
        invented = replace(request, inputs=inputs, outputs=request.outputs)
        await at.receive(Uuid(uuid=uuid), OK, Transfer(tx=ExpandedTx(tx=invented)))
        at.watch._chain = Counting(at.chain)  # noqa: SLF001 - the source of this watch
        await at.look()
        await at.look()
        assert len(asked) == MOST_ASKED
        await at.mine()
        assert len(asked) == 2 * MOST_ASKED


async def test_a_payment_that_wins_in_another_branch_wins_whichever_news_comes_first() -> None:
    """The peer's proof of the new branch is here before our source shows the branch that drops the rival."""
    async with street() as at:
        coin = await at.money(100_000)
        await at.asked(LUNCH)
        ours = await at.pay(LUNCH)
        fee = (await at.card(LUNCH)).fee or 0
        at.chain.submit((await at.rival(coin)).to_bytes())
        await at.mine()
        assert await at.state(LUNCH) is PaymentState.FAILED
        at.chain.reorg(1)
        at.forget()
        at.chain.submit(ours.to_bytes())
        at.chain.mine(1)
        await at.receive(ProofMessage(merkle_proof=at.chain.proof(ours.txid)))
        await at.look()
        assert await at.state(LUNCH) is PaymentState.CONFIRMED
        assert await at.sums() == (50_000 - fee, 0, 0)


async def test_blocks_that_replace_others_are_searched_for_rivals_too() -> None:
    async with street() as at:
        coin = await at.money(100_000)
        await at.asked(LUNCH)
        await at.pay(LUNCH)
        rival = await at.rival(coin)
        await at.faucet.mine(3)
        at.chain._spent_in_pool.add(coin)  # noqa: SLF001 - spent, and nobody says by what: the blocks are searched
        await at.look()
        (watch,) = await at.it.store.query(lambda reader: reader.chain.watches_of(LUNCH))
        assert watch.searched == at.chain.height
        at.chain._start(at.chain.blocks[:-2])  # noqa: SLF001 - a branch with something in it
        at.chain._forks += 1  # noqa: SLF001 - as above
        at.chain.submit(rival.to_bytes())
        at.chain.mine(3)
        await at.look()
        assert await at.state(LUNCH) is PaymentState.FAILED


async def test_what_was_built_on_a_payment_that_lost_falls_with_it_and_stands_up_with_it() -> None:
    async with street() as at:
        coin = await at.money(200_000)
        await at.asked(LUNCH)
        lunch = await at.pay(LUNCH)
        at.chain.submit(lunch.to_bytes())
        await at.look()
        await at.asked(DINNER, 60_000, lock=b"\x76\xa9\x14" + b"\x09" * 20 + b"\x88\xac")
        dinner = await at.pay(DINNER)
        assert {item.outpoint.txid for item in dinner.inputs} == {lunch.txid}, "it spends our change"
        at.forget()
        at.chain.submit((await at.rival(coin)).to_bytes())
        await at.mine()
        assert [await at.state(uuid) for uuid in (LUNCH, DINNER)] == [PaymentState.FAILED] * 2
        assert await at.sums() == (0, 0, 0)
        at.chain.reorg(1)
        at.forget()
        await at.look()
        assert [await at.state(uuid) for uuid in (LUNCH, DINNER)] == [PaymentState.ACCEPTED] * 2
        for tx in (lunch, dinner):
            at.chain.submit(tx.to_bytes())
        await at.mine()
        assert [await at.state(uuid) for uuid in (LUNCH, DINNER)] == [PaymentState.CONFIRMED] * 2
        fees = sum([(await at.card(uuid)).fee or 0 for uuid in (LUNCH, DINNER)])
        assert await at.sums() == (200_000 - 110_000 - fees, 0, 0)


async def test_the_payee_hears_of_a_payment_that_it_refused_or_took_back() -> None:
    """We are paid here: the peer pays our invoice after we took it back, and publishes the payment itself."""
    async with street() as at:
        uuid = await ask_for_lunch(at)
        request = (await at.it.sent())[-1].messages[-1].tx.tx
        await at.act(uuid, Action.WITHDRAW)
        payment = await pay_us(at, uuid, request)
        refusal = [(r.status, r.code) for s in await at.it.sent() if (r := s.find(Response))][-1]
        assert refusal == (Status.REJECT, 102)
        assert await at.state(uuid) is PaymentState.WITHDRAWN
        at.chain.submit(payment.to_bytes())
        await at.look()
        assert await at.state(uuid) is PaymentState.ACCEPTED
        assert await at.sums() == (50_000, 0, 0)
        await at.mine()
        assert await at.state(uuid) is PaymentState.CONFIRMED


async def ask_for_lunch(at: Street) -> bytes:
    command = RequestPayment(at.it.peer, "lunch", 50_000)
    return bytes.fromhex(await at.it.turn(lambda turn: payments.request(turn, command)))


async def pay_us(at: Street, uuid: bytes, request: Tx) -> Tx:
    parent, ancestor = await at.theirs(80_000)
    change = TxOutput(29_000, THEIRS)
    filled = replace(request, inputs=(TxInput(Outpoint(parent.txid, 0)),), outputs=(*request.outputs, change))
    payment = sign_input(filled, 0, PAYEE_KEY, parent.outputs[0])
    await at.receive(Uuid(uuid=uuid), OK, Transfer(tx=ExpandedTx(tx=payment, ancestors=(ancestor,))))
    return payment
