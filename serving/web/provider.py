"""Signing in by the company's identity provider: there and back."""

from __future__ import annotations

from datetime import timedelta

from anyio import to_thread
from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from serving.access.limits import neighbourhood
from serving.access.middleware import cookie_name
from serving.access.oidc import BACK, Provider
from serving.access.origins import safe_goal
from serving.deps import service
from serving.errors import UnauthenticatedError
from serving.settings import Settings
from serving.web.sign_in import browser_of, entered, limit_of, now, show

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


def install(app: FastAPI, settings: Settings) -> None:
    """Add these pages to an application whose settings name a provider."""
    app.state.provider = Provider(settings)
    app.include_router(router)


@router.get("/sign-in/provider")
async def depart(request: Request) -> Response:
    """Send the browser to the provider."""
    provider = _provider(request)
    goal = safe_goal(request.query_params.get("next"))
    browser = browser_of(request)
    if not browser:
        return show(request, goal, "sign_in.stale", 403)
    if limit_of(request).take(neighbourhood(request.client.host if request.client else "")):
        return show(request, goal, "sign_in.too_often", 429, seconds=60)
    try:
        address = await to_thread.run_sync(
            lambda: provider.depart(service(request).database, goal, browser, at=now())
        )
    except UnauthenticatedError:
        return show(request, goal, "sign_in.refused", 502)
    return RedirectResponse(address, 303)


@router.get(BACK)
async def arrive(request: Request) -> Response:
    """Begin a session for whom the provider vouches for."""
    provider = _provider(request)
    settings = service(request).settings
    answer = dict(request.query_params)
    try:
        session_id, goal = await to_thread.run_sync(
            lambda: provider.arrive(
                service(request).database,
                answer,
                browser_of(request),
                lasts=timedelta(hours=settings.session_hours),
                at=now(),
                replaces=request.cookies.get(cookie_name(settings)),
            )
        )
    except UnauthenticatedError:
        return show(request, "/", "sign_in.refused", 401)
    return entered(request, session_id, goal)


def _provider(request: Request) -> Provider:
    provider: Provider = request.app.state.provider
    return provider
