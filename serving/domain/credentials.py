"""What people and machines prove themselves with: API keys, accounts, sign-ins."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from serving.domain.access import Permission, Principal, Role, permissions_of


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The key of a machine; of its secret only the SHA-256 is known.

    Attributes
    ----------
    key_id
        Public part of the key, by which it is found.
    name
        Unique for ever, also after it is revoked: the audit trail writes ``key:name``.
    roles, scopes
        May do what the roles may, narrowed to the scopes if there are any.
    previous_hash, previous_until
        The secret before the last rotation, which holds until then.
    last_used_at
        Coarse: some minutes may pass before a use is noted.
    """

    key_id: str
    name: str
    roles: frozenset[Role]
    scopes: frozenset[Permission] | None
    secret_hash: str
    created_at: datetime
    created_by: str
    expires_at: datetime
    previous_hash: str | None = None
    previous_until: datetime | None = None
    rotated_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def permissions(self) -> frozenset[Permission]:
        """What the key may do."""
        return permissions_of(self.roles, self.scopes)

    @property
    def principal(self) -> Principal:
        """Who asks with this key."""
        return Principal(f"key:{self.name}", "machine", self.roles, self.permissions)

    def is_live(self, at: datetime) -> bool:
        """Tell whether the key is neither revoked nor expired."""
        return self.revoked_at is None and at < self.expires_at

    def accepts(self, secret_hash: str, at: datetime) -> bool:
        """Tell whether a secret with this SHA-256 (hex) opens; takes the same time either way."""
        now = hmac.compare_digest(self.secret_hash, secret_hash)
        before = hmac.compare_digest(self.previous_hash or "", secret_hash)
        overlaps = self.previous_until is not None and at < self.previous_until
        return self.is_live(at) and (now or (before and overlaps))


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account: local, with a password, or of an identity provider.

    Attributes
    ----------
    name
        Unique for ever: the audit trail writes ``person:name``.
    password_hash
        argon2id in PHC notation; None for an account of a provider.
    issuer, subject
        Who vouches for the person, and by which name; None for a local account.
    must_change
        The password was set by somebody else: nothing is allowed before it is changed.
    failures, locked_until
        Sign-ins that failed in a row, and until when none is tried.
    """

    name: str
    display_name: str
    roles: frozenset[Role]
    created_at: datetime
    created_by: str
    password_hash: str | None = None
    issuer: str | None = None
    subject: str | None = None
    must_change: bool = False
    failures: int = 0
    locked_until: datetime | None = None
    disabled_at: datetime | None = None
    last_seen_at: datetime | None = None

    @property
    def principal(self) -> Principal:
        """Who asks when this person asks."""
        permissions = frozenset[Permission]() if self.must_change else permissions_of(self.roles)
        return Principal(f"person:{self.name}", "person", self.roles, permissions)


@dataclass(frozen=True, slots=True)
class SignIn:
    """A session of a person in one browser; of its id only the SHA-256 is known.

    Attributes
    ----------
    seen_at
        Coarse time of the last request.
    expires_at
        When it ends however busy it is.
    """

    session_hash: str
    account_name: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime

    def is_live(self, at: datetime, idle: timedelta) -> bool:
        """Tell whether the session is neither over nor left alone for too long."""
        return at < self.expires_at and at < self.seen_at + idle


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in that was sent to an identity provider and has not come back yet.

    Attributes
    ----------
    state_hash, browser_hash
        SHA-256 (hex) of the state that travels, and of the cookie of the browser it left from.
    nonce, verifier
        What the id token must carry, and what proves that we asked (PKCE).
    goal
        Address on our site to go to afterwards.
    """

    state_hash: str
    browser_hash: str
    nonce: str
    verifier: str
    goal: str
    expires_at: datetime
