"""What an operator may choose: flags and a TOML file, both made from the same declarations.

A flag wins over the file, the file over the default. In the file the limits have a table of their own, `[limits]`, and
paths are relative to the file. Whatever is unknown or of the wrong kind is refused by name.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from channels_desktop.errors import Refused
from channels_desktop.host import folder, logs
from channels_desktop.host.bounds import Bounds
from channels_desktop.host.limits import Limits

SQLITE = "sqlite"
PORT_DIGITS = 5
NUMBER_DIGITS = 18
POSTGRESQL = ("postgresql://", "postgres://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How one host runs. `database` is repr-less: its URL may hold a password."""

    data: Path
    listen: str = "127.0.0.1:0"
    database: str = field(default=SQLITE, repr=False)
    public_url: str = ""
    operator_token_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    insecure: bool = False
    registration: bool = False
    log_level: str = "warning"
    log_format: str = "json"
    limits: Limits = field(default_factory=Limits)
    bounds: Bounds = field(default_factory=Bounds)

    def __post_init__(self) -> None:
        """Raise Refused where values are not possible or do not fit together."""
        if self.database != SQLITE and not self.database.startswith(POSTGRESQL):
            raise Refused("configuration", "database is sqlite or a URL that begins with postgresql://")
        if self.log_level not in logs.LEVELS:
            raise Refused("configuration", f"log_level is one of {', '.join(logs.LEVELS)}")
        if self.log_format not in logs.FORMATS:
            raise Refused("configuration", f"log_format is one of {', '.join(logs.FORMATS)}")
        if self.key is not None and self.certificate is None:
            raise Refused("configuration", "a key needs a certificate")
        if self.bounds.body_bytes < self.limits.message_bytes:
            raise Refused("configuration", "body_bytes leaves no room for a message of message_bytes")

    @property
    def place(self) -> tuple[str, int]:
        """Return the address and port to listen on; port 0 chooses one."""
        address, _, port = self.listen.rpartition(":")
        bare = address[1:-1] if address.startswith("[") and address.endswith("]") else address
        if not bare or (bare == address and ":" in bare) or not (port.isascii() and port.isdigit()):
            raise Refused("address", "listen takes ADDRESS:PORT, or [ADDRESS]:PORT where it has colons")
        if len(port) > PORT_DIGITS:
            raise Refused("address", f"a port has at most {PORT_DIGITS} digits")
        return bare, int(port)

    @property
    def token_file(self) -> Path:
        """Return the file of the operator's token."""
        return self.operator_token_file or self.data / folder.OPERATOR_TOKEN


WORDS = {
    "data": "the folder of all mailboxes",
    "listen": "ADDRESS:PORT to listen on; port 0 chooses",
    "database": "sqlite (in the folder) or postgresql://...",
    "public_url": "the base URL that clients see, behind a proxy or with a name",
    "operator_token_file": "the operator's token, where it is not the one in the folder",
    "certificate": "a TLS certificate chain (PEM), read anew on SIGHUP",
    "key": "the certificate's private key (PEM)",
    "insecure": "listen beyond this computer without TLS",
    "registration": "let anybody with a key open an account, as ElectrumSV does",
    "log_level": f"what is logged: {', '.join(logs.LEVELS)}",
    "log_format": f"how it is logged: {', '.join(logs.FORMATS)}",
}


@dataclass(frozen=True, slots=True)
class _Setting:
    """One thing to choose: `part` is the class it belongs to."""

    name: str
    kind: type
    part: type
    words: str

    def checked(self, value: object, base: Path) -> object:
        """Return a value of the file as it is used, or raise Refused."""
        kind = str if self.kind is Path else self.kind
        if type(value) is not kind or (kind is int and value < 0):  # type: ignore[operator] # an int by then
            names = {bool: "true or false", int: "a whole number, not below 0", str: "a text"}
            raise Refused("configuration", f"{self.name} is {names[kind]}")
        return base / str(value) if self.kind is Path else value


def _settings() -> Iterator[_Setting]:
    """Yield all settings: the options themselves first, then every limit."""
    for part in (Options, Limits, Bounds):
        kinds = get_type_hints(part)
        for declared in fields(part):
            kind = kinds[declared.name]
            if kind not in {Limits, Bounds}:
                kind = Path if kind == Path | None else kind
                words = WORDS[declared.name] if part is Options else f"limit, {declared.default} where not given"
                yield _Setting(declared.name, kind, part, words)


SETTINGS = tuple(_settings())


def parser(program: str, words: str, names: Collection[str] = (), *, add_help: bool = True) -> argparse.ArgumentParser:
    """Return a parser with `--config` and one flag for each setting, or for those of `names` alone."""
    made = argparse.ArgumentParser(
        prog=program, description=words, argument_default=argparse.SUPPRESS, add_help=add_help
    )
    made.add_argument("--config", type=Path, metavar="FILE", help="a TOML file with the same settings")
    for setting in SETTINGS:
        if names and setting.name not in names:
            continue
        flag = f"--{setting.name.replace('_', '-')}"
        if setting.kind is bool:
            made.add_argument(flag, action=argparse.BooleanOptionalAction, help=setting.words)
        else:
            kind = _natural if setting.kind is int else setting.kind
            made.add_argument(flag, type=kind, metavar=setting.name.upper(), help=setting.words)
    return made


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > NUMBER_DIGITS:
        raise argparse.ArgumentTypeError(f"a whole number, not below 0, of at most {NUMBER_DIGITS} digits")
    return int(text)


def options(given: Mapping[str, Any]) -> Options:
    """Return the options of parsed flags and of the file that they name.

    Raises Refused("configuration") that names what is unknown, of the wrong kind or missing.
    """
    chosen = {**(_file(given["config"]) if "config" in given else {}), **given}
    if "data" not in chosen:
        raise Refused("configuration", "data, the folder of all mailboxes, is missing")
    parts: dict[type, dict[str, Any]] = {Options: {}, Limits: {}, Bounds: {}}
    for setting in SETTINGS:
        if setting.name in chosen:
            parts[setting.part][setting.name] = chosen[setting.name]
    return Options(**parts[Options], limits=Limits(**parts[Limits]), bounds=Bounds(**parts[Bounds]))


def _file(path: Path) -> dict[str, object]:
    try:
        read = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # no text, no TOML, or numbers that are too long
        raise Refused("configuration", f"{path}: {error}") from None
    limits = read.pop("limits", {})
    if not isinstance(limits, dict):
        raise Refused("configuration", "limits is a table")
    known = {setting.name: setting for setting in SETTINGS}
    main = {name for name, setting in known.items() if setting.part is Options}
    unknown = sorted({*read} - main) + [f"limits.{name}" for name in sorted({*limits} - ({*known} - main))]
    if unknown:
        raise Refused("configuration", f"unknown in {path}: {', '.join(unknown)}")
    return {name: known[name].checked(value, path.parent) for name, value in (read | limits).items()}
