"""The chain port on a Bitcoin SV node over its JSON-RPC, or on whatever else speaks that.

The node needs `-txindex=1`, or it knows nothing of mined transactions. What it says is a claim: the engine checks
proofs against its own headers.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import aiohttp
import yarl

from channels_desktop.bitcoin.blocks import transactions_of
from channels_desktop.bitcoin.merkle import HEADER_SIZE, MerkleProof
from channels_desktop.bitcoin.tx import MOST_SATOSHIS, Outpoint, Tx, TxOutput, txid_text
from channels_desktop.engine.ports import TxPlace
from channels_desktop.errors import TransportError, TxRejected, WireError

MOST_HEADERS = 2000
_MOST_WAITING = 2000  # transactions of the mempool that are looked through for who spends a coin
_MOST_BLOCKS = 20  # the same for blocks, each time
_BATCH = 200
_LARGEST_ANSWER = 64 << 20  # bytes
_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)
_SATOSHIS = 100_000_000
_NOT_FOUND, _DECODE_FAILED, _MISSING_INPUTS, _REJECTED, _KNOWN = -5, -22, -25, -26, -27
_FOR_GOOD = {_DECODE_FAILED, _MISSING_INPUTS, _REJECTED}
_FOR_NOW = ("mempool full", "mempool min fee not met", "too-long-mempool-chain")
_UNAUTHORIZED = 401


class RpcError(TransportError):
    """The node answered with an error of its own; `code` is its number."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"node: {message} ({code})")
        self.code = code
        self.message = message


class AnswerTooLarge(TransportError):
    """The node's answer is larger than is read."""


class Rpc:
    """JSON-RPC to one node. `url` is like http://user:password@127.0.0.1:8332; no error and no repr shows the password.

    Every failure is a TransportError; an answer that is an error is its kind RpcError.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = yarl.URL(url)
        except ValueError:
            parsed = yarl.URL()
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise WireError("bad_node_url")
        self._url = parsed.with_user(None)
        self._authorization = aiohttp.encode_basic_auth(parsed.user or "", parsed.password or "", encoding="utf-8")
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"Rpc({self._url})"

    async def call(self, method: str, *params: object) -> Any:  # noqa: ANN401 - any JSON
        """Return the result of one call."""
        answer = await self._post({"id": 0, "method": method, "params": params})
        return _result(answer)

    async def batch(self, calls: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        """Return the results of several calls in their order; a refused one gives its RpcError as result."""
        if not calls:
            return []
        bodies = [{"id": n, "method": method, "params": params} for n, (method, params) in enumerate(calls)]
        answers = await self._post(bodies)
        if not isinstance(answers, list) or len(answers) != len(calls):
            raise TransportError(f"{self._url} gave an unusable answer")
        results: list[Any] = []
        for answer in answers:
            try:
                results.append(_result(answer))
            except RpcError as error:
                results.append(error)
        return results

    async def close(self) -> None:
        """Let go of the connections; later calls raise TransportError."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def _post(self, body: object) -> Any:  # noqa: ANN401 - any JSON
        if self._closed:
            raise TransportError(f"the line to {self._url} is closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(headers={"Authorization": self._authorization}, timeout=_TIMEOUT)
        try:
            async with self._session.post(self._url, json=body, allow_redirects=False) as response:
                if response.status == _UNAUTHORIZED:
                    raise TransportError(f"{self._url} refuses the user or password")
                return await self._read(response)
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            raise TransportError(f"{self._url}: {type(error).__name__}") from None

    async def _read(self, response: aiohttp.ClientResponse) -> Any:  # noqa: ANN401 - any JSON
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > _LARGEST_ANSWER:
                raise AnswerTooLarge(f"{self._url} sent too much")
        try:
            return json.loads(body, parse_float=Decimal)
        except (ValueError, ArithmeticError, RecursionError):  # a number may have any exponent
            raise TransportError(f"{self._url} gave an unusable answer ({response.status})") from None


def _result(answer: Any) -> Any:  # noqa: ANN401 - any JSON
    if not isinstance(answer, dict) or "result" not in answer:
        raise TransportError("the node gave an unusable answer")
    error = answer.get("error")
    if error is None:
        return answer["result"]
    code, message = (error.get("code"), error.get("message")) if isinstance(error, dict) else (None, None)
    raise RpcError(code if isinstance(code, int) else 0, str(message))


class NodeChain:
    """The chain as a node shows it; see `engine.ports.Chain` for the rules of each method."""

    def __init__(self, url: str, network: str) -> None:
        self.network = network
        self.rpc = Rpc(url)

    def __repr__(self) -> str:
        return f"NodeChain({self.rpc!r}, {self.network})"

    async def broadcast(self, raw: bytes) -> None:
        """Hand a transaction to the network; known already is success.

        Raises TxRejected where the node refuses it for good, TransportError where it may take it later.
        """
        try:
            await self.rpc.call("sendrawtransaction", raw.hex())
        except RpcError as error:
            if error.code == _KNOWN or await self._is_known(raw):
                return
            if error.code not in _FOR_GOOD or any(words in error.message for words in _FOR_NOW):
                raise
            raise TxRejected(error.message) from None

    async def _is_known(self, raw: bytes) -> bool:
        """Return whether the node has it: one that is mined and spent already is refused in many words."""
        try:
            txid = Tx.from_bytes(raw).txid
        except WireError:
            return False
        return await self.place(txid) is not TxPlace.UNKNOWN

    async def place(self, txid: bytes) -> TxPlace:
        """Return where the node has a transaction."""
        block = await self._block_of(txid)
        if block is None:
            return TxPlace.UNKNOWN
        return TxPlace.MINED if block else TxPlace.MEMPOOL

    async def _block_of(self, txid: bytes) -> str | None:
        """Return the hash of a transaction's block as text, empty while it waits, None if it is unknown."""
        try:
            answer = await self.rpc.call("getrawtransaction", txid_text(txid), True)
        except RpcError as error:
            if error.code == _NOT_FOUND:
                return None
            raise
        try:
            mined, block = answer.get("confirmations", 0) > 0, answer.get("blockhash")
        except (AttributeError, TypeError):
            mined, block = True, None
        if mined and not isinstance(block, str):
            raise TransportError("the node gave an unusable answer")
        return block if mined and block else ""

    async def proof(self, txid: bytes) -> MerkleProof | None:
        """Return the merkle proof of a mined transaction, with the block's header as its target."""
        block = await self._block_of(txid)
        if not block:
            return None
        try:
            proof = MerkleProof.from_tsc(
                await self.rpc.call("getmerkleproof2", block, txid_text(txid), False, "header")
            )
        except RpcError as error:
            if error.code == _NOT_FOUND:
                return None
            raise
        except WireError:
            raise TransportError("the node gave an unusable proof") from None
        if proof.txid != txid:
            raise TransportError("the node gave the proof of another transaction")
        return proof

    async def headers(self, locator: Sequence[bytes]) -> tuple[bytes, ...]:
        """Return up to 2000 raw headers after the newest block of `locator` in the node's best chain."""
        known = await self.rpc.batch([("getblockheader", (txid_text(block), True)) for block in locator])
        shared = [_height_in_best(answer) for answer in known]
        start = max((height for height in shared if height is not None), default=None)
        if start is None:
            raise TransportError("the node follows another chain")
        tip = await self.rpc.call("getblockcount")
        if not isinstance(tip, int):
            raise TransportError("the node gave an unusable answer")
        heights = range(start + 1, min(tip, start + MOST_HEADERS) + 1)
        hashes = await self.rpc.batch([("getblockhash", (height,)) for height in heights])
        found = [text for text in hashes if isinstance(text, str)]
        return _raw_headers(await self.rpc.batch([("getblockheader", (text, False)) for text in found]))

    async def output(self, outpoint: Outpoint) -> TxOutput | None:
        """Return an output that is unspent as far as the node knows, else None."""
        answer = await self.rpc.call("gettxout", txid_text(outpoint.txid), outpoint.index, True)
        if answer is None:
            return None
        try:
            value = Decimal(answer["value"]) * _SATOSHIS
            satoshis = int(value) if 0 <= value <= MOST_SATOSHIS else -1  # 1E+99999999 would be 40 MB
            script = bytes.fromhex(answer["scriptPubKey"]["hex"])
        except (KeyError, TypeError, ValueError, InvalidOperation, OverflowError):
            satoshis, script = -1, b""
        if not 0 <= satoshis <= MOST_SATOSHIS:
            raise TransportError("the node gave an unusable output")
        return TxOutput(satoshis, script)

    async def spenders(self, outpoints: Sequence[Outpoint], after: int) -> tuple[tuple[Tx, ...], int]:
        """Return what spends one of some outputs, from the mempool and some blocks above height `after`.

        A node has no index of spenders, so both are read and looked through.
        """
        wanted = frozenset(outpoints)
        tip = await self.rpc.call("getblockcount")
        waiting = await self.rpc.call("getrawmempool")
        if not isinstance(tip, int) or not isinstance(waiting, list):
            raise TransportError("the node gave an unusable answer")
        found = [tx for tx in await self._transactions(waiting[:_MOST_WAITING]) if _spends(tx, wanted)]
        last = min(tip, after + _MOST_BLOCKS)
        for height in range(after + 1, last + 1):
            found += await self._spenders_in(height, wanted)
        return tuple(found), max(after, last)

    async def _transactions(self, texts: Sequence[Any]) -> list[Tx]:
        """Return the transactions of some txids, less those that the node has no more."""
        answers: list[Any] = []
        for start in range(0, len(texts), _BATCH):
            batch = [text for text in texts[start : start + _BATCH] if isinstance(text, str)]
            answers += await self.rpc.batch([("getrawtransaction", (text, False)) for text in batch])
        return [tx for answer in answers if (tx := _read_tx(answer)) is not None]

    async def _spenders_in(self, height: int, wanted: frozenset[Outpoint]) -> list[Tx]:
        """Look through the block at a height of the node's best chain; one that is too large to be sent, piecewise."""
        block = await self.rpc.call("getblockhash", height)
        try:
            answer = await self.rpc.call("getblock", block, 0)
            # A block may hold many thousands: they are read beside the loop.
            return await asyncio.to_thread(_spending, bytes.fromhex(answer), wanted)
        except AnswerTooLarge:
            return await self._spenders_listed_in(block, wanted)
        except (TypeError, ValueError, WireError):
            raise TransportError("the node gave an unusable block") from None

    async def _spenders_listed_in(self, block: object, wanted: frozenset[Outpoint]) -> list[Tx]:
        answer = await self.rpc.call("getblock", block, 1)
        texts = answer.get("tx") if isinstance(answer, dict) else None
        if not isinstance(texts, list):
            raise TransportError("the node gave an unusable block")
        found: list[Tx] = []
        for start in range(0, len(texts), _BATCH):
            txs = await self._transactions(texts[start : start + _BATCH])
            found += [tx for tx in txs if _spends(tx, wanted)]
        return found

    async def close(self) -> None:
        """Let go of all connections."""
        await self.rpc.close()


def _spends(tx: Tx, outpoints: frozenset[Outpoint]) -> bool:
    return any(item.outpoint in outpoints for item in tx.inputs)


def _spending(block: bytes, outpoints: frozenset[Outpoint]) -> list[Tx]:
    return [tx for tx in transactions_of(block) if _spends(tx, outpoints)]


def _read_tx(answer: Any) -> Tx | None:  # noqa: ANN401 - any JSON
    try:
        return Tx.from_bytes(bytes.fromhex(answer))
    except (TypeError, ValueError, WireError):
        return None


def _height_in_best(answer: Any) -> int | None:  # noqa: ANN401 - any JSON
    """Return the height of a block the node has in its best chain."""
    if not isinstance(answer, dict):
        return None
    height, confirmations = answer.get("height"), answer.get("confirmations")
    known = isinstance(height, int) and isinstance(confirmations, int) and confirmations > 0
    return height if known else None


def _raw_headers(answers: Sequence[Any]) -> tuple[bytes, ...]:
    """Return the headers up to the first the node did not give (its chain may have moved in between)."""
    raw: list[bytes] = []
    for answer in answers:
        try:
            header = bytes.fromhex(answer)
        except (TypeError, ValueError):
            break
        if len(header) != HEADER_SIZE:
            break
        raw.append(header)
    return tuple(raw)
