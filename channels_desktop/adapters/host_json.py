"""JSON from hosts: bounded in depth, read member by member, and a list also where its end is missing."""

from __future__ import annotations

import json
import re
from typing import TypeVar

from channels_desktop.errors import WireError

T = TypeVar("T")

DEEPEST = 16
_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


def read_json(text: bytes | str) -> object:
    """Return the value of a JSON text; raise WireError where it is none or nests deeper than `DEEPEST`."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        raise WireError("bad_json", "no JSON") from None
    _check_depth(value, DEEPEST)
    return value


def read_items(body: bytes) -> tuple[list[object], bool]:
    """Return the items that are complete in the beginning of a JSON list, and whether the list is complete itself."""
    text = body.decode("utf-8", "replace")
    at = _after(text, 0)
    if text[at : at + 1] != "[":
        raise WireError("bad_json", "no list")
    items: list[object] = []
    at = _after(text, at + 1)
    while items or text[at : at + 1] != "]":
        try:
            item, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            return items, False
        _check_depth(item, DEEPEST - 1)
        items.append(item)
        at = _after(text, at)
        if text[at : at + 1] == "]":
            break
        if text[at : at + 1] != ",":
            return items, False
        at = _after(text, at + 1)
    return items, _after(text, at + 1) == len(text)


def member(value: object, name: str, kind: type[T]) -> T:
    """Return a member of a JSON object; raise WireError unless it is there and of that kind."""
    found = value.get(name) if isinstance(value, dict) else None
    if type(found) is not kind:
        raise WireError("bad_json", f"no {name}")
    return found


def _after(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _check_depth(value: object, left: int) -> None:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        if isinstance(item, (dict, list)):
            if left <= 1:
                raise WireError("bad_json", "nested too deep")
            _check_depth(item, left - 1)
