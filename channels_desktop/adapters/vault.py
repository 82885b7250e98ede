"""The vault: one small file beside the database that holds the database key, locked by the user's passphrase.

The passphrase (UTF-8 of its NFKD form) is stretched by argon2id into a key that encrypts the random database key with
ChaCha20-Poly1305; every other field of the file is authenticated with it. So the passphrase changes without the
database being written anew.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
import tempfile
import unicodedata
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Self

from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from channels_desktop.adapters.sqlite import KEY_BYTES
from channels_desktop.errors import StoreError, WrongPassphrase

_FORMAT = "channels vault 1: argon2id, chacha20-poly1305"
_ANY_FORMAT = "channels vault "
_LONGEST_FILE = 4096
_BOUNDS = {"passes": (1, 16), "memory_kib": (8 * 1024, 1024 * 1024), "lanes": (1, 16)}
"""What a file may ask of this computer: a damaged one must not take all its memory or hours of its time."""
_SIZES = {"salt": 16, "nonce": 12, "locked_key": KEY_BYTES + 16}


@dataclass(frozen=True, slots=True)
class _Vault:
    """The fields of the file, bytes as hex; `check`, SHA-256 of the rest, tells damage from a wrong passphrase."""

    format: str = _FORMAT
    passes: int = 3
    memory_kib: int = 64 * 1024
    lanes: int = 4
    salt: str = field(default_factory=lambda: secrets.token_hex(_SIZES["salt"]))
    nonce: str = field(default_factory=lambda: secrets.token_hex(_SIZES["nonce"]))
    locked_key: str = ""
    check: str = ""

    def header(self) -> bytes:
        """Return what is authenticated along with the key."""
        return self._text("locked_key", "check")

    def sum(self) -> str:
        """Return what `check` has to be."""
        return hashlib.sha256(self._text("check")).hexdigest()

    def _text(self, *without: str) -> bytes:
        return json.dumps({name: value for name, value in asdict(self).items() if name not in without}).encode()

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Return the vault in the bytes of a file; StoreError unless every field is there and sound."""
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise _damaged() from None
        if not isinstance(found, dict):
            raise _damaged()
        stated = str(found.get("format"))
        if stated.startswith(_ANY_FORMAT) and stated != _FORMAT:
            raise StoreError("the key file was written by a newer version of the program")
        types = {name.name: int if name.name in _BOUNDS else str for name in fields(cls)}
        if {name: type(value) for name, value in found.items()} != types:
            raise _damaged()
        vault = cls(**found)
        sound = (
            vault.format == _FORMAT
            and vault.check == vault.sum()
            and all(low <= found[name] <= high for name, (low, high) in _BOUNDS.items())
            and all(_is_hex(found[name], size) for name, size in _SIZES.items())
        )
        if not sound:
            raise _damaged()
        return vault


async def create_vault(path: Path, passphrase: str) -> bytes:
    """Make a new 32 byte database key, lock it into a new file at `path` and return it.

    The file's folder is made where it is missing and closed to all but its owner. The work is done in a thread.

    Raises:
        StoreError: there is a vault already, or the disk refuses.
    """
    return await asyncio.to_thread(_create, path, passphrase)


async def open_vault(path: Path, passphrase: str) -> bytes:
    """Return the 32 byte database key locked in the file at `path`. The work is done in a thread.

    Raises:
        WrongPassphrase: the passphrase is not the one.
        StoreError: the file is missing, damaged or newer.
    """
    return await asyncio.to_thread(_open, path, passphrase)


async def change_passphrase(path: Path, old: str, new: str) -> None:
    """Lock the same database key with another passphrase; the file is replaced in one step. Raises as `open_vault`."""
    await asyncio.to_thread(lambda: _write(path, _locked(_open(path, old), new)))


def _create(path: Path, passphrase: str) -> bytes:
    if path.exists():
        raise StoreError("there is a key file already")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o700)
    except OSError as error:
        raise StoreError(f"the folder cannot be made: {error.strerror}") from error
    key = secrets.token_bytes(KEY_BYTES)
    _write(path, _locked(key, passphrase))
    return key


def _open(path: Path, passphrase: str) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST_FILE)
    except OSError as error:
        raise StoreError(f"the key file cannot be read: {error.strerror}") from error
    vault = _Vault.parse(text)
    cipher = ChaCha20Poly1305(_stretched(vault, passphrase))
    try:
        return cipher.decrypt(bytes.fromhex(vault.nonce), bytes.fromhex(vault.locked_key), vault.header())
    except InvalidTag:
        raise WrongPassphrase("the passphrase does not open the key file") from None


def _locked(key: bytes, passphrase: str) -> _Vault:
    """Return a vault with fresh salt and nonce that holds `key`."""
    fresh = _Vault()
    cipher = ChaCha20Poly1305(_stretched(fresh, passphrase))
    locked_key = cipher.encrypt(bytes.fromhex(fresh.nonce), key, fresh.header()).hex()
    unchecked = replace(fresh, locked_key=locked_key)
    return replace(unchecked, check=unchecked.sum())


def _damaged() -> StoreError:
    return StoreError("the key file is damaged")


def _is_hex(text: str, size: int) -> bool:
    return len(text) == 2 * size and all(digit in "0123456789abcdef" for digit in text)


def _stretched(vault: _Vault, passphrase: str) -> bytes:
    normal = unicodedata.normalize("NFKD", passphrase).encode("utf-8", "surrogatepass")
    try:
        return hash_secret_raw(
            normal,
            bytes.fromhex(vault.salt),
            time_cost=vault.passes,
            memory_cost=vault.memory_kib,
            parallelism=vault.lanes,
            hash_len=KEY_BYTES,
            type=Type.ID,
        )
    except HashingError:
        raise StoreError(f"opening the key file needs {vault.memory_kib // 1024} MiB of free memory") from None


def _write(path: Path, vault: _Vault) -> None:
    """Put `vault` at `path` in one step that survives a power cut: the old file is whole until the new one is."""
    text = json.dumps(asdict(vault), indent=2).encode()
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # readable by its owner only
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"the key file cannot be written: {error.strerror}") from error


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":  # elsewhere a folder cannot be opened, and a rename is written through
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
