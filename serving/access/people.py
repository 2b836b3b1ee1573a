"""Accounts of people, as an administrator sees them: added, disabled, reset, given roles."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from serving.access.granting import NAME, check_grant, check_not_self
from serving.access.passwords import check_new, hash_password, one_time_password, verify
from serving.audit import record
from serving.domain.access import Principal, Role, permissions_of
from serving.domain.credentials import Account
from serving.domain.event import Happening
from serving.errors import (
    CredentialConflictError,
    CredentialNotFoundError,
    InvalidRequestError,
    RequestFault,
)
from serving.store.credentials import Accounts, SignIns
from serving.store.session import Database, Session

PROVIDED = "sso."
"""Begins the names of accounts that an identity provider vouches for; no local one has it."""


def add_account(
    database: Database,
    actor: Principal,
    name: str,
    display_name: str,
    roles: Iterable[Role],
    *,
    at: datetime,
) -> tuple[Account, str]:
    """Add a local account; return it with a password for one sign-in, shown once.

    Raises
    ------
    ForbiddenError
        If a machine would give more than it has.
    CredentialConflictError
        If there is, or was, an account of that name.
    InvalidRequestError
        If the name cannot be one, or there is no role.
    """
    roles = frozenset(roles)
    faults = []
    if not re.fullmatch(NAME, name) or name.startswith(PROVIDED):
        wanted = "Small letters, digits, dots, dashes and underscores; 2 to 64 characters."
        faults.append(RequestFault(f"{wanted} Not sso. first.", "#/name"))
    if not roles:
        faults.append(RequestFault("An account has at least one role.", "#/roles"))
    if faults:
        raise InvalidRequestError("There cannot be such an account.", faults)
    check_grant(actor, permissions_of(roles))
    password = one_time_password()
    account = Account(
        name=name,
        display_name=display_name or name,
        roles=roles,
        created_at=at,
        created_by=actor.id,
        password_hash=hash_password(password),
        must_change=True,
    )
    with database.write() as session:
        if Accounts(session).get(name) is not None:
            raise CredentialConflictError(
                f"There is, or was, an account called {name!r}.",
                hint="Names are not used twice, so that the audit trail is clear about them.",
                name=name,
            )
        Accounts(session).put(account)
        told(session, "added", account, actor.id, at, {"roles": sorted(roles)})
    return account, password


def disable_account(database: Database, actor: Principal, name: str, *, at: datetime) -> Account:
    """Let a person in no more; their sessions end.

    Raises
    ------
    CredentialNotFoundError
        If there is no such account.
    ForbiddenError
        If it is one's own.
    """
    return _change(
        database, actor, name, "disabled", at, lambda account: replace(account, disabled_at=at)
    )


def enable_account(database: Database, actor: Principal, name: str, *, at: datetime) -> Account:
    """Let a person in again.

    Raises
    ------
    CredentialNotFoundError
        If there is no such account.
    ForbiddenError
        If it is one's own, or a machine would give more than it has.
    """

    def enabled(account: Account) -> Account:
        check_grant(actor, permissions_of(account.roles))
        return replace(account, disabled_at=None, failures=0, locked_until=None)

    return _change(database, actor, name, "enabled", at, enabled)


def set_roles(
    database: Database, actor: Principal, name: str, roles: Iterable[Role], *, at: datetime
) -> Account:
    """Give an account other roles; its sessions end, so that they hold at once.

    Raises
    ------
    CredentialNotFoundError
        If there is no such account.
    ForbiddenError
        If it is one's own, or a machine would give more than it has.
    """
    wanted = frozenset(roles)
    if not wanted:
        raise InvalidRequestError(
            "An account has at least one role.",
            [RequestFault("Give at least one.", "#/roles")],
            hint="Disable the account instead.",
        )
    check_grant(actor, permissions_of(wanted))
    return _change(
        database, actor, name, "roles_changed", at, lambda account: replace(account, roles=wanted)
    )


def reset_account(
    database: Database, actor: Principal, name: str, *, at: datetime
) -> tuple[Account, str]:
    """Give a local account a password for one sign-in, shown once; its sessions end.

    Raises
    ------
    CredentialNotFoundError
        If there is no such account.
    CredentialConflictError
        If an identity provider vouches for it.
    ForbiddenError
        If it is one's own, or a machine would get at more than it has.
    """
    password = one_time_password()
    hashed = hash_password(password)

    def reset(account: Account) -> Account:
        check_grant(actor, permissions_of(account.roles))
        if account.password_hash is None:
            raise CredentialConflictError(
                f"{account.name!r} has no password here: an identity provider vouches for it."
            )
        return replace(
            account, password_hash=hashed, must_change=True, failures=0, locked_until=None
        )

    return _change(database, actor, name, "reset", at, reset), password


def change_password(
    database: Database, name: str, before: str, after: str, *, at: datetime
) -> bool:
    """Change one's own password; all sessions end. False if the present one is wrong.

    Raises
    ------
    InvalidRequestError
        If the new one is too easy, or the old one.
    """
    check_new(after, name)
    if before == after:
        raise InvalidRequestError(
            "The new password is the old one.", [RequestFault("Choose another.", "#/password")]
        )
    with database.read() as session:
        account = Accounts(session).get(name)
    if account is None or not verify(account.password_hash, before):
        return False
    hashed = hash_password(after)

    def changed(account: Account) -> Account:
        return replace(account, password_hash=hashed, must_change=False)

    with database.write() as session:
        _apply(session, name, "password_changed", f"person:{name}", at, changed)
    return True


def told(
    session: Session,
    done: str,
    account: Account,
    actor: str,
    at: datetime,
    payload: dict[str, object] | None = None,
) -> None:
    """Record what happened to an account."""
    happening = Happening(f"account.{done}", f"account:{account.name}", payload or {})
    record(session, [happening], at=at, actor=actor)


def _change(
    database: Database,
    actor: Principal,
    name: str,
    done: str,
    at: datetime,
    change: Callable[[Account], Account],
) -> Account:
    check_not_self(actor, name)
    with database.write() as session:
        return _apply(session, name, done, actor.id, at, change)


def _apply(
    session: Session,
    name: str,
    done: str,
    actor: str,
    at: datetime,
    change: Callable[[Account], Account],
) -> Account:
    before = Accounts(session).get(name)
    if before is None:
        raise CredentialNotFoundError(
            "There is no such account.", hint="List them: tierwise access user list."
        )
    after = change(before)
    Accounts(session).put(after)
    SignIns(session).end_all(name)
    told(session, done, after, actor, at, {"roles": sorted(after.roles)})
    return after
