"""The small files beside the mailboxes in a host's folder: its token, port and address, for its owner's eyes alone."""

from __future__ import annotations

import contextlib
import logging
import secrets
from pathlib import Path

from channels_desktop import files
from channels_desktop.errors import StoreError

OPERATOR_TOKEN, PORT, BASE_URL = "operator_token", "port", "base_url"
DATABASE = "database"
"""Which kind of database the mailboxes of the host that last ran on the folder lie in."""

MAILBOXES = "host.sqlite"

_log = logging.getLogger(__name__)


def make(data: Path) -> None:
    """Make the folder where it is not there; raise StoreError where that cannot be."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StoreError(f"the host's folder cannot be used: {error}") from None


def operator_token(path: Path) -> str:
    """Return the operator's token, made where there is no file for it; raise StoreError where that cannot be.

    An empty file is no missing one: the tokens of people who opened accounts for themselves hang on what was in it.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            if token := path.read_text("ascii").strip():
                return token
            raise StoreError(f"{path} is empty: put the operator's token back, or remove the file for a new one")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"the operator's token cannot be read: {error}") from None
    token = secrets.token_urlsafe(32)
    files.write(path, token)
    return token


def kept(path: Path) -> str:
    """Return what a small file holds, nothing where it cannot be read."""
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def is_of_another_database(data: Path) -> bool:
    """Whether the host that last ran on a folder has its mailboxes elsewhere than in it."""
    kind = kept(data / DATABASE)
    if not kind:  # a host from before this was kept
        return bool(kept(data / BASE_URL)) and not (data / MAILBOXES).exists()
    return kind != "sqlite"


def note(path: Path, text: str) -> None:
    """Keep what a host can do without, as its port, where it is not kept already; a full disk is only said."""
    if kept(path) == text:
        return
    try:
        files.write(path, text)
    except StoreError as error:
        _log.warning("%s", error)
