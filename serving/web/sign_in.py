"""Signing in and out: pages that work without a script."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

from anyio import to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from serving.access.identification import Identity
from serving.access.limits import Buckets, neighbourhood
from serving.access.middleware import cookie_name, own_origin
from serving.access.origins import is_ours, safe_goal
from serving.access.sign_ins import sign_in, sign_out
from serving.access.tokens import form_token, new_secret, same
from serving.deps import service
from serving.settings import Settings
from serving.web.addresses import address
from serving.web.forms import read_form
from serving.web.rendering import respond, writer_for
from serving.web.shell import Shell, shell

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@dataclass(frozen=True, slots=True)
class SignInPage:
    """The form; ``provider`` is the address of the company's own sign-in, if there is one."""

    shell: Shell
    token: str
    goal: str
    trouble: str
    provider: str


@router.get("/sign-in")
async def form(request: Request) -> Response:
    """Ask for name and password."""
    goal = safe_goal(request.query_params.get("next"))
    if identity_of(request) is not None or not service(request).settings.guarded:
        return RedirectResponse(goal, 303)
    return show(request, goal)


@router.post("/sign-in")
async def enter(request: Request) -> Response:
    """Begin a session, or say that name and password do not go together."""
    settings = service(request).settings
    fields = await read_form(request)
    goal = safe_goal(fields.get("next"))
    if not is_own_form(request, fields):
        return show(request, goal, "sign_in.stale", 403)
    wait = limit_of(request).take(neighbourhood(request.client.host if request.client else ""))
    if wait:
        return show(request, goal, "sign_in.too_often", 429, seconds=ceil(wait))
    session_id = await to_thread.run_sync(
        lambda: sign_in(
            service(request).database,
            fields.get("name", ""),
            fields.get("password", ""),
            lasts=timedelta(hours=settings.session_hours),
            at=now(),
            replaces=request.cookies.get(cookie_name(settings)),
        )
    )
    if session_id is None:
        return show(request, goal, "sign_in.wrong", 401)
    return entered(request, session_id, goal)


@router.post("/sign-out")
async def leave(request: Request) -> Response:
    """End the session."""
    settings = service(request).settings
    identity = identity_of(request)
    fields = await read_form(request)
    if identity is not None:
        if not same(fields.get("token", ""), identity.form_token):
            return show(request, "/", "sign_in.stale", 403)
        session_id = request.cookies.get(cookie_name(settings), "")
        await to_thread.run_sync(lambda: sign_out(service(request).database, session_id, at=now()))
        request.app.state.identifier.forget()
    answer = RedirectResponse("/sign-in", 303, headers={"Clear-Site-Data": '"cache"'})
    answer.delete_cookie(
        cookie_name(settings), secure=settings.secure, httponly=True, samesite="lax"
    )
    return answer


def entered(request: Request, session_id: str, goal: str) -> Response:
    """Answer a sign-in that worked: the cookie, and on to where one wanted to go."""
    settings = service(request).settings
    request.app.state.identifier.forget()
    answer = RedirectResponse(goal, 303)
    answer.set_cookie(
        cookie_name(settings), session_id, secure=settings.secure, httponly=True, samesite="lax"
    )
    answer.delete_cookie(
        _form_cookie(settings), secure=settings.secure, httponly=True, samesite="lax"
    )
    return answer


def show(
    request: Request, goal: str, trouble: str = "", status: int = 200, **values: object
) -> HTMLResponse:
    """Show the form, with what was wrong with the last one.

    The form belongs to this browser by a cookie of its own, so that another site cannot sign
    somebody in under the account of its owner.
    """
    settings = service(request).settings
    writer = writer_for(request)
    browser = request.cookies.get(_form_cookie(settings)) or new_secret()
    page = SignInPage(
        shell=shell(writer, writer.words("sign_in.title"), here=address("/sign-in", next=goal)),
        token=form_token(browser),
        goal=goal,
        trouble=writer.words(trouble, **values) if trouble else "",
        provider=address("/sign-in/provider", next=goal) if settings.oidc_discovery_url else "",
    )
    answer = respond(request, writer, "sign_in.html", page, status)
    answer.set_cookie(
        _form_cookie(settings), browser, secure=settings.secure, httponly=True, samesite="lax"
    )
    return answer


def is_own_form(request: Request, fields: dict[str, str]) -> bool:
    """Tell whether a form of ours was sent from the browser it was shown in."""
    settings = service(request).settings
    browser = request.cookies.get(_form_cookie(settings), "")
    ours = is_ours(request.headers, own_origin(settings, request))
    return ours and bool(browser) and same(fields.get("token", ""), form_token(browser))


def browser_of(request: Request) -> str:
    """Return the random text by which a browser is known before anybody signs in."""
    return request.cookies.get(_form_cookie(service(request).settings), "")


def limit_of(request: Request) -> Buckets:
    """Return how often an address may try to sign in."""
    limit: Buckets = request.app.state.sign_in_limit
    return limit


def identity_of(request: Request) -> Identity | None:
    """Return who has signed in."""
    identity: Identity | None = request.scope.get("state", {}).get("identity")
    return identity


def now() -> datetime:
    """Return the present instant, naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def _form_cookie(settings: Settings) -> str:
    return "__Host-tierwise-form" if settings.secure else "tierwise_form"
