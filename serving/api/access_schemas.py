"""Accounts and API keys as they go over the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from serving.access.granting import NAME
from serving.access.keys import LONGEST_DAYS, LONGEST_OVERLAP_HOURS
from serving.api import access_examples as examples
from serving.api.parts import Instant, Out
from serving.domain.access import Permission, Role

Name = Annotated[str, StringConstraints(pattern=NAME)]
Display = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Roles = Annotated[list[Role], Field(min_length=1, max_length=len(Role))]
KeyStatus = Literal["live", "expired", "revoked"]
AccountStatus = Literal["live", "first_sign_in", "locked", "disabled"]


class Self(Out):
    """Who is asking, and what they may do."""

    id: str
    kind: Literal["person", "machine", "local"]
    roles: list[Role]
    permissions: list[Permission]


class Key(Out):
    """The key of a machine, without its secret, which nobody knows.

    ``scopes`` null: all that its roles may. ``last_used_at`` is within 10 minutes.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [examples.KEY]})

    key_id: str
    name: str
    roles: list[Role]
    scopes: list[Permission] | None
    permissions: list[Permission]
    status: KeyStatus
    created_at: Instant
    created_by: str
    expires_at: Instant
    rotated_at: Instant | None
    last_used_at: Instant | None
    revoked_at: Instant | None


class IssuedKey(Out):
    """A key with its text: shown now, and never again."""

    key: Key
    secret: str = Field(description="Send it as `Authorization: Bearer ...`.")


class KeyList(Out):
    """A page of keys by name."""

    items: list[Key]
    total: int
    cursor: str | None
    next: str | None


class NewKey(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.NEW_KEY]})

    name: Name
    roles: Roles
    scopes: Annotated[list[Permission], Field(min_length=1, max_length=len(Permission))] | None = (
        None
    )
    days: float = Field(default=90, gt=0, le=LONGEST_DAYS, description="Until it expires.")


class KeyRotation(BaseModel):
    """How long the old secret holds beside the new one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.ROTATION]})

    overlap_hours: float = Field(default=24, ge=0, le=LONGEST_OVERLAP_HOURS)


class Account(Out):
    """A person's account; ``provider`` is the identity provider that vouches for it."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.ACCOUNT]})

    name: str
    display_name: str
    roles: list[Role]
    status: AccountStatus
    provider: str | None
    created_at: Instant
    created_by: str
    last_seen_at: Instant | None
    locked_until: Instant | None


class IssuedAccount(Out):
    """An account with a password for one sign-in: shown now, and never again."""

    account: Account
    one_time_password: str


class AccountList(Out):
    """A page of accounts by name."""

    items: list[Account]
    total: int
    cursor: str | None
    next: str | None


class NewAccount(BaseModel):
    """A local account to be added."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [examples.NEW_ACCOUNT]}
    )

    name: Name
    display_name: Display = ""
    roles: Roles


class NewRoles(BaseModel):
    """The roles of an account from now on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.NEW_ROLES]})

    roles: Roles
