"""Kill the payer's process without warning, again and again, while it pays: nothing is lost, doubled or half done."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

from channels_desktop import headless
from channels_desktop.adapters.faucet import Faucet, NodeMiner
from channels_desktop.adapters.node import NodeChain, Rpc
from channels_desktop.adapters.small_node import SmallNode
from channels_desktop.bitcoin.keys import PrivateKey
from channels_desktop.bitcoin.tx import Tx
from channels_desktop.engine import commands as ask
from channels_desktop.engine.engine import Engine
from channels_desktop.engine.rows import ContactState, PaymentRow, PaymentState
from channels_desktop.host.serve import Host
from tests.scenarios.people import Person

FUNDS = 1_000_000
LIVES = (0.0, 0.05, 0.01, 0.1, 0.02, 0.15, 0.0, 0.03, 0.2, 0.07)  # seconds until each kill
AMOUNTS = (1_000, 2_000, 3_000, 4_000)


async def account_of(folder: Path, name: str, host: Host, connection: headless.Connection, faucet: Faucet) -> None:
    """Make an account with coins."""
    new = headless.NewProfile(name, "pass", host.base_url, host.operator_token, connection)
    await headless.create(folder / name, new)
    account = await headless.unlock(folder / name, "pass")
    for _ in range(4):
        raw, proof = await faucet.pay(await account.engine.receive_script(), FUNDS // 4)
        await account.engine.import_coin(Tx.from_bytes(raw), proof)
    await account.close()


async def introduce(alice: Engine, bob: Engine) -> int:
    """Let Bob use an invite of Alice's; return the number of the relationship at Alice's."""
    a, b = Person("Alice", alice), Person("Bob", bob)
    alice.subscribe(a.hear)
    bob.subscribe(b.hear)
    await a.ready()
    await b.ready()
    invite = await alice.submit(ask.CreateInvite())
    await bob.submit(ask.UseInvite(invite.link))
    request = await a.conversation(lambda row: row.state is ContactState.RECEIVED)
    await alice.submit(ask.AnswerRequest(request.relationship, accept=True))
    await b.conversation(lambda row: row.state is ContactState.ACTIVE)
    return request.relationship


async def run_and_kill(profile: Path, lives: float) -> None:
    """Run the payer, and kill it some time after it is up."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.e2e.payer", str(profile), "pass", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), lives)
    process.kill()
    await process.wait()


async def test_the_payer_is_killed_while_it_pays(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        node = await stack.enter_async_context(SmallNode(password="secret"))
        host = await Host.start(tmp_path / "host")
        stack.push_async_callback(host.stop)
        rpc, chain = Rpc(node.url), NodeChain(node.url, "regtest")
        stack.push_async_callback(rpc.close)
        stack.push_async_callback(chain.close)
        connection = headless.Connection("regtest", node.url, "a chain for tests")
        faucet = Faucet(chain, NodeMiner(rpc), PrivateKey(bytes(31) + b"\x09"))
        for name in ("alice", "bob"):
            await account_of(tmp_path, name, host, connection, faucet)
        alice = await headless.unlock(tmp_path / "alice", "pass")
        stack.push_async_callback(alice.close)
        bob = await headless.unlock(tmp_path / "bob", "pass")
        relationship = await introduce(alice.engine, bob.engine)
        await bob.close()

        for kill in range(len(LIVES)):
            if kill < len(AMOUNTS):
                await alice.engine.submit(ask.RequestPayment(relationship, f"Part {kill}", AMOUNTS[kill]))
            await run_and_kill(tmp_path / "bob", LIVES[kill])
        bob = await headless.unlock(tmp_path / "bob", "pass")
        stack.push_async_callback(bob.close)
        await settled(alice.engine, bob.engine, relationship, faucet)


async def settled(alice: Engine, bob: Engine, relationship: int, faucet: Faucet) -> None:
    """Let the rest be paid and confirmed, and check every satoshi."""
    a, b = Person("Alice", alice), Person("Bob", bob)
    alice.subscribe(a.hear)
    bob.subscribe(b.hear)
    theirs = (await bob.conversations())[0].relationship

    async def all_there() -> list[PaymentRow] | None:
        found = await payments(bob, theirs)
        return found if len(found) == len(AMOUNTS) else None

    for row in await b.until(all_there):  # no life may have been long enough to hear of the last one
        if row.state is PaymentState.INVOICED:
            await bob.submit(ask.Act(row.thread, row.actions[0], row.version))
    for row in await payments(alice, relationship):
        await a.payment(relationship, PaymentState.ACCEPTED, PaymentState.CONFIRMED, thread=row.thread)
        await b.payment(theirs, PaymentState.ACCEPTED, PaymentState.CONFIRMED, thread=row.thread)
    await faucet.mine(1)
    for row in await payments(alice, relationship):
        await a.payment(relationship, PaymentState.CONFIRMED, thread=row.thread)
        await b.payment(theirs, PaymentState.CONFIRMED, thread=row.thread)
    paid = await payments(bob, theirs)
    assert len({row.txid for row in paid}) == len(paid) == len(AMOUNTS)
    assert {row.txid for row in paid} == {row.txid for row in await payments(alice, relationship)}
    fees = sum(row.fee or 0 for row in paid)
    assert (await alice.status()).wallet.total == FUNDS + sum(AMOUNTS)
    assert (await bob.status()).wallet.total == FUNDS - sum(AMOUNTS) - fees
    for row in paid:
        kinds = [evidence.step for evidence in await bob.evidence(row.thread)]
        assert kinds.count("payment") == 1


async def payments(engine: Engine, relationship: int) -> list[PaymentRow]:
    """Return all payments of a conversation."""
    return [row for row in await engine.entries(relationship) if isinstance(row, PaymentRow)]
