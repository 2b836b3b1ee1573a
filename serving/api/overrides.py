"""``/v1/overrides``: tiers given by people, until when, and their end."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from serving.admission import json_only, known_query
from serving.api import review_presenting as presenting
from serving.api import review_schemas as schemas
from serving.api.declared import declared
from serving.api.grades import Cursor, Limit, next_address, now
from serving.api.reviewing import PolicyDep
from serving.deps import ServiceDep, SessionDep
from serving.domain.access import Permission
from serving.governance.looks import seen
from serving.guard import PrincipalDep, needs
from serving.reviewing.overriding import override_not_found, revoke
from serving.reviewing.stepping import Reviewer
from serving.store.overrides import Overrides

router = APIRouter(prefix="/v1", tags=["reviews"], dependencies=[Depends(known_query)])

OverrideId = Annotated[str, Path(description="As in the list of overrides.", max_length=40)]
_READ = [needs(Permission.REVIEWS_READ)]


@router.get("/overrides", responses=declared(403, 422, 503), dependencies=_READ)
def list_overrides(
    request: Request,
    session: SessionDep,
    parts: ServiceDep,
    policy: PolicyDep,
    customer: Annotated[str | None, Query(description="Only of this customer.")] = None,
    in_force: Annotated[bool, Query(description="Only those that hold now.")] = False,
    limit: Limit = None,
    cursor: Cursor = None,
) -> schemas.OverrideList:
    """List overrides, the latest decided first."""
    at = now()
    page = Overrides(session).page(
        customer_id=customer,
        in_force_at=at if in_force else None,
        limit=limit or parts.settings.page_size,
        cursor=cursor,
    )
    seen(request, len(page.items))
    query = {
        "customer": customer,
        "in_force": in_force or None,
        "limit": limit,
        "cursor": page.cursor,
    }
    return schemas.OverrideList(
        items=[presenting.override(each, policy, at) for each in page.items],
        total=page.total,
        cursor=page.cursor,
        next=next_address("/v1/overrides", query),
    )


@router.get("/overrides/{override_id}", responses=declared(403, 404, 422, 503), dependencies=_READ)
def read_override(
    override_id: OverrideId, session: SessionDep, policy: PolicyDep
) -> schemas.Override:
    """Read an override."""
    found = Overrides(session).get(override_id)
    if found is None:
        raise override_not_found(override_id)
    return presenting.override(found, policy, now())


@router.post(
    "/overrides/{override_id}/revoke",
    responses=declared(400, 403, 404, 409, 413, 415, 422, 503),
    dependencies=[needs(Permission.REVIEWS_DECIDE), Depends(json_only)],
)
def revoke_one(
    override_id: OverrideId,
    body: schemas.Revocation,
    parts: ServiceDep,
    policy: PolicyDep,
    who: PrincipalDep,
) -> schemas.Override:
    """End an override before its time, as somebody who had no part in it."""
    at = now()
    ended = revoke(parts.database, override_id, Reviewer(who.id, at), body.text)
    return presenting.override(ended, policy, at)
