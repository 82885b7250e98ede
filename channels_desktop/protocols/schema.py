"""The schema of all that is sent and stored: `python -m channels_desktop.protocols.schema` prints it.

The text is kept in `resources/schema/channels.bsor`: a change of the wire or of stored states shows in its diff.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from channels_desktop.protocols.registry import ALL
from channels_desktop.wire.schema import NOTATION, schema_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from channels_desktop.protocols.protocol import Protocol
    from channels_desktop.wire.bsor import Message


def schema_text(protocols: Iterable[Protocol] = ALL) -> str:
    """Return the message types and states of `protocols`, then the declarations of all their classes."""
    parts = [NOTATION]
    classes: list[type[Message]] = []
    for protocol in protocols:
        name = protocol.id.decode("ascii", "backslashreplace")
        parts.append(_table(f"protocol {name} version {protocol.version}", protocol.messages))
        classes.extend(protocol.messages.values())
        if protocol.negotiation is not None:
            parts.append(_table(f"states of {name}", protocol.negotiation.states))
            classes.extend(protocol.negotiation.states.values())
    return "\n".join([*parts, schema_of(classes)])


def _table(title: str, table: Mapping[int, type[Message]] | Mapping[int | None, type[Message]]) -> str:
    """Return one line for each number; a protocol without message types has one class and no number."""
    numbered = (("" if number is None else f"{number} ", cls.__name__) for number, cls in table.items())
    return "\n".join([title, *(f"  {number}{name}" for number, name in numbered), ""])


if __name__ == "__main__":
    sys.stdout.buffer.write(schema_text().encode())  # bytes: a golden file ends its lines alike everywhere
