"""``/v1/recoveries``: customers under observation, first contact and recovery plan (#91)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from serving.admission import json_only, known_query
from serving.api import recovery_presenting as presenting
from serving.api import recovery_schemas as schemas
from serving.api.declared import declared
from serving.api.grades import Cursor, Limit, next_address, now
from serving.api.reviewing import PolicyDep
from serving.deps import RecoveriesDep, ServiceDep
from serving.domain.access import Permission
from serving.domain.recovery import Contact, Recovery, RecoveryState
from serving.governance.looks import seen, seen_customer
from serving.guard import PrincipalDep, needs
from serving.reviewing.recovering import (
    Intention,
    record_contact,
    record_plan,
    recovery_not_found,
)
from serving.store.recoveries import WantedRecoveries
from tiering.panel.policy import PanelPolicy

router = APIRouter(
    prefix="/v1",
    tags=["recoveries"],
    dependencies=[needs(Permission.ALERTS_READ), Depends(known_query)],
)

RecoveryId = Annotated[str, Path(description="As in the list.", max_length=40)]
_WRITES = declared(400, 404, 409, 413, 415, 422, 503)
_RESPONDING = [needs(Permission.ALERTS_RESPOND), Depends(json_only)]


@router.get("/recoveries", responses=declared(422, 503))
def list_recoveries(
    request: Request,
    store: RecoveriesDep,
    parts: ServiceDep,
    policy: PolicyDep,
    state: Annotated[RecoveryState | None, Query(description="Only of this state.")] = None,
    customer: Annotated[str | None, Query(description="Only of this customer.")] = None,
    late: Annotated[bool, Query(description="Only those without the plan that was due.")] = False,
    limit: Limit = None,
    cursor: Cursor = None,
) -> schemas.RecoveryList:
    """List customers under observation, earliest due first; closed cases too."""
    at = now()
    wanted = WantedRecoveries(state=state, customer_id=customer, late_at=at if late else None)
    page = store.page(wanted, limit=limit or parts.settings.page_size, cursor=cursor)
    seen(request, len(page.items))
    query = {
        "state": state,
        "customer": customer,
        "late": late or None,
        "limit": limit,
        "cursor": page.cursor,
    }
    return schemas.RecoveryList(
        items=[presenting.recovery(each, policy, at) for each in page.items],
        total=page.total,
        cursor=page.cursor,
        next=next_address("/v1/recoveries", query),
        reasons=presenting.reasons(policy),
    )


@router.get("/recoveries/{recovery_id}", responses=declared(404, 422, 503))
def read_recovery(
    recovery_id: RecoveryId, request: Request, store: RecoveriesDep, policy: PolicyDep
) -> schemas.Recovery:
    """Read one time under observation."""
    kept = store.get(recovery_id)
    if kept is None:
        raise recovery_not_found(recovery_id)
    return _shown(request, kept, policy)


@router.post("/recoveries/{recovery_id}/contact", responses=_WRITES, dependencies=_RESPONDING)
def contact_one(
    recovery_id: RecoveryId,
    body: schemas.Contact,
    request: Request,
    parts: ServiceDep,
    policy: PolicyDep,
    asks: PrincipalDep,
) -> schemas.Recovery:
    """Record the first contact with its reason."""
    contact = Contact(now(), asks.id, body.reason, body.note)
    kept = record_contact(parts.database, recovery_id, policy, contact)
    return _shown(request, kept, policy)


@router.post("/recoveries/{recovery_id}/plan", responses=_WRITES, dependencies=_RESPONDING)
def plan_one(
    recovery_id: RecoveryId,
    body: schemas.Plan,
    request: Request,
    parts: ServiceDep,
    policy: PolicyDep,
    asks: PrincipalDep,
) -> schemas.Recovery:
    """Record the recovery plan, or a better one; the first contact comes before."""
    wanted = Intention(body.text, body.owner, body.goal_tier_id, body.goal_date)
    kept = record_plan(parts.database, recovery_id, wanted, at=now(), by=asks.id)
    return _shown(request, kept, policy)


def _shown(request: Request, kept: Recovery, policy: PanelPolicy) -> schemas.Recovery:
    seen_customer(request.scope, kept.customer_id)
    return presenting.recovery(kept, policy, now())
