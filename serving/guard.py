"""What stands before an endpoint: who is asking, and whether they may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Request

from serving.domain.access import LOCAL, Permission, Principal
from serving.errors import ForbiddenError


async def principal(request: Request) -> Principal:
    """Return who is asking."""
    known: Principal = request.scope.get("state", {}).get("principal", LOCAL)
    return known


PrincipalDep = Annotated[Principal, Depends(principal)]


def needs(permission: Permission) -> Any:
    """Return the dependency of an endpoint that only some may ask.

    Use it as ``dependencies=[needs(Permission.GRADES_READ)]``.
    """
    return Depends(_check(permission))


def _check(permission: Permission) -> Callable[[Principal], Awaitable[None]]:
    async def check(who: PrincipalDep) -> None:
        if not who.may(permission):
            raise ForbiddenError(
                f"{who.id} has no permission {permission.value!r}.",
                hint="Ask an administrator for a role that has it.",
                permission=permission.value,
            )

    return check
