"""Bytes written by the reference implementation, and a loader for them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any


@cache
def load(name: str) -> Any:
    """Return the content of one vector file."""
    return json.loads((Path(__file__).parent / f"{name}.json").read_text("utf-8"))
