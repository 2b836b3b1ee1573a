"""``/v1/appeals``: what customers say against their tiers, and the answers (#95)."""

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
from serving.reviewing.appealing import Complaint, appeal_not_found, file_appeal
from serving.reviewing.stepping import Reviewer, case_not_found
from serving.store.appeals import Appeals
from serving.store.reviews import Reviews

router = APIRouter(prefix="/v1", tags=["appeals"], dependencies=[Depends(known_query)])

AppealId = Annotated[str, Path(description="As in the list of appeals.", max_length=40)]


_READ = [needs(Permission.APPEALS_READ)]


@router.get("/appeals", responses=declared(403, 422, 503), dependencies=_READ)
def list_appeals(
    request: Request,
    session: SessionDep,
    parts: ServiceDep,
    customer: Annotated[str | None, Query(description="Only of this customer.")] = None,
    answered: Annotated[bool | None, Query(description="Only (not) answered ones.")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> schemas.AppealList:
    """List appeals, the latest first."""
    page = Appeals(session).page(
        customer_id=customer,
        answered=answered,
        limit=limit or parts.settings.page_size,
        cursor=cursor,
    )
    query = {"customer": customer, "answered": answered, "limit": limit, "cursor": page.cursor}
    seen(request, len(page.items))
    reviews, at = Reviews(session), now()
    return schemas.AppealList(
        items=[
            presenting.appeal(each, case, at)
            for each in page.items
            for case in (reviews.get(each.case_id),)
            if case is not None
        ],
        total=page.total,
        cursor=page.cursor,
        next=next_address("/v1/appeals", query),
    )


@router.get("/appeals/{appeal_id}", responses=declared(403, 404, 422, 503), dependencies=_READ)
def read_appeal(appeal_id: AppealId, session: SessionDep) -> schemas.Appeal:
    """Read an appeal with its answer."""
    appeal = Appeals(session).get(appeal_id)
    if appeal is None:
        raise appeal_not_found(appeal_id)
    case = Reviews(session).get(appeal.case_id)
    if case is None:
        raise case_not_found(appeal.case_id)
    return presenting.appeal(appeal, case, now())


@router.post(
    "/appeals",
    responses=declared(400, 403, 404, 409, 413, 415, 422, 503),
    dependencies=[needs(Permission.APPEALS_FILE), Depends(json_only)],
)
def file_one(
    body: schemas.Filing, parts: ServiceDep, policy: PolicyDep, who: PrincipalDep
) -> schemas.Appeal:
    """File an appeal of a customer; others than those who decided answer it in time."""
    said = Complaint(body.customer_id, body.reason, body.evidence, body.wanted_tier_id)
    filed, case = file_appeal(parts.database, said, Reviewer(who.id, now()), policy)
    return presenting.appeal(filed, case, filed.filed_at)
