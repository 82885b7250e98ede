"""`channels-desktop`: choose the program by the first word."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from channels_desktop import __version__
from channels_desktop.adapters.core_dumps import forbid_core_dumps

PROGRAMS = {
    "playground": "two people with test money, a host and a chain, to try everything with",
    "host": "serve mailboxes (peer channels)",
    "host account": "open, list and remove accounts of a host",
    "host backup": "copy the mailboxes of a host into a file",
    "inspect": "say what messages in hex hold",
}
_USAGE = 2


def main() -> int:
    """Run the app, `playground`, `host` or `inspect`; return the exit code."""
    forbid_core_dumps()
    word, rest = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("", [])
    match word:
        case "host":
            from channels_desktop.bitcoin.signed_messages import is_signed_message
            from channels_desktop.host.serve import main as host

            return host(rest, is_signed_message)
        case "playground":
            from channels_desktop.playground import main as playground

            return playground(rest)
        case "inspect":
            from channels_desktop.inspect_command import main as inspect

            return inspect(rest)
        case _ if word and not word.startswith("-"):
            return _refuse(f'There is no program "{word}". channels-desktop --help lists those there are.', _USAGE)
        case _:
            return _app()


def _app() -> int:
    options = parser().parse_args()
    try:
        from channels_desktop.app import main as app
    except ImportError as error:
        if not (error.name or "").startswith("PySide6"):
            raise
        return _refuse(f"Qt can't be loaded ({error}). packaging/system_packages.txt names what it needs.", 1)
    return app(options)


def _refuse(sentence: str, code: int) -> int:
    print(f"channels-desktop: {sentence}", file=sys.stderr)
    return code


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line of the app, and lists all programs."""
    width = max(map(len, PROGRAMS)) + 2
    lines = (f"  channels-desktop {name:<{width}}{words}" for name, words in PROGRAMS.items())
    made = argparse.ArgumentParser(
        prog="channels-desktop",
        description="Open your account in its window; the first start makes one.",
        epilog="\n".join(("other programs, each with a --help of its own:", *lines)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action="version", version=f"channels-desktop {__version__}")
    made.add_argument("--profile", type=Path, metavar="DIR", help="the data folder of the account")
    made.add_argument("--passphrase-file", type=Path, metavar="FILE", help="read the passphrase from a file")
    made.add_argument("--host", metavar="URL", help="what the first start fills in as channel host")
    made.add_argument("--access", metavar="TOKEN", help="what the first start fills in as access token")
    made.add_argument("--node", metavar="URL", help="a Bitcoin SV node's JSON-RPC, for a new account")
    made.add_argument("--network", choices=("main", "test", "regtest"), default="regtest", help="of that node")
    made.add_argument("--place", choices=("left", "right"), help=argparse.SUPPRESS)
    made.add_argument("--patience", type=float, default=3.0, help=argparse.SUPPRESS)
    return made


if __name__ == "__main__":
    sys.exit(main())
