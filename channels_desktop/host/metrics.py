"""What a host counts, and how it is asked: `/healthz` for load balancers, `/metrics` for Prometheus.

`/metrics` is for whoever bears the operator's token, wherever they come from: behind a proxy on the same computer every
request seems to come from the computer itself. Labels are names of routes, statuses and reasons: no token, no channel.
"""

from __future__ import annotations

import asyncio
import collections
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from http import HTTPStatus
from typing import TypeVar

from aiohttp import hdrs, web
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from channels_desktop.host.http import API, REASON, failure
from channels_desktop.host.messages import HostMessage
from channels_desktop.host.rows import Looking, Posting, Rows, Store
from channels_desktop.host.tasks import Health, Tasks

T = TypeVar("T")
Work = Callable[[Rows], Awaitable[T]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HEALTH_SECONDS = 5.0
TEXT = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)

_log = logging.getLogger(__name__)
# Without this every figure has a second line that tells when it began.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Tallies:
    """What the loop alone counts for each request: a counter of prometheus_client takes a lock each time."""

    def __init__(self, tasks: Tasks) -> None:
        self.tasks = tasks
        self.requests: collections.Counter[tuple[str, str, int]] = collections.Counter()
        self.posts = 0
        self.post_bytes = 0

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers as they are now."""
        failures = CounterMetricFamily("channels_host_task_failures", "Failures of lasting tasks", labels=("task",))
        for task, count in tuple(self.tasks.failures.items()):
            failures.add_metric((task,), count)
        yield failures
        yield GaugeMetricFamily("channels_host_tasks_failing", "Lasting tasks that fail", len(self.tasks.failing))
        names = ("method", "route", "status")
        requests = CounterMetricFamily("channels_host_requests", "Requests answered", labels=names)
        for (method, route, status), count in self.requests.items():
            requests.add_metric((method, route, str(int(status))), count)
        yield requests
        yield CounterMetricFamily("channels_host_posts", "Messages stored", self.posts)
        words = "Bytes of the payloads of stored messages"
        yield CounterMetricFamily("channels_host_post_bytes", words, self.post_bytes)


class Metrics:
    """The counters of one host."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.tasks = Tasks()
        self.tallies = Tallies(self.tasks)
        self.registry.register(self.tallies)
        self.refused = self._counter("refused", "Requests and connections refused or cut off", "reason")
        name, words = "channels_host_store_seconds", "Time from asking the store to its answer"
        self.store_seconds = Histogram(name, words, ("work",), buckets=_SECONDS, registry=self.registry)
        name, words = "channels_host_commit_seconds", "Time of one transaction of the store"
        self.commit_seconds = Histogram(name, words, buckets=_SECONDS, registry=self.registry)
        name, words = "channels_host_commit_works", "Works in one transaction of the store"
        self.commit_works = Histogram(name, words, buckets=_SIZES, registry=self.registry)
        self.sockets = Gauge("channels_host_sockets", "Open websockets", registry=self.registry)
        self.connections = Gauge("channels_host_connections", "Open connections", registry=self.registry)
        name, words = "channels_host_body_bytes", "Bytes that have come of bodies in hand"
        self.body_bytes = Gauge(name, words, registry=self.registry)

    def turned_away(self, reason: str) -> None:
        """Count a request or a connection that was refused."""
        self.refused.labels(reason).inc()

    def committed(self, works: int, seconds: float) -> None:
        """Count a transaction of the store that held `works`."""
        self.commit_works.observe(works)
        self.commit_seconds.observe(seconds)

    @web.middleware
    async def observed(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count a request by its route and status, a failure by its reason; log it where that is wanted."""
        started = time.perf_counter()
        status = 0
        socket = request.method == hdrs.METH_GET and hdrs.UPGRADE in request.headers
        if socket:
            self.sockets.inc()
        try:
            answer = await handler(request)
            status = answer.status
            self.failed(answer)
            return answer
        finally:
            if socket:
                self.sockets.dec()
            route = _route(request)
            self.answered(request.method if route else "", route, status, started)

    def answered(self, method: str, route: str, status: int, started: float) -> None:
        """Count a request that came at `started` (seconds of time.perf_counter); log it where that is wanted."""
        self.tallies.requests[method, route, status] += 1
        if _log.isEnabledFor(logging.DEBUG):
            spent = round((time.perf_counter() - started) * 1000, 1)
            fields = {"method": method, "route": route, "status": status, "ms": spent}
            _log.debug("request", extra={"fields": fields})

    def failed(self, answer: web.StreamResponse) -> None:
        """Count an answer by its reason where it is a failure."""
        if answer.status >= HTTPStatus.BAD_REQUEST:
            self.turned_away(answer.get(REASON, ""))

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(f"channels_host_{name}", words, labels, registry=self.registry)


METRICS = web.AppKey("metrics", Metrics)
HEALTH = web.AppKey("health", Health)


class Measured:
    """A store that counts what goes through it."""

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics
        self._post, self._change, self._look = map(metrics.store_seconds.labels, ("post", "change", "look"))

    def transact(self, work: Work[T], post: Posting | None = None) -> asyncio.Future[T]:
        """See Store."""
        return self._timed(self._store.transact(work, post), self._change if post is None else self._post)

    def query(self, work: Work[T], look: Looking | None = None) -> asyncio.Future[T]:
        """See Store."""
        return self._timed(self._store.query(work, look), self._look)

    def _timed(self, outcome: asyncio.Future[T], seconds: Histogram) -> asyncio.Future[T]:
        started = time.perf_counter()

        def ended(outcome: asyncio.Future[T]) -> None:
            if outcome.cancelled() or outcome.exception() is not None:
                return
            seconds.observe(time.perf_counter() - started)
            result = outcome.result()
            if seconds is self._post and isinstance(result, HostMessage):
                self._metrics.tallies.posts += 1
                self._metrics.tallies.post_bytes += len(result.payload)

        outcome.add_done_callback(ended)
        return outcome

    def tell(self, notice: str) -> None:
        """See Store."""
        self._store.tell(notice)

    async def close(self) -> None:
        """See Store."""
        await self._store.close()


def routes(health_seconds: float = HEALTH_SECONDS) -> list[web.RouteDef]:
    """Return the routes of whoever watches over a host; the store has `health_seconds` to answer."""
    return [web.get("/healthz", partial(health, seconds=health_seconds)), web.get("/metrics", metrics)]


async def health(request: web.Request, seconds: float) -> web.Response:
    """Answer 200 while the host can do its work; otherwise 503, which names what does not run."""
    if failing := await request.app[HEALTH].failing(seconds):
        return failure(HTTPStatus.SERVICE_UNAVAILABLE, "failing", f"failing: {', '.join(failing)}")
    return web.Response(text="ok\n")


async def metrics(request: web.Request) -> web.Response:
    """Answer with all figures, to the operator."""
    request.app[API].check_operator(request)
    text = generate_latest(request.app[METRICS].registry)
    return web.Response(body=text, headers={"Content-Type": TEXT})


def _route(request: web.Request) -> str:
    """Return the pattern of the request's path, empty where there is none."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""
