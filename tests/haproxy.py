"""A real HAProxy before a host, from the system's own binary: all clients share one connection to the host.

It is given a socket that listens already, so nobody has to wait until it is up, and ends with the block that uses it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

WAIT_SECONDS = 60
SETTINGS = """
global
    maxconn 100
defaults
    mode http
    http-reuse always
    timeout connect 60s
    timeout client 60s
    timeout server 60s
    timeout queue 60s
listen all
    bind fd@{listening}
    server host {host} maxconn 1
"""


@contextlib.asynccontextmanager
async def sharing(base_url: str, folder: Path) -> AsyncIterator[str]:
    """Yield the base URL of a proxy that sends all requests to the host at `base_url`, over one connection."""
    program = shutil.which("haproxy", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    assert program is not None, "HAProxy is not installed (packaging/system_packages.txt)"
    settings = folder / "haproxy.cfg"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        number = listening.fileno()
        settings.write_text(SETTINGS.format(listening=number, host=urlsplit(base_url).netloc))
        command = (program, "-q", "-db", "-f", settings)
        child = await asyncio.create_subprocess_exec(*command, pass_fds=(number,), stderr=asyncio.subprocess.PIPE)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            if child.returncode is None:
                child.kill()
            _, words = await asyncio.wait_for(child.communicate(), WAIT_SECONDS)
            assert child.returncode == -9, words.decode()
