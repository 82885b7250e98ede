"""What an envelope script says, as JSON for programs and as a tree for people.

Scripts are read as leniently as the reference reads them, with one exception: a public key that is no point of the
curve is an error (`docs/interop.md`).
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from channels_desktop.bitcoin.keys import check_public
from channels_desktop.errors import WireError
from channels_desktop.protocols.registry import REGISTRY
from channels_desktop.protocols.response import Status
from channels_desktop.protocols.signed import Signature, SignatureStatus, check
from channels_desktop.wire.kinds import Kind, Pointer, PublicKey, Slice, Struct
from channels_desktop.wire.plain_form import plain_form
from channels_desktop.wire.rfc3339 import write_rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from channels_desktop.protocols.stack import Registry, Stack
    from channels_desktop.wire.bsor import Message

Inspection = dict[str, Any]

_PRINTABLE = range(0x20, 0x7F)


def inspect(script: bytes, key: bytes | None = None, *, registry: Registry = REGISTRY) -> Inspection:
    """Return what `script` says, or the error that reading it meets; never raise.

    `ok` is true with `protocol_ids`, `layers_outer_first` (`protocol_id`, `type` and `fields` of each message, in the
    form of `plain_form`), `wire_hex` (the script written again; None where what was read can not be written) and
    `signature`: what the outermost one proves, by which base key. That is the key inside the signature, else `key`.
    `ok` is false with `error_class` and `error`.
    """
    try:
        stack = registry.read_as_far_as_possible(script)
        _check_keys(stack.messages)
        if stack.error is not None:
            raise stack.error
    except WireError as error:
        return refusal(error)
    ids = [_id_text(protocol_id) for protocol_id in stack.protocol_ids]
    return {
        "ok": True,
        "protocol_ids": ids,
        "layers_outer_first": [
            {
                "protocol_id": name,
                "type": f"{registry.protocol_of(message).package}.{message.NAME}",
                "fields": plain_form(message),
            }
            for name, message in zip(ids, stack.messages, strict=True)
        ],
        "wire_hex": _written_again(registry, stack),
        "signature": _signature(stack, key),
    }


def refusal(error: WireError) -> Inspection:
    """Return what is said of a script that can not be read."""
    return {"ok": False, "error_class": error.kind, "error": str(error)}


def _check_keys(messages: Sequence[Message]) -> None:
    """Raise WireError("invalid_key") where a public key is no point."""
    for message in messages:
        for key in _keys(Struct(type(message)), message):
            check_public(key)


def _keys(kind: Kind, value: Any) -> Iterator[bytes]:  # noqa: ANN401 - a value is of the type its kind says
    match kind:
        case Pointer() if value is not None:
            yield from _keys(kind.of, value)
        case Slice():
            for item in value:
                yield from _keys(kind.of, item)
        case Struct():
            for _, name, inner in kind.of.FIELDS:
                yield from _keys(inner, getattr(value, name))
        case PublicKey() if value:
            yield value


def _id_text(protocol_id: bytes) -> str:
    """Return an id as the reference's JSON has it."""
    return protocol_id.decode() if all(byte in _PRINTABLE for byte in protocol_id) else f"0x{protocol_id.hex()}"


def _written_again(registry: Registry, stack: Stack) -> str | None:
    try:
        return registry.write(stack.messages).hex()
    except WireError:
        return None


def _signature(stack: Stack, key: bytes | None) -> dict[str, str | None]:
    for position, message in enumerate(stack.messages):
        if isinstance(message, Signature):
            base = message.public_key or key
            return {
                "status": check(message, stack.inside(position), base).value,
                "public_key": base.hex() if base else None,
                "derivation_hash": message.derivation_hash.hex() if message.derivation_hash else None,
            }
    return {"status": "none", "public_key": None, "derivation_hash": None}


# ------------------------------------------------------------------------------------------------------------ as a tree

_STATUS_WORDS = {
    SignatureStatus.VALID.value: "valid",
    SignatureStatus.LEGACY.value: "legacy: it fits, but not by the one derivation that proves who signed what",
    SignatureStatus.INVALID.value: "invalid",
    SignatureStatus.KEY_MISSING.value: "not checked: no public key is in it, and none was given",
    "none": "none",
}


def as_text(found: Inspection, key: bytes | None = None) -> str:
    """Return what `inspect` found as lines for people: a message stands to the right of what is wrapped around it.

    Values are written as in JSON, so that no text can pass for something else; what would not show in them is escaped.
    `key` is the one that `inspect` was given.
    """
    if not found["ok"]:
        return f"unreadable: {_visible(found['error'])}"
    lines = list(_signature_lines(found["signature"], key))
    for depth, layer in enumerate(found["layers_outer_first"]):
        lines.append(f"{_pad(depth)}{layer['protocol_id']} {layer['type']}")
        if isinstance(layer["fields"], dict):
            for name, value in layer["fields"].items():
                lines += _branch(depth + 1, name, value, name)
        else:
            lines += _branch(depth + 1, "value", layer["fields"], layer["type"])
    return "\n".join(lines)


def _signature_lines(signature: dict[str, str | None], key: bytes | None) -> Iterator[str]:
    yield f"signature: {_STATUS_WORDS[signature['status'] or '']}"
    used = signature["public_key"]
    if used is not None:
        yield f"  public key: {used}"
        if key is not None and key.hex() != used:
            yield f"  not the key that was given: {key.hex()}"


def _branch(depth: int, name: str, value: Any, what: str) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yield the lines of a value; `what` is the field that it is the value, or an item, of."""
    match value:
        case dict() if value:
            yield f"{_pad(depth)}{name}:"
            for part, held in value.items():
                yield from _branch(depth + 1, part, held, part)
        case list() if value:
            yield f"{_pad(depth)}{name}:"
            for number, item in enumerate(value, 1):
                yield from _branch(depth + 1, str(number), item, what)
        case _:
            shown = _visible(json.dumps(value, ensure_ascii=False))
            meaning = _meaning(what, value)
            yield f"{_pad(depth)}{name}: {shown}" + (f"  ({meaning})" if meaning else "")


def _pad(depth: int) -> str:
    return "  " * depth


def _visible(text: str) -> str:
    """Return `text` with what does not print, or turns the direction of print, as escapes."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


_TIMES = frozenset(("channels.TimeMessage", "channels.ExpiryMessage", "timestamp", "expiration"))
_IDS = frozenset(("protocol_id", "protocol", "supported_protocols"))


def _meaning(what: str, value: Any) -> str:  # noqa: ANN401 - JSON
    """Return what the value of a field means, by the field's name; of a message that is one value, by its type."""
    match value:
        case int() if what in _TIMES and value:
            return write_rfc3339(value)
        case int() if what == "status":
            return next((status.name.lower() for status in Status if status == value), "")
        case str() if what in _IDS:
            with contextlib.suppress(ValueError):
                return _id_text(bytes.fromhex(value))
    return ""
