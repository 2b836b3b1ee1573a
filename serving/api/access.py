"""``/v1/access``: who is asking, accounts of people, keys of machines."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from serving.access import keys, people
from serving.admission import json_only, known_query
from serving.api import access_presenting as presenting
from serving.api import access_schemas as schemas
from serving.api.declared import declared
from serving.api.grades import Cursor, Limit, next_address
from serving.deps import ServiceDep, SessionDep
from serving.domain.access import Permission
from serving.guard import PrincipalDep, needs
from serving.store.credentials import Accounts, ApiKeys

router = APIRouter(prefix="/v1/access", tags=["access"], dependencies=[Depends(known_query)])

KeyId = Annotated[str, Path(description="As in the list of keys; its name does too.")]
Name = Annotated[str, Path(description="Name of the account.")]
_MANAGES = [needs(Permission.ACCESS_MANAGE)]
_WRITES = [*_MANAGES, Depends(json_only)]
_WITH_BODY = declared(400, 404, 409, 413, 415, 422, 503)
_WITHOUT = declared(404, 409, 413, 415, 422, 503)


@router.get("/self", responses=declared(422), dependencies=[needs(None)])
def read_self(asks: PrincipalDep) -> schemas.Self:
    """Tell who is asking and what they may do."""
    return presenting.oneself(asks)


@router.get("/keys", responses=declared(422, 503), dependencies=_MANAGES)
def list_keys(
    session: SessionDep, parts: ServiceDep, limit: Limit = None, cursor: Cursor = None
) -> schemas.KeyList:
    """List keys by name, those that are over too."""
    page = ApiKeys(session).page(limit=limit or parts.settings.page_size, cursor=cursor)
    now = _now()
    return schemas.KeyList(
        items=[presenting.key(key, now) for key in page.items],
        total=page.total,
        cursor=page.cursor,
        next=next_address("/v1/access/keys", {"limit": limit, "cursor": page.cursor}),
    )


@router.post("/keys", status_code=201, responses=_WITH_BODY, dependencies=_WRITES)
def create_key(body: schemas.NewKey, parts: ServiceDep, asks: PrincipalDep) -> schemas.IssuedKey:
    """Make a key for a machine; its text is in this answer and nowhere else."""
    now = _now()
    key, secret = keys.create_key(
        parts.database, asks, body.name, body.roles, scopes=body.scopes, days=body.days, at=now
    )
    return schemas.IssuedKey(key=presenting.key(key, now), secret=secret)


@router.post("/keys/{key_id}/rotate", responses=_WITH_BODY, dependencies=_WRITES)
def rotate_key(
    key_id: KeyId,
    body: schemas.KeyRotation,
    parts: ServiceDep,
    asks: PrincipalDep,
    request: Request,
) -> schemas.IssuedKey:
    """Give a key a new secret; the old one holds for some hours more."""
    now = _now()
    key, secret = keys.rotate_key(
        parts.database, asks, key_id, overlap_hours=body.overlap_hours, at=now
    )
    _changed(request)
    return schemas.IssuedKey(key=presenting.key(key, now), secret=secret)


@router.post("/keys/{key_id}/revoke", responses=_WITHOUT, dependencies=_WRITES)
def revoke_key(
    key_id: KeyId, parts: ServiceDep, asks: PrincipalDep, request: Request
) -> schemas.Key:
    """End a key for good."""
    now = _now()
    key = keys.revoke_key(parts.database, asks, key_id, at=now)
    _changed(request)
    return presenting.key(key, now)


@router.get("/accounts", responses=declared(422, 503), dependencies=_MANAGES)
def list_accounts(
    session: SessionDep, parts: ServiceDep, limit: Limit = None, cursor: Cursor = None
) -> schemas.AccountList:
    """List accounts by name, disabled ones too."""
    page = Accounts(session).page(limit=limit or parts.settings.page_size, cursor=cursor)
    now = _now()
    return schemas.AccountList(
        items=[presenting.account(account, now) for account in page.items],
        total=page.total,
        cursor=page.cursor,
        next=next_address("/v1/access/accounts", {"limit": limit, "cursor": page.cursor}),
    )


@router.post("/accounts", status_code=201, responses=_WITH_BODY, dependencies=_WRITES)
def add_account(
    body: schemas.NewAccount, parts: ServiceDep, asks: PrincipalDep
) -> schemas.IssuedAccount:
    """Add a local account, with a password that has to be changed at the first sign-in."""
    now = _now()
    account, password = people.add_account(
        parts.database, asks, body.name, body.display_name, body.roles, at=now
    )
    return schemas.IssuedAccount(
        account=presenting.account(account, now), one_time_password=password
    )


@router.post("/accounts/{name}/roles", responses=_WITH_BODY, dependencies=_WRITES)
def change_roles(
    name: Name, body: schemas.NewRoles, parts: ServiceDep, asks: PrincipalDep, request: Request
) -> schemas.Account:
    """Give an account other roles; its sessions end."""
    now = _now()
    account = people.set_roles(parts.database, asks, name, body.roles, at=now)
    _changed(request)
    return presenting.account(account, now)


@router.post("/accounts/{name}/disable", responses=_WITHOUT, dependencies=_WRITES)
def disable_account(
    name: Name, parts: ServiceDep, asks: PrincipalDep, request: Request
) -> schemas.Account:
    """Let a person in no more; their sessions end."""
    now = _now()
    account = people.disable_account(parts.database, asks, name, at=now)
    _changed(request)
    return presenting.account(account, now)


@router.post("/accounts/{name}/enable", responses=_WITHOUT, dependencies=_WRITES)
def enable_account(
    name: Name, parts: ServiceDep, asks: PrincipalDep, request: Request
) -> schemas.Account:
    """Let a person in again."""
    now = _now()
    account = people.enable_account(parts.database, asks, name, at=now)
    _changed(request)
    return presenting.account(account, now)


@router.post("/accounts/{name}/reset", responses=_WITHOUT, dependencies=_WRITES)
def reset_account(
    name: Name, parts: ServiceDep, asks: PrincipalDep, request: Request
) -> schemas.IssuedAccount:
    """Give a local account a password for one sign-in; its sessions end."""
    now = _now()
    account, password = people.reset_account(parts.database, asks, name, at=now)
    _changed(request)
    return schemas.IssuedAccount(
        account=presenting.account(account, now), one_time_password=password
    )


def _changed(request: Request) -> None:
    request.app.state.identifier.forget()


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
