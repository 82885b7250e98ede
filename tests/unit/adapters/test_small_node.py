"""The small node keeps its chain in a journal, and refuses what it does not know."""

from __future__ import annotations

from pathlib import Path

import pytest

from channels_desktop.adapters.faucet import Faucet, NodeMiner
from channels_desktop.adapters.node import NodeChain, RpcError
from channels_desktop.adapters.small_node import SmallNode
from channels_desktop.bitcoin.keys import PrivateKey, sha256
from channels_desktop.bitcoin.templates import p2pkh
from channels_desktop.errors import StoreError, TransportError

KEY = PrivateKey(sha256(b"faucet"))
SCRIPT = p2pkh(bytes(20))


async def pay(node: SmallNode, satoshis: int) -> bytes:
    chain = NodeChain(node.url, "regtest")
    try:
        _, proof = await Faucet(chain, NodeMiner(chain.rpc), KEY).pay(SCRIPT, satoshis)
    finally:
        await chain.close()
    return proof.txid


async def test_the_chain_survives_a_restart(tmp_path: Path) -> None:
    journal = tmp_path / "chain"
    async with SmallNode(password="p", journal=journal) as node:
        first = await pay(node, 1000)
        chain = NodeChain(node.url, "regtest")
        await NodeMiner(chain.rpc).reorg(1)
        await chain.close()
        tip = node.chain.blocks[-1]
    with journal.open("a", encoding="ascii") as file:
        file.write("mine 1 51")  # cut short by a crash
    async with SmallNode(password="p", journal=journal) as node:
        assert node.chain.blocks[-1] == tip
        assert node.chain.find(first) is not None
        height = node.chain.height
        await pay(node, 2000)  # the faucet finds its coins again: nothing but the payment is mined
        assert node.chain.height == height + 1
    async with SmallNode(password="p", journal=journal) as node:
        assert node.chain.height == height + 1


@pytest.mark.parametrize("content", [b"mine one 51\n", b"tx 00\n", b"dig 5\n", b"mine 1\n", b"\xff\n", b"\n"])
async def test_another_file_is_not_taken_for_a_journal(tmp_path: Path, content: bytes) -> None:
    journal = tmp_path / "chain"
    journal.write_bytes(content)
    with pytest.raises(StoreError):
        await SmallNode(password="p", journal=journal).__aenter__()
    assert journal.read_bytes() == content


async def test_a_port_in_use_is_told() -> None:
    async with SmallNode(password="p") as node:
        port = int(node.url.rpartition(":")[2])
        with pytest.raises(TransportError, match="port"):
            await SmallNode(password="p", port=port).__aenter__()


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("getblockhash", ["x"]),
        ("getblockhash", []),
        ("getblock", ["00" * 32, 0]),
        ("getblock", ["00", 0]),
        ("getblockheader", [5, True]),
        ("generatetoaddress", [1, "nowhere"]),
        ("generatetoaddress", [10**9, "mfWxJ45yp2SFn7UciZyNpvDKrzbhyfKrY8"]),
        ("getrawtransaction", ["00" * 32, True]),
        ("getmerkleproof2", ["", "00" * 32, False, "header"]),
        ("gettxout", ["00" * 31, 0, True]),
        ("sendrawtransaction", ["zz"]),
        ("sendrawtransaction", [""]),
        ("stop", []),
    ],
)
async def test_senseless_calls_are_refused(method: str, params: list[object]) -> None:
    async with SmallNode(password="p") as node:
        rpc = node.rpc()
        with pytest.raises(RpcError):
            await rpc.call(method, *params)
        await rpc.close()
