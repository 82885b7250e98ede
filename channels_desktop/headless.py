"""An account without a window: create its profile folder, open it, run its engine.

A profile folder holds `vault.json` (the wrapped database key), `account.db` (everything else, encrypted, with what
SQLite and the store keep beside it) and, for a playground's accounts, `connection.json`, which says where this run's
chain is. Where any part of an account lies nothing is created.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from channels_desktop import files
from channels_desktop.adapters.folders import data_folder, make_private
from channels_desktop.adapters.http_channels import HttpPeerChannels
from channels_desktop.adapters.no_chain import NoChain
from channels_desktop.adapters.node import NodeChain
from channels_desktop.adapters.profile_lock import ProfileLock, acquire
from channels_desktop.adapters.repositories.records import Records
from channels_desktop.adapters.schema import MIGRATIONS
from channels_desktop.adapters.seed_keys import SeedKeys
from channels_desktop.adapters.soundness import beside, look
from channels_desktop.adapters.sqlite import SqliteStore
from channels_desktop.adapters.system import SystemClock
from channels_desktop.adapters.vault import check_vault, create_vault, open_vault
from channels_desktop.bitcoin.keys import Seed
from channels_desktop.engine.engine import Engine
from channels_desktop.engine.profile import create_profile
from channels_desktop.errors import Damage, Damaged, Part, Refused, StoreError

if TYPE_CHECKING:
    from channels_desktop.engine.ports import Account as HostAccount
    from channels_desktop.engine.ports import Chain

PLAYGROUND_CHAIN = "playground"
"""Stands for a chain URL in the accounts that joined a playground: its chain is elsewhere at every start."""
VAULT, DATABASE, CONNECTION, PLAYGROUND = "vault.json", "account.db", "connection.json", "playground.json"
NEW_VAULT, NEW_DATABASE = f"{VAULT}.new", f"{DATABASE}.new"
_PARTS = frozenset({VAULT, DATABASE, *(beside(Path(DATABASE), what).name for what in ("wal", "shm", "closed"))})
ENTROPY_BYTES = 16


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the block chain is: the network's name, the node's URL ("" for none) and words for the status line."""

    network: str = "regtest"
    chain_url: str = field(repr=False, default="")
    chain: str = ""

    def save(self, folder: Path) -> None:
        """Write it into a profile folder, for the owner's eyes only, since the URL holds a password."""
        facts: dict[str, object] = {"network": self.network, "chain_url": self.chain_url, "chain": self.chain}
        files.write(folder / CONNECTION, json.dumps(facts))

    @classmethod
    def load(cls, folder: Path) -> Connection | None:
        """Read it from a profile folder; None where there is none. Raises Damaged or StoreError."""
        try:
            text = (folder / CONNECTION).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise files.refused(folder / CONNECTION, "read", error) from error
        try:
            data = json.loads(text)
            return cls(str(data["network"]), str(data["chain_url"]), str(data["chain"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Damaged(Part.CONNECTION, Damage.CHANGED if text else Damage.EMPTY, CONNECTION) from None


@dataclass(frozen=True, slots=True)
class NewProfile:
    """What a new account needs; `host` is empty where it gets one later."""

    name: str
    passphrase: str = field(repr=False)
    host: str
    access: str = field(repr=False)
    connection: Connection


@dataclass(slots=True)
class Account:
    """A running account. Close it to let go of the folder."""

    engine: Engine
    name: str
    _store: SqliteStore[Records]
    _channels: HttpPeerChannels
    _chain: Chain
    _lock: ProfileLock

    async def close(self) -> None:
        """Stop the engine, finish what is being written, and release the folder."""
        await self.engine.stop()
        await self._channels.close()
        await self._chain.close()
        await self._store.close()
        self._lock.release()


@dataclass(frozen=True, slots=True)
class Playground:
    """How a new account joins the playground that runs on this computer."""

    host: str
    access: str = field(repr=False)
    connection: Connection

    def save(self, folder: Path) -> None:
        """Say in the playground's folder that it runs, until this process ends."""
        facts: dict[str, object] = {"pid": os.getpid(), "host": self.host, "access": self.access}
        files.write(folder / PLAYGROUND, json.dumps(facts))
        self.connection.save(folder)

    @classmethod
    def find(cls, folder: Path | None = None) -> Playground | None:
        """Return the playground that runs on `folder`, or where playgrounds are by default; None where none does."""
        try:
            folder = folder or data_folder("playground")
            facts = json.loads((folder / PLAYGROUND).read_text("utf-8"))
            os.kill(int(facts["pid"]), 0)
            connection = Connection.load(folder)
            return cls(str(facts["host"]), str(facts["access"]), connection) if connection is not None else None
        except (OSError, ValueError, KeyError, TypeError, StoreError):
            return None


def exists(folder: Path) -> bool:
    """Say whether a profile folder holds an account or any part of one, so that no other may be made there."""
    return bool(_PARTS & files.names(folder))


async def check(folder: Path) -> None:
    """Look at the files of an account as far as that goes without its passphrase, and change nothing.

    Raises Damaged for what is missing, empty, cut or changed; AlreadyRunning; StoreError where the disk refuses.
    """
    with acquire(folder):
        await asyncio.to_thread(_check, folder)


def _check(folder: Path) -> None:
    there = files.names(folder)
    if not there & {VAULT, DATABASE}:
        raise Damaged(Part.ACCOUNT, Damage.MISSING, f"{VAULT} and {DATABASE}")
    check_vault(folder / VAULT)
    if not _is_unfinished(there) and look(folder / DATABASE) is None:
        raise Damaged(Part.DATABASE, Damage.MISSING, DATABASE)
    Connection.load(folder)


async def try_host(base_url: str, access: str) -> str:
    """Open and leave an account at a host, to see that it serves; return its address. Raises TransportError."""
    channels = HttpPeerChannels()
    try:
        account = await channels.create_account(base_url.rstrip("/"), access)
        await channels.mailboxes(account)
    finally:
        await channels.close()
    return account.base_url


async def create(folder: Path, new: NewProfile) -> None:
    """Create an account: its account at the host first, if it has one, then the vault and the database.

    Raises TransportError, StoreError, or Refused("account_exists") where there is any part of an account. Everything is
    made under other names; what a creation that was cut short left there no key opens, and the next call removes it.
    """
    make_private(folder)
    with acquire(folder):
        _clear(folder)
        account = await _account_at(new.host, new.access) if new.host else None
        key = await create_vault(folder / NEW_VAULT, new.passphrase)
        store = await SqliteStore.open(folder / NEW_DATABASE, key, migrations=MIGRATIONS, records=Records)
        settings = {
            "seed": secrets.token_bytes(ENTROPY_BYTES).hex(),
            "network": new.connection.network,
            "chain_url": new.connection.chain_url,
            "chain": new.connection.chain,
        }
        try:
            await create_profile(store, name=new.name, account=account, settings=settings)
        finally:
            await store.close()
        _rename(folder, {NEW_VAULT: VAULT})  # from here on the account is there, and the rest is made up for
        _finish(folder)


async def _account_at(host: str, access: str) -> HostAccount:
    channels = HttpPeerChannels()
    try:
        return await channels.create_account(host.rstrip("/"), access)
    finally:
        await channels.close()


async def unlock(folder: Path, passphrase: str) -> Account:
    """Open an account and start its engine.

    Raises WrongPassphrase, AlreadyRunning, Damaged or StoreError, with everything let go again.
    """
    if not exists(folder):
        raise StoreError("there is no account in this folder")
    lock = acquire(folder)
    try:
        await asyncio.to_thread(_check, folder)
        _finish(folder)
        key = await open_vault(folder / VAULT, passphrase)
        store = await SqliteStore.open(folder / DATABASE, key, migrations=MIGRATIONS, records=Records)
    except BaseException:
        lock.release()
        raise
    try:
        return await _start(folder, store, lock)
    except BaseException:
        await store.close()
        lock.release()
        raise


async def _start(folder: Path, store: SqliteStore[Records], lock: ProfileLock) -> Account:
    def read(records: Records) -> tuple[str, str, str, Connection]:
        get, account = records.settings.get, records.mailboxes.account()
        kept = Connection(get("network", "regtest"), get("chain_url"), get("chain"))
        return get("name"), get("seed"), account.base_url if account is not None else "", kept

    name, seed, home, kept = await store.query(read)
    connection = Connection.load(folder) or _found(kept)
    if connection != kept:
        chain = connection.chain
        await store.transact(lambda records: records.settings.put("chain", chain))
    channels = HttpPeerChannels(home=home)
    engine = Engine(
        clock=SystemClock(),
        keys=SeedKeys(Seed(bytes.fromhex(seed))),
        store=store,
        channels=channels,
        chain=(source := chain_of(connection)),
    )
    await engine.start()
    return Account(engine, name, store, channels, source, lock)


def _found(kept: Connection) -> Connection:
    """Return the connection of an account, with the playground's chain where that is what it joined."""
    if kept.chain_url != PLAYGROUND_CHAIN:
        return kept
    playground = Playground.find()
    return playground.connection if playground is not None else Connection(kept.network, "", kept.chain)


def chain_of(connection: Connection) -> Chain:
    """Return the chain port for a connection."""
    if not connection.chain_url:
        return NoChain(connection.network)
    return NodeChain(connection.chain_url, connection.network)


def _clear(folder: Path) -> None:
    """Take away what a creation that was cut short left; raise Refused where there is any part of an account."""
    if exists(folder):
        raise Refused("account_exists")
    for leftover in (folder / NEW_VAULT, *folder.glob(f"{NEW_DATABASE}*")):
        leftover.unlink(missing_ok=True)


def _is_unfinished(there: frozenset[str]) -> bool:
    """Say whether a creation was cut short at the very end: all is made, and the database has not its name yet."""
    closed = {beside(Path(name), "closed").name for name in (DATABASE, NEW_DATABASE)}
    return {VAULT, NEW_DATABASE} <= there and DATABASE not in there and bool(closed & there)


def _finish(folder: Path) -> None:
    there = files.names(folder)
    if _is_unfinished(there):
        marks = {beside(Path(NEW_DATABASE), "closed").name: beside(Path(DATABASE), "closed").name}
        _rename(folder, {old: new for old, new in marks.items() if old in there} | {NEW_DATABASE: DATABASE})


def _rename(folder: Path, names: dict[str, str]) -> None:
    try:
        for old, new in names.items():
            (folder / old).rename(folder / new)
            files.sync_folder(folder)
    except OSError as error:
        raise files.refused(folder, "written", error) from error
