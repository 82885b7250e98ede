"""Where the icons, fonts and style sheets lie: in a built wheel beside the code, in a checkout at its top."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def folder(kind: str) -> Path:
    """Return the folder of `kind` (`icons`, `fonts` or `qss`)."""
    built = _PACKAGE / "_resources"
    return (built if built.is_dir() else _PACKAGE.parent / "resources") / kind
