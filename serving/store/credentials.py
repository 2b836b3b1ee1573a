"""Accounts, keys and sign-ins: the only queries over them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from serving.domain.access import Permission, Role
from serving.domain.credentials import Account, ApiKey, Attempt, SignIn
from serving.store.access_tables import AccountRow, ApiKeyRow, AttemptRow, SignInRow
from serving.store.paging import Page, decode_cursor, encode_cursor


class ApiKeys:
    """API keys as of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, key_id: str) -> ApiKey | None:
        """Return the key with that public part."""
        row = self._session.get(ApiKeyRow, key_id)
        return None if row is None else _key(row)

    def named(self, name: str) -> ApiKey | None:
        """Return the key with that name."""
        row = self._session.scalars(select(ApiKeyRow).where(ApiKeyRow.name == name)).one_or_none()
        return None if row is None else _key(row)

    def page(self, *, limit: int, cursor: str | None = None) -> Page[ApiKey]:
        """Return keys by name, revoked ones too.

        Raises
        ------
        InvalidRequestError
            If the cursor is not one of this list.
        """
        rows = select(ApiKeyRow).order_by(ApiKeyRow.name).limit(limit + 1)
        if cursor is not None:
            rows = rows.where(ApiKeyRow.name > str(decode_cursor(cursor, (str,))[0]))
        found = [_key(row) for row in self._session.scalars(rows)]
        total = self._session.scalar(select(func.count()).select_from(ApiKeyRow)) or 0
        last = found[limit - 1] if len(found) > limit else None
        return Page(tuple(found[:limit]), total, None if last is None else encode_cursor(last.name))

    def put(self, key: ApiKey) -> None:
        """Add a key, or write its present state."""
        fields = asdict(key) | {
            "roles": sorted(key.roles),
            "scopes": None if key.scopes is None else sorted(key.scopes),
        }
        self._session.merge(ApiKeyRow(**fields))
        self._session.flush()

    def used(self, key_id: str, at: datetime) -> None:
        """Note that a key was used."""
        row = update(ApiKeyRow).where(ApiKeyRow.key_id == key_id)
        self._session.execute(row.values(last_used_at=at))


class Accounts:
    """Accounts as of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, name: str) -> Account | None:
        """Return an account."""
        row = self._session.get(AccountRow, name)
        return None if row is None else _account(row)

    def page(self, *, limit: int, cursor: str | None = None) -> Page[Account]:
        """Return accounts by name, disabled ones too.

        Raises
        ------
        InvalidRequestError
            If the cursor is not one of this list.
        """
        rows = select(AccountRow).order_by(AccountRow.name).limit(limit + 1)
        if cursor is not None:
            rows = rows.where(AccountRow.name > str(decode_cursor(cursor, (str,))[0]))
        found = [_account(row) for row in self._session.scalars(rows)]
        total = self._session.scalar(select(func.count()).select_from(AccountRow)) or 0
        last = found[limit - 1] if len(found) > limit else None
        return Page(tuple(found[:limit]), total, None if last is None else encode_cursor(last.name))

    def put(self, account: Account) -> None:
        """Add an account, or write its present state."""
        self._session.merge(AccountRow(**(asdict(account) | {"roles": sorted(account.roles)})))
        self._session.flush()


class SignIns:
    """Sessions of people, and sign-ins that are with a provider, as of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, session_hash: str) -> SignIn | None:
        """Return a session."""
        row = self._session.get(SignInRow, session_hash)
        if row is None:
            return None
        return SignIn(
            row.session_hash, row.account_name, row.created_at, row.seen_at, row.expires_at
        )

    def add(self, sign_in: SignIn) -> None:
        """Add a session; those that are over go."""
        self._session.execute(delete(SignInRow).where(SignInRow.expires_at < sign_in.created_at))
        self._session.add(SignInRow(**asdict(sign_in)))
        self._session.flush()

    def seen(self, session_hash: str, at: datetime) -> None:
        """Note that a session is in use."""
        row = update(SignInRow).where(SignInRow.session_hash == session_hash)
        self._session.execute(row.values(seen_at=at))

    def end(self, session_hash: str) -> None:
        """End one session."""
        self._session.execute(delete(SignInRow).where(SignInRow.session_hash == session_hash))

    def end_all(self, account_name: str) -> None:
        """End all sessions of an account."""
        self._session.execute(delete(SignInRow).where(SignInRow.account_name == account_name))

    def begin(self, attempt: Attempt, at: datetime) -> None:
        """Keep a sign-in that goes to a provider; those that never came back go."""
        self._session.execute(delete(AttemptRow).where(AttemptRow.expires_at < at))
        self._session.add(AttemptRow(**asdict(attempt)))
        self._session.flush()

    def take(self, state_hash: str) -> Attempt | None:
        """Return a sign-in that came back, and forget it: no state holds twice."""
        row = self._session.get(AttemptRow, state_hash)
        if row is None:
            return None
        # The row that was deleted, not the row that was read: of two that race, one wins.
        gone = self._session.execute(
            delete(AttemptRow)
            .where(AttemptRow.state_hash == state_hash)
            .returning(AttemptRow.state_hash)
        ).all()
        if not gone:
            return None
        return Attempt(
            row.state_hash, row.browser_hash, row.nonce, row.verifier, row.goal, row.expires_at
        )


def _key(row: ApiKeyRow) -> ApiKey:
    return ApiKey(
        key_id=row.key_id,
        name=row.name,
        roles=frozenset(map(Role, row.roles)),
        scopes=None if row.scopes is None else frozenset(map(Permission, row.scopes)),
        secret_hash=row.secret_hash,
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        previous_hash=row.previous_hash,
        previous_until=row.previous_until,
        rotated_at=row.rotated_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


def _account(row: AccountRow) -> Account:
    return Account(
        name=row.name,
        display_name=row.display_name,
        roles=frozenset(map(Role, row.roles)),
        created_at=row.created_at,
        created_by=row.created_by,
        password_hash=row.password_hash,
        issuer=row.issuer,
        subject=row.subject,
        must_change=row.must_change,
        failures=row.failures,
        locked_until=row.locked_until,
        disabled_at=row.disabled_at,
        last_seen_at=row.last_seen_at,
    )
