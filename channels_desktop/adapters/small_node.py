"""A SmallChain behind the JSON-RPC of a Bitcoin SV node: the calls this project makes, and no others.

It stands in where no real node runs. What it was told is kept in an append-only file of plain lines, and telling it
again gives the same chain: SmallChain looks at no clock and no randomness.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp import web

from channels_desktop import files
from channels_desktop.adapters.node import Rpc
from channels_desktop.adapters.small_chain import Block, SmallChain
from channels_desktop.bitcoin.templates import read_address
from channels_desktop.bitcoin.tx import Outpoint, txid_bytes, txid_text
from channels_desktop.errors import ChannelsError, StoreError, TransportError, TxRejected, WireError

_LARGEST_REQUEST = 64 << 20  # bytes
_INVALID, _NOT_FOUND, _OUT_OF_RANGE, _DECODE_FAILED, _MISSING, _REJECTED, _KNOWN = -1, -5, -8, -22, -25, -26, -27
_NO_METHOD = -32601
_MOST_BLOCKS = 1000
_SATOSHIS = 100_000_000


class _Refusal(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class SmallNode:
    """The server; an async context manager. `url` (with user and password) is what NodeChain takes.

    `journal` is the file the chain is kept in, None for a chain that ends with the process. Raises StoreError if the
    file cannot be used, TransportError if the port cannot.
    """

    def __init__(self, *, password: str, port: int = 0, journal: Path | None = None) -> None:
        self.chain = SmallChain()
        self._authorization = aiohttp.encode_basic_auth("small", password)
        self._password = password
        self._port = port
        self._journal = journal
        self._runner: web.AppRunner | None = None
        self._methods: Mapping[str, Callable[..., object]] = {
            "generatetoaddress": self._generate,
            "getblock": self._block,
            "getblockcount": lambda: self.chain.height,
            "getblockhash": self._block_hash,
            "getblockheader": self._header,
            "getmerkleproof2": self._proof,
            "getrawmempool": lambda: [txid_text(txid) for txid in self.chain.pool],
            "getrawtransaction": self._transaction,
            "gettxout": self._output,
            "invalidateblock": self._invalidate,
            "sendrawtransaction": self._send,
        }

    @property
    def url(self) -> str:
        """Where it listens, with user and password."""
        return f"http://small:{self._password}@127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        self._replay()
        app = web.Application(client_max_size=_LARGEST_REQUEST)
        app.router.add_post("/", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise TransportError(f"port {self._port}: {error.strerror}") from None
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def rpc(self) -> Rpc:
        """Return a new line to this node."""
        return Rpc(self.url)

    async def _answer(self, request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), self._authorization.encode()):
            return web.Response(status=401)
        try:
            asked = json.loads(await request.read())
        except (ValueError, RecursionError):
            return web.json_response({"result": None, "error": {"code": -32700, "message": "Parse error"}, "id": None})
        if isinstance(asked, list):
            return web.json_response([self._call(one) for one in asked])
        answer = self._call(asked)
        return web.json_response(answer, status=500 if answer["error"] else 200)

    def _call(self, asked: object) -> dict[str, Any]:
        call = asked if isinstance(asked, dict) else {}
        answer: dict[str, Any] = {"result": None, "error": None, "id": call.get("id")}
        try:
            answer["result"] = self._perform(str(call.get("method")), call.get("params", []))
        except _Refusal as refusal:
            answer["error"] = {"code": refusal.code, "message": refusal.message}
        return answer

    def _perform(self, method: str, params: object) -> object:
        if method not in self._methods:
            raise _Refusal(_NO_METHOD, "Method not found")
        try:
            return self._methods[method](*params)  # type: ignore[misc] # a wrong type is a refusal
        except TxRejected as error:
            code = {"Missing inputs": _MISSING, "TX decode failed": _DECODE_FAILED}.get(error.reason, _REJECTED)
            raise _Refusal(code, error.reason) from None
        except (ChannelsError, TypeError, ValueError) as error:
            raise _Refusal(_INVALID, f"bad parameters: {type(error).__name__}") from None

    def _generate(self, count: int, address: str) -> list[str]:
        if not 0 <= count <= _MOST_BLOCKS:
            raise _Refusal(_OUT_OF_RANGE, "too many blocks")
        try:
            script = read_address(address, SmallChain.network)
        except WireError:
            raise _Refusal(_NOT_FOUND, "Error: Invalid address") from None
        headers = self.chain.mine(count, script)
        self._note(f"mine {count} {script.hex()}")
        return [txid_text(header.hash) for header in headers]

    def _send(self, text: str) -> str:
        raw = bytes.fromhex(text)
        waiting = len(self.chain.pool)
        txid = self.chain.submit(raw)
        if len(self.chain.pool) == waiting:
            raise _Refusal(_KNOWN, "257: txn-already-known")
        self._note(f"tx {text}")
        return txid_text(txid)

    def _invalidate(self, block: str) -> None:
        """Forget a block and all after it. Unlike a real node this one at once puts others in their place."""
        depth = self.chain.height + 1 - self._find(block).header.height
        self.chain.reorg(depth)
        self._note(f"reorg {depth}")

    def _find(self, block_hash: str) -> Block:
        block = self.chain.block_of(txid_bytes(block_hash))
        if block is None:
            raise _Refusal(_NOT_FOUND, "Block not found")
        return block

    def _block(self, block_hash: str, verbosity: int) -> str:
        if verbosity != 0:
            raise _Refusal(_INVALID, "only raw blocks")
        return self._find(block_hash).to_bytes().hex()

    def _block_hash(self, height: int) -> str:
        if not 0 <= height <= self.chain.height:
            raise _Refusal(_OUT_OF_RANGE, "Block height out of range")
        return txid_text(self.chain.blocks[height].header.hash)

    def _header(self, block_hash: str, verbose: bool) -> object:  # noqa: FBT001 - the protocol's parameters have places
        header = self._find(block_hash).header
        depth = self.chain.height + 1 - header.height
        return {"height": header.height, "confirmations": depth} if verbose else header.raw.hex()

    def _transaction(self, text: str, verbose: bool) -> object:  # noqa: FBT001 - as above
        found = self.chain.find(txid_bytes(text))
        if found is None:
            raise _Refusal(_NOT_FOUND, "No such mempool or blockchain transaction.")
        tx, block = found
        where: dict[str, object] = {}
        if block is not None:
            depth = self.chain.height + 1 - block.header.height
            where = {"blockhash": txid_text(block.header.hash), "confirmations": depth}
        raw = tx.to_bytes().hex()
        return {"hex": raw, **where} if verbose else raw

    def _proof(self, _: str, text: str, full: bool, target: str) -> object:  # noqa: FBT001 - as above
        proof = self.chain.proof(txid_bytes(text))
        if proof is None or full or target != "header":
            raise _Refusal(_NOT_FOUND, "Transaction(s) not found in provided block")
        nodes = ["*" if node is None else txid_text(node) for node in proof.nodes]
        where = {"targetType": "header", "target": proof.header.hex()}
        return {"index": proof.index, "txOrId": text, **where, "nodes": nodes}

    def _output(self, text: str, index: int, _: bool) -> object:  # noqa: FBT001 - as above
        output = self.chain.output(Outpoint(txid_bytes(text), index))
        if output is None:
            return None
        return {"value": output.satoshis / _SATOSHIS, "scriptPubKey": {"hex": output.locking_script.hex()}}

    def _replay(self) -> None:
        """Tell the chain again what the journal holds; a last line that a crash cut short never happened."""
        if self._journal is None or not self._journal.exists():
            return
        try:
            content = self._journal.read_bytes()
            whole = content[: content.rfind(b"\n") + 1]
            if whole != content:
                files.write(self._journal, whole)
            for line in whole.decode("ascii").splitlines():
                self._tell_again(*line.split())
        except (OSError, ValueError, TypeError, ChannelsError) as error:
            raise StoreError(f"{self._journal} cannot be used: {type(error).__name__}") from None

    def _tell_again(self, word: str, *values: str) -> None:
        match word, values:
            case "tx", (raw,):
                self.chain.submit(bytes.fromhex(raw))
            case "mine", (count, script):
                self.chain.mine(int(count), bytes.fromhex(script))
            case "reorg", (depth,):
                self.chain.reorg(int(depth))
            case _:
                raise StoreError(f"no such line: {word}")

    def _note(self, line: str) -> None:
        if self._journal is None:
            return
        try:
            with self._journal.open("a", encoding="ascii") as file:
                file.write(line + "\n")
        except OSError as error:
            raise StoreError(f"{self._journal}: {error.strerror}") from None
