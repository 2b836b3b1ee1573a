"""Who may do what: seven roles, and the permissions that endpoints and pages ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Permission(StrEnum):
    """One thing that somebody may do."""

    GRADES_READ = "grades.read"
    SIMULATE = "simulate"
    REVIEWS_READ = "reviews.read"
    REVIEWS_DECIDE = "reviews.decide"
    """Claim cases and vote on them."""
    APPEALS_FILE = "appeals.file"
    APPEALS_READ = "appeals.read"
    ALERTS_READ = "alerts.read"
    ALERTS_RESPOND = "alerts.respond"
    MODELS_READ = "models.read"
    """Models, schemes, policy packs and KPIs."""
    EXPORTS_REQUEST = "exports.request"
    EXPORTS_APPROVE = "exports.approve"
    AUDIT_READ = "audit.read"
    WEBHOOKS_MANAGE = "webhooks.manage"
    ACCESS_MANAGE = "access.manage"
    """Accounts and API keys."""
    OPERATE = "operate"
    """Reload the bundle, replay deliveries, set the canary share."""
    METRICS_READ = "metrics.read"
    """Counts and latencies, for the program that watches; a permission apart, so that it can
    be given to a key that may do nothing else."""


class Role(StrEnum):
    """What somebody is to the company."""

    CRM = "crm"
    ANALYST = "analyst"
    EXPERT = "expert"
    APPROVER = "approver"
    COMPLIANCE = "compliance"
    AUDITOR = "auditor"
    ADMIN = "admin"


_P = Permission
_READS = frozenset({_P.GRADES_READ, _P.MODELS_READ})
_CASES = frozenset({_P.REVIEWS_READ, _P.APPEALS_READ})
GRANTS: Mapping[Role, frozenset[Permission]] = {
    Role.CRM: _READS
    | {_P.SIMULATE, _P.ALERTS_READ, _P.ALERTS_RESPOND, _P.APPEALS_FILE, _P.APPEALS_READ},
    Role.ANALYST: _READS | _CASES | {_P.SIMULATE, _P.ALERTS_READ, _P.EXPORTS_REQUEST},
    Role.EXPERT: _READS
    | _CASES
    | {_P.SIMULATE, _P.ALERTS_READ, _P.ALERTS_RESPOND, _P.REVIEWS_DECIDE},
    Role.APPROVER: _READS
    | _CASES
    | {_P.ALERTS_READ, _P.EXPORTS_REQUEST, _P.EXPORTS_APPROVE, _P.APPEALS_FILE},
    Role.COMPLIANCE: _READS | _CASES | {_P.EXPORTS_APPROVE, _P.AUDIT_READ},
    Role.AUDITOR: _READS | _CASES | {_P.ALERTS_READ, _P.AUDIT_READ},
    # Runs the service; sees no customer.
    Role.ADMIN: frozenset(
        {_P.MODELS_READ, _P.WEBHOOKS_MANAGE, _P.ACCESS_MANAGE, _P.OPERATE, _P.METRICS_READ}
    ),
}
"""What each role may do."""


def permissions_of(
    roles: Iterable[Role], scopes: Iterable[Permission] | None = None
) -> frozenset[Permission]:
    """Return what some roles may do together, narrowed by scopes if there are any."""
    together = frozenset[Permission]().union(*(GRANTS[role] for role in roles))
    return together if scopes is None else together & frozenset(scopes)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking.

    Attributes
    ----------
    id
        ``kind:name``, as the audit trail writes it: ``key:crm-sync``, ``person:li.wei``.
    kind
        ``local``: nobody signed in, because the service runs without access control.
    permissions
        Of all its roles together, narrowed by the scopes of a key.
    """

    id: str
    kind: Literal["person", "machine", "local"]
    roles: frozenset[Role]
    permissions: frozenset[Permission]

    def may(self, permission: Permission) -> bool:
        """Tell whether this principal has a permission."""
        return permission in self.permissions


LOCAL = Principal("local", "local", frozenset(Role), frozenset(Permission))
"""Whoever sits at a machine that runs without access control (never in production)."""
