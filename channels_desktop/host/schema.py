"""The schema of what the host's API sends in BSOR: `python -m channels_desktop.host.schema` prints it.

The text is kept in `resources/schema/host.bsor`, as that of the messages is.
"""

from __future__ import annotations

import sys

from channels_desktop.host.messages import AccountReply, ChannelData, FullChannel, HostMessage, MessageNotification
from channels_desktop.wire.schema import NOTATION, schema_of

BODIES = (AccountReply, FullChannel, ChannelData, HostMessage, MessageNotification)


def schema_text() -> str:
    """Return the declarations of all bodies and frames."""
    return f"{NOTATION}\n{schema_of(BODIES)}"


if __name__ == "__main__":
    sys.stdout.buffer.write(schema_text().encode())  # bytes: a golden file ends its lines alike everywhere
