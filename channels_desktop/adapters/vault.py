"""The vault: one small file beside the database that holds the database key, locked by the user's passphrase.

The passphrase (UTF-8 of its NFKD form) is stretched by argon2id into a key that encrypts the random database key with
ChaCha20-Poly1305; every other field of the file is authenticated with it. So the passphrase changes without the
database being written anew.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import unicodedata
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Self

from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from channels_desktop import files
from channels_desktop.adapters.sqlite import KEY_BYTES
from channels_desktop.errors import Damage, Damaged, Part, StoreCause, StoreError, WrongPassphrase

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

    def text(self) -> bytes:
        """Return the whole file."""
        return json.dumps(asdict(self), indent=2).encode()

    def _text(self, *without: str) -> bytes:
        return json.dumps({name: value for name, value in asdict(self).items() if name not in without}).encode()

    @classmethod
    def parse(cls, text: bytes) -> Self | None:
        """Return the vault in the bytes of a file, None unless every field is there and sound; StoreError if newer."""
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(found, dict):
            return None
        stated = str(found.get("format"))
        if stated.startswith(_ANY_FORMAT) and stated != _FORMAT:
            raise StoreError("the key file was written by a newer version of the program", StoreCause.NEWER)
        types = {name.name: int if name.name in _BOUNDS else str for name in fields(cls)}
        if {name: type(value) for name, value in found.items()} != types:
            return None
        vault = cls(**found)
        sound = (
            vault.format == _FORMAT
            and vault.check == vault.sum()
            and all(low <= found[name] <= high for name, (low, high) in _BOUNDS.items())
            and all(_is_hex(found[name], size) for name, size in _SIZES.items())
        )
        return vault if sound else None


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
        Damaged: the file is missing, empty, cut or changed.
        StoreError: it is newer, or the disk refuses.
    """
    return await asyncio.to_thread(_open, path, passphrase)


async def change_passphrase(path: Path, old: str, new: str) -> None:
    """Lock the same database key with another passphrase; the file is replaced in one step. Raises as `open_vault`."""
    await asyncio.to_thread(lambda: files.write(path, _locked(_open(path, old), new).text()))


def check_vault(path: Path) -> None:
    """Raise what `open_vault` would raise, but for a wrong passphrase."""
    _read(path)


def _create(path: Path, passphrase: str) -> bytes:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o700)
    except OSError as error:
        raise files.refused(path.parent, "made", error) from error
    if path.name in files.names(path.parent):
        raise StoreError("there is a key file already")
    key = secrets.token_bytes(KEY_BYTES)
    files.write(path, _locked(key, passphrase).text())
    return key


def _read(path: Path) -> _Vault:
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST_FILE)
    except FileNotFoundError:
        raise Damaged(Part.KEY_FILE, Damage.MISSING, path.name) from None
    except OSError as error:
        raise files.refused(path, "read", error) from error
    vault = _Vault.parse(text)
    if vault is None:
        raise Damaged(Part.KEY_FILE, _damage(text), path.name)
    return vault


def _damage(text: bytes) -> Damage:
    """Say how a vault came to be none: a JSON reader misses the rest of a cut one just at its end."""
    if not text:
        return Damage.EMPTY
    if len(text) == _LONGEST_FILE:
        return Damage.CHANGED
    try:
        json.loads(text.decode())
    except json.JSONDecodeError as error:
        if error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string"):
            return Damage.CUT
    except (ValueError, RecursionError):
        pass
    return Damage.CHANGED


def _open(path: Path, passphrase: str) -> bytes:
    vault = _read(path)
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
        detail = f"opening the key file needs {vault.memory_kib // 1024} MiB of free memory"
        raise StoreError(detail, StoreCause.MEMORY) from None
