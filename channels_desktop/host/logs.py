"""How the process `channels-desktop host` logs: one line of JSON or text for each event, on the standard error.

A line never holds a token, a URL's query or a payload: requests are named by the pattern of their route, and of an
exception only its kind and where it came from are told, because its words may repeat what a client sent.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LEVELS = ("error", "warning", "info", "debug")
FORMATS = ("json", "text")

_log = logging.getLogger(__name__)


class LineFormatter(logging.Formatter):
    """Write a record as one line; `extra={"fields": {...}}` adds fields to it."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": record.name.rpartition(".")[2],
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            fields["error"] = type(error).__name__
            frames = traceback.extract_tb(error.__traceback__)
            fields["where"] = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
        if self._form == "json":
            return json.dumps(fields)
        event = fields.pop("event")
        rest = " ".join(f"{name}={value}" for name, value in fields.items() if name not in {"time", "level"})
        return f"{fields['time']} {fields['level']} {event!r} {rest}"


def broken_connections_aside(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Handle what no task handles: a client that breaks off or speaks no TLS is worth no line by default."""
    if isinstance(context.get("exception"), OSError):  # errors of TLS, resets and time-outs are all among them
        _log.debug("a connection failed", extra={"fields": {"error": type(context["exception"]).__name__}})
    else:
        loop.default_exception_handler(context)


def set_up(level: str, form: str) -> None:
    """Log to the standard error what is at or above `level`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(form))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
