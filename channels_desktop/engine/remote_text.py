"""Text of others on its way to the store and the screen."""

from __future__ import annotations


def clean(text: str) -> str:
    """Return `text` with what was no UTF-8 replaced, so that it can be stored and shown.

    The signed bytes are kept as they came; this is only what people read.
    """
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
