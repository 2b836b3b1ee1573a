"""What a run does to the cases of customers under observation (#91).

Who stands in an observed tier and has no case gets one; who stands in none any more has theirs
closed. A case without a plan after its due date is told of once. The tier that counts is that of
model and scheme, held over time, as for `tier.changed`; what a panel decided lies beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from serving.domain.event import Happening
from serving.domain.grade import Run
from serving.domain.recovery import Recovery, RecoveryOutcome, recovery_id_of_grade
from serving.store.followed import Followed
from serving.store.recoveries import Recoveries
from serving.store.reviews import Between
from serving.store.session import Session
from tiering.panel.policy import Observation, PanelPolicy


def observe(
    session: Session,
    run: Run,
    policy: PanelPolicy,
    customers: Between,
    found: Sequence[Followed],
) -> list[Happening]:
    """Open, close and warn, in the transaction of a session; return what the trail is told.

    Parameters
    ----------
    customers
        Whose cases are looked at.
    found
        Their grades, all of them.
    """
    store = Recoveries(session)
    live, now = store.live(customers), run.finished_at
    watched = _watched(run, policy.observation)
    held = {each.customer_id: each.tier_index for each in found} if live else {}
    changed: list[tuple[str, Recovery]] = []
    for customer, case in live.items():
        index = held.get(customer)
        if index not in watched:
            closed = replace(case, closed_at=now, outcome=_outcome(case, run, index))
            changed.append(("recovery.closed", closed))
        elif case.late_at is None and case.is_late(now):
            changed.append(("recovery.late", replace(case, late_at=now)))
    opened = []
    if policy.observation is not None and watched:
        opened = [
            _opened(each, run, policy.name, policy.observation)
            for each in found
            if each.tier_index in watched and each.customer_id not in live
        ]
    store.add(opened)
    store.replace(case for _, case in changed)
    return [
        *(told("recovery.opened", case, due_at=case.due_at.isoformat()) for case in opened),
        *(told(action, case) for action, case in changed),
    ]


def told(action: str, case: Recovery, **more: object) -> Happening:
    """Return what the trail is told of a case."""
    payload: dict[str, object] = {
        "recovery_id": case.recovery_id,
        "customer_id": case.customer_id,
        "tier_id": case.tier_id,
        "state": case.state.value,
        **({} if case.outcome is None else {"outcome": case.outcome.value}),
        **more,
    }
    return Happening(action, f"recovery:{case.recovery_id}", payload)


def _watched(run: Run, observed: Observation | None) -> frozenset[int]:
    if observed is None:
        return frozenset()
    scheme = run.basis.scheme_id
    return frozenset(t.index for t in run.basis.tiers if observed.watches(scheme, t.id))


def _opened(grade: Followed, run: Run, policy: str, observed: Observation) -> Recovery:
    own = hashlib.sha256(f"recovery\0{run.run_id}".encode()).hexdigest()[:16]
    return Recovery(
        recovery_id=recovery_id_of_grade(own, grade.grade_id),
        customer_id=grade.customer_id,
        run_id=run.run_id,
        scheme_id=run.basis.scheme_id,
        tier_id=run.basis.tiers[grade.tier_index].id,
        policy=policy,
        opened_at=run.finished_at,
        due_at=observed.plan_due_at(run.finished_at),
    )


def _outcome(case: Recovery, run: Run, index: int | None) -> RecoveryOutcome:
    """Return how observation ended for who stands in a tier (None: in none)."""
    places = {tier.id: tier.index for tier in run.basis.tiers}
    before = places.get(case.tier_id) if run.basis.scheme_id == case.scheme_id else None
    if before is None or index is None or before == index:
        return RecoveryOutcome.ENDED
    return RecoveryOutcome.RECOVERED if index < before else RecoveryOutcome.DOWNGRADED
