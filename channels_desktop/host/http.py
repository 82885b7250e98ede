"""What every dialect of the API shares: who asks, in which form it is answered, and how errors look.

An error has its true status code and one JSON body with the fields of both families of clients: ProblemDetails, and a
numeric `code` with `message`; `reason` is ours. The reason phrase says the same. Its words are ours alone: nothing of
the request is repeated, so no token can get into them.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, TypeVar

from aiohttp import hdrs, web

from channels_desktop.errors import Refused, StoreError
from channels_desktop.host.limits import Limits, Rates, TooFast, Turn
from channels_desktop.host.listeners import Listeners
from channels_desktop.host.mailboxes import Mailboxes
from channels_desktop.host.management import hashed
from channels_desktop.host.messages import BSOR_TYPE, AccountReply, ChannelData, FullChannel, MessageNotification
from channels_desktop.host.registration import Registration
from channels_desktop.host.rows import Looking, Posting, Store
from channels_desktop.wire.bsor import Message, write_list

T = TypeVar("T")
Body = AccountReply | ChannelData | FullChannel | MessageNotification
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Json = dict[str, Any]

PREFIX = "/api/v1"
SMALL_BODY = 64 * 1024
LONGEST_NUMBER = 18
ALWAYS = {
    "Server": "channels-host",
    "Cache-Control": "no-store, no-transform",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Channel-Flags",
}
"""What every answer says: who gives it, and what may be done with it on the way and by scripts of any page.

It is for the asker alone and is not to be changed: ETags are plain numbers, and whoever compresses an answer would
rewrite them. Pages may read it, since nobody is let in by what a browser sends by itself: a token is in each request.
"""
MAY_BE_SENT = "Authorization, Content-Type, Accept"
PREFLIGHT_SECONDS = 86_400
METHODS = ("GET", "HEAD", "POST", "DELETE")
"""All that any path may be asked."""

STATUS = {
    "bad_request": HTTPStatus.BAD_REQUEST,
    "unauthorized": HTTPStatus.UNAUTHORIZED,
    "forbidden": HTTPStatus.FORBIDDEN,
    "locked": HTTPStatus.FORBIDDEN,
    "not_found": HTTPStatus.NOT_FOUND,
    "conflict": HTTPStatus.CONFLICT,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "rate": HTTPStatus.TOO_MANY_REQUESTS,
    "quota": HTTPStatus.TOO_MANY_REQUESTS,
    "mailbox_full": HTTPStatus.INSUFFICIENT_STORAGE,
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Api:
    """What the handlers of one host work with."""

    store: Store
    listeners: Listeners
    limits: Limits
    now: Callable[[], int]
    operator: bytes = field(repr=False)
    base_url: str
    registration: Registration | None = None
    elapsed: Callable[[], int] = time.monotonic_ns
    rates: Rates = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Begin to count how fast accounts post."""
        object.__setattr__(self, "rates", Rates(self.limits.posts_per_second, self.limits.burst, elapsed=self.elapsed))

    def change(self, work: Callable[[Mailboxes], Awaitable[T]], post: Posting | None = None) -> asyncio.Future[T]:
        """Apply rules in a transaction; when its result comes it is on disk. `post` is what a post looks up."""
        turn = Turn(self.rates)
        return self.store.transact(lambda rows: work(Mailboxes(rows, self.limits, self.now, turn)), post)

    def look(self, work: Callable[[Mailboxes], Awaitable[T]], looking: Looking | None = None) -> Awaitable[T]:
        """Apply rules that change nothing; `looking` is what a look for news looks up."""
        return self.store.query(lambda rows: work(Mailboxes(rows, self.limits, self.now)), looking)

    def check_operator(self, request: web.Request) -> None:
        """Raise Refused unless the request bears the operator's token."""
        if not hmac.compare_digest(hashed(credential(request.headers)), self.operator):
            raise Refused("unauthorized")


API = web.AppKey("api", Api)
REASON = web.ResponseKey("reason", str)
"""Why an answer is a failure, for whoever counts them."""


# --------------------------------------------------------------------------------------------------------- the request


def credential(headers: Mapping[str, str]) -> str:
    """Return the token that a request bears, empty where there is none.

    It is a Bearer token or the password of Basic; there the user's name is free.
    """
    kind, _, text = headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return text.strip()
    if kind.lower() == "basic":
        try:
            user_and_password = base64.b64decode(text.strip(), validate=True)
        except (ValueError, binascii.Error):
            return ""
        return user_and_password.partition(b":")[2].decode("utf-8", "surrogateescape")
    return ""


def query_credential(request: web.Request) -> str:
    """Return the token of the query, where websockets have it, else that of the header."""
    return request.query.get("token", "") or credential(request.headers)


async def as_account(request: web.Request, rule: Callable[[Mailboxes, str], Awaitable[T]], *, change: bool) -> T:
    """Apply a rule with the token of the account that asks, which must be the one of the path where that names one."""
    api, token, named = request.app[API], credential(request.headers), request.match_info.get("account")

    async def work(rules: Mailboxes) -> T:
        account = await rules.account(token)
        if named not in (None, str(account)):
            raise Refused("forbidden")
        return await rule(rules, token)

    return await (api.change(work) if change else api.look(work))


def is_plain(text: str) -> bool:
    """Whether a text of a path or header is printable ASCII, which every store can look up and keep."""
    return text.isascii() and text.isprintable()


def channel_id(request: web.Request) -> str:
    """Return the channel of the path."""
    text = request.match_info["channel"]
    if not is_plain(text):
        raise Refused("not_found", "no such channel")
    return text


def flag(request: web.Request, name: str, *, default: bool = False) -> bool:
    """Return the truth value of a query parameter."""
    text = request.query.get(name, "").lower()
    if text not in {"", "true", "false", "1", "0"}:
        raise Refused("bad_request", f"{name} is true or false")
    return text in {"true", "1"} if text else default


def number(text: str, name: str) -> int:
    """Return a natural number of a path or query."""
    if not (text.isascii() and text.isdigit()) or len(text) > LONGEST_NUMBER:
        raise Refused("bad_request", f"{name} is a number of at most {LONGEST_NUMBER} digits")
    return int(text)


async def json_body(request: web.Request) -> Json:
    """Return the JSON object of a small body."""
    body = await request.read()
    if len(body) > SMALL_BODY:
        raise Refused("too_large")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused("bad_request", "the body is no JSON") from None
    if not isinstance(value, dict):
        raise Refused("bad_request", "the body is no JSON object")
    return value


def wants_bsor(headers: Mapping[str, str]) -> bool:
    """Whether the first type that the request accepts is BSOR."""
    first = headers.get("Accept", "").partition(",")[0].partition(";")[0]
    return first.strip().lower() == BSOR_TYPE


# ---------------------------------------------------------------------------------------------------------- the answer


def reply(request: web.Request, value: Body) -> web.Response:
    """Answer with one object, in BSOR or JSON."""
    if wants_bsor(request.headers):
        return web.Response(body=value.to_bytes(), content_type=BSOR_TYPE)
    return web.json_response(value.json())


def reply_list(request: web.Request, values: tuple[Message, ...], as_json: Callable[[], object]) -> web.Response:
    """Answer with a list of objects, in BSOR or as JSON."""
    if wants_bsor(request.headers):
        return web.Response(body=write_list(values), content_type=BSOR_TYPE)
    return web.json_response(as_json())


def failure(status: HTTPStatus, reason: str, words: str = "") -> web.Response:
    """Answer with an error."""
    detail = words or status.phrase
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "code": int(status),
        "message": detail,
        "reason": reason,
    }
    answer = web.json_response(body, status=status, reason=detail)
    answer[REASON] = reason
    if status is HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn everything that a handler raises into an answer, and sign all of them."""
    try:
        answer = await handler(request)
    except ConnectionError:
        raise  # whoever asked is gone
    except Exception as error:  # noqa: BLE001 - a bug of ours stays one request wide
        answer = _options(request, error) or answer_to(error)
    if not answer.prepared:
        sign(answer)
    return answer


def _options(request: web.Request, error: Exception) -> web.Response | None:
    """Return the answer to a request that asks what it may ask, which is all that no route answers by itself."""
    if request.method != hdrs.METH_OPTIONS:
        return None
    if isinstance(error, web.HTTPMethodNotAllowed):
        return preflight(error.allowed_methods)
    return preflight(METHODS) if request.raw_path == "*" else None


def answer_to(error: Exception) -> web.Response:
    """Return the answer with a status code and the one error body for what a handler raised."""
    match error:
        case Refused():
            return _refusal(error)
        case StoreError():
            _log.error("the store failed: %s", error)
            return failure(HTTPStatus.SERVICE_UNAVAILABLE, "store")
        case web.HTTPRequestEntityTooLarge():
            return failure(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large")
        case web.HTTPException():
            status = HTTPStatus(error.status)
            answer = failure(status, status.name.lower())
            if "Allow" in error.headers:
                answer.headers["Allow"] = error.headers["Allow"]
            return answer
        case web.RequestPayloadError():
            broken = failure(HTTPStatus.BAD_REQUEST, "bad_request", "the body is broken")
            broken.force_close()
            return broken
        case _:
            _log.error("a request failed", exc_info=error)
            return failure(HTTPStatus.INTERNAL_SERVER_ERROR, "internal")


def preflight(methods: Iterable[str]) -> web.Response:
    """Tell a browser, before a script's request, what may be asked of a path."""
    allowed = ", ".join(sorted(methods))
    headers = {
        hdrs.ALLOW: allowed,
        hdrs.ACCESS_CONTROL_ALLOW_METHODS: allowed,
        hdrs.ACCESS_CONTROL_ALLOW_HEADERS: MAY_BE_SENT,
        hdrs.ACCESS_CONTROL_MAX_AGE: str(PREFLIGHT_SECONDS),
    }
    return web.Response(status=HTTPStatus.NO_CONTENT, headers=headers)


def sign(answer: web.StreamResponse) -> None:
    """Say what every answer says. Left alone, aiohttp would tell its version and that of Python."""
    answer.headers.update(ALWAYS)


def written(answer: web.Response, at: float | None = None) -> bytes:
    """Return an answer with a body as it is sent, `at` seconds since 1970: now, if that is not said."""
    body = answer.body
    assert isinstance(body, bytes)  # noqa: S101 - what `failure` makes
    return head(answer.status, answer.reason or "", at, {**answer.headers, hdrs.CONTENT_LENGTH: str(len(body))}) + body


def head(status: int, reason: str, at: float | None, headers: Mapping[str, str]) -> bytes:
    """Return the head of an answer as it is sent."""
    lines = [f"HTTP/1.1 {int(status)} {reason}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join((*lines, f"{hdrs.DATE}: {formatdate(at, usegmt=True)}", "", "")).encode()


def _refusal(refused: Refused) -> web.Response:
    words = str(refused).removeprefix(refused.reason).removeprefix(": ")
    answer = failure(STATUS[refused.reason], refused.reason, words)
    if isinstance(refused, TooFast):
        answer.headers["Retry-After"] = str(refused.seconds)
    return answer
