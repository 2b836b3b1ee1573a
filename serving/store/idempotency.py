"""Writes done once: who claimed a key, whether the write took effect, and what was answered.

A claim is a row of its own transaction, so a second worker sees it at once. The write itself
sets ``effective`` in *its* transaction (`seal`, called by ``Database.write``), so a worker that
is killed leaves one of two certainties: not effective, and the write may be done again, or
effective, and it must not. Sealing also fences: if the claim was taken over meanwhile, because
its holder was thought dead, the holder's transaction is rolled back.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, CursorResult, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from serving.errors import RepetitionError, ReusedKeyError
from serving.store.idempotency_tables import KeptAnswerRow

KEPT_FOR = timedelta(hours=24)
"""How long an answer is given again."""
LEASE = timedelta(seconds=60)
"""After this a claim without effect counts as its worker's death."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to carry out one write.

    Attributes
    ----------
    principal, key
        Whose key it is.
    fingerprint
        SHA-256 (hex) of method, address and body.
    token
        Of this attempt.
    """

    principal: str
    key: str
    fingerprint: str
    token: str


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What was answered the first time."""

    status: int
    headers: Mapping[str, str]
    body: bytes


CLAIM: ContextVar[Claim | None] = ContextVar("claim", default=None)
"""The claim under which the present request writes."""


def claim(
    session: Session, principal: str, key: str, fingerprint: str, now: datetime
) -> Claim | KeptAnswer:
    """Claim a key, or return what was answered to its first use.

    Raises
    ------
    RepetitionError
        If its request is being carried out, or was, and the answer was lost.
    ReusedKeyError
        If the key belongs to another request.
    """
    session.execute(delete(KeptAnswerRow).where(KeptAnswerRow.claimed_at < now - KEPT_FOR))
    mine = Claim(principal, key, fingerprint, uuid.uuid4().hex)
    try:
        with session.begin_nested():
            session.execute(
                insert(KeptAnswerRow).values(
                    principal=principal,
                    key=key,
                    fingerprint=fingerprint,
                    token=mine.token,
                    claimed_at=now,
                    effective=False,
                )
            )
    except IntegrityError:
        return _again(session, mine, now)
    return mine


def seal(session: Session) -> None:
    """Note, in the transaction of a write, that the present claim took effect.

    Raises
    ------
    RepetitionError
        If another worker took the claim over: this write must not be committed.
    """
    mine = CLAIM.get()
    if mine is None:
        return
    sealed = session.execute(
        update(KeptAnswerRow).where(*_of(mine)).values(effective=True),
        execution_options={"synchronize_session": False},
    )
    assert isinstance(sealed, CursorResult)
    if sealed.rowcount == 0:
        raise _in_progress()


def finish(session: Session, mine: Claim, answer: KeptAnswer | None) -> None:
    """Keep the answer if the write took effect; otherwise the key is free again.

    Parameters
    ----------
    answer
        None if there was none to keep, though the write may have taken effect.
    """
    if answer is not None:
        kept = update(KeptAnswerRow).where(*_of(mine), KeptAnswerRow.effective)
        session.execute(
            kept.values(status=answer.status, headers=dict(answer.headers), body=answer.body)
        )
    session.execute(delete(KeptAnswerRow).where(*_of(mine), ~KeptAnswerRow.effective))


def _again(session: Session, mine: Claim, now: datetime) -> Claim | KeptAnswer:
    wanted = select(KeptAnswerRow).where(
        KeptAnswerRow.principal == mine.principal, KeptAnswerRow.key == mine.key
    )
    row = session.scalars(wanted).one_or_none()
    if row is None:  # released between our insert and our look
        raise _in_progress()
    if row.fingerprint != mine.fingerprint:
        raise ReusedKeyError(
            "This Idempotency-Key was used for another request.",
            hint="Use a new key for each new write.",
        )
    if row.status is not None:
        return KeptAnswer(row.status, row.headers or {}, row.body or b"")
    if row.effective:
        raise RepetitionError(
            "The write was carried out, but its answer was lost.",
            hint="Read the thing itself: what was asked for is done.",
            reason="answer-lost",
        )
    taken = session.execute(
        update(KeptAnswerRow)
        .where(
            *_of(Claim(row.principal, row.key, row.fingerprint, row.token)),
            ~KeptAnswerRow.effective,
            KeptAnswerRow.claimed_at < now - LEASE,
        )
        .values(token=mine.token, claimed_at=now),
        execution_options={"synchronize_session": False},
    )
    assert isinstance(taken, CursorResult)
    if taken.rowcount == 0:
        raise _in_progress()
    return mine


def _of(mine: Claim) -> tuple[ColumnElement[bool], ...]:
    return (
        KeptAnswerRow.principal == mine.principal,
        KeptAnswerRow.key == mine.key,
        KeptAnswerRow.token == mine.token,
    )


def _in_progress() -> RepetitionError:
    return RepetitionError(
        "A request with this Idempotency-Key is being carried out.",
        hint="Wait a moment and send it again.",
        reason="in-progress",
    )
