"""What every dialect of the API shares: who asks, in which form it is answered, and how errors look.

An error has its true status code and one JSON body with the fields of both families of clients: ProblemDetails, and
`code` with `message`. Its words are ours alone: nothing of the request is repeated, so no token can get into them.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from aiohttp import web

from channels_desktop.errors import Refused, StoreError
from channels_desktop.host.mailboxes import Limits, Mailboxes, hashed
from channels_desktop.host.messages import BSOR_TYPE, AccountReply, ChannelData, FullChannel, MessageNotification
from channels_desktop.host.notify import Listeners
from channels_desktop.host.sqlite import SqliteStore
from channels_desktop.host.sqlite_rows import SqliteRows
from channels_desktop.wire.bsor import Message, write_list

T = TypeVar("T")
Body = AccountReply | ChannelData | FullChannel | MessageNotification
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PREFIX = "/api/v1"

STATUS = {
    "bad_request": HTTPStatus.BAD_REQUEST,
    "unauthorized": HTTPStatus.UNAUTHORIZED,
    "forbidden": HTTPStatus.FORBIDDEN,
    "not_found": HTTPStatus.NOT_FOUND,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "quota": HTTPStatus.TOO_MANY_REQUESTS,
    "mailbox_full": HTTPStatus.INSUFFICIENT_STORAGE,
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Api:
    """What the handlers of one host work with."""

    store: SqliteStore
    listeners: Listeners
    limits: Limits
    now: Callable[[], int]
    operator: bytes
    base_url: str

    async def change(self, work: Callable[[Mailboxes], T]) -> T:
        """Apply rules in a transaction; when this returns its result is on disk."""
        return await self.store.transact(lambda rows: work(self._rules(rows)))

    async def look(self, work: Callable[[Mailboxes], T]) -> T:
        """Apply rules that change nothing."""
        return await self.store.query(lambda rows: work(self._rules(rows)))

    def check_operator(self, request: web.Request) -> None:
        """Raise Refused unless the request bears the operator's token."""
        if not hmac.compare_digest(hashed(bearer(request)), self.operator):
            raise Refused("unauthorized")

    def _rules(self, rows: SqliteRows) -> Mailboxes:
        return Mailboxes(rows, self.limits, self.now)


API = web.AppKey("api", Api)


def bearer(request: web.Request) -> str:
    """Return the token of the Authorization header, empty where there is none."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def flag(request: web.Request, name: str, *, default: bool = False) -> bool:
    """Return the truth value of a query parameter."""
    text = request.query.get(name, "").lower()
    if text not in {"", "true", "false", "1", "0"}:
        raise Refused("bad_request", f"{name} is true or false")
    return text in {"true", "1"} if text else default


def wants_bsor(request: web.Request) -> bool:
    """Whether the first type that the request accepts is BSOR."""
    first = request.headers.get("Accept", "").partition(",")[0].partition(";")[0]
    return first.strip().lower() == BSOR_TYPE


def reply(request: web.Request, value: Body) -> web.Response:
    """Answer with one object, in BSOR or JSON."""
    if wants_bsor(request):
        return web.Response(body=value.to_bytes(), content_type=BSOR_TYPE)
    return web.json_response(value.json())


def reply_list(request: web.Request, values: tuple[Message, ...], as_json: Callable[[], object]) -> web.Response:
    """Answer with a list of objects, in BSOR or as JSON."""
    if wants_bsor(request):
        return web.Response(body=write_list(values), content_type=BSOR_TYPE)
    return web.json_response(as_json())


def failure(status: HTTPStatus, code: str, words: str = "") -> web.Response:
    """Answer with an error."""
    detail = words or status.phrase
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "code": code,
        "message": detail,
    }
    return web.json_response(body, status=status, reason=detail, content_type="application/json")


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn everything that a handler raises into an answer with a status code and the one error body."""
    try:
        return await handler(request)
    except Refused as refused:
        return failure(STATUS[refused.reason], refused.reason, str(refused))
    except StoreError as error:
        _log.error("the store failed: %s", error)
        return failure(HTTPStatus.SERVICE_UNAVAILABLE, "store")
    except web.HTTPRequestEntityTooLarge:
        return failure(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large")
    except web.HTTPException as other:
        status = HTTPStatus(other.status)
        return failure(status, status.name.lower())
    except web.RequestPayloadError:
        return failure(HTTPStatus.BAD_REQUEST, "bad_request", "the body is broken")
    except ConnectionError:
        raise  # whoever asked is gone
    except Exception:  # noqa: BLE001 - a bug of ours is logged here and stays one request wide
        _log.exception("a request failed")
        return failure(HTTPStatus.INTERNAL_SERVER_ERROR, "internal")
