"""The application: parts, middleware, routers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.errors import TierwiseError
from serving import problems
from serving.access.identification import Identifier
from serving.access.middleware import Identification
from serving.admission import BodyLimit, HeadAsGet, Queue
from serving.alone import rehearse
from serving.api import (
    access,
    alerts,
    appeals,
    audit,
    canary,
    changes,
    drift,
    exports,
    grade_batch,
    grades,
    health,
    manners,
    models,
    outlooks,
    overrides,
    policies,
    recoveries,
    reference,
    reviews,
    simulate,
    simulate_from_events,
    webhooks,
)
from serving.api.declared import describe
from serving.archive import BundleArchive
from serving.deps import Service
from serving.governance.looks import Looks
from serving.governance.policy import load_governance
from serving.governance.reads import ReadLog
from serving.lane.answers import Answers
from serving.lane.first_reads import FirstReads
from serving.lane.reads import StoredAnswers
from serving.lane.what_ifs import WhatIfs
from serving.leaving import Farewell
from serving.models import ModelHolder, ModelWatch
from serving.push.background import BackgroundDelivery
from serving.reviewing.horizon import calendar_fault
from serving.settings import Settings
from serving.sides import Sides
from serving.single import SingleCustomers
from serving.store.session import Database
from serving.telemetry import Telemetry, Tracing
from serving.tracing import install_tracing
from serving.web import pages
from serving.wire.repetition import Repetition
from serving.wire.representation import Representation
from tiering.panel.policy_file import load_panel

LOG = logging.getLogger("tierwise.app")

_HEADERS = {
    # For everything but pages, which bring a policy of their own.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Grades are about customers: no proxy or browser keeps them.
    "Cache-Control": "no-store",
}


_HSTS = "max-age=31536000; includeSubDomains"


def create_app(settings: Settings) -> FastAPI:
    """Build the service.

    A missing or damaged bundle, or a store without a run, does not stop it: `/readyz`
    says what is missing, and reading grades needs no bundle.

    Raises
    ------
    SettingsError
        If the settings would leave a door open.
    SchemeError
        If the policy of reviews, or the file of days off, is missing or wrong.
    StoreError
        If the store cannot be opened or brought to the current schema.
    """
    settings.check()
    database = Database(settings.database)
    if not database.is_current():
        database.upgrade()
    governance = load_governance(settings.governance)
    panel = load_panel(settings.panel, settings.days_off)
    if (fault := calendar_fault(panel, datetime.now(UTC).replace(tzinfo=None))) is not None:
        LOG.warning("%s", fault)
    models_held = ModelHolder(settings.bundle)
    parts = Service(
        settings,
        database,
        models_held,
        Telemetry(),
        Queue(settings.what_if_workers, settings.what_ifs_waiting),
        governance,
        ReadLog(database, governance.reading),
        SingleCustomers(settings.event_processes, settings.events_waiting, settings.event_seconds),
        Sides(models_held, database, BundleArchive(settings.archive)),
        panel,
    )
    try:
        parts.models.refresh()
        rehearse(parts.models.bundle)
    except TierwiseError as error:
        LOG.warning("started without a model bundle: %s", error)
    parts.sides.refresh()

    app = FastAPI(
        title="Tierwise",
        version=version("tierwise"),
        # Our own routes, which ask who is asking.
        openapi_url=None,
        description=manners.VERSIONING,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_running,
        # Traces and metrics are our own (`serving.tracing`, `serving.telemetry`).
        telemetry={"tracing": False, "metrics": False, "logs": False},
        # Short names for generated clients: read_grade, not read_grade_v1_grades__...
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.service = parts
    app.state.database = database
    identifier = Identifier(database, timedelta(minutes=settings.session_idle_minutes))
    app.state.identifier = identifier
    problems.install(app)
    describe(app)
    manners.install(app)
    # The last added is the outermost.
    app.add_middleware(FirstReads, parts=parts)
    app.add_middleware(Repetition, database=database)
    app.add_middleware(Representation)
    app.add_middleware(WhatIfs, parts=parts)
    app.add_middleware(
        StoredAnswers, standing=database.standing, answers=Answers(settings.answer_cache_mb << 20)
    )
    app.add_middleware(Looks, log=parts.reads)
    app.add_middleware(BodyLimit)
    app.add_middleware(Identification, settings=settings, identifier=identifier)
    app.add_middleware(problems.LastResort)
    app.add_middleware(HeadAsGet)
    app.add_middleware(SecurityHeaders, secure=settings.secure)
    app.add_middleware(Farewell, leaving=parts.leaving)
    app.add_middleware(Tracing, telemetry=parts.telemetry)
    install_tracing(app, settings)
    for room in (
        simulate,
        simulate_from_events,
        grade_batch,
        changes,
        outlooks,
        grades,
        reviews,
        overrides,
        appeals,
        alerts,
        recoveries,
        exports,
        webhooks,
        canary,  # before the models, by whose number an address may end
        models,
        policies,
        audit,
        access,
        drift,
        health,
        reference,
    ):
        app.include_router(room.router)
    pages.install(app)
    return app


@asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    """Run what works beside the requests while there are any."""
    parts: Service = app.state.service
    delivery = BackgroundDelivery(parts.settings, parts.database)
    watch = ModelWatch(parts.models, beside=parts.sides.look)
    parts.reads.start()
    watch.start()
    if parts.settings.push.inside:
        delivery.start()
    try:
        yield
    finally:
        await asyncio.to_thread(parts.single.close)
        await asyncio.to_thread(watch.stop)
        await asyncio.to_thread(delivery.stop)
        await asyncio.to_thread(parts.reads.stop)
        await asyncio.to_thread(app.state.identifier.close)
        if (traces := getattr(app.state, "traces", None)) is not None:
            await asyncio.to_thread(traces.shutdown)


class SecurityHeaders:
    """ASGI middleware: adds the security headers that a response does not bring itself."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        ours = _HEADERS | ({"Strict-Transport-Security": _HSTS} if secure else {})
        self._ours = [(name.lower().encode(), text.encode()) for name, text in ours.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", [])
                brought = {name for name, _ in given}
                message["headers"] = [
                    *given,
                    *(each for each in self._ours if each[0] not in brought),
                ]
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)
