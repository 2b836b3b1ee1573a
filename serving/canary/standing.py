"""Steps of a canary: started, given another share, stopped or promoted, each with its event."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime

from serving.audit import record
from serving.domain.canary import PLACES, CanaryEnding, CanaryPlan
from serving.domain.event import Happening
from serving.errors import ConflictError, InvalidRequestError
from serving.store.canaries import Canaries
from serving.store.session import Database, Session
from training.bundle import Bundle


@dataclass(frozen=True, slots=True)
class Deciding:
    """Who decides about a canary, when (naive UTC), and why."""

    by: str
    at: datetime
    reason: str = ""


def share_of_percent(percent: float) -> int:
    """Return a share as a number of places.

    Raises
    ------
    InvalidRequestError
        If it is not between 0 and 100, or finer than a hundredth of a percent.
    """
    places = round(percent * PLACES / 100) if 0 <= percent <= 100 else -1
    if places < 0 or abs(places * 100 / PLACES - percent) > 1e-9:
        raise InvalidRequestError(
            f"{percent} % is no share.",
            hint="Give 0 to 100 percent, in steps of a hundredth of a percent.",
        )
    return places


def start(
    database: Database, bundle: Bundle, share: int, who: Deciding, salt: str = ""
) -> CanaryPlan:
    """Let a bundle, which the archive has, grade a share of the customers from now on.

    Parameters
    ----------
    share
        Of `PLACES`.
    salt
        Chooses who is in the share; a new one by default.

    Raises
    ------
    ConflictError
        If a canary stands already.
    """
    with database.write() as session:
        _none_stands(session)
        plan = CanaryPlan(
            plan_id=secrets.token_hex(16),
            bundle_digest=bundle.digest,
            model_version=bundle.meta.version,
            share=share,
            salt=salt or secrets.token_hex(16),
            started_at=who.at,
            started_by=who.by,
            reason=who.reason,
        )
        Canaries(session).add(plan)
        _tell(session, "started", plan, who, salt=plan.salt)
    return plan


def change_share(database: Database, share: int, who: Deciding) -> CanaryPlan:
    """Give the canary another share; whoever is in both stays.

    Raises
    ------
    ConflictError
        If no canary stands, or it has that share.
    """
    with database.write() as session:
        before = _standing(session)
        if before.share == share:
            raise ConflictError("The canary has that share already.")
        plan = replace(before, share=share)
        Canaries(session).replace(plan)
        _tell(session, "share_changed", plan, who, share_before=before.share)
    return plan


def end(database: Database, ending: CanaryEnding, who: Deciding) -> CanaryPlan:
    """End the canary: from the next batch on the champion grades everybody.

    Raises
    ------
    ConflictError
        If no canary stands.
    """
    with database.write() as session:
        plan = replace(_standing(session), ended_at=who.at, ended_by=who.by, ending=ending)
        Canaries(session).replace(plan)
        _tell(session, ending.value, plan, who)
    return plan


def failed(database: Database, plan: CanaryPlan, why: str, who: Deciding) -> None:
    """Record that a canary could not grade its share, so that the champion did."""
    with database.write() as session:
        _tell(session, "failed", plan, who, why=why)


def _none_stands(session: Session) -> None:
    present = Canaries(session).standing(locked=True)
    if present is not None:
        raise ConflictError(
            f"Version {present.model_version} is the canary already.",
            hint="Change its share, promote or stop it first: tierwise canary share|promote|stop.",
        )


def _standing(session: Session) -> CanaryPlan:
    plan = Canaries(session).standing(locked=True)
    if plan is None:
        raise ConflictError("There is no canary.", hint="Start one: tierwise canary start.")
    return plan


def _tell(session: Session, step: str, plan: CanaryPlan, who: Deciding, **more: object) -> None:
    payload = {
        "bundle_digest": plan.bundle_digest,
        "model_version": plan.model_version,
        "share": plan.share,
        "reason": who.reason,
        **more,
    }
    happening = Happening(f"canary.{step}", f"canary:{plan.plan_id}", payload)
    record(session, [happening], at=who.at, actor=who.by)
