"""Lines to nodes that are wrong, absent or answer nonsense."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from channels_desktop.adapters import node
from channels_desktop.adapters.node import NodeChain, Rpc, RpcError
from channels_desktop.adapters.small_node import SmallNode
from channels_desktop.bitcoin.tx import Outpoint, Tx, TxInput
from channels_desktop.errors import TransportError, TxRejected, WireError

TXID = bytes(32)
CALLS = ("broadcast", "place", "proof", "headers", "output", "spenders")


async def ask(chain: NodeChain, call: str) -> None:
    match call:
        case "broadcast":
            await chain.broadcast(b"\x01")
        case "place":
            await chain.place(TXID)
        case "proof":
            await chain.proof(TXID)
        case "headers":
            await chain.headers((TXID,))
        case "spenders":
            await chain.spenders((Outpoint(TXID, 0),), 0)
        case _:
            await chain.output(Outpoint(TXID, 0))


class Says:
    """A server that answers each call with what it was told."""

    def __init__(self) -> None:
        self.answers: dict[str, object] = {}
        self.body: bytes | None = None
        self.url = ""

    async def serve(self, request: web.Request) -> web.Response:
        if self.body is not None:
            return web.Response(body=self.body)
        asked = await request.json()
        if isinstance(asked, Sequence):
            return web.json_response([self._answer(one) for one in asked])
        return web.json_response(self._answer(asked))

    def _answer(self, call: dict[str, Any]) -> object:
        method = str(call["method"])
        if (exactly := " ".join([method, *map(str, call.get("params", [])[1:])])) in self.answers:
            return self.answers[exactly]
        return self.answers.get(method, {"result": None, "error": {"code": -32601, "message": "Method not found"}})


@pytest_asyncio.fixture(name="says")
async def _says() -> AsyncIterator[Says]:
    says = Says()
    app = web.Application()
    app.router.add_post("/", says.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    says.url = f"http://user:secret@127.0.0.1:{runner.addresses[0][1]}"
    yield says
    await runner.cleanup()


@pytest_asyncio.fixture(name="chain")
async def _chain(says: Says) -> AsyncIterator[NodeChain]:
    chain = NodeChain(says.url, "regtest")
    yield chain
    await chain.close()


def result(value: object) -> object:
    return {"result": value, "error": None, "id": 0}


def error(code: int, message: str) -> object:
    return {"result": None, "error": {"code": code, "message": message}, "id": 0}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b"5", b"{}", b"[" * 5000, b'{"error": 5, "result": 1}'])
async def test_nonsense_is_no_answer(says: Says, chain: NodeChain, body: bytes, call: str) -> None:
    says.body = body
    with pytest.raises(TransportError):
        await ask(chain, call)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("value", [5, "zz", [], True, "00" * 80, {"confirmations": "x"}, {"confirmations": 2}])
async def test_results_of_another_shape_are_no_crash(says: Says, chain: NodeChain, value: object, call: str) -> None:
    methods = ("getrawtransaction", "getmerkleproof2", "getblockheader", "getblockcount", "getblockhash", "gettxout")
    says.answers = {method: result(value) for method in methods}
    with pytest.raises(TransportError):
        await ask(chain, call)


@pytest.mark.parametrize("block", [5, "zz", "", "00" * 81, ("00" * 80) + "01" + "00" * 9])
async def test_a_block_that_is_none_is_no_answer(says: Says, chain: NodeChain, block: object) -> None:
    says.answers = {
        "getblockcount": result(1),
        "getrawmempool": result([TXID.hex(), 5]),
        "getrawtransaction": result("zz"),
        "getblockhash": result("00" * 32),
        "getblock": result(block),
    }
    if block == "00" * 81:
        assert await chain.spenders((Outpoint(TXID, 0),), 0) == ((), 1), "a block of nothing"
        return
    with pytest.raises(TransportError):
        await chain.spenders((Outpoint(TXID, 0),), 0)


async def test_a_block_that_is_too_large_to_be_read_is_looked_through_piece_by_piece(
    says: Says, chain: NodeChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block that was passed over would hide for ever who spent a coin."""
    monkeypatch.setattr(node, "_LARGEST_ANSWER", 1000)
    spender = Tx(1, (TxInput(Outpoint(TXID, 0)),), ())
    says.answers = {
        "getblockcount": result(1),
        "getrawmempool": result([]),
        "getblockhash": result("00" * 32),
        "getblock": result("00" * 1000),
        "getblock 1": result({"tx": ["11" * 32]}),
        "getrawtransaction": result(spender.to_bytes().hex()),
    }
    assert await chain.spenders((Outpoint(TXID, 0),), 0) == ((spender,), 1)
    assert await chain.spenders((Outpoint(TXID, 1),), 0) == ((), 1)
    for wrong in (result([]), result({"tx": 5}), result({"tx": ["11" * 1000]})):
        says.answers["getblock 1"] = wrong
        with pytest.raises(TransportError):
            await chain.spenders((Outpoint(TXID, 0),), 0)


async def test_amounts_are_exact(says: Says, chain: NodeChain) -> None:
    says.answers["gettxout"] = result({"value": 20999999.97690001, "scriptPubKey": {"hex": "51"}})
    output = await chain.output(Outpoint(TXID, 0))
    assert output is not None
    assert output.satoshis == 2_099_999_997_690_001
    for impossible in (-1, 22_000_000, 1e300, "NaN", "Infinity", "x", None):
        says.answers["gettxout"] = result({"value": impossible, "scriptPubKey": {"hex": "51"}})
        with pytest.raises(TransportError):
            await chain.output(Outpoint(TXID, 0))


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (-25, "Missing inputs", TxRejected),
        (-26, "16: mandatory-script-verify-flag-failed", TxRejected),
        (-22, "TX decode failed", TxRejected),
        (-26, "66: mempool min fee not met", TransportError),
        (-26, "64: too-long-mempool-chain", TransportError),
        (-28, "Loading block index...", RpcError),
        (-9, "no peers", RpcError),
    ],
)
async def test_refusals_are_told_from_delays(
    says: Says, chain: NodeChain, code: int, message: str, kind: type[Exception]
) -> None:
    says.answers = {"sendrawtransaction": error(code, message), "getrawtransaction": error(-5, "No such transaction")}
    with pytest.raises(kind, match=message.split(":", maxsplit=1)[0]):
        await chain.broadcast(b"\x01")


async def test_a_node_of_another_chain_is_told(says: Says, chain: NodeChain) -> None:
    says.answers["getblockheader"] = error(-5, "Block not found")
    with pytest.raises(TransportError, match="another chain"):
        await chain.headers((TXID,))


async def test_no_error_and_no_repr_shows_the_password() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        chain = NodeChain(f"http://user:secret@127.0.0.1:{unused.getsockname()[1]}", "regtest")
        with pytest.raises(TransportError) as caught:
            await chain.place(TXID)
        await chain.close()
    assert "127.0.0.1" in str(caught.value)
    assert "secret" not in f"{caught.value!r}{chain!r}{vars(chain)}"


@pytest.mark.parametrize("url", ["", "node", "ftp://a:b@host", "http://", "http://[", "http://host:port"])
def test_other_texts_are_no_address_of_a_node(url: str) -> None:
    with pytest.raises(WireError, match="bad_node_url"):
        NodeChain(url, "main")


async def test_a_wrong_password_is_told() -> None:
    async with SmallNode(password="right") as node:
        rpc = Rpc(node.url.replace("right", "wrong"))
        with pytest.raises(TransportError, match="user or password"):
            await rpc.call("getblockcount")
        await rpc.close()


async def test_several_calls_travel_as_one() -> None:
    async with SmallNode(password="p") as node:
        rpc = Rpc(node.url)
        assert await rpc.batch([]) == []
        height, refused, nothing = await rpc.batch([("getblockcount", ()), ("getblockhash", (7,)), ("nothing", ())])
        await rpc.close()
    assert height == 0
    assert isinstance(refused, RpcError)
    assert (refused.code, nothing.code) == (-8, -32601)
