"""The gate of a connection: it lets through only requests that every reader of HTTP reads alike.

Behind a proxy, the requests of many clients come over one connection. Where proxy and host disagree on where a request
ends or what a header says, bytes of one client become part of the request of another. So nothing unusual is mended or
guessed: a head is let through when it is whole and plain, a body as it was announced, and whatever else comes is a
fault, after which nothing of the connection is read any more. Parsers behind the gate are given nothing to argue about.

What is stricter here than RFC 9112: chunks have no extensions and bodies no trailers, the only coding is `chunked`, and
headers that say who asks, and for what, come once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus

from channels_desktop.host.bounds import Bounds

LINES_OF_A_HEAD = 4
"""How many lines of the greatest length the lines of a head may be together."""
METHODS = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE"))

_NAME = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TARGET = rb"\*|(?:/|(?i:https?)://[0-9A-Za-z.\-_~:\[\]]+(?=[/? ]))[!\"$-~]*"  # no fragment: it belongs to no request
_FIRST_LINE = rb"(%b) (%b) HTTP/1\.([01])\r\n" % (_NAME, _TARGET)
_LINE = re.compile(_FIRST_LINE)
_HEAD = re.compile(rb"%b(?:%b:[^\x00-\x08\x0a-\x1f\x7f]*\r\n)*+\r\n" % (_FIRST_LINE, _NAME))
_OTHER_VERSION = re.compile(rb"[^ \r\n]+ [^ \r\n]+ HTTP/(?!1\.[01]\r)[0-9]\.[0-9]\r\n")
_TELLING = re.compile(
    rb"\n(host|content-length|transfer-encoding|content-type|authorization|expect|upgrade|connection):[ \t]*([^\r]*)",
    re.IGNORECASE,
)
_IN_NO_HEAD = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?!\n|\Z)")
_PLACE = re.compile(rb"[0-9A-Za-z.\-_~%!$&'()*+;=:\[\]]*")
_LENGTH = re.compile(rb"0|[1-9][0-9]{0,17}")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
_SIZE_BEGUN = re.compile(rb"[0-9A-Fa-f]{1,8}\r?")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why nothing more is read, and how that is answered.

    It may be `within` the body of a request that was let through; `silent` says that no body may be in the answer.
    """

    status: HTTPStatus
    words: str = ""
    within: bool = False
    silent: bool = False


class _Wrong(Exception):
    """What is wrong, on its way to where it is noted."""

    def __init__(self, words: str = "", status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(words)
        self.status = status


class _Next(Enum):
    """What has to come next, after the part of a body that is still to come."""

    HEAD = auto()
    SIZE = auto()
    CHUNK_END = auto()
    BODY_END = auto()


class Gate:
    """What is let through of one connection.

    `heads` counts the requests whose head was. `over` says that the last of them is the connection's last, and `held`
    is then what came behind it.
    """

    __slots__ = ("_bounds", "_left", "_next", "_seen", "fault", "heads", "held", "over")

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._next = _Next.HEAD
        self._left = 0
        """Bytes of a body, or of one of its chunks, that are still to come."""
        self._seen = 0
        """How many of the bytes held are known to end no head."""
        self.held = b""
        self.heads = 0
        self.over = False
        self.fault: Fault | None = None

    @property
    def between(self) -> bool:
        """Whether every request that has begun is complete."""
        return self._is_done and not self.held

    @property
    def _is_done(self) -> bool:
        return not self._left and self._next is _Next.HEAD

    def let(self, data: bytes) -> bytes:
        """Return what may be read now that `data` has come: of a head nothing until it is whole, nothing of a fault."""
        if self._left >= len(data):  # of a body, most likely one of many parts
            self._left -= len(data)
            return data
        if self.fault is not None or (self.over and self._is_done):
            return b""
        data, self.held, at = self.held + data, b"", 0
        try:
            while at < len(data):
                if self._left:
                    step = min(self._left, len(data) - at)
                    self._left -= step
                elif (self.over and self._is_done) or not (step := self._step(data, at)):
                    break
                at += step
        except _Wrong as wrong:
            self._note(wrong, silent=data.startswith(b"HEAD ", at))
        else:
            self.held = data[at:]
        return data[:at]

    def end(self) -> None:
        """Know that nothing more comes: a fault, unless every request is complete."""
        if not self.between and not self.over and self.fault is None:
            self._note(_Wrong("the request breaks off"))

    def _note(self, wrong: _Wrong, *, silent: bool = False) -> None:
        self.fault = Fault(wrong.status, str(wrong), not self._is_done, silent)
        self._left = 0

    def _step(self, data: bytes, at: int) -> int:
        """Return how many bytes at `at` are what has to come next; 0 where not all of it has come."""
        match self._next:
            case _Next.HEAD:
                return self._head(data, at)
            case _Next.SIZE:
                return self._size(data, at)
            case _Next.CHUNK_END:
                return self._line_end(data, at, _Next.SIZE, "a chunk is longer than it says")
            case _Next.BODY_END:
                return self._line_end(data, at, _Next.HEAD, "there may be no trailers")

    def _head(self, data: bytes, at: int) -> int:
        if data.startswith(b"\r\n", at):  # some clients end a body so; all readers pass it over
            return 2
        end = data.find(b"\r\n\r\n", max(at, at + self._seen - 3))
        if end < 0:
            self._look_early(data[at:])
            return 0
        self._seen = 0
        head = data[at : end + 4]
        found = _HEAD.fullmatch(head)
        if found is None or not self._is_short(head):
            raise self._why(head)
        method, target, minor = found.groups()
        if method not in METHODS:
            raise _Wrong(status=HTTPStatus.NOT_IMPLEMENTED)
        if target == b"*" and method != b"OPTIONS":
            raise _Wrong("the target is no path")
        self._announced(method, minor, _telling(head))
        self.heads += 1
        return len(head)

    def _look_early(self, begun: bytes) -> None:
        """Refuse the beginning of a head where no rest could make it one."""
        new = max(0, self._seen - 1)
        if _IN_NO_HEAD.search(begun, new) or (b"\r\n" in begun and not _LINE.match(begun)) or not self._is_short(begun):
            raise self._why(begun)
        self._seen = len(begun)

    def _is_short(self, head: bytes) -> bool:
        """Whether a head, or the beginning of one, is within the bounds."""
        longest = self._bounds.header_bytes
        return head.count(b"\r\n") - 2 <= self._bounds.headers and (
            len(head) <= longest
            or (len(head) <= LINES_OF_A_HEAD * longest and all(len(line) <= longest for line in head.split(b"\r\n")))
        )

    def _why(self, head: bytes) -> _Wrong:
        """Return what is wrong with a head that is too long or no head at all."""
        line, *_ = head.partition(b"\r\n")
        if len(line) > self._bounds.header_bytes:
            return _Wrong(status=HTTPStatus.REQUEST_URI_TOO_LONG)
        if _OTHER_VERSION.match(head):
            return _Wrong(status=HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
        if not self._is_short(head):
            return _Wrong(status=HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        return _Wrong("the headers cannot be read" if _LINE.match(head) else "the first line cannot be read")

    def _announced(self, method: bytes, minor: bytes, said: dict[bytes, bytes]) -> None:
        """Learn from the headers of a request what body comes, and whether another request may come after it."""
        place, length, coding = said.get(b"host"), said.get(b"content-length"), said.get(b"transfer-encoding")
        if place is None and minor == b"1":
            raise _Wrong("the host is not named")
        if place is not None and not _PLACE.fullmatch(place):
            raise _Wrong("the name of the host cannot be read")
        if said.get(b"expect", b"100-continue").lower() != b"100-continue":
            raise _Wrong(status=HTTPStatus.EXPECTATION_FAILED)
        if coding is not None and (length is not None or minor == b"0"):
            raise _Wrong("the body is announced in two ways")
        if coding is not None and coding.lower() != b"chunked":
            raise _Wrong(status=HTTPStatus.NOT_IMPLEMENTED)
        if length is not None and not _LENGTH.fullmatch(length):
            raise _Wrong("the length of the body is no number")
        if method == b"GET" and b"upgrade" in said and (coding is not None or int(length or 0)):
            raise _Wrong("nobody begins a websocket with a body")
        self.over = b"upgrade" in said or _is_last(minor, said.get(b"connection", b""))
        self._left = int(length or 0)
        self._next = _Next.HEAD if coding is None else _Next.SIZE

    def _size(self, data: bytes, at: int) -> int:
        found = _SIZE.match(data, at)
        if found is None:
            if _SIZE_BEGUN.fullmatch(data, at):
                return 0
            raise _Wrong("the size of a chunk cannot be read")
        self._left = int(found[1], 16)
        self._next = _Next.CHUNK_END if self._left else _Next.BODY_END
        return found.end() - at

    def _line_end(self, data: bytes, at: int, then: _Next, words: str) -> int:
        if data.startswith(b"\r\n", at):
            self._next = then
            return 2
        if data[at:] == b"\r":
            return 0
        raise _Wrong(words)


def _telling(head: bytes) -> dict[bytes, bytes]:
    """Return the headers on which it depends who asks for what, and where the request ends.

    Each may come once; but for Connection, which is a list.
    """
    said: dict[bytes, bytes] = {}
    for found, value in _TELLING.findall(head):
        name = found.lower()
        if name in said and name != b"connection":
            raise _Wrong("a header that may come once comes twice")
        text = value.rstrip(b" \t")
        said[name] = b"%b,%b" % (said[name], text) if name in said else text
    return said


def _is_last(minor: bytes, wishes: bytes) -> bool:
    """Whether a request wants to be the last of its connection; before HTTP/1.1 it is, unless it says otherwise."""
    if not wishes:
        return minor == b"0"
    said = {wish.strip(b" \t") for wish in wishes.lower().split(b",")}
    return b"close" in said or (minor == b"0" and b"keep-alive" not in said)
