"""One running host, inside a program or as the process `channels-desktop host`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import ssl
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from channels_desktop.errors import ChannelsError, Misuse, Refused
from channels_desktop.host import accounts_command, folder, logs, options, resources
from channels_desktop.host.front import Front, base_url, bind, is_loopback, load_certificate, tls_context
from channels_desktop.host.http import Api
from channels_desktop.host.limits import Limits, Rates
from channels_desktop.host.listeners import Listeners
from channels_desktop.host.management import hashed
from channels_desktop.host.metrics import Measured, Metrics
from channels_desktop.host.options import Options
from channels_desktop.host.registration import IsSigned, Registration
from channels_desktop.host.stores import open_store
from channels_desktop.host.tasks import keep

PRUNE_SECONDS = 60
PRUNED_AT_ONCE = 500

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Host:
    """A host that serves until it is stopped. `operator_token` opens accounts; it lies in the data folder."""

    base_url: str
    operator_token: str
    metrics: Metrics
    _store: Measured
    _front: Front
    _chores: asyncio.Task[None]
    _tls: ssl.SSLContext | None
    _options: Options

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
        insecure: bool = False,
        public_url: str = "",
        now: Callable[[], int] = time.time_ns,
    ) -> Host:
        """Serve the mailboxes in folder `data`; port 0 is the port of last time where it is free, else any free one.

        `public_url` is the base URL that clients see where it is not the address itself. Raises what `open` raises.
        """
        listen = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        chosen = Options(data=data, listen=listen, insecure=insecure, public_url=public_url, limits=limits or Limits())
        return await cls.open(chosen, now)

    @classmethod
    async def open(
        cls,
        chosen: Options,
        now: Callable[[], int] = time.time_ns,
        is_signed: IsSigned | None = None,
        elapsed: Callable[[], int] = time.monotonic_ns,
    ) -> Host:
        """Serve as the operator chose; `now` gives nanoseconds since 1970, `is_signed` is needed for registration.

        `elapsed` gives nanoseconds that pass evenly, by which rates are kept.

        Raises Refused("insecure") for an address beyond this computer without a certificate or `insecure`,
        Refused("address") where it cannot be listened on, Refused("certificate") for one that is none, StoreError
        where the folder or the store cannot be used, as where another process has them.
        """
        address, port = chosen.place
        if not (chosen.certificate or chosen.insecure or is_loopback(address)):
            raise Refused("insecure", "an address beyond this computer needs a certificate, or --insecure")
        tls = await asyncio.to_thread(tls_context, chosen) if chosen.certificate else None
        counted, listeners = Metrics(), Listeners()
        await asyncio.to_thread(folder.make, chosen.data)
        async with contextlib.AsyncExitStack() as undo:
            opened = await open_store(
                chosen,
                listeners.wake,
                counted.committed,
                listeners.wake_all,
                listeners.told_by_others,
                counted.tasks,
            )
            store = Measured(opened, counted)
            undo.push_async_callback(store.close)
            operator_token = await asyncio.to_thread(folder.operator_token, chosen.token_file)
            listening = undo.enter_context(await asyncio.to_thread(bind, chosen.data, address, port))
            local = base_url(address, listening.getsockname()[1], secure=tls is not None)
            seen = (chosen.public_url or local).rstrip("/")
            reached = seen if tls is not None else local  # a certificate is for the name that everybody uses
            await asyncio.to_thread(folder.note, chosen.data / folder.BASE_URL, reached)
            await asyncio.to_thread(folder.note, chosen.data / folder.DATABASE, chosen.database.partition(":")[0])
            operator = hashed(operator_token)
            registration = _registration(chosen, operator, is_signed)
            api = Api(store, listeners, chosen.limits, now, operator, seen, registration, elapsed)
            front = await Front.open(api, counted, chosen, listening, tls)
            undo.pop_all()
        pruning = keep("pruning", counted.tasks, partial(_prune, api), PRUNE_SECONDS)
        chores = asyncio.get_running_loop().create_task(pruning)
        _log.info("serving", extra={"fields": {"at": local, "as": seen}})
        return cls(seen, operator_token, counted, store, front, chores, tls, chosen)

    async def stop(self) -> None:
        """Take no more connections, finish requests, say good-bye on sockets, and close the store."""
        await self._front.close()
        self._chores.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._chores
        await self._store.close()
        _log.info("stopped")

    def reload(self) -> None:
        """Read the certificate anew, for connections from now on; keep the old one where that fails."""
        if self._tls is None:
            return
        try:
            load_certificate(self._tls, self._options)
        except Refused as refused:
            _log.error("the certificate stays as it was: %s", refused)
        else:
            _log.info("the certificate was read anew")


def _registration(chosen: Options, operator: bytes, is_signed: IsSigned | None) -> Registration | None:
    """Return how people open accounts for themselves, None where they may not."""
    if not chosen.registration:
        return None
    if is_signed is None:
        raise Misuse("nobody can tell here what is signed")
    hourly = chosen.limits.registrations_per_hour
    return Registration(is_signed, operator, Rates(hourly, burst=hourly, seconds=3600))


async def _prune(api: Api) -> None:
    """Delete what is older than its channel keeps it, a bounded number at a time."""
    while await api.change(lambda rules: rules.prune(PRUNED_AT_ONCE)) == PRUNED_AT_ONCE:
        pass


# --------------------------------------------------------------------------------------------------------- the process


def main(arguments: list[str], is_signed: IsSigned) -> int:
    """Run `channels-desktop host` with `arguments`; return the exit code. `is_signed` tells whose signature one is.

    `account` and `backup` do one thing and end. Everything else serves: one line of JSON with `base_url` and
    `operator_token` on the standard output says that the host is ready, and it runs until SIGTERM or SIGINT.
    """
    try:
        match arguments:
            case ["account", *rest]:
                accounts_command.account(rest)
            case ["backup", *rest]:
                accounts_command.backup(rest)
            case ["serve", *rest]:
                _serve_process(rest, is_signed)
            case rest:
                _serve_process(rest, is_signed)
    except ChannelsError as error:
        print(f"channels-desktop host: {error}", file=sys.stderr)  # noqa: T201 - words to a terminal
        return 1
    return 0


def _serve_process(arguments: list[str], is_signed: IsSigned) -> None:
    parser = options.parser("channels-desktop host", "Serve peer channels: mailboxes. Also: host account, host backup.")
    chosen = options.options(vars(parser.parse_args(arguments)))
    logs.set_up(chosen.log_level, chosen.log_format)
    resources.raise_open_files()
    resources.warn_of_few_files(chosen.bounds)
    with asyncio.Runner(loop_factory=resources.fastest_loop()) as runner:
        runner.run(_run(chosen, is_signed))


async def _run(chosen: Options, is_signed: IsSigned) -> None:
    asyncio.get_running_loop().set_exception_handler(logs.broken_connections_aside)
    stop = asyncio.Event()
    _on_signal(signal.SIGTERM, stop.set)
    _on_signal(signal.SIGINT, stop.set)
    host = await Host.open(chosen, is_signed=is_signed)
    resources.tune_interpreter()
    if hasattr(signal, "SIGHUP"):
        _on_signal(signal.SIGHUP, host.reload)
    ready = {"base_url": host.base_url, "operator_token": host.operator_token}
    print(json.dumps(ready), flush=True)  # noqa: T201 - the one line that whoever started us waits for
    try:
        await stop.wait()
    finally:
        await host.stop()


def _on_signal(number: signal.Signals, act: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(number, act)
    except NotImplementedError:  # Windows: signals come through the interpreter alone
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(act))
