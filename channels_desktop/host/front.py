"""The side of a host that faces its clients: where it listens, over TLS or not, and how it stops listening."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from channels_desktop.errors import Refused
from channels_desktop.host import dialects, folder, metrics, operator, resources
from channels_desktop.host.bounds import Bodies
from channels_desktop.host.connections import Connections
from channels_desktop.host.express import Express
from channels_desktop.host.http import API, Api, errors, sign
from channels_desktop.host.metrics import HEALTH, METRICS, Metrics
from channels_desktop.host.options import Options
from channels_desktop.host.tasks import Health

GOODBYE_SECONDS = 3
SHUTDOWN_SECONDS = 5
HANDSHAKE_SECONDS = 10
BACKLOG = 1024
HIGHEST_PORT = 65535

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Front:
    """An open door: what serves its clients."""

    api: Api
    _runner: web.AppRunner
    _server: asyncio.Server
    _connections: Connections

    @classmethod
    async def open(
        cls, api: Api, counted: Metrics, chosen: Options, listening: socket.socket, tls: ssl.SSLContext | None
    ) -> Front:
        """Serve clients that connect to `listening`."""
        bounds = resources.affordable(chosen.bounds)
        bodies = Bodies(bounds, chosen.limits.message_bytes)
        connections = Connections(bounds, counted.turned_away, Express(api, counted, bodies, bounds).take)
        counted.connections.set_function(lambda: connections.count)
        counted.body_bytes.set_function(lambda: bodies.taken)
        app = web.Application(
            middlewares=[counted.observed, errors, bodies.received],
            client_max_size=chosen.limits.message_bytes,
        )
        app[API], app[METRICS], app[HEALTH] = api, counted, Health(api.store, counted.tasks)
        app.on_response_prepare.append(_sign)
        app.add_routes([*metrics.routes(), *operator.routes(), *dialects.routes()])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        try:
            await runner.setup()
            assert runner.server is not None  # noqa: S101 - made by setup
            runner.server.request_handler = connections.followed(runner.server.request_handler)
            server = await asyncio.get_running_loop().create_server(
                connections.maker(runner.server),
                sock=listening,
                ssl=tls,
                backlog=BACKLOG,
                ssl_handshake_timeout=HANDSHAKE_SECONDS if tls else None,
            )
        except BaseException:
            await runner.cleanup()
            raise
        return cls(api, runner, server, connections)

    async def close(self) -> None:
        """Take no more connections, say good-bye on sockets, finish requests."""
        self._server.close()
        with contextlib.suppress(TimeoutError):  # some do not read, not even a good-bye
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self.api.listeners.close()
        self._connections.cut_off_watched()
        await self._runner.cleanup()


async def _sign(_request: web.Request, answer: web.StreamResponse) -> None:
    """Sign what is sent before its handler ends, too: websockets."""
    sign(answer)


def bind(data: Path, address: str, port: int) -> socket.socket:
    """Return a bound socket; port 0 prefers the port kept in the data folder."""
    wanted = [port]
    if port == 0:
        with contextlib.suppress(ValueError):
            wanted.insert(0, int(folder.kept(data / folder.PORT)))
    for number in wanted:
        if not 0 <= number <= HIGHEST_PORT:  # tried, it would leave a socket behind
            continue
        try:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            both = ":" in address and _is_unspecified(address) and socket.has_dualstack_ipv6()
            listening = socket.create_server((address, number), family=family, backlog=BACKLOG, dualstack_ipv6=both)
        except (OSError, UnicodeError):
            continue
        folder.note(data / folder.PORT, str(listening.getsockname()[1]))
        return listening
    raise Refused("address", f"cannot listen on {address} port {port}")


def base_url(address: str, port: int, *, secure: bool) -> str:
    """Return the URL under which this computer reaches a host that listens on `address`."""
    if _is_unspecified(address):
        address = "::1" if ":" in address else "127.0.0.1"
    host = f"[{address}]" if ":" in address else address
    return f"{'https' if secure else 'http'}://{host}:{port}"


def _is_unspecified(address: str) -> bool:
    """Whether an address means all of this computer's."""
    try:
        return ipaddress.ip_address(address).is_unspecified
    except ValueError:
        return False


def is_loopback(address: str) -> bool:
    """Whether only this computer reaches `address`."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def tls_context(chosen: Options) -> ssl.SSLContext:
    """Return what speaks TLS with the chosen certificate; raise Refused("certificate") where there is none."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    load_certificate(context, chosen)
    return context


def load_certificate(context: ssl.SSLContext, chosen: Options) -> None:
    """Read the certificate, for connections from now on; raise Refused("certificate") where there is none."""
    try:
        context.load_cert_chain(str(chosen.certificate), chosen.key, lambda: "")  # nobody is asked for a password
    except (OSError, ssl.SSLError) as error:
        raise Refused("certificate", str(error)) from None
