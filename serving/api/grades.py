"""``/v1/grades``: reading what the last run decided, and why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from serving.admission import known_query
from serving.api import account_bytes, lift_presenting, presenting, schemas
from serving.api.clearing import cleared, written
from serving.api.declared import declared
from serving.deps import GradesDep, ReviewsDep, Service, ServiceDep, SessionDep, served_run
from serving.domain.access import Permission, Principal
from serving.domain.grade import Grade, Run
from serving.errors import CustomerNotFoundError, InvalidRequestError, RequestFault
from serving.governance.looks import seen
from serving.governance.masking import check_part
from serving.guard import PrincipalDep, needs
from serving.lifting import lift_of
from serving.reviewing.overriding import under_overrides
from serving.store.grades import Grades, run_of_cursor
from serving.store.paging import MAX_LIMIT, bad_cursor
from serving.store.reviews import Reviews
from tiering.lift.actions import packaged_actions

router = APIRouter(
    prefix="/v1",
    tags=["grades"],
    dependencies=[needs(Permission.GRADES_READ), Depends(known_query)],
)

CustomerId = Annotated[str, Path(description="Customer id as in the source data.")]
Limit = Annotated[int | None, Query(ge=1, le=MAX_LIMIT, description="Rows of a page.")]
Cursor = Annotated[str | None, Query(description="From the page before.", max_length=2000)]


@router.get("/grades", responses=declared(422, 503))
def list_grades(
    request: Request,
    store: GradesDep,
    reviews: ReviewsDep,
    session: SessionDep,
    parts: ServiceDep,
    who: PrincipalDep,
    tier: Annotated[str | None, Query(description="Tier id, for instance `core`.")] = None,
    stage: Annotated[
        str | None,
        Query(description="Stage of the first lifecycle scheme, for instance `dormant`."),
    ] = None,
    referred: Annotated[bool | None, Query(description="Only (not) referred ones.")] = None,
    min_score: Annotated[
        float | None, Query(ge=0, le=100, description="Only scores from this on, in points.")
    ] = None,
    below_score: Annotated[
        float | None, Query(ge=0, le=100, description="Only scores below this, in points.")
    ] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> schemas.GradeList:
    """List grades, best score first.

    All pages of a list are of the run it was begun on, even if a newer one finishes. Tiers are
    those that hold now: a panel's where it gave another.
    """
    at = now()
    run = served_run(store) if cursor is None else _run_of(store, cursor)
    _check("tier", tier, [each.id for each in run.basis.tiers])
    _check("stage", stage, [each.id for each in run.basis.stages])
    page = store.page(
        run,
        tier_id=tier,
        stage=stage,
        referred=referred,
        scores=(min_score, below_score),
        limit=limit or parts.settings.page_size,
        cursor=cursor,
        now=at,
    )
    cases = reviews.open_cases_of([graded.customer_id for graded in page.items])
    seen(request, len(page.items))
    query = {
        "tier": tier,
        "stage": stage,
        "referred": referred,
        "min_score": min_score,
        "below_score": below_score,
        "limit": limit,
        "cursor": page.cursor,
    }
    return schemas.GradeList(
        items=[
            cleared(parts.governance, who, presenting.grade(each, cases.get(each.customer_id)))
            for each in under_overrides(session, page.items, at)
        ],
        total=page.total,
        run_id=run.run_id,
        as_of=run.basis.as_of,
        cursor=page.cursor,
        next=next_address("/v1/grades", query),
    )


# An id may hold a slash, so the longer address has to be tried first.
@router.get(
    "/grades/{customer_id:path}/explanation",
    response_model=schemas.Explanation,
    responses=declared(404, 422, 503),
)
def read_explanation(
    customer_id: CustomerId,
    parts: ServiceDep,
    who: PrincipalDep,
    lang: Annotated[
        schemas.Lang | None, Query(description="Texts in this language only; both by default.")
    ] = None,
) -> Response:
    """Read why a customer's grade came out as it did.

    The base and the contributions add up to the score within 1e-9.
    """
    return Response(explained(parts, who, customer_id, lang), media_type="application/json")


@router.get("/grades/{customer_id:path}/lift", responses=declared(404, 422, 503))
def read_lift(
    customer_id: CustomerId,
    store: GradesDep,
    parts: ServiceDep,
    who: PrincipalDep,
    lang: Annotated[
        schemas.Lang | None, Query(description="Sentences in this language only; both by default.")
    ] = None,
) -> schemas.Lift:
    """Read what would lift a customer's tier: the smallest feasible changes, graded again.

    Answered only while the loaded model is the one the served run was graded with.
    """
    graded = grade_of(store, served_run(store), customer_id)
    check_part(parts.governance, who, "explanation", graded.tier.id)
    found = lift_of(parts.sides.of_digest(graded.basis.bundle_digest), graded)
    return lift_presenting.lift(graded, found, packaged_actions(), lang)


@router.get(
    "/grades/{customer_id:path}",
    response_model=schemas.Grade,
    responses=declared(404, 422, 503),
)
def read_grade(
    request: Request, customer_id: CustomerId, parts: ServiceDep, who: PrincipalDep
) -> Response:
    """Read the grade of a customer; where a panel gave another tier, `override` says so."""
    told, passing = graded_now(parts, who, customer_id)
    if passing:
        request.scope.setdefault("state", {})["passing"] = True
    return Response(told, media_type="application/json")


def graded_now(parts: Service, who: Principal, customer_id: str) -> tuple[bytes, bool]:
    """Return a customer's grade as it is answered, and whether it changes as time goes by."""
    with parts.database.read() as session:
        store = Grades(session)
        graded = grade_of(store, served_run(store), customer_id)
        (holding,) = under_overrides(session, [graded], now())
        case = Reviews(session).open_case_of(customer_id)
    # An override ends at an instant, of itself: nothing in the store tells that it did.
    return written(parts.governance, who, holding, case), holding.overruled is not None


def explained(
    parts: Service, who: Principal, customer_id: str, lang: schemas.Lang | None = None
) -> bytes:
    """Return why a customer's grade came out as it did, as it is answered."""
    with parts.database.read() as session:
        store = Grades(session)
        run = served_run(store)
        graded = grade_of(store, run, customer_id)
        check_part(parts.governance, who, "explanation", graded.tier.id)
        evidence = store.evidence(graded)
    if evidence is None:
        raise _not_graded(run, customer_id)
    return account_bytes.explanation(graded, run.rests(graded).layout, evidence, lang)


def now() -> datetime:
    """Return the present instant, naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def grade_of(store: Grades, run: Run, customer_id: str) -> Grade:
    """Return a customer's grade in the served run.

    Raises
    ------
    CustomerNotFoundError
        If the run has none.
    """
    graded = store.of(customer_id, run)
    if graded is None:
        raise _not_graded(run, customer_id)
    return graded


def next_address(path: str, query: Mapping[str, str | float | bool | None]) -> str | None:
    """Return the address of the next page, None on the last."""
    if query["cursor"] is None:
        return None
    given = {
        key: str(value).lower() if isinstance(value, bool) else value
        for key, value in query.items()
        if value is not None
    }
    return f"{path}?{urlencode(given)}"


def _not_graded(run: Run, customer_id: str) -> CustomerNotFoundError:
    as_of = run.basis.as_of.isoformat()
    hint = "A customer is graded from its first purchase on; check the id and the day."
    if not customer_id or customer_id.endswith("/"):
        hint = "The address ends in a slash, which counts as part of the id."
    return CustomerNotFoundError(
        f"Customer {customer_id!r} has no grade in run {run.run_id} (as of {as_of}).",
        hint=hint,
        customer_id=customer_id,
        run_id=run.run_id,
        as_of=as_of,
    )


def _run_of(store: Grades, cursor: str) -> Run:
    run = store.run(run_of_cursor(cursor))
    if run is None:
        raise bad_cursor()
    return run


def _check(parameter: str, wanted: str | None, known: list[str]) -> None:
    if wanted is not None and wanted not in known:
        listed = f"One of: {', '.join(known)}." if known else f"This run has no {parameter}s."
        raise InvalidRequestError(
            f"The scheme has no {parameter} {wanted!r}.",
            [RequestFault(listed, parameter=parameter)],
        )
