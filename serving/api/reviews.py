"""``/v1/reviews``: the review queue."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from serving.admission import known_query
from serving.api import presenting, service_schemas
from serving.api.declared import declared
from serving.api.grades import Cursor, Limit, next_address
from serving.deps import ReviewsDep, ServiceDep
from serving.domain.access import Permission
from serving.domain.case import CaseStatus
from serving.governance.looks import seen
from serving.guard import needs

router = APIRouter(
    prefix="/v1",
    tags=["reviews"],
    dependencies=[needs(Permission.REVIEWS_READ), Depends(known_query)],
)


@router.get("/reviews", responses=declared(422, 503))
def list_reviews(
    request: Request,
    reviews: ReviewsDep,
    parts: ServiceDep,
    status: Annotated[CaseStatus | None, Query(description="Only cases of this status.")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> service_schemas.ReviewList:
    """List review cases, earliest due first."""
    page = reviews.page(status=status, limit=limit or parts.settings.page_size, cursor=cursor)
    seen(request, len(page.items))
    query = {"status": status, "limit": limit, "cursor": page.cursor}
    return service_schemas.ReviewList(
        items=[presenting.review_case(case) for case in page.items],
        total=page.total,
        cursor=page.cursor,
        next=next_address("/v1/reviews", query),
    )
