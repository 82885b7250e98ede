"""`channels-desktop inspect`: show what envelope scripts say, one line of hex each."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from channels_desktop.bitcoin.keys import check_public
from channels_desktop.errors import WireError
from channels_desktop.protocols.inspection import Inspection, as_text, inspect, refusal
from channels_desktop.wire import limits

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_LINE = 2 * limits.MESSAGE_BYTES + 1024
_INTERRUPTED = 130


def main(arguments: list[str]) -> int:
    """Write one JSON object (or tree) for each script to standard output; return 1 if any could not be read."""
    parser = _parser()
    options = parser.parse_args(arguments)
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a terminal may lack letters
    with contextlib.ExitStack() as stack:
        try:
            inputs = [_open(stack, name) for name in options.files or ["-"]]
            return _inspect_all(inputs, options.key, text=options.text)
        except BrokenPipeError:  # whoever read the answers has enough of them
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except OSError as error:
            parser.error(str(error))
        except KeyboardInterrupt:
            return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="channels-desktop inspect",
        description="Read envelope scripts in hex, one a line, and say what is in them: one JSON object a line.",
        epilog="The exit status is 1 if any line could not be read.",
    )
    parser.add_argument("files", metavar="FILE", nargs="*", help="files of such lines; - or none is standard input")
    parser.add_argument(
        "--key", metavar="HEX", type=_key, help="base public key to check signatures with that bring none of their own"
    )
    parser.add_argument("--text", action="store_true", help="print a tree for people instead of JSON")
    return parser


def _key(text: str) -> bytes:
    try:
        return check_public(bytes.fromhex(text))
    except (ValueError, WireError):
        raise argparse.ArgumentTypeError("not the 33 bytes of a public key in hex") from None


def _open(stack: contextlib.ExitStack, name: str) -> BinaryIO:
    return sys.stdin.buffer if name == "-" else stack.enter_context(Path(name).open("rb"))


def _inspect_all(inputs: list[BinaryIO], key: bytes | None, *, text: bool) -> int:
    failed = False
    for stream in inputs:
        for line in _lines(stream):
            found = _inspect_line(line, key)
            failed = failed or not found["ok"]
            print(as_text(found, key) + "\n" if text else json.dumps(found), flush=True)
    return int(failed)


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines that are not blank; of one that is too long, its beginning."""
    while line := stream.readline(_LONGEST_LINE):
        rest = line
        while len(rest) == _LONGEST_LINE and not rest.endswith(b"\n"):
            rest = stream.readline(_LONGEST_LINE)
        if line.strip():
            yield line


def _inspect_line(line: bytes, key: bytes | None) -> Inspection:
    if len(line) == _LONGEST_LINE:
        return refusal(WireError("invalid_envelope", f"a line of more than {limits.MESSAGE_BYTES} bytes in hex"))
    try:
        script = bytes.fromhex(line.decode("ascii"))
    except ValueError:
        return refusal(WireError("not_hex", "the line is not hex"))
    return inspect(script, key)
