"""Two people meet, chat, order, invoice, pay and confirm, clicking real buttons, against a real host and node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtWidgets import QApplication

from channels_desktop import headless
from channels_desktop.adapters.faucet import Faucet, NodeMiner
from channels_desktop.adapters.node import NodeChain, Rpc
from channels_desktop.adapters.node_process import RegtestNode, find_bitcoind
from channels_desktop.adapters.small_node import SmallNode
from channels_desktop.bitcoin.keys import PrivateKey
from channels_desktop.bitcoin.tx import Tx
from channels_desktop.engine.rows import PaymentState
from channels_desktop.host.serve import Host
from channels_desktop.ui.application import create_application, create_theme, show_window
from tests.e2e.users import User

FUNDS = 1_000_000


@dataclass
class Town:
    """Host, chain and two people."""

    folder: Path
    host: Host
    connection: headless.Connection
    faucet: Faucet
    alice: User
    bob: User


async def settle(folder: Path, name: str, host: Host, connection: headless.Connection, faucet: Faucet) -> User:
    """Make an account with coins and open its window."""
    profile = folder / name.lower()
    await headless.create(profile, headless.NewProfile(name, "pass", host.base_url, host.operator_token, connection))
    account = await headless.unlock(profile, "pass")
    raw, proof = await faucet.pay(await account.engine.receive_script(), FUNDS)
    await account.engine.import_coin(Tx.from_bytes(raw), proof)
    await account.close()
    return await come_home(folder, name)


async def come_home(folder: Path, name: str) -> User:
    """Open the window of an account that is there."""
    profile = folder / name.lower()
    account = await headless.unlock(profile, "pass")
    theme, preferences = create_theme(create_application(), profile)
    return User(name, account, show_window(account.engine, theme, preferences))


async def leave(user: User) -> None:
    """Close a window in order."""
    await user.window.bridge.close()
    user.window.close()
    user.window.deleteLater()
    await user.account.close()


def node_here(folder: Path) -> RegtestNode | SmallNode:
    """Return the real node, or the small chain where this computer has none."""
    program = find_bitcoind()
    return RegtestNode(program, folder / "node") if program is not None else SmallNode(password="secret")


@asynccontextmanager
async def a_town(tmp_path: Path) -> AsyncIterator[Town]:
    """Build it all and take it down again, inside one test: a fixture would let Qt run our tasks between phases."""
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(node_here(tmp_path))
        host = await Host.start(tmp_path / "host")
        stack.push_async_callback(host.stop)
        rpc, chain = Rpc(node.url), NodeChain(node.url, "regtest")
        stack.push_async_callback(rpc.close)
        stack.push_async_callback(chain.close)
        connection = headless.Connection("regtest", node.url, "a node for tests")
        faucet = Faucet(chain, NodeMiner(rpc), PrivateKey(bytes(31) + b"\x09"))
        alice = await settle(tmp_path, "Alice", host, connection, faucet)
        bob = await settle(tmp_path, "Bob", host, connection, faucet)
        both = Town(tmp_path, host, connection, faucet, alice, bob)
        try:
            yield both
        finally:
            await asyncio.gather(leave(both.alice), leave(both.bob))


async def meet(town: Town) -> None:
    """Add contact, share, copy, paste, connect, accept."""
    await town.alice.press("addContact")
    await town.alice.press("copyLink")
    await town.alice.press("close")
    assert QApplication.clipboard().text().startswith("channels:")
    await town.bob.press("emptyAlso")
    await town.bob.press("paste")
    await town.bob.press("connect")
    await town.alice.choose("Bob")
    await town.alice.press("Accept")
    await town.bob.choose("Alice")


async def test_the_main_job(tmp_path: Path) -> None:
    async with a_town(tmp_path) as town:
        await meet(town)
        await pay_for_lunch(town)


async def pay_for_lunch(town: Town) -> None:
    """Chat, order, invoice, review, pay, accept, confirm."""
    await town.alice.write("Lunch was on me")
    await town.bob.until(lambda: "Lunch was on me" in town.bob.texts(), "the text")
    await town.bob.press("pay")
    await town.bob.type_into("what", "Lunch")
    await town.bob.type_into("amount", "50000")
    await town.bob.press("Send order")
    await town.alice.sees(PaymentState.ORDERED)
    await town.alice.press("Make invoice")
    await town.bob.sees(PaymentState.INVOICED)
    await town.bob.press("Review & pay…")
    await town.bob.press("I haven't checked this contact")
    await town.bob.press("payNow")
    await town.alice.sees(PaymentState.ACCEPTED)
    await town.bob.sees(PaymentState.ACCEPTED)
    await town.faucet.mine(1)
    alices = await town.alice.sees(PaymentState.CONFIRMED)
    bobs = await town.bob.sees(PaymentState.CONFIRMED)
    assert alices.txid == bobs.txid
    assert alices.block_height == bobs.block_height > 0
    assert bobs.fee is not None
    assert (await town.alice.account.engine.status()).wallet.total == FUNDS + 50_000
    assert (await town.bob.account.engine.status()).wallet.total == FUNDS - 50_000 - bobs.fee


async def test_a_request_and_a_window_that_is_closed_in_between(tmp_path: Path) -> None:
    async with a_town(tmp_path) as town:
        await meet(town)
        for user in (town.alice, town.bob):
            await user.press("verification")
            await user.press("They match")
            await user.until(lambda user=user: "Not" not in user.button("verification").text(), "Verified")
        await leave(town.bob)
        await town.alice.press("request")
        await town.alice.type_into("what", "Concert")
        await town.alice.type_into("amount", "45000")
        await town.alice.press("Send invoice")
        await town.alice.sees(PaymentState.INVOICED)
        town.bob = await come_home(tmp_path, "Bob")
        await town.bob.choose("Alice")
        await town.bob.sees(PaymentState.INVOICED)
        await town.bob.press("Review & pay…")
        await town.bob.press("payNow")
        await town.alice.sees(PaymentState.ACCEPTED)
        await leave(town.bob)
        await town.faucet.mine(1)
        await town.alice.sees(PaymentState.CONFIRMED)
        town.bob = await come_home(tmp_path, "Bob")
        await town.bob.choose("Alice")
        await town.bob.sees(PaymentState.CONFIRMED)
        assert (await town.alice.account.engine.status()).wallet.total == FUNDS + 45_000
