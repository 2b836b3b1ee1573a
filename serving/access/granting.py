"""Who may give rights away, and which."""

from __future__ import annotations

from collections.abc import Iterable

from serving.domain.access import Permission, Principal
from serving.errors import ForbiddenError

NAME = r"^[a-z0-9][a-z0-9._-]{1,63}$"
"""What keys and accounts may be called."""


def check_grant(actor: Principal, wanted: Iterable[Permission]) -> None:
    """Refuse a machine that would give more than it has.

    A key lies in a file; whoever finds it must not make a stronger one of it. A person who
    manages access gives others what they need for their work, which is more than an
    administrator has; each such step is an audit event with the person's name.

    Raises
    ------
    ForbiddenError
        Naming what is missing.
    """
    missing = sorted(set(wanted) - actor.permissions)
    if actor.kind == "machine" and missing:
        raise ForbiddenError(
            f"{actor.id} cannot give what it has not: {', '.join(missing)}.",
            hint="A person who manages access may.",
            missing=missing,
        )


def check_not_self(actor: Principal, account_name: str) -> None:
    """Refuse a person who would change their own account.

    Raises
    ------
    ForbiddenError
        Always, if it is one's own.
    """
    if actor.id == f"person:{account_name}":
        raise ForbiddenError(
            "Nobody changes the rights of their own account.",
            hint="Ask another administrator.",
        )
