"""`channels-desktop`: choose the program by the first word."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the app, `playground` or `host`; return the exit code."""
    word, rest = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("", [])
    if word == "host":
        from channels_desktop.host.serve import main as host  # noqa: PLC0415 - a host loads no Qt

        return host(rest)
    if word == "playground":
        from channels_desktop.playground import main as playground  # noqa: PLC0415 - each program loads its own

        return playground(rest)
    from channels_desktop.app import main as app  # noqa: PLC0415 - as above

    return app(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
