"""Files that come with a text: what of them is kept beside the text for its row. Their bytes stay in the message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from channels_desktop.engine.remote_text import clean
from channels_desktop.engine.rows import AttachmentRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from channels_desktop.protocols.text import Attachment


def described(attachments: Iterable[Attachment]) -> str:
    """Return a line with size and name for each attachment."""
    return "\n".join(f"{file.size} {' '.join(clean(file.name).split())}" for file in attachments)


def listed(description: str) -> tuple[AttachmentRow, ...]:
    """Return the rows of what `described` wrote."""
    pairs = (line.partition(" ") for line in description.split("\n") if line)
    return tuple(AttachmentRow(name, int(size)) for size, _, name in pairs)
