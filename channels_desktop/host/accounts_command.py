"""`channels-desktop host account` and `channels-desktop host backup`: what an operator does beside the running host.

Accounts are changed by whoever has the store. Where a running host has it, that host is asked over HTTP with the
operator's token: its address is kept in the data folder, and `--host URL` names it where that one does not answer.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from channels_desktop import files
from channels_desktop.errors import Refused, StoreError, TransportError
from channels_desktop.host import folder, operator, options
from channels_desktop.host.mailboxes import Mailboxes
from channels_desktop.host.options import SQLITE, Options
from channels_desktop.host.rows import Rows, Store
from channels_desktop.host.stores import open_store

ASK_SECONDS = 30
WHERE = ("data", "database", "operator_token_file", "public_url")


class Accounts(Protocol):
    """The accounts of a host, wherever it keeps them."""

    async def create(self, name: str) -> dict[str, Any]:
        """Open an account and return it with its token."""
        ...

    async def list(self) -> list[dict[str, Any]]:
        """Return all accounts."""
        ...

    async def remove(self, account: int) -> None:
        """Remove an account with all its mail."""
        ...


class StoredAccounts:
    """Accounts in a store that no running host has."""

    def __init__(self, store: Store, chosen: Options) -> None:
        self._store = store
        self._chosen = chosen

    async def create(self, name: str) -> dict[str, Any]:
        """See Accounts."""
        account, token = await self._store.transact(lambda rows: self._rules(rows).create_account(name))
        base_url = self._chosen.public_url or folder.kept(self._chosen.data / folder.BASE_URL)
        return operator.made(account, name, token, base_url.rstrip("/"))

    async def list(self) -> list[dict[str, Any]]:
        """See Accounts."""
        found = await self._store.query(lambda rows: self._rules(rows).accounts())
        return [operator.shown(account) for account in found]

    async def remove(self, account: int) -> None:
        """See Accounts."""
        await self._store.transact(lambda rows: self._rules(rows).remove_account(account))

    def _rules(self, rows: Rows) -> Mailboxes:
        return Mailboxes(rows, self._chosen.limits, time.time_ns)


class ServedAccounts:
    """Accounts of a running host, over its API."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, otherwise: str) -> None:
        self._session = session
        self._base_url = base_url
        self._otherwise = otherwise

    async def create(self, name: str) -> dict[str, Any]:
        """See Accounts."""
        made: dict[str, Any] = await self._ask("POST", "", {"name": name})
        return made

    async def list(self) -> list[dict[str, Any]]:
        """See Accounts."""
        found: list[dict[str, Any]] = (await self._ask("GET", ""))["accounts"]
        return found

    async def remove(self, account: int) -> None:
        """See Accounts."""
        await self._ask("DELETE", f"/{account}")

    async def _ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - what JSON holds
        url = f"{self._base_url}{operator.PLACE}{path}"
        try:
            async with self._session.request(method, url, json=body, allow_redirects=False) as answer:
                said = await answer.json() if answer.content_type == "application/json" else None
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            words = f"the host running on this folder does not answer at {self._base_url} ({type(error).__name__})"
            raise TransportError(f"{words}: name its address with --host, or {self._otherwise}") from None
        if not answer.ok:
            raise Refused(said["reason"] if said else str(answer.status), said["message"] if said else "")
        return said


def account(arguments: list[str]) -> None:
    """Run `host account create|list|remove`: print one line of JSON for each account that there is to tell of."""
    program = "channels-desktop host account"
    flags = options.parser(program, "Open, list and remove accounts.", WHERE, add_help=False)
    flags.add_argument("--host", metavar="URL", help="the running host, where the folder does not tell")
    # The flags may stand before the verb as well as after it.
    parser = argparse.ArgumentParser(prog=program, description=flags.description, parents=[flags])
    verbs = parser.add_subparsers(dest="verb", required=True)
    create = verbs.add_parser("create", parents=[flags], help="open an account; its token is shown this once")
    create.add_argument("name", nargs="?")
    verbs.add_parser("list", parents=[flags], help="list all accounts")
    remove = verbs.add_parser("remove", parents=[flags], help="remove an account with all its mail")
    remove.add_argument("id", type=int)
    given = vars(parser.parse_args(arguments))
    for line in asyncio.run(_account(options.options(given), given)):
        print(json.dumps(line))  # noqa: T201 - words to a terminal


async def _account(chosen: Options, given: dict[str, Any]) -> list[dict[str, Any]]:
    async with _accounts(chosen, given.get("host", "")) as accounts:
        match given["verb"]:
            case "create":
                return [await accounts.create(operator.checked_name(given["name"] or ""))]
            case "list":
                return await accounts.list()
            case _:
                await accounts.remove(given["id"])
                return []


@contextlib.asynccontextmanager
async def _accounts(chosen: Options, url: str) -> AsyncIterator[Accounts]:
    """Yield the accounts, out of the store where it is free and from the running host where it is not.

    A host that has its mailboxes elsewhere is asked: nobody told where they are.
    """
    otherwise = "stop it"
    if chosen.database == SQLITE and folder.is_of_another_database(chosen.data):
        otherwise = "name its database with --database"
        url = url or folder.kept(chosen.data / folder.BASE_URL)
        if not url:
            raise StoreError(f"the host of this folder keeps its mailboxes elsewhere: {otherwise}")
    if not url:
        try:
            store = await open_store(chosen)
        except StoreError:
            url = folder.kept(chosen.data / folder.BASE_URL) if chosen.database == SQLITE else ""
            if not url:
                raise
        else:
            try:
                yield StoredAccounts(store, chosen)
            finally:
                await store.close()
            return
    token = await asyncio.to_thread(folder.operator_token, chosen.token_file)
    headers = {"Authorization": f"Bearer {token}"}
    timeout = aiohttp.ClientTimeout(total=ASK_SECONDS)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        yield ServedAccounts(session, url.rstrip("/"), otherwise)


def backup(arguments: list[str]) -> None:
    """Run `host backup FILE`: copy the mailboxes of a running or stopped host on SQLite, as they are at one moment."""
    parser = options.parser("channels-desktop host backup", "Copy the mailboxes into a file.", WHERE)
    parser.add_argument("file", type=Path, help="the copy; it must not be there yet")
    given = vars(parser.parse_args(arguments))
    chosen = options.options(given)
    if chosen.database != SQLITE or folder.is_of_another_database(chosen.data):
        raise Refused("database", "PostgreSQL has backups of its own: pg_dump, or an archive of its log")
    source, copy = chosen.data / folder.MAILBOXES, given["file"]
    if not source.is_file():
        raise StoreError(f"there are no mailboxes in {chosen.data}")
    part = copy.with_name(f"{copy.name}.part")  # what is cut short must not look like a copy
    try:
        if copy.name in files.names(copy.parent):
            raise StoreError(f"{copy} cannot be made: it is there already")
        for leftover in (part, part.with_name(f"{part.name}-journal")):
            leftover.unlink(missing_ok=True)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise StoreError(f"{copy} cannot be made: {error}") from None
    try:
        _copy(source, part)
        part.rename(copy)
        files.sync_folder(copy.parent)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        raise StoreError(f"the mailboxes cannot be copied: {error}") from None


def _copy(source: Path, copy: Path) -> None:
    """Copy a database in one step: of a view that no writer waits for, in one piece whatever is written meanwhile."""
    with (
        contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as one,
        contextlib.closing(sqlite3.connect(copy)) as other,
    ):
        one.backup(other)
        other.execute("PRAGMA journal_mode = DELETE")  # one file, to be carried away as it is
    with copy.open("rb") as file:
        os.fsync(file.fileno())
