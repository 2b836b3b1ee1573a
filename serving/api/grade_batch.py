"""``POST /v1/grades:batchGet``: the grades of a list of customers in one answer."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from serving.admission import json_only, known_query
from serving.api import presenting, schemas
from serving.api.clearing import cleared
from serving.api.declared import declared
from serving.api.grades import now
from serving.api.parts import Out
from serving.deps import GradesDep, ReviewsDep, ServiceDep, SessionDep, served_run
from serving.domain.access import Permission
from serving.governance.looks import seen
from serving.guard import PrincipalDep, needs
from serving.reviewing.overriding import under_overrides
from serving.store.paging import MAX_LIMIT

router = APIRouter(
    prefix="/v1",
    tags=["grades"],
    dependencies=[Depends(json_only), Depends(known_query), needs(Permission.GRADES_READ)],
)


class GradeRequest(BaseModel):
    """Customers whose grades are wanted."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"customer_ids": ["1001", "nobody"]}]}
    )

    customer_ids: list[Annotated[str, Field(min_length=1, max_length=500)]] = Field(
        min_length=1, max_length=MAX_LIMIT
    )


class GradeBatch(Out):
    """The grades there are, in the order asked for, each once; and who has none."""

    items: list[schemas.Grade]
    missing: list[str]
    run_id: str
    as_of: date


@router.post("/grades:batchGet", responses=declared(400, 413, 415, 422, 503))
def read_grades(
    request: Request,
    body: GradeRequest,
    store: GradesDep,
    reviews: ReviewsDep,
    session: SessionDep,
    parts: ServiceDep,
    who: PrincipalDep,
) -> GradeBatch:
    """Read the grades of up to 500 customers, all of the same run."""
    run = served_run(store)
    wanted = list(dict.fromkeys(body.customer_ids))
    found = store.among(wanted, run)
    seen(request, len(found))
    cases = reviews.open_cases_of(list(found))
    held = {each.customer_id: each for each in under_overrides(session, [*found.values()], now())}
    return GradeBatch(
        items=[
            cleared(parts.governance, who, presenting.grade(held[each], cases.get(each)))
            for each in wanted
            if each in found
        ],
        missing=[each for each in wanted if each not in found],
        run_id=run.run_id,
        as_of=run.basis.as_of,
    )
