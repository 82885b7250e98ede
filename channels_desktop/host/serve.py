"""One running host, inside a program or as the process `channels-desktop host`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import json
import logging
import os
import secrets
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from channels_desktop.errors import ChannelsError, Refused, StoreError
from channels_desktop.host import tokenized
from channels_desktop.host.http import API, Api, errors
from channels_desktop.host.mailboxes import Limits, hashed
from channels_desktop.host.notify import Listeners
from channels_desktop.host.sqlite import SqliteStore

KEEP_ALIVE_SECONDS = 15
SHUTDOWN_SECONDS = 5
BACKLOG = 1024
HIGHEST_PORT = 65535
_CHUNKED_SLACK = 1


@dataclass(frozen=True, slots=True)
class Host:
    """A host that serves until it is stopped. `operator_token` opens accounts; it lies in the data folder."""

    base_url: str
    operator_token: str
    _runner: web.AppRunner
    _api: Api

    def __repr__(self) -> str:
        """Leave the token out."""
        return f"Host({self.base_url})"

    @classmethod
    async def start(
        cls,
        data: Path,
        address: str = "127.0.0.1",
        port: int = 0,
        *,
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
        insecure: bool = False,
        public_url: str = "",
    ) -> Host:
        """Serve the mailboxes in folder `data`.

        Port 0 is the port of last time where it is free, else any free one. `public_url` is the base URL that clients
        see where it is not the address itself. Raises Refused("insecure") for an address beyond this computer without
        `tls` or `insecure`, Refused("address") where it cannot be listened on, StoreError where the folder is in use.
        """
        limits = limits or Limits()
        if not (tls or insecure or _is_loopback(address)):
            raise Refused("insecure", "an address beyond this computer needs TLS, or --insecure")
        listeners = Listeners()
        store = await SqliteStore.open(data, listeners.wake)
        try:
            listening = await asyncio.to_thread(_bind, data, address, port)
            base_url = public_url or _base_url(address, listening.getsockname()[1], secure=tls is not None)
            operator = await asyncio.to_thread(_operator_token, data)
            api = Api(store, listeners, limits, time.time_ns, hashed(operator), base_url.rstrip("/"))
            runner = await _serve(api, listening, tls)
        except BaseException:
            await store.close()
            raise
        return cls(api.base_url, operator, runner, api)

    async def stop(self) -> None:
        """Close all connections and the store."""
        await self._api.listeners.close()
        await self._runner.cleanup()
        await self._api.store.close()


async def _serve(api: Api, listening: socket.socket, tls: ssl.SSLContext | None) -> web.AppRunner:
    app = web.Application(middlewares=[errors], client_max_size=api.limits.message_bytes + _CHUNKED_SLACK)
    app[API] = api
    app.add_routes(tokenized.routes())
    # Tokens travel in URLs and headers, which both of aiohttp's own logs repeat; `errors` logs what goes wrong.
    silent = logging.getLogger(f"{__name__}.requests")
    silent.setLevel(logging.CRITICAL + 1)
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=silent,
        auto_decompress=False,  # bytes are stored as they come, and nothing grows on the way
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        shutdown_timeout=SHUTDOWN_SECONDS,
    )
    try:
        await runner.setup()
        await web.SockSite(runner, listening, ssl_context=tls, backlog=BACKLOG).start()
    except BaseException:
        await runner.cleanup()
        listening.close()
        raise
    return runner


def _bind(data: Path, address: str, port: int) -> socket.socket:
    """Return a bound socket; port 0 prefers the port kept in the data folder."""
    kept = data / "port"
    wanted = [port]
    if port == 0:
        with contextlib.suppress(OSError, ValueError):
            wanted.insert(0, int(kept.read_text("ascii")))
    for number in wanted:
        if not 0 <= number <= HIGHEST_PORT:  # tried, it would leave a socket behind
            continue
        try:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            listening = socket.create_server((address, number), family=family, backlog=BACKLOG)
        except (OSError, UnicodeError):
            continue
        _write_private(kept, str(listening.getsockname()[1]))
        return listening
    raise Refused("address", f"cannot listen on {address} port {port}")


def _operator_token(data: Path) -> str:
    """Return the operator's token, made once and kept readable by the owner alone."""
    path = data / "operator_token"
    try:
        with contextlib.suppress(FileNotFoundError):
            if token := path.read_text("ascii").strip():
                return token
        token = secrets.token_urlsafe(32)
        _write_private(path, token)
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"the operator's token cannot be read or written: {error}") from None
    return token


def _write_private(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)


def _base_url(address: str, port: int, *, secure: bool) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"{'https' if secure else 'http'}://{host}:{port}"


def _is_loopback(address: str) -> bool:
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def main(arguments: list[str]) -> int:
    """Run `channels-desktop host` with `arguments`; return the exit code.

    One line of JSON with `base_url` and `operator_token` on the standard output says that the host is ready; it then
    serves until SIGTERM or SIGINT.
    """
    options = _parser().parse_args(arguments)
    try:
        asyncio.run(_run(options))
    except ChannelsError as error:
        print(f"channels-desktop host: {error}", file=sys.stderr)  # noqa: T201 - words to a terminal
        return 1
    return 0


async def _run(options: argparse.Namespace) -> None:
    address, _, port = options.listen.rpartition(":")
    if not address or not port.isdigit():
        raise Refused("address", "--listen takes ADDRESS:PORT")
    stop = asyncio.Event()
    _on_signals(stop.set)
    host = await Host.start(
        options.data,
        address.strip("[]"),
        int(port),
        tls=_tls(options.certificate, options.key),
        insecure=options.insecure,
        public_url=options.public_url,
    )
    ready = {"base_url": host.base_url, "operator_token": host.operator_token}
    print(json.dumps(ready), flush=True)  # noqa: T201 - the one line that whoever started us waits for
    try:
        await stop.wait()
    finally:
        await host.stop()


def _on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop)
        except NotImplementedError:  # Windows: signals come through the interpreter alone
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise Refused("certificate", str(error)) from None
    return context


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="channels-desktop host", description="Serve peer channels: mailboxes.")
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="ADDR:PORT", help="where to listen; port 0 chooses")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the folder of all mailboxes")
    parser.add_argument("--public-url", default="", metavar="URL", help="the base URL that clients see")
    parser.add_argument("--certificate", type=Path, metavar="FILE", help="a TLS certificate chain (PEM)")
    parser.add_argument("--key", type=Path, metavar="FILE", help="the certificate's private key (PEM)")
    parser.add_argument("--insecure", action="store_true", help="listen beyond this computer without TLS")
    return parser
