"""What serves, whether it lives, whether it is ready, and its metrics."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Depends
from fastapi.responses import PlainTextResponse

from features.errors import TierwiseError
from serving.admission import known_query
from serving.api import presenting, service_schemas
from serving.api.declared import declared
from serving.deps import GradesDep, Service, ServiceDep, served_run
from serving.domain.access import Permission
from serving.domain.case import CaseStatus
from serving.domain.export import ExportState
from serving.domain.grade import Run
from serving.domain.push import DeliveryState
from serving.errors import NotReadyError
from serving.guard import needs
from serving.reviewing.horizon import calendar_fault
from serving.scoring import basis_of
from serving.store.alerts import AlertStore, Wanted
from serving.store.drift import DriftReports
from serving.store.exports import Exports
from serving.store.grades import Grades
from serving.store.reviews import Reviews
from serving.store.session import Session
from serving.store.webhooks import Webhooks
from tiering.alerts.lifecycle import AlertState

router = APIRouter(tags=["service"])


@router.get(
    "/v1/model",
    responses=declared(422, 503),
    dependencies=[needs(Permission.MODELS_READ), Depends(known_query)],
)
def read_model(store: GradesDep, parts: ServiceDep) -> service_schemas.Serving:
    """Read what serves now."""
    run = served_run(store)
    try:
        loaded = basis_of(parts.models.bundle, run.basis.as_of, run_id=None)
    except NotReadyError:
        loaded = None
    return presenting.serving(run, loaded)


@router.get("/healthz")
def healthz() -> service_schemas.Alive:
    """Tell that the process answers."""
    return service_schemas.Alive(status="ok")


@router.get("/readyz", responses=declared(503))
def readyz(parts: ServiceDep) -> service_schemas.Ready:
    """Tell whether grades and what-ifs can be answered; a 503 says what is missing."""
    missing = ["The service is leaving."] if parts.leaving.begun else []
    run = _run(parts, missing)
    digest = _digest(parts, missing)
    if run is None or missing:
        raise NotReadyError(" ".join(missing), reasons=missing)
    return service_schemas.Ready(
        status="ready",
        run_id=run.run_id,
        as_of=run.basis.as_of,
        bundle_digest=digest,
        bundle_fault=parts.models.swapped.fault,
        canary_fault=_canary(parts)[1],
        calendar_fault=calendar_fault(parts.panel, datetime.now(UTC).replace(tzinfo=None)),
    )


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    dependencies=[needs(Permission.METRICS_READ)],
)
def metrics(parts: ServiceDep) -> PlainTextResponse:
    """Expose metrics in the Prometheus text format."""
    swapped = parts.models.swapped
    parts.telemetry.watch_bundle(swapped.count, swapped.at, faulty=swapped.fault is not None)
    parts.telemetry.watch_days_off(parts.panel.days_off.known_until)
    share, trouble = _canary(parts)
    parts.telemetry.watch_canary(share, faulty=trouble is not None)
    try:
        with parts.database.read() as session:
            reviews = Reviews(session)
            cases = {status.value: reviews.count(status) for status in CaseStatus}
            run = Grades(session).current_run()
            parts.telemetry.watch(run, cases)
            report = None if run is None else DriftReports(session).of(run.run_id)
            parts.telemetry.watch_drift(report)
            parts.telemetry.watch_queues(_queues(parts, session))
    except TierwiseError:
        # The latencies are worth having most when the store does not answer.
        parts.telemetry.watch(None, {})
    return PlainTextResponse(parts.telemetry.exposition(), media_type=parts.telemetry.content_type)


def _queues(parts: Service, session: Session) -> dict[str, int]:
    """Return what waits for somebody, by queue."""
    now = datetime.now(UTC).replace(tzinfo=None)
    alerts, webhooks = AlertStore(session), Webhooks(session)
    queues = webhooks.queues([each.webhook_id for each in webhooks.all()]).values()
    return {
        "reads": parts.reads.waiting,
        "alerts_open": alerts.count(Wanted(state=AlertState.OPEN)),
        "alerts_late": alerts.count(Wanted(late_at=now)),
        "exports_requested": Exports(session)
        .page(state=ExportState.REQUESTED, limit=1, cursor=None)
        .total,
        **{
            f"deliveries_{state.value}": sum(queue.get(state, 0) for queue in queues)
            for state in (DeliveryState.PENDING, DeliveryState.DEAD)
        },
    }


def _canary(parts: Service) -> tuple[float | None, str | None]:
    """Return the share (0 to 1) that a canary answers for, if one does, or why it does not."""
    try:
        tried = parts.sides.canary
        return None if tried is None else tried.plan.percent / 100, parts.sides.trouble
    except NotReadyError:
        return None, None


def _run(parts: Service, missing: list[str]) -> Run | None:
    try:
        with parts.database.read() as session:
            run = Grades(session).current_run()
    except TierwiseError:
        missing.append("The store does not answer.")
        return None
    if run is None:
        missing.append("No customers have been graded yet.")
    return run


def _digest(parts: Service, missing: list[str]) -> str:
    try:
        return parts.models.bundle.digest
    except NotReadyError:
        pass
    try:
        # The bundle may have come after the process.
        parts.models.refresh()
        return parts.models.bundle.digest
    except NotReadyError as error:
        missing.append(error.message)
    except TierwiseError:
        missing.append("The model bundle cannot be used.")
    return ""
