"""The playground: a host, a regtest chain, and Alice and Bob with funded test wallets, each in a window of its own.

Everything lives in one folder and is found again at the next start. The host and the two apps are processes of their
own, so that any of them can be killed and started again while the others go on.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import shlex
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from channels_desktop import files, headless
from channels_desktop.adapters.faucet import Faucet, NodeMiner
from channels_desktop.adapters.folders import data_folder, make_private
from channels_desktop.adapters.kept_process import kept
from channels_desktop.adapters.node import NodeChain, Rpc
from channels_desktop.adapters.node_process import RegtestNode, fetch_bitcoind, find_bitcoind
from channels_desktop.adapters.profile_lock import acquire
from channels_desktop.adapters.small_node import SmallNode
from channels_desktop.bitcoin.keys import PrivateKey, sha256
from channels_desktop.bitcoin.tx import Tx
from channels_desktop.errors import ChannelsError, FolderUnusable, StoreError, TransportError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from contextlib import AbstractAsyncContextManager

PEOPLE = ("Alice", "Bob")
PASSPHRASE = "playground"  # noqa: S105 - test money; it is shown to whoever starts the playground
LEFT = ("host", "node", "chain", "passphrase", headless.PLAYGROUND, headless.CONNECTION)
COINS, COIN = 5, 1_000_000
MINE_AFTER = 4  # seconds that a transaction waits for its block: long enough to see "not yet in a block"


@dataclass(frozen=True, slots=True)
class Ground:
    """What runs: where the accounts' folders are and how they reach host and chain."""

    folder: Path
    host: str
    access: str
    connection: headless.Connection

    def profile(self, name: str) -> Path:
        """Return the data folder of one of the two."""
        return self.folder / name.lower()

    def window(self, name: str) -> tuple[str, ...]:
        """Return the command that opens the window of one of the two."""
        passphrase = self.folder / "passphrase"
        return _program("--profile", str(self.profile(name)), "--passphrase-file", str(passphrase))


def main(arguments: list[str]) -> int:
    """Run the playground until both windows are closed; return the exit code."""
    options = _parser().parse_args(arguments)
    sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]  # a folder's name may be no text
    try:
        folder = (options.data or data_folder("playground")).absolute()  # what is printed works from any folder
        make_private(folder)
        with acquire(folder):
            if options.fresh:
                _forget(folder)
            return asyncio.run(_run(folder, windows=not options.no_windows))
    except ChannelsError as error:
        print(f"The playground could not start: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 0


def _forget(folder: Path) -> None:
    """Delete what an earlier playground left, and nothing else that lies there."""
    for left in (folder / name for name in (*(name.lower() for name in PEOPLE), *LEFT)):
        try:
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink(missing_ok=True)
        except OSError as error:
            raise FolderUnusable.because(os.fspath(left), error) from None


async def _run(folder: Path, *, windows: bool) -> int:
    _end_on_signals(asyncio.current_task())
    async with contextlib.AsyncExitStack() as stack:
        node = await stack.enter_async_context(await _chain(folder))
        connection = headless.Connection("regtest", node.url, _words(node))
        host, access = await stack.enter_async_context(_host(folder / "host"))
        ground = Ground(folder, host, access, connection)
        rpc = Rpc(node.url)
        stack.push_async_callback(rpc.close)
        chain = NodeChain(node.url, "regtest")
        stack.push_async_callback(chain.close)
        faucet = Faucet(chain, NodeMiner(rpc), PrivateKey(sha256(b"channels-desktop playground faucet")))
        for name in PEOPLE:
            await _prepare(ground, name, faucet)
        files.write(folder / "passphrase", PASSPHRASE)
        headless.Playground(host, access, connection).save(folder)
        _announce(ground, windows=windows)
        async with asyncio.TaskGroup() as group:
            mining = group.create_task(_mine(rpc, faucet))
            try:
                await (_windows(ground) if windows else _until_told())
            finally:
                mining.cancel()
    return 0


async def _chain(folder: Path) -> AbstractAsyncContextManager[Any]:
    """Return the real node where it can be had, else the small chain."""
    program = find_bitcoind()
    if program is None:
        _say("Fetching the Bitcoin SV node…")
        with contextlib.suppress(ChannelsError):
            program = await fetch_bitcoind()
    if program is not None:
        return RegtestNode(program, folder / "node")
    return SmallNode(password=secrets.token_hex(16), journal=folder / "chain")


def _words(node: object) -> str:
    return "Bitcoin SV node, regtest" if isinstance(node, RegtestNode) else "built-in test chain"


@contextlib.asynccontextmanager
async def _host(data: Path) -> AsyncIterator[tuple[str, str]]:
    """Run a host process; yield its address and the token that opens accounts."""
    command = kept(*_program("host", "--listen", "127.0.0.1:0", "--data", str(data)))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    try:
        if process.stdout is None:
            raise TransportError("the host has no output")
        async with asyncio.timeout(20):
            line = await process.stdout.readline()
        ready = json.loads(line)
        yield ready["base_url"], ready["operator_token"]
    except (TimeoutError, ValueError):
        raise TransportError("the host did not come up") from None
    finally:
        await _end(process)


async def _prepare(ground: Ground, name: str, faucet: Faucet) -> None:
    """Make an account with coins, unless it is there; tell it where this run's chain is."""
    folder = ground.profile(name)
    if not headless.exists(folder):
        _say(f"Making an account for {name}…")
        new = headless.NewProfile(name, PASSPHRASE, ground.host, ground.access, ground.connection)
        await headless.create(folder, new)
    ground.connection.save(folder)
    account = await headless.unlock(folder, PASSPHRASE)
    try:
        status = await account.engine.status()
        if not status.wallet.total:
            for _ in range(COINS):
                raw, proof = await faucet.pay(await account.engine.receive_script(), COIN)
                await account.engine.import_coin(Tx.from_bytes(raw), proof)
    except TransportError as error:
        raise StoreError(f"{name}'s wallet could not be funded: {error}") from None
    finally:
        await account.close()


async def _mine(rpc: Rpc, faucet: Faucet) -> None:
    """Put what waits into a block, a few seconds after it came."""
    while True:
        await asyncio.sleep(MINE_AFTER)
        with contextlib.suppress(ChannelsError):  # the node or its disk may fail; the windows go on
            if await rpc.call("getrawmempool"):
                await faucet.mine(1)


async def _windows(ground: Ground) -> None:
    """Open both windows; return when both are closed by their users."""
    await asyncio.gather(*(_window(ground, name, place) for name, place in zip(PEOPLE, ("left", "right"), strict=True)))


async def _window(ground: Ground, name: str, place: str) -> None:
    """Run one app. One that is killed can be started again by hand; the playground goes on for it."""
    command = ground.window(name)
    process = await asyncio.create_subprocess_exec(*command, "--place", place)
    _say(f"{name}'s window is process {process.pid}. Kill it whenever you like: kill -9 {process.pid}")
    try:
        code = await process.wait()
        if code < 0:
            _say(f"{name}'s window was killed. Start it again: {shlex.join(command)}")
            _say("To stop everything: Ctrl+C here.")
            await _until_told()
    finally:
        await _end(process)


async def _until_told() -> None:
    """Wait for SIGINT or SIGTERM, which cancel everything."""
    await asyncio.Event().wait()


def _end_on_signals(everything: asyncio.Task[int] | None) -> None:
    if everything is None:
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl+C comes as KeyboardInterrupt
            loop.add_signal_handler(number, everything.cancel)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    elif process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    await process.wait()


def _program(*arguments: str) -> tuple[str, ...]:
    """Return a command that works from any folder: the installed script, where this program is installed."""
    script = Path(sys.executable).with_name("channels-desktop")
    return (str(script), *arguments) if script.is_file() else (sys.executable, "-m", "channels_desktop", *arguments)


def _announce(ground: Ground, *, windows: bool) -> None:
    lines: Iterable[str] = (
        f"TEST MONEY on {ground.connection.chain}. Host: {ground.host}",
        f"Data: {ground.folder}   Passphrase of both: {PASSPHRASE}",
        *(f"{name} again: {shlex.join(ground.window(name))}" for name in PEOPLE),
        f"Two windows are open: {' and '.join(PEOPLE)}." if windows else "No window is open.",
        "To stop: Ctrl+C here" + (", or close both windows." if windows else "."),
    )
    for line in lines:
        _say(line)


def _say(text: str) -> None:
    print(text, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="channels-desktop playground", description="Two people with test money.")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the folder of everything (default: yours)")
    parser.add_argument("--fresh", action="store_true", help="forget what an earlier playground left")
    parser.add_argument("--no-windows", action="store_true", help="run host and chain, and open no window")
    return parser
