"""One's own account: roles, and another password."""

from __future__ import annotations

from dataclasses import dataclass

from anyio import to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from serving.access.identification import Identity
from serving.access.limits import neighbourhood
from serving.access.people import PROVIDED, change_password
from serving.access.tokens import same
from serving.deps import service
from serving.errors import InvalidRequestError
from serving.guard import PrincipalDep, needs
from serving.web.forms import read_form
from serving.web.rendering import respond, writer_for
from serving.web.shell import Shell, shell
from serving.web.sign_in import identity_of, limit_of, now

router = APIRouter(
    include_in_schema=False, default_response_class=HTMLResponse, dependencies=[needs(None)]
)


@dataclass(frozen=True, slots=True)
class AccountPage:
    """Who one is here; ``local``: with a password that can be changed."""

    shell: Shell
    name: str
    roles: tuple[str, ...]
    local: bool
    token: str
    trouble: str


@router.get("/account")
async def account(request: Request, asks: PrincipalDep) -> Response:
    """Show one's account."""
    identity = identity_of(request)
    if identity is None or not identity.form_token:
        return RedirectResponse("/", 303)
    return _show(request, identity, "account.must_change" if identity.must_change else "")


@router.post("/account/password")
async def password(request: Request, asks: PrincipalDep) -> Response:
    """Change one's password; then everybody with the old one has to sign in again."""
    identity = identity_of(request)
    fields = await read_form(request)
    if identity is None or not identity.form_token:
        return RedirectResponse("/", 303)
    if not same(fields.get("token", ""), identity.form_token):
        return _show(request, identity, "sign_in.stale", 403)
    # Whoever sits at a browser that was left open may not try passwords without end.
    if limit_of(request).take(neighbourhood(request.client.host if request.client else "")):
        return _show(request, identity, "forbidden.too_often_text", 429)
    name = asks.id.removeprefix("person:")
    try:
        done = await to_thread.run_sync(
            lambda: change_password(
                service(request).database,
                name,
                fields.get("before", ""),
                fields.get("after", ""),
                at=now(),
            )
        )
    except InvalidRequestError:
        return _show(request, identity, "account.easy", 422)
    if not done:
        return _show(request, identity, "account.wrong", 422)
    request.app.state.identifier.forget()
    return RedirectResponse("/sign-in", 303)


def _show(request: Request, identity: Identity, trouble: str, status: int = 200) -> HTMLResponse:
    writer = writer_for(request)
    words = writer.words
    page = AccountPage(
        shell=shell(writer, words("account.title"), here="/account"),
        name=identity.name,
        roles=tuple(words(f"role.{role}") for role in sorted(identity.principal.roles)),
        local=not identity.principal.id.startswith(f"person:{PROVIDED}"),
        token=identity.form_token,
        trouble=words(trouble) if trouble else "",
    )
    return respond(request, writer, "account.html", page, status)
