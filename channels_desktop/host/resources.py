"""What the process of a host takes from system and interpreter: open files, an event loop, turns of its threads."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import Callable
from dataclasses import replace

from channels_desktop.errors import Refused
from channels_desktop.host.bounds import Bounds

SPARE_FILES = 64
"""Open files that are no connections: the database, its log, pipes, the loop's own."""

GARBAGE = 20_000
"""New objects between two looks for garbage. Requests leave none behind, but many are being answered at a time."""
TURN_SECONDS = 0.001
"""How long a busy loop keeps the thread of the store waiting, which has little to do between two statements."""

_FEW = "{} open files are allowed, and {} are needed for `connections`: raise the limit (ulimit -n, LimitNOFILE=)"

_log = logging.getLogger(__name__)


def tune_interpreter() -> None:
    """Let threads take turns more often, and Python look for garbage less often and never at what is there by now."""
    sys.setswitchinterval(TURN_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE, *gc.get_threshold()[1:])


if sys.platform == "win32":

    def raise_open_files() -> None:
        """Do nothing: Windows sets no such bound."""

    def affordable(bounds: Bounds) -> Bounds:
        """Return the bounds as they are."""
        return bounds

    def warn_of_few_files(bounds: Bounds) -> None:
        """Do nothing."""

    def fastest_loop() -> Callable[[], asyncio.AbstractEventLoop]:
        """Return the maker of Python's own loop."""
        return asyncio.new_event_loop

else:
    import resource

    import uvloop

    def raise_open_files() -> None:
        """Let this process open as many files as it may."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def affordable(bounds: Bounds) -> Bounds:
        """Return the bounds with no more connections than this process may have files open.

        Raises Refused("files") where there could be none.
        """
        files = _open_files()
        most = files - SPARE_FILES
        if bounds.connections <= most:
            return bounds
        if most < 1:
            raise Refused("files", _FEW.format(files, bounds.connections + SPARE_FILES))
        fields = {"wanted": bounds.connections, "possible": most}
        _log.info("fewer connections than wanted: too few open files are allowed", extra={"fields": fields})
        return replace(bounds, connections=most)

    def warn_of_few_files(bounds: Bounds) -> None:
        """Say where there can be fewer connections than wanted, and how many files it takes."""
        files, needed = _open_files(), bounds.connections + SPARE_FILES
        if files < needed:
            _log.warning(_FEW.format(files, needed))

    def _open_files() -> int:
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return sys.maxsize if files == resource.RLIM_INFINITY else files

    def fastest_loop() -> Callable[[], asyncio.AbstractEventLoop]:
        """Return the maker of the fastest event loop there is."""
        return uvloop.new_event_loop
