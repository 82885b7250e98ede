"""The three implementations of the Chain port with someone who makes blocks for each."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from channels_desktop.adapters.faucet import Faucet, Miner, NodeMiner, SmallMiner
from channels_desktop.adapters.node import NodeChain
from channels_desktop.adapters.node_process import RegtestNode, find_bitcoind
from channels_desktop.adapters.small_chain import MemoryChain, SmallChain
from channels_desktop.adapters.small_node import SmallNode
from channels_desktop.bitcoin.keys import PrivateKey, sha256
from channels_desktop.engine.ports import Chain

NO_NODE = "needs the Bitcoin SV node (bitcoind): python -m channels_desktop.adapters.node_process --fetch"


@dataclass
class World:
    """A chain under test and those who live on it."""

    chain: Chain
    miner: Miner
    faucet: Faucet


def _peopled(chain: Chain, miner: Miner) -> World:
    return World(chain, miner, Faucet(chain, miner, PrivateKey(sha256(b"faucet"))))


@contextlib.asynccontextmanager
async def memory_world(_: Path) -> AsyncIterator[World]:
    small = SmallChain()
    yield _peopled(MemoryChain(small), SmallMiner(small))


@contextlib.asynccontextmanager
async def small_node_world(_: Path) -> AsyncIterator[World]:
    async with SmallNode(password="secret") as node, contextlib.aclosing(_Closing(node.url)) as line:
        yield _peopled(line.chain, NodeMiner(line.chain.rpc))


@contextlib.asynccontextmanager
async def real_node_world(directory: Path) -> AsyncIterator[World]:
    program = find_bitcoind()
    if program is None:
        pytest.skip(NO_NODE)
    async with RegtestNode(program, directory) as node, contextlib.aclosing(_Closing(node.url)) as line:
        yield _peopled(line.chain, NodeMiner(line.chain.rpc))


class _Closing:
    """A line to a node that is let go at the end."""

    def __init__(self, url: str) -> None:
        self.chain = NodeChain(url, "regtest")

    async def aclose(self) -> None:
        await self.chain.close()
