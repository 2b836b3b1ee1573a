"""The routes of the pages. Each one: read → view model → template."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from serving.access.limits import Buckets
from serving.deps import service
from serving.domain.access import Permission
from serving.domain.grade import Grade, Run
from serving.domain.outlook import Outlook
from serving.errors import ForbiddenError, NotReadyError, RateLimitError, StoreError
from serving.governance.looks import seen
from serving.governance.masking import check_outlook, check_part
from serving.guard import needs, permitted
from serving.lifting import lift_of
from serving.outlook import outlook_of
from serving.problems import respond as respond_problem
from serving.store.grades import Grades
from serving.store.overrides import Overrides
from serving.store.portfolio import list_customers
from serving.store.reviews import Reviews
from serving.store.session import Session
from serving.web import account, sign_in
from serving.web.addresses import address, customer_address
from serving.web.assets import assets, packed
from serving.web.customer_list import Query
from serving.web.customer_view import customer_page
from serving.web.formats import Writer
from serving.web.portfolio_view import portfolio_page
from serving.web.recovery_view import (
    recovery_section,
    recovery_story,
)
from serving.web.rendering import error_page, message, respond, wants_page, writer_for
from serving.web.reviews_view import reviews_page
from serving.web.shell import Link
from serving.web.summaries import Summaries
from tiering.lift.found import Lift

LOG = logging.getLogger("tierwise.pages")

CUSTOMERS_PER_PAGE = 25
CASES_PER_PAGE = 25
_LONGEST_SEARCH = 200
_GRADES = needs(Permission.GRADES_READ)

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

Reading = Callable[[Session, Run, Writer], HTMLResponse]


def install(app: FastAPI) -> None:
    """Add the pages and their static files to an application, after all other parts.

    ``app.state.service`` must be a `serving.deps.Service` before the first request. Errors
    of addresses that are no page, asked for by a browser, are told as pages too.
    """
    app.state.summaries = Summaries()
    settings = app.state.service.settings
    limit = settings.sign_in_per_minute
    app.state.sign_in_limit = Buckets(limit / 60, max(limit, 1))
    if settings.guarded and settings.oidc_discovery_url is not None:
        # Here, because it brings cryptography that most installations do not need.
        from serving.web import provider

        provider.install(app, settings)
    for each in (router, sign_in.router, account.router):
        app.include_router(each)
    tell_programs = app.exception_handlers[HTTPException]

    async def on_http(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and wants_page(request):
            return error_page(request, error.status_code)
        answer = tell_programs(request, error)
        return await answer if isinstance(answer, Awaitable) else answer

    app.add_exception_handler(HTTPException, on_http)
    for refused in (ForbiddenError, RateLimitError):
        app.add_exception_handler(refused, _on_refused)


def _on_refused(request: Request, error: Exception) -> Response:
    if not wants_page(request):
        return respond_problem(request, error)
    identity = sign_in.identity_of(request)
    if identity is not None and identity.must_change:
        return RedirectResponse("/account", 303)
    writer = writer_for(request)
    often = isinstance(error, RateLimitError)
    return message(
        request,
        writer.words("forbidden.too_often_title" if often else "forbidden.title"),
        writer.words("forbidden.too_often_text" if often else "forbidden.text"),
        status=429 if often else 403,
        writer=writer,
        link=Link(writer.words("forbidden.link"), "/account"),
    )


@router.get("/", dependencies=[_GRADES])
def portfolio(request: Request) -> Response:
    """All customers."""
    return _answer(request, partial(_portfolio, request))


@router.get("/reviews", dependencies=[needs(Permission.REVIEWS_READ)])
def reviews(request: Request) -> Response:
    """Cases that wait for people."""
    return _answer(request, partial(_reviews, request))


@router.get("/customers", dependencies=[_GRADES])
def customer_by_query(request: Request) -> Response:
    """One customer whose id no path can carry (`serving.web.addresses.customer_address`)."""
    return _answer(request, partial(_customer, request, request.query_params.get("id", "")))


@router.get("/customers/{customer_id:path}", dependencies=[_GRADES])
def customer(request: Request, customer_id: str) -> Response:
    """One customer."""
    return _answer(request, partial(_customer, request, customer_id))


@router.get("/static/{name:path}")
def static(request: Request, name: str) -> Response:
    """A static file."""
    asset = assets().get(name)
    if asset is None:
        return error_page(request, 404)
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "Vary": "Accept-Encoding",
    }
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(packed(name), media_type=asset.media_type, headers=headers)
    return Response(asset.body(), media_type=asset.media_type, headers=headers)


def _answer(request: Request, reading: Reading) -> Response:
    """Run a reading on one consistent view of the store, or say why there is none."""
    try:
        with service(request).database.read() as session:
            run = Grades(session).current_run()
            if run is not None:
                return reading(session, run, writer_for(request, run.basis.currency))
    except StoreError as error:
        LOG.error("page %s: %s", request.url.path, error)
        return error_page(request, 503)
    writer = writer_for(request)
    return message(
        request,
        writer.words("run.none_title"),
        writer.words("run.none_text"),
        status=503,
        writer=writer,
    )


def _portfolio(request: Request, session: Session, run: Run, writer: Writer) -> HTMLResponse:
    asked = request.query_params
    tiers = {tier.id: tier.index for tier in run.basis.tiers}
    stages = {stage.id for stage in run.basis.stages}
    tier_id, stage_id = asked.get("tier", ""), asked.get("stage", "")
    query = Query(
        search=asked.get("q", "").strip()[:_LONGEST_SEARCH],
        tier_id=tier_id if tier_id in tiers else "",
        stage_id=stage_id if stage_id in stages else "",
        page=_page_number(request),
    )
    listing = list_customers(
        session,
        run.run_id,
        tier_index=tiers.get(query.tier_id),
        stage=query.stage_id or None,
        search=query.search,
        page=query.page,
        size=CUSTOMERS_PER_PAGE,
        overruled=(run, _now()),
    )
    seen(request, len(listing.rows))
    summary = _summaries(request).of(session, run)
    page = portfolio_page(writer, run, summary, listing, query, size=CUSTOMERS_PER_PAGE)
    return respond(request, writer, "portfolio.html", page)


def _reviews(request: Request, session: Session, run: Run, writer: Writer) -> HTMLResponse:
    panel, now = service(request).panel, _now()
    may = permitted(request.scope).may(Permission.ALERTS_READ)
    page = reviews_page(
        writer,
        run,
        Reviews(session).open_cases().values(),
        reason=request.query_params.get("reason", "")[:_LONGEST_SEARCH],
        page=_page_number(request),
        size=CASES_PER_PAGE,
        now=now,
        policy=panel,
        observed=recovery_section(writer, session, panel, now, CASES_PER_PAGE) if may else None,
    )
    return respond(request, writer, "reviews.html", page)


def _customer(
    request: Request, customer_id: str, session: Session, run: Run, writer: Writer
) -> HTMLResponse:
    grades = Grades(session)
    grade = grades.of(customer_id, run)
    explanation = grades.explanation(grade) if grade else None
    if grade is None or explanation is None:
        words = writer.words
        return message(
            request,
            words("notfound.title"),
            words("notfound.text", id=customer_id, day=writer.day(run.basis.as_of)),
            status=404,
            writer=writer,
            link=Link(
                words("notfound.link"),
                f"{address('/', q=customer_id[:_LONGEST_SEARCH])}#list",
            ),
            here=customer_address(customer_id),
            run=run,
        )
    # The page is the explanation: whoever may not read that may not read this.
    check_part(service(request).governance, permitted(request.scope), "explanation", grade.tier.id)
    panel = service(request).panel
    may = permitted(request.scope).may(Permission.ALERTS_READ)
    page = customer_page(
        writer,
        run,
        grade,
        explanation,
        _summaries(request).of(session, run),
        Reviews(session).open_case_of(customer_id),
        _lift(request, grade),
        Overrides(session).in_force([customer_id], _now()).get(customer_id),
        _outlook(request, grade),
        recovery_story(writer, session, customer_id, panel, _now()) if may else None,
    )
    return respond(request, writer, "customer.html", page)


def _lift(request: Request, grade: Grade) -> Lift | None:
    """Return what would lift a grade; None while another model, or none, is loaded."""
    try:
        return lift_of(service(request).sides.of_digest(grade.basis.bundle_digest), grade)
    except NotReadyError:
        return None


def _outlook(request: Request, grade: Grade) -> Outlook | None:
    """Return what is expected of a customer; None where the model is gone, or may not be seen."""
    parts = service(request)
    try:
        check_outlook(parts.governance, permitted(request.scope), grade.tier.id)
        return outlook_of(parts.sides.that_graded(grade.basis.bundle_digest), grade)
    except (ForbiddenError, NotReadyError):
        return None


def _summaries(request: Request) -> Summaries:
    summaries: Summaries = request.app.state.summaries
    return summaries


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _page_number(request: Request) -> int:
    text = request.query_params.get("page", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 1
