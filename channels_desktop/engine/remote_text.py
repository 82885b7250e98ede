"""Text on its way to the store, the screen and others: what it is, not what it says."""

from __future__ import annotations

import re
import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
# Breaks and tabs, the soft hyphen, joiners, the marks that right-to-left writing needs, and signs of Arabic, Syriac and
# Mongolian: none of them can turn the text around it.
_TEXT = frozenset(
    "\n\t\u00ad\u200c\u200d\u200e\u200f\u061c\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u08e2\u070f\u180e"
)
_FLAGS = re.compile("(\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f)")  # England: a black flag with tags behind it
_UNSEEN = frozenset(("Cc", "Cf", "Cn", "Cs", "Zl", "Zp", "Zs"))
_FILLERS = frozenset(
    (
        *"\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0",
        *map(chr, range(0x180B, 0x1810)),
        *map(chr, range(0xFE00, 0xFE10)),
    )
)
"""Letters and marks that leave no trace: fillers of Hangul and braille, joiners, selectors of variants."""


def clean(text: str) -> str:
    """Return `text` with what was no UTF-8 replaced, so that it can be stored and shown.

    The signed bytes are kept as they came; this is only what people read.
    """
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def visible(text: str, kept: str = "") -> str:
    """Return `text` as it may be shown: every mark that hides or reorders text as an escape such as [U+202E].

    Overrides, isolates, control and invisible characters are such marks. Line breaks, tabs and what living languages
    and emoji are written with are text. `kept` are marks of our own that stay.
    """
    if text.isascii() and text.isprintable():
        return text
    parts = _FLAGS.split(text.replace("\r\n", "\n"))
    return "".join(part if at % 2 else "".join(_shown(c, kept) for c in part) for at, part in enumerate(parts))


def _shown(character: str, kept: str) -> str:
    if character in _TEXT or character in kept:
        return character
    return f"[U+{ord(character):04X}]" if unicodedata.category(character) in _HIDDEN else character


def is_blank(text: str) -> bool:
    """Say whether nothing of `text` shows: spaces, and what has no shape of its own."""
    return all(character in _FILLERS or unicodedata.category(character) in _UNSEEN for character in text)
