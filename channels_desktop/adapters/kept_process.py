"""Child processes that never outlive us, however we end."""

from __future__ import annotations

import sys

# The child runs under a shell that holds a pipe to us: when we end, the pipe closes and the shell ends the child.
_KEEPER = """
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
(read -r _ <&3; kill "$child") >/dev/null 2>&1 &
keeper=$!
wait "$child" 2>/dev/null
code=$?
kill "$keeper" 2>/dev/null
exit "$code"
"""


def kept(*command: str) -> tuple[str, ...]:
    """Return a command line that runs `command` until its standard input closes: start it with a pipe there.

    On Windows it is `command` itself: there the child has to be ended by hand.
    """
    return command if sys.platform == "win32" else ("/bin/sh", "-c", _KEEPER, "keeper", *command)
