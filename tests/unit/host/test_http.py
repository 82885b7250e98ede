"""How everything that a handler may raise is answered, over a real socket."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from channels_desktop.errors import Refused, StoreError
from channels_desktop.host.http import STATUS, errors
from channels_desktop.host.limits import TooFast


@asynccontextmanager
async def raising(error: Exception) -> AsyncIterator[str]:
    """Yield the URL of an application whose one handler raises `error`."""

    async def handler(_: web.Request) -> web.StreamResponse:
        raise error

    app = web.Application(middlewares=[errors])
    app.router.add_get("/", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


@pytest.mark.parametrize(
    ("error", "status", "reason", "words", "logged"),
    [
        *((Refused(reason), status, reason, status.phrase, "") for reason, status in STATUS.items()),
        (Refused("forbidden", "not today"), 403, "forbidden", "not today", ""),
        (TooFast(7), 429, "rate", "too many at once; wait a little", ""),
        (StoreError("no space"), 503, "store", "Service Unavailable", "the store failed: no space"),
        (RuntimeError("what a client sent"), 500, "internal", "Internal Server Error", "a request failed"),
        (web.RequestPayloadError("what a client sent"), 400, "bad_request", "the body is broken", ""),
        (web.HTTPRequestEntityTooLarge(1, 2), 413, "too_large", "Request Entity Too Large", ""),
        (web.HTTPExpectationFailed(text="what a client sent"), 417, "expectation_failed", "Expectation Failed", ""),
        (web.HTTPMethodNotAllowed("GET", ["PUT"]), 405, "method_not_allowed", "Method Not Allowed", ""),
    ],
)
async def test_every_error_has_its_status_and_words_of_ours(
    error: Exception, status: int, reason: str, words: str, logged: str, warnings_logged: list[logging.LogRecord]
) -> None:
    async with raising(error) as url, aiohttp.ClientSession() as session, session.get(url) as answer:
        said = await answer.json()
        assert (answer.status, answer.reason, said["reason"]) == (status, words, reason)
        assert said["status"] == said["code"] == status
        assert said["detail"] == said["message"] == words
        assert answer.headers["Cache-Control"] == "no-store, no-transform"
        assert ("WWW-Authenticate" in answer.headers) == (status == 401)
        assert answer.headers.get("Retry-After") == ("7" if isinstance(error, TooFast) else None)
        assert answer.headers.get("Allow") == ("PUT" if status == 405 else None)
    assert [record.getMessage() for record in warnings_logged] == ([logged] if logged else [])
    warnings_logged.clear()
