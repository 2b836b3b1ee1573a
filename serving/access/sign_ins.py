"""Signing in and out. A session's id is always new: one that was planted is worth nothing."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from serving.access.passwords import LONGEST, hash_password, is_dated, verify
from serving.access.people import told
from serving.access.tokens import digest, new_secret
from serving.domain.credentials import Account, SignIn
from serving.store.credentials import Accounts, SignIns
from serving.store.session import Database, Session

LOG = logging.getLogger("tierwise.access")
FREE_FAILURES = 5
"""Wrong passwords in a row before the account waits."""
_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(minutes=15)


def sign_in(
    database: Database,
    name: str,
    password: str,
    *,
    lasts: timedelta,
    at: datetime,
    replaces: str | None = None,
) -> str | None:
    """Return the id of a new session, None if name and password do not go together.

    The attempt is counted before the password is looked at, so that many guesses at once are
    not one guess. Unknown, locked and disabled accounts take as long as any other.

    Parameters
    ----------
    replaces
        Id of the session that the browser has: it ends.
    """
    account = _counted(database, name, at)
    right = verify(None if account is None else account.password_hash, password)
    if account is None or not right or len(password) > LONGEST:
        LOG.info("sign-in failed")
        if account is not None and account.locked_until is not None:
            with database.write() as session:
                until = account.locked_until.isoformat()
                payload: dict[str, object] = {"failures": account.failures, "until": until}
                told(session, "locked", account, "tierwise", at, payload)
        return None
    renewed = hash_password(password) if is_dated(account.password_hash or "") else None
    with database.write() as session:
        present = Accounts(session).get(account.name)
        if present is None or present.disabled_at or present.password_hash != account.password_hash:
            return None
        present = replace(
            present,
            failures=0,
            locked_until=None,
            last_seen_at=at,
            password_hash=renewed or present.password_hash,
        )
        Accounts(session).put(present)
        return begin(session, present, "password", lasts=lasts, at=at, replaces=replaces)


def begin(
    session: Session,
    account: Account,
    how: str,
    *,
    lasts: timedelta,
    at: datetime,
    replaces: str | None,
) -> str:
    """Begin a session for somebody who has proved who they are; return its id."""
    session_id = new_secret()
    sessions = SignIns(session)
    if replaces is not None:
        sessions.end(digest(replaces))
    sessions.add(SignIn(digest(session_id), account.name, at, at, at + lasts))
    told(session, "signed_in", account, f"person:{account.name}", at, {"by": how})
    return session_id


def sign_out(database: Database, session_id: str, *, at: datetime) -> None:
    """End a session for good: its cookie is worth nothing afterwards, whoever has it."""
    with database.write() as session:
        sessions = SignIns(session)
        present = sessions.get(digest(session_id))
        if present is None:
            return
        sessions.end(present.session_hash)
        account = Accounts(session).get(present.account_name)
        assert account is not None  # a foreign key holds it
        told(session, "signed_out", account, f"person:{account.name}", at)


def _counted(database: Database, name: str, at: datetime) -> Account | None:
    """Return the account to try, with this attempt counted as a failure beforehand."""
    with database.write() as session:
        account = Accounts(session).get(name[:80])
        if account is None or account.password_hash is None or account.disabled_at is not None:
            return None
        if account.locked_until is not None and at < account.locked_until:
            return None
        failures = account.failures + 1
        beyond = failures - FREE_FAILURES
        wait = min(_FIRST_WAIT * 2 ** min(max(beyond, 0), 10), _LONGEST_WAIT)
        locked = at + wait if beyond >= 0 else None
        account = replace(account, failures=failures, locked_until=locked)
        Accounts(session).put(account)
        return account
