"""What the service tells about itself: request ids, latencies, and gauges of the grades."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from secrets import token_hex
from time import perf_counter

import structlog
from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.domain.drift import DriftReport
from serving.domain.grade import Run
from serving.logs import AccessLog
from serving.logs import Request as Line

LOG = AccessLog("tierwise.access")
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
# Taken from the caller only when it cannot break a log line or a header.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,100}")


class Telemetry:
    """Metrics of one application; each has its own registry."""

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._latency = Histogram(
            "tierwise_http_request_seconds",
            "Time from request to the last byte of the response.",
            ["method", "route", "status"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        # Looked up by what a request has at hand; routes and statuses are few.
        self._series: dict[tuple[str, str, int], Histogram] = {}
        self._customers = self._gauge("tierwise_customers", "Customers graded.", "tier")
        self._referred = self._gauge("tierwise_customers_referred", "Customers referred.", "tier")
        self._score = self._gauge("tierwise_score_mean", "Mean score, 0 to 100.", "tier")
        self._reviews = self._gauge("tierwise_review_cases", "Review cases.", "status")
        self._as_of = self._gauge("tierwise_run_as_of_seconds", "Day of the data, unix time.")
        self._finished = self._gauge("tierwise_run_finished_seconds", "Run finished, unix time.")
        self._info = self._gauge(
            "tierwise_model_info",
            "1 for the model that grades rest on.",
            "model_version",
            "bundle_digest",
            "scheme",
            "scheme_version",
            "world",
        )

        self._loads = self._gauge("tierwise_bundle_loads", "Bundles loaded by this process.")
        self._loaded = self._gauge("tierwise_bundle_loaded_seconds", "Last load, unix time.")
        self._faulty = self._gauge(
            "tierwise_bundle_faulty", "1 while a newer bundle in the folder cannot be used."
        )

        self._days_off = self._gauge(
            "tierwise_days_off_known_until_seconds",
            "End of the last day of which it is known whether it is worked, unix time.",
        )
        self._canary = self._gauge(
            "tierwise_canary_share", "Share of the customers that the canary answers for, 0 to 1."
        )
        self._canary_faulty = self._gauge(
            "tierwise_canary_faulty", "1 while the canary that stands cannot answer."
        )
        self._canaries = self._gauge(
            "tierwise_canary_customers", "Customers of the served run graded by the canary."
        )

        self._queue = self._gauge(
            "tierwise_queue", "What waits for people or programs; should drain.", "queue"
        )
        self._drift = self._gauge(
            "tierwise_drift_psi",
            "Stability index of what moved between the served run and the one before.",
            "indicator",
        )
        self._drifted = self._gauge(
            "tierwise_drift_alarm", "1 while the served run differs alarmingly from the last."
        )

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self._registry)

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; ``route`` is the template, never the path (few labels)."""
        which = (method, route, status)
        series = self._series.get(which)
        if series is None:
            series = self._series[which] = self._latency.labels(method, route, str(status))
        series.observe(seconds)

    def watch_bundle(self, loads: int, at: datetime | None, *, faulty: bool) -> None:
        """Set the gauges of the bundle in memory; ``at`` is its load (naive UTC), if any."""
        self._loads.set(loads)
        self._faulty.set(faulty)
        if at is not None:
            self._loaded.set(_unix(at))

    def watch_canary(self, share: float | None, *, faulty: bool) -> None:
        """Set the share that a canary answers for; None: there is none that can."""
        self._canary.set(share or 0.0)
        self._canary_faulty.set(faulty)

    def watch_days_off(self, known_until: date) -> None:
        """Set until when days off are known."""
        self._days_off.set(_unix(datetime.combine(known_until, time.max)))

    def watch(self, run: Run | None, cases: dict[str, int]) -> None:
        """Set the gauges from what is served now."""
        for status, count in cases.items():
            self._reviews.labels(status).set(count)
        for gauge in (self._customers, self._referred, self._score, self._info):
            gauge.clear()
        if run is None:
            return
        basis = run.basis
        self._canaries.set(0 if run.canary is None else run.canary.customers)
        for summary in run.tiers:
            self._customers.labels(summary.tier.id).set(summary.customers)
            self._referred.labels(summary.tier.id).set(summary.referred)
            if summary.score_mean is not None:
                self._score.labels(summary.tier.id).set(summary.score_mean)
        version = basis.model_version or ""
        self._info.labels(
            version, basis.bundle_digest, basis.scheme_id, basis.scheme_version, basis.world
        ).set(1)
        if run.canary is not None:
            tried = run.canary.basis
            self._info.labels(
                tried.model_version or "",
                tried.bundle_digest,
                tried.scheme_id,
                tried.scheme_version,
                tried.world,
            ).set(1)
        self._as_of.set(_unix(datetime.combine(basis.as_of, time.max)))
        self._finished.set(_unix(run.finished_at))

    def watch_queues(self, waiting: Mapping[str, int]) -> None:
        """Set how much waits in each queue."""
        for queue, count in waiting.items():
            self._queue.labels(queue).set(count)

    def watch_drift(self, report: DriftReport | None) -> None:
        """Set what moved in the served run; no report: nothing is known to have moved."""
        self._drift.clear()
        self._drifted.set(report is not None and report.alarm)
        for each in report.moved if report else ():
            self._drift.labels(each.indicator).set(each.psi)

    def exposition(self) -> bytes:
        """Return everything in the Prometheus text format."""
        return generate_latest(self._registry)


class Tracing:
    """ASGI middleware: a request id in and out, the latency, one log line per request.

    The id is in ``scope["state"]["request_id"]`` for whoever answers.
    """

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        status = 500
        started = perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", []),
                    (b"x-request-id", request_id.encode()),
                ]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            seconds = perf_counter() - started
            route = getattr(scope.get("route"), "path", "unmatched")
            method = _method(scope)
            self._telemetry.observe(method, route, status, seconds)
            structlog.contextvars.unbind_contextvars("request_id")
            who = getattr(scope["state"].get("principal"), "id", None)
            milliseconds = round(seconds * 1000, 2)
            LOG.write(Line(method, route, status, milliseconds, request_id, who))


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value.decode("ascii"))
    return token_hex(16)


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"


def _unix(instant: datetime) -> float:
    return instant.replace(tzinfo=UTC).timestamp()
