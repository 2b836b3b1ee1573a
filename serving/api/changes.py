"""``/v1/grades/{customer_id}/history`` and ``/change``: a customer's grades over time."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request

from serving.admission import known_query
from serving.api import change_presenting, change_schemas, schemas
from serving.api.declared import declared
from serving.api.grades import Cursor, CustomerId, Limit, grade_of, next_address
from serving.changing import score_change
from serving.deps import GradesDep, Service, ServiceDep, SessionDep, served_run
from serving.domain.access import Permission
from serving.domain.grade import Explanation, Grade, Run
from serving.errors import CustomerNotFoundError, NotReadyError
from serving.governance.looks import seen
from serving.governance.masking import check_part, hidden_parts
from serving.guard import PrincipalDep, needs
from serving.store.grades import Grades
from serving.store.past import Past
from training.bundle import Bundle

router = APIRouter(
    prefix="/v1",
    tags=["grades"],
    dependencies=[Depends(known_query), needs(Permission.GRADES_READ)],
)


# An id may hold a slash, so these come before the address of the grade itself.
@router.get("/grades/{customer_id:path}/history", responses=declared(404, 422, 503))
def list_history(
    request: Request,
    customer_id: CustomerId,
    session: SessionDep,
    parts: ServiceDep,
    who: PrincipalDep,
    limit: Limit = None,
    cursor: Cursor = None,
) -> change_schemas.History:
    """List a customer's grades over the runs, the run that finished last first."""
    page = Past(session, customer_id).page(limit=limit or parts.settings.page_size, cursor=cursor)
    if not page.total:
        raise _never_graded(customer_id)
    seen(request, len(page.items))
    path = f"/v1/grades/{quote(customer_id)}/history"
    return change_schemas.History(
        customer_id=customer_id,
        items=[
            change_presenting.past(run, graded, hidden_parts(parts.governance, who, graded.tier.id))
            for run, graded in page.items
        ],
        total=page.total,
        cursor=page.cursor,
        next=next_address(path, {"limit": limit, "cursor": page.cursor}),
    )


@router.get("/grades/{customer_id:path}/change", responses=declared(404, 422, 503))
def read_change(
    customer_id: CustomerId,
    store: GradesDep,
    session: SessionDep,
    parts: ServiceDep,
    who: PrincipalDep,
    since: Annotated[
        date, Query(description="Compare with the grade that stood at the end of this day.")
    ],
    lang: Annotated[
        schemas.Lang | None, Query(description="Sentences in this language only; both by default.")
    ] = None,
) -> change_schemas.Change:
    """Read why a customer's score is another than it was.

    The parts add up to the difference within 1e-9, also across a change of model or scheme.
    """
    run = served_run(store)
    after = grade_of(store, run, customer_id)
    check_part(parts.governance, who, "explanation", after.tier.id)
    past = Past(session, customer_id)
    before = past.on(since)
    if before is None:
        raise not_graded_by(customer_id, since, past.first_day())
    check_part(parts.governance, who, "explanation", before.tier.id)
    found = score_change(
        before,
        _told(store, before),
        after,
        _told(store, after),
        _loaded(parts, after),
        run.rests(after).explainer,
    )
    return change_presenting.change(found, _run_of(store, before), run, lang)


def _loaded(parts: Service, graded: Grade) -> Bundle | None:
    try:
        return parts.sides.of_digest(graded.basis.bundle_digest)
    except NotReadyError:
        return None


def _told(store: Grades, graded: Grade) -> Explanation:
    told = store.explanation(graded)
    if told is None:
        raise _never_graded(graded.customer_id)
    return told


def _run_of(store: Grades, graded: Grade) -> Run:
    run = store.run(str(graded.basis.run_id))
    assert run is not None
    return run


def _never_graded(customer_id: str) -> CustomerNotFoundError:
    return CustomerNotFoundError(
        f"Customer {customer_id!r} was never graded.",
        hint="A customer is graded from its first purchase on; check the id.",
        customer_id=customer_id,
    )


def not_graded_by(customer_id: str, since: date, first: date | None) -> CustomerNotFoundError:
    """Return what to raise where a customer was not graded yet."""
    return CustomerNotFoundError(
        f"Customer {customer_id!r} had no grade by {since}.",
        hint=f"Its first grade is of {first}." if first else "It was never graded.",
        customer_id=customer_id,
        since=since.isoformat(),
    )
