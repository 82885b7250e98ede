"""`channels-desktop`: choose the program by the first word."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the app, `playground`, `host` or `inspect`; return the exit code."""
    word, rest = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("", [])
    if word == "host":
        from channels_desktop.bitcoin.signed_messages import is_signed_message
        from channels_desktop.host.serve import main as host

        return host(rest, is_signed_message)
    if word == "playground":
        from channels_desktop.playground import main as playground

        return playground(rest)
    if word == "inspect":
        from channels_desktop.inspect_command import main as inspect

        return inspect(rest)
    from channels_desktop.app import main as app

    return app(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
