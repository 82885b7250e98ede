"""A real PostgreSQL for tests, from the system's own binaries: one server per test run, one schema per test.

The server listens on a Unix socket in a folder of its own. It refuses to run as root, so root starts it as another
user. A test that wants one where none is installed is skipped.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

WAIT_SECONDS = 60
USER = "channels"
PORT = 5432  # only part of the socket's name
# Ends when its input does, and that when this process does, however that comes about.
KEEPER = 'cat >/dev/null; "$0" stop --mode=immediate --pgdata="$1/data"; rm -rf "$1"'
SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "shared_buffers": "64MB",
    "max_connections": "100",
    "log_min_messages": "fatal",
}


class Server:
    """A server on a cluster of its own in a temporary folder; `durable` keeps fsync on, which only a bench needs."""

    def __init__(self, programs: Path, *, durable: bool = False) -> None:
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: the name of a Unix socket has at most 107 bytes
        self._owner = _owner()
        self._names = itertools.count(1)
        self.url = f"postgresql://{USER}@/postgres?host={self._folder}&port={PORT}"
        if "user" in self._owner:
            shutil.chown(self._folder, self._owner["user"], self._owner["group"])
        self._settings = {**SETTINGS, "unix_socket_directories": str(self._folder)}
        if not durable:
            self._settings |= {"fsync": "off", "full_page_writes": "off"}
        self._keeper = subprocess.Popen(
            ["/bin/sh", "-c", KEEPER, programs / "pg_ctl", self._folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
            **self._owner,
        )
        self._run("initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--no-locale", f"--username={USER}")
        self.start()

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        options = " ".join(f"-c {name}='{value}'" for name, value in self._settings.items())
        self._run("pg_ctl", "start", "--wait", f"--log={self._folder / 'log'}", f"--options={options}")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; `immediate` is what a crash of it is."""
        self._run("pg_ctl", "stop", "--wait", f"--mode={mode}")

    def restart(self, mode: str = "immediate") -> None:
        """Stop and start the server; it recovers from what was written when it was stopped."""
        self.stop(mode)
        self.start()

    def remove(self) -> None:
        """Stop the server and delete its folder."""
        self._keeper.communicate(timeout=WAIT_SECONDS)

    @contextlib.asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """Yield the URL of what is an empty database to its user, and drop it: a schema, which is made much faster."""
        name = f"test_{next(self._names)}"
        await self.execute(f"CREATE SCHEMA {name}")
        try:
            yield f"{self.url}&search_path={name}"
        finally:
            await self.execute(f"DROP SCHEMA {name} CASCADE")

    async def execute(self, statement: str) -> list[asyncpg.Record]:
        """Run a statement as the server's administrator."""
        session: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(self.url)
        try:
            return await session.fetch(statement)
        finally:
            await session.close()

    async def processes(self) -> list[int]:
        """Return the ids of the server's processes, the first of which makes the others."""
        first = await asyncio.to_thread((self._folder / "data" / "postmaster.pid").read_text, "ascii")
        others = await self.execute("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        return [int(first.splitlines()[0]), *(row["pid"] for row in others)]

    def _run(self, program: str, *arguments: str) -> None:
        with (self._folder / "words").open("w+") as words:  # a pipe would stay open in the server that pg_ctl starts
            command = [str(self._programs / program), f"--pgdata={self._folder / 'data'}", *arguments]
            try:
                subprocess.run(
                    command, check=True, cwd="/", stdout=words, stderr=words, timeout=WAIT_SECONDS, **self._owner
                )
            except subprocess.CalledProcessError as error:
                words.seek(0)
                error.add_note(words.read())
                raise


def _owner() -> dict[str, Any]:
    """Return what makes a program run as a user whom the server accepts."""
    if os.geteuid() != 0:
        return {}
    import pwd  # noqa: PLC0415 - there is none on Windows

    users = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = users.get("postgres") or users["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def programs() -> Path | None:
    """Return the folder of the server's programs; Debian keeps them off the search path, one folder per version."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parent.parent.name))
    return versions[-1].parent if versions else None


@functools.cache
def server() -> Server:
    """Return the server of this test run, started by the first test that wants it; this holds the loop."""
    found = programs()
    if found is None or sys.platform == "win32":
        pytest.skip("PostgreSQL is not installed: there is no initdb (Debian's package postgresql)")
    started = Server(found)
    atexit.register(started.remove)
    return started


@contextlib.asynccontextmanager
async def database() -> AsyncIterator[str]:
    """Yield the URL of an empty database on this run's server; skip the test where there is no PostgreSQL."""
    running = await asyncio.to_thread(server)
    async with running.database() as url:
        yield url
