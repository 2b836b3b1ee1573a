"""``/v1/reviews``: the review queue, and every step of a panel."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from serving.admission import json_only, known_query
from serving.api import review_presenting as presenting
from serving.api import review_schemas as schemas
from serving.api.declared import declared
from serving.api.grades import Cursor, Limit, next_address, now
from serving.api.reviewing import PolicyDep, ReviewerDep, tagged
from serving.deps import ReviewsDep, Service, ServiceDep, SessionDep
from serving.domain.access import Permission
from serving.domain.case import CaseKind, CaseStatus, ReviewCase
from serving.errors import InvalidRequestError, NotReadyError, RequestFault
from serving.governance.looks import seen
from serving.guard import PrincipalDep, needs
from serving.reviewing import steps
from serving.reviewing.closing import close
from serving.reviewing.deciding import Wording, decide
from serving.reviewing.figures import review_figures
from serving.reviewing.stepping import case_not_found
from serving.store.appeals import Appeals
from serving.store.grades import Grades
from serving.store.reviews import Reviews, WantedCases
from tiering.panel.policy import PanelPolicy
from training.bundle import Bundle

router = APIRouter(
    prefix="/v1",
    tags=["reviews"],
    dependencies=[needs(Permission.REVIEWS_READ), Depends(known_query)],
)

CaseId = Annotated[str, Path(description="As in the list of reviews.", max_length=40)]
_READ = [needs(Permission.REVIEWS_READ)]
_STEP = [needs(Permission.REVIEWS_DECIDE), Depends(json_only)]
_WRITES = declared(400, 403, 404, 409, 412, 413, 415, 422, 503)


@router.get("/reviews", responses=declared(403, 422, 503), dependencies=_READ)
def list_reviews(
    request: Request,
    reviews: ReviewsDep,
    parts: ServiceDep,
    policy: PolicyDep,
    who: PrincipalDep,
    status: Annotated[CaseStatus | None, Query(description="Only cases of this status.")] = None,
    kind: Annotated[CaseKind | None, Query(description="Only referrals, or appeals.")] = None,
    due: Annotated[
        datetime | None, Query(description="Only cases due before this instant (UTC).")
    ] = None,
    late: Annotated[bool, Query(description="Only those that nobody decided in time.")] = False,
    mine: Annotated[bool, Query(description="Only those that whoever asks leads.")] = False,
    customer: Annotated[str | None, Query(description="Only of this customer.")] = None,
    tier: Annotated[str | None, Query(description="Only of this tier, by the model.")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> schemas.ReviewList:
    """List review cases, earliest due first."""
    at = now()
    wanted = WantedCases(
        status=status,
        kind=kind,
        customer_id=customer,
        tier_id=tier,
        due_before=_naive(due, "due"),
        late_at=at if late else None,
        claimed_by=who.id if mine else None,
    )
    page = reviews.page(wanted, limit=limit or parts.settings.page_size, cursor=cursor)
    query = {
        "status": status,
        "kind": kind,
        "due": None if due is None else due.isoformat(),
        "late": late or None,
        "mine": mine or None,
        "customer": customer,
        "tier": tier,
        "limit": limit,
        "cursor": page.cursor,
    }
    seen(request, len(page.items))
    voters = reviews.voters([case.case_id for case in page.items])
    return schemas.ReviewList(
        items=[presenting.case(each, voters, policy, at) for each in page.items],
        total=page.total,
        cursor=page.cursor,
        next=next_address("/v1/reviews", query),
    )


@router.get("/reviews:summary", responses=declared(403, 422, 503), dependencies=_READ)
def summarise_reviews(
    session: SessionDep,
    days: Annotated[int, Query(ge=1, le=3_650, description="How far back to look.")] = 90,
) -> schemas.ReviewSummary:
    """Tell how the reviews work: answered in time, agreement, overrides, escalations."""
    at = now()
    since = at - timedelta(days=days)
    return schemas.ReviewSummary(since=since, **asdict(review_figures(session, since, at)))


@router.get("/reviews/{case_id}", responses=declared(403, 404, 422, 503), dependencies=_READ)
def read_review(
    case_id: CaseId, session: SessionDep, policy: PolicyDep, who: PrincipalDep, response: Response
) -> schemas.ReviewDetail:
    """Read a case; the votes of others only once it is decided."""
    reviews = Reviews(session)
    case = reviews.get(case_id)
    if case is None:
        raise case_not_found(case_id)
    appeal = Appeals(session).of_case(case_id)
    tagged(response, case.version)
    return presenting.detail(case, reviews.votes(case_id), appeal, policy, now(), who.id)


@router.post("/reviews/{case_id}/claim", responses=_WRITES, dependencies=_STEP)
def claim_review(
    case_id: CaseId, parts: ServiceDep, policy: PolicyDep, who: ReviewerDep, response: Response
) -> schemas.ReviewDetail:
    """Take an open case on; of two who try at once, one does."""
    return _after(parts, policy, steps.claim(parts.database, case_id, who), who.id, response)


@router.post("/reviews/{case_id}/release", responses=_WRITES, dependencies=_STEP)
def release_review(
    case_id: CaseId, parts: ServiceDep, policy: PolicyDep, who: ReviewerDep, response: Response
) -> schemas.ReviewDetail:
    """Give a claimed case back; votes cast until now stay."""
    return _after(parts, policy, steps.release(parts.database, case_id, who), who.id, response)


@router.post("/reviews/{case_id}/votes", responses=_WRITES, dependencies=_STEP)
def cast_vote(
    case_id: CaseId,
    body: schemas.Ballot,
    parts: ServiceDep,
    policy: PolicyDep,
    who: ReviewerDep,
    response: Response,
) -> schemas.ReviewDetail:
    """Vote on a claimed case; nobody else sees the vote before the case is decided."""
    said = steps.Opinion(**body.model_dump())
    done = steps.vote(parts.database, case_id, who, said, policy)
    return _after(parts, policy, done, who.id, response)


@router.post("/reviews/{case_id}/escalate", responses=_WRITES, dependencies=_STEP)
def escalate_review(
    case_id: CaseId,
    body: schemas.Escalation,
    parts: ServiceDep,
    policy: PolicyDep,
    who: ReviewerDep,
    response: Response,
) -> schemas.ReviewDetail:
    """Hand a case to the level above, with more time."""
    done = steps.escalate(parts.database, case_id, who, body.why, policy)
    return _after(parts, policy, done, who.id, response)


@router.post("/reviews/{case_id}/decide", responses=_WRITES, dependencies=_STEP)
def decide_review(
    case_id: CaseId,
    body: schemas.Deciding,
    parts: ServiceDep,
    policy: PolicyDep,
    who: ReviewerDep,
    response: Response,
) -> schemas.ReviewDetail:
    """Count the votes. The case is decided and the tier holds; or it is contested and goes on.

    A contested case comes back open, at the level above.
    """
    wording = Wording(body.reason, body.text.by_language, body.days)
    done = decide(parts.database, case_id, who, wording, policy)
    return _after(parts, policy, done, who.id, response)


@router.post("/reviews/{case_id}/close", responses=_WRITES, dependencies=_STEP)
def close_review(
    case_id: CaseId,
    body: schemas.Closing,
    parts: ServiceDep,
    policy: PolicyDep,
    who: ReviewerDep,
    response: Response,
) -> schemas.ReviewDetail:
    """Sign a decided case off, as somebody else than who counted; answers an appeal."""
    notes = body.note.by_language if body.note else None
    done = close(parts.database, case_id, who, policy, _bundle(parts, case_id), notes)
    return _after(parts, policy, done, who.id, response)


def _after(
    parts: Service, policy: PanelPolicy, case: ReviewCase, reader: str, response: Response
) -> schemas.ReviewDetail:
    with parts.database.read() as session:
        votes = Reviews(session).votes(case.case_id)
        appeal = Appeals(session).of_case(case.case_id)
    tagged(response, case.version)
    return presenting.detail(case, votes, appeal, policy, now(), reader)


def _bundle(parts: Service, case_id: str) -> Bundle | None:
    """Return the bundle that gave the grade of a case; None without any."""
    with parts.database.read() as session:
        case = Reviews(session).get(case_id)
        found = None if case is None else Grades(session).one(case.grade_id)
    digest = "" if found is None else found[1].basis.bundle_digest
    try:
        return parts.sides.of_digest(digest)
    except NotReadyError:
        return None


def _naive(instant: datetime | None, parameter: str) -> datetime | None:
    if instant is None:
        return None
    if instant.tzinfo is None:
        return instant
    try:
        return instant.astimezone(UTC).replace(tzinfo=None)
    except OverflowError as error:
        raise InvalidRequestError(
            "The instant is out of range.",
            [RequestFault("Not within the years 1 to 9999 in UTC.", parameter=parameter)],
        ) from error
