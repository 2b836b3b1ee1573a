"""What stands before an endpoint: who is asking, and whether they may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.types import Scope

from serving.domain.access import Permission, Principal
from serving.errors import ForbiddenError, UnauthenticatedError


def permitted(scope: Scope, permission: Permission | None = None) -> Principal:
    """Return who is asking; for whoever answers without FastAPI's dependencies.

    Raises
    ------
    UnauthenticatedError
        If the middleware of `serving.access` found nobody, or never saw the request.
    ForbiddenError
        If they have not the permission.
    """
    who: Principal | None = scope.get("state", {}).get("principal")
    if who is None:
        raise UnauthenticatedError(
            "Nobody is known to be asking.", hint="Send an API key, or sign in."
        )
    if permission is not None and permission not in who.permissions:
        raise ForbiddenError(
            f"{who.id} has no permission {permission.value!r}.",
            hint="Ask an administrator for a role that has it.",
            permission=permission.value,
        )
    return who


async def principal(request: Request) -> Principal:
    """Return who is asking."""
    return permitted(request.scope)


PrincipalDep = Annotated[Principal, Depends(principal)]


def needs(permission: Permission | None) -> Any:
    """Return the dependency of an endpoint that only some may ask; None: whoever is known.

    Use it as ``dependencies=[needs(Permission.GRADES_READ)]``.
    """
    return Depends(_CHECKS[permission])


def permission_of(check: object) -> tuple[bool, Permission | None]:
    """Tell whether a dependency is one of `needs`, and which permission it asks for."""
    for permission, known in _CHECKS.items():
        if check is known:
            return True, permission
    return False, None


def _check(permission: Permission | None) -> Callable[[Request], Awaitable[None]]:
    async def check(request: Request) -> None:
        permitted(request.scope, permission)

    return check


_CHECKS = {permission: _check(permission) for permission in (None, *Permission)}
