"""Requests that came whole and alone, in one piece: they can be served without keeping anything of the connection."""

from __future__ import annotations

import httptools
from multidict import CIMultiDict


class Whole:
    """One request: `url` is as it was sent, `stays` says whether the connection stays open after it."""

    __slots__ = ("begun", "body", "done", "headers", "method", "parser", "stays", "url", "version")

    def __init__(self) -> None:
        self.parser: httptools.HttpRequestParser | None = None
        self.begun = self.done = 0
        self.method = self.url = self.version = ""
        self.headers: CIMultiDict[str] = CIMultiDict()
        self.body = b""
        self.stays = False

    # What a parser calls:

    def on_message_begin(self) -> None:
        """Count a request that begins."""
        self.begun += 1

    def on_url(self, url: bytes) -> None:
        """Take the URL."""
        self.url += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, read as aiohttp reads it."""
        self.headers.add(name.decode("latin-1"), value.rstrip(b" \t").decode("utf-8", "surrogateescape"))

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""
        self.body += part

    def on_message_complete(self) -> None:
        """Count a request that is complete, and ask what the parser knows of it only now."""
        self.done += 1
        assert self.parser is not None  # noqa: S101 - it calls this
        self.method, self.version = self.parser.get_method().decode(), self.parser.get_http_version()
        self.stays = self.parser.should_keep_alive()


def whole(data: bytes) -> Whole | None:
    """Return the request that `data` is; None where it is a part of one, more than one, or none that can be read."""
    found = Whole()
    found.parser = httptools.HttpRequestParser(found)
    try:
        found.parser.feed_data(data)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    finally:
        found.parser = None  # they would keep each other
    return found if found.begun == found.done == 1 else None
