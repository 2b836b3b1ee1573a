"""Keys of machines: made, rotated, revoked; the key itself is shown once and not kept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from serving.access.granting import NAME, check_grant
from serving.access.tokens import digest, key_text, new_key_id, new_secret
from serving.audit import record
from serving.domain.access import Permission, Principal, Role, permissions_of
from serving.domain.credentials import ApiKey
from serving.domain.event import Happening
from serving.errors import (
    CredentialConflictError,
    CredentialNotFoundError,
    InvalidRequestError,
    RequestFault,
)
from serving.store.credentials import ApiKeys
from serving.store.session import Database, Session

LONGEST_DAYS = 730
LONGEST_OVERLAP_HOURS = 24 * 14


def create_key(
    database: Database,
    actor: Principal,
    name: str,
    roles: Iterable[Role],
    *,
    days: float,
    at: datetime,
    scopes: Iterable[Permission] | None = None,
) -> tuple[ApiKey, str]:
    """Make a key; return it with its text, which nobody can tell afterwards.

    Raises
    ------
    ForbiddenError
        If a machine would give more than it has.
    CredentialConflictError
        If there is, or was, a key of that name.
    InvalidRequestError
        If it would have no name, no right or no end.
    """
    roles, scopes = frozenset(roles), None if scopes is None else frozenset(scopes)
    _check(name, roles, scopes, days)
    check_grant(actor, permissions_of(roles, scopes))
    secret = new_secret()
    key = ApiKey(
        key_id=new_key_id(),
        name=name,
        roles=roles,
        scopes=scopes,
        secret_hash=digest(secret),
        created_at=at,
        created_by=actor.id,
        expires_at=at + timedelta(days=days),
    )
    with database.write() as session:
        keys = ApiKeys(session)
        if keys.named(name) is not None:
            raise CredentialConflictError(
                f"There is, or was, a key called {name!r}.",
                hint="Names are not used twice, so that the audit trail is clear about them.",
                name=name,
            )
        keys.put(key)
        _record(session, "created", key, actor, at)
    return key, key_text(key.key_id, secret)


def rotate_key(
    database: Database, actor: Principal, key_id: str, *, overlap_hours: float, at: datetime
) -> tuple[ApiKey, str]:
    """Give a key a new secret; the old one holds for some hours more.

    Raises
    ------
    CredentialNotFoundError, CredentialConflictError
        If there is no such key, or it is over.
    ForbiddenError
        If a machine would get the secret of a key that may more than itself.
    """
    secret = new_secret()
    with database.write() as session:
        before = _live(ApiKeys(session), key_id, at)
        check_grant(actor, before.permissions)
        key = replace(
            before,
            secret_hash=digest(secret),
            previous_hash=before.secret_hash,
            previous_until=at + timedelta(hours=overlap_hours),
            rotated_at=at,
        )
        ApiKeys(session).put(key)
        _record(session, "rotated", key, actor, at, {"overlap_hours": overlap_hours})
    return key, key_text(key.key_id, secret)


def revoke_key(database: Database, actor: Principal, key_id: str, *, at: datetime) -> ApiKey:
    """End a key for good.

    Raises
    ------
    CredentialNotFoundError, CredentialConflictError
        If there is no such key, or it is revoked already.
    """
    with database.write() as session:
        before = _found(ApiKeys(session), key_id)
        if before.revoked_at is not None:
            raise CredentialConflictError(f"The key {before.name!r} is revoked already.")
        key = replace(before, revoked_at=at, previous_hash=None, previous_until=None)
        ApiKeys(session).put(key)
        _record(session, "revoked", key, actor, at)
    return key


def _check(
    name: str, roles: frozenset[Role], scopes: frozenset[Permission] | None, days: float
) -> None:
    faults = []
    if not re.fullmatch(NAME, name):
        wanted = "Small letters, digits, dots, dashes and underscores; 2 to 64 characters."
        faults.append(RequestFault(wanted, "#/name"))
    if not roles:
        faults.append(RequestFault("A key has at least one role.", "#/roles"))
    if scopes is not None and not permissions_of(roles, scopes):
        faults.append(RequestFault("The roles have none of these scopes.", "#/scopes"))
    if scopes is not None and (beyond := sorted(scopes - permissions_of(roles))):
        faults.append(RequestFault(f"The roles have no {', '.join(beyond)}.", "#/scopes"))
    if not 0 < days <= LONGEST_DAYS:
        faults.append(RequestFault(f"A key lasts {LONGEST_DAYS} days at most.", "#/days"))
    if faults:
        raise InvalidRequestError("There cannot be such a key.", faults, hint=faults[0].detail)


def _found(keys: ApiKeys, key_id: str) -> ApiKey:
    key = keys.get(key_id) or keys.named(key_id)
    if key is None:
        raise CredentialNotFoundError(
            "There is no such key.", hint="List them: tierwise access key list."
        )
    return key


def _live(keys: ApiKeys, key_id: str, at: datetime) -> ApiKey:
    key = _found(keys, key_id)
    if not key.is_live(at):
        raise CredentialConflictError(
            f"The key {key.name!r} is over.", hint="Create a new one.", name=key.name
        )
    return key


def _record(
    session: Session,
    done: str,
    key: ApiKey,
    actor: Principal,
    at: datetime,
    more: dict[str, object] | None = None,
) -> None:
    payload: dict[str, object] = {
        "name": key.name,
        "roles": sorted(key.roles),
        "scopes": None if key.scopes is None else sorted(key.scopes),
        "expires_at": key.expires_at.isoformat(),
    }
    happening = Happening(f"key.{done}", f"key:{key.name}", payload | (more or {}))
    record(session, [happening], at=at, actor=actor.id)
