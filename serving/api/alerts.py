"""``/v1/alerts``: early warnings, what people do about them, and what helped before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from serving.admission import json_only, known_query
from serving.api import alert_presenting as presenting
from serving.api import alert_schemas as schemas
from serving.api.declared import declared
from serving.api.grades import Cursor, Limit, next_address
from serving.deps import AlertsDep, ServiceDep
from serving.domain.access import Permission
from serving.domain.alert import AlertAction, CustomerAlert
from serving.errors import InvalidRequestError, RequestFault
from serving.governance.looks import seen
from serving.guard import PrincipalDep, needs
from serving.problems import pointer
from serving.responding import (
    Responder,
    acknowledge_alert,
    analyse_alert,
    not_found,
    resolve_alert,
)
from serving.store.alerts import AlertStore, Wanted
from tiering.alerts.catalogue import Severity
from tiering.alerts.library import what_helped
from tiering.alerts.lifecycle import AlertState

router = APIRouter(
    prefix="/v1",
    tags=["alerts"],
    dependencies=[needs(Permission.ALERTS_READ), Depends(known_query)],
)

AlertId = Annotated[str, Path(description="As in the list of alerts.", max_length=40)]
Kind = Annotated[
    str | None,
    Query(
        description="Only this alert of the catalogue.",
        json_schema_extra={"enum": list(schemas.KINDS)},
    ),
]
Tier = Annotated[str | None, Query(description="Only customers who stood in this tier.")]
_WRITES = declared(400, 404, 409, 413, 415, 422, 503)
_RESPONDING = [needs(Permission.ALERTS_RESPOND), Depends(json_only)]


@router.get("/alerts", responses=declared(422, 503))
def list_alerts(
    request: Request,
    store: AlertsDep,
    parts: ServiceDep,
    state: Annotated[AlertState | None, Query(description="Only alerts of this state.")] = None,
    kind: Kind = None,
    severity: Annotated[Severity | None, Query(description="Only of this colour.")] = None,
    tier: Tier = None,
    customer: Annotated[str | None, Query(description="Only of this customer.")] = None,
    late: Annotated[bool, Query(description="Only those nobody responded to in time.")] = False,
    limit: Limit = None,
    cursor: Cursor = None,
) -> schemas.AlertList:
    """List alerts, earliest due first."""
    now = _now()
    wanted = Wanted(
        state=state,
        kind=_known("kind", kind, schemas.KINDS),
        severity=severity,
        tier_id=tier,
        customer_id=customer,
        late_at=now if late else None,
    )
    page = store.page(wanted, limit=limit or parts.settings.page_size, cursor=cursor)
    seen(request, len(page.items))
    query = {
        "state": state,
        "kind": kind,
        "severity": severity,
        "tier": tier,
        "customer": customer,
        "late": late or None,
        "limit": limit,
        "cursor": page.cursor,
    }
    return schemas.AlertList(
        items=_presented(store, page.items, now),
        total=page.total,
        cursor=page.cursor,
        next=next_address("/v1/alerts", query),
    )


@router.get("/alerts/{alert_id}", responses=declared(404, 422, 503))
def read_alert(alert_id: AlertId, store: AlertsDep) -> schemas.Alert:
    """Read an alert with everything that was done about it."""
    kept = store.get(alert_id)
    if kept is None:
        raise not_found(alert_id)
    return _presented(store, [kept], _now())[0]


@router.post("/alerts/{alert_id}/acknowledge", responses=_WRITES, dependencies=_RESPONDING)
def acknowledge_one(
    alert_id: AlertId, body: schemas.Acknowledgement, parts: ServiceDep, asks: PrincipalDep
) -> schemas.Alert:
    """Take an open alert on."""
    who = Responder(asks.id, _now())
    return presenting.alert(*acknowledge_alert(parts.database, alert_id, who, body.note), who.at)


@router.post("/alerts/{alert_id}/analyse", responses=_WRITES, dependencies=_RESPONDING)
def analyse_one(
    alert_id: AlertId, body: schemas.Analysis, parts: ServiceDep, asks: PrincipalDep
) -> schemas.Alert:
    """File the analysis of an alert's cause; it counts as the response."""
    who = Responder(asks.id, _now())
    return presenting.alert(
        *analyse_alert(parts.database, alert_id, who, body.note, body.cause), who.at
    )


@router.post("/alerts/{alert_id}/resolve", responses=_WRITES, dependencies=_RESPONDING)
def resolve_one(
    alert_id: AlertId, body: schemas.Resolution, parts: ServiceDep, asks: PrincipalDep
) -> schemas.Alert:
    """Close an alert with what was done and what came of it."""
    if body.measure not in schemas.MEASURES:
        raise InvalidRequestError(
            "The alert cannot be resolved like this.",
            [RequestFault(f"One of: {', '.join(schemas.MEASURES)}.", pointer(["measure"]))],
        )
    who = Responder(asks.id, _now())
    done = resolve_alert(
        parts.database,
        alert_id,
        who,
        body.note,
        body.outcome,
        body.measure,
        analysis=body.analysis,
        cause=body.cause,
        industry=body.industry,
    )
    return presenting.alert(*done, who.at)


@router.get("/alert-cases", responses=declared(422, 503))
def search_cases(
    request: Request,
    store: AlertsDep,
    parts: ServiceDep,
    kind: Kind = None,
    tier: Tier = None,
    industry: Annotated[str | None, Query(description="As filed with the resolution.")] = None,
    cause: Annotated[
        schemas.CauseId | None, Query(description="As people stated it, or else by rule.")
    ] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> schemas.CaseLibrary:
    """Tell what helped in similar cases: resolved alerts, and what came of each measure."""
    wanted = Wanted(
        state=AlertState.RESOLVED,
        kind=_known("kind", kind, schemas.KINDS),
        tier_id=tier,
        industry=industry,
        cause=cause,
    )
    page = store.page(wanted, limit=limit or parts.settings.page_size, cursor=cursor)
    seen(request, len(page.items))
    query = {
        "kind": kind,
        "tier": tier,
        "industry": industry,
        "cause": cause,
        "limit": limit,
        "cursor": page.cursor,
    }
    return schemas.CaseLibrary(
        experience=[presenting.experience(each) for each in what_helped(store.closed(wanted))],
        items=_presented(store, page.items, _now()),
        total=page.total,
        cursor=page.cursor,
        next=next_address("/v1/alert-cases", query),
    )


def _presented(
    store: AlertStore, alerts: Sequence[CustomerAlert], now: datetime
) -> list[schemas.Alert]:
    done: dict[str, tuple[AlertAction, ...]] = store.actions([each.alert_id for each in alerts])
    return [presenting.alert(each, done[each.alert_id], now) for each in alerts]


def _known(parameter: str, value: str | None, known: Sequence[str]) -> str | None:
    if value is not None and value not in known:
        raise InvalidRequestError(
            "The list cannot be narrowed like this.",
            [RequestFault(f"One of: {', '.join(known)}.", parameter=parameter)],
        )
    return value


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
