"""The small files beside the mailboxes in a host's folder: its token, port and address, for its owner's eyes alone."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from channels_desktop.errors import StoreError

OPERATOR_TOKEN, PORT, BASE_URL = "operator_token", "port", "base_url"


def make(data: Path) -> None:
    """Make the folder where it is not there; raise StoreError where that cannot be."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StoreError(f"the host's folder cannot be used: {error}") from None


def operator_token(path: Path) -> str:
    """Return the operator's token, made where there is none yet; raise StoreError where that cannot be."""
    try:
        with contextlib.suppress(FileNotFoundError):
            if token := path.read_text("ascii").strip():
                return token
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"the operator's token cannot be read: {error}") from None
    token = secrets.token_urlsafe(32)
    write(path, token)
    return token


def kept(path: Path) -> str:
    """Return what a small file holds, nothing where it cannot be read."""
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def write(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all; raise StoreError where that cannot be."""
    beside = path.with_name(f"{path.name}.new")
    try:
        beside.unlink(missing_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error}") from None
