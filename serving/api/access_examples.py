"""Accounts and keys as they look, for the OpenAPI file; a test reads them back."""

from __future__ import annotations

from typing import Any

KEY: dict[str, Any] = {
    "key_id": "mfrggzdfmztwq2lk",
    "name": "crm-sync",
    "roles": ["crm"],
    "scopes": ["grades.read", "alerts.read"],
    "permissions": ["alerts.read", "grades.read"],
    "status": "live",
    "created_at": "2024-07-01T08:00:00Z",
    "created_by": "person:li.na",
    "expires_at": "2024-09-29T08:00:00Z",
    "rotated_at": None,
    "last_used_at": "2024-07-01T09:10:00Z",
    "revoked_at": None,
}
NEW_KEY: dict[str, Any] = {
    "name": "crm-sync",
    "roles": ["crm"],
    "scopes": ["grades.read", "alerts.read"],
    "days": 90,
}
ROTATION: dict[str, Any] = {"overlap_hours": 24}
ACCOUNT: dict[str, Any] = {
    "name": "li.na",
    "display_name": "Li Na",
    "roles": ["crm", "expert"],
    "status": "live",
    "provider": None,
    "created_at": "2024-07-01T08:00:00Z",
    "created_by": "local",
    "last_seen_at": None,
    "locked_until": None,
}
NEW_ACCOUNT: dict[str, Any] = {"name": "li.na", "display_name": "Li Na", "roles": ["crm"]}
NEW_ROLES: dict[str, Any] = {"roles": ["crm", "expert"]}
