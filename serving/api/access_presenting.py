"""From accounts and keys to what the API tells of them."""

from __future__ import annotations

from datetime import datetime

from serving.api import access_schemas as schemas
from serving.domain.access import Principal
from serving.domain.credentials import Account, ApiKey


def oneself(who: Principal) -> schemas.Self:
    """Tell somebody who they are."""
    return schemas.Self(
        id=who.id, kind=who.kind, roles=sorted(who.roles), permissions=sorted(who.permissions)
    )


def key(kept: ApiKey, at: datetime) -> schemas.Key:
    """Tell about a key."""
    status: schemas.KeyStatus = "live"
    if not kept.is_live(at):
        status = "expired" if kept.revoked_at is None else "revoked"
    return schemas.Key(
        key_id=kept.key_id,
        name=kept.name,
        roles=sorted(kept.roles),
        scopes=None if kept.scopes is None else sorted(kept.scopes),
        permissions=sorted(kept.permissions),
        status=status,
        created_at=kept.created_at,
        created_by=kept.created_by,
        expires_at=kept.expires_at,
        rotated_at=kept.rotated_at,
        last_used_at=kept.last_used_at,
        revoked_at=kept.revoked_at,
    )


def account(kept: Account, at: datetime) -> schemas.Account:
    """Tell about an account."""
    locked = kept.locked_until is not None and at < kept.locked_until
    status: schemas.AccountStatus = "live"
    if kept.disabled_at is not None:
        status = "disabled"
    elif locked:
        status = "locked"
    elif kept.must_change:
        status = "first_sign_in"
    return schemas.Account(
        name=kept.name,
        display_name=kept.display_name,
        roles=sorted(kept.roles),
        status=status,
        provider=kept.issuer,
        created_at=kept.created_at,
        created_by=kept.created_by,
        last_seen_at=kept.last_seen_at,
        locked_until=kept.locked_until if locked else None,
    )
