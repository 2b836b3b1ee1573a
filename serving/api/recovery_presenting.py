"""From customers under observation to what goes over the wire."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from serving.api import recovery_schemas as schemas
from serving.api.review_presenting import label
from serving.api.review_schemas import Label
from serving.domain.recovery import Contact, Recovery
from tiering.panel.policy import Named, PanelPolicy


def recovery(kept: Recovery, policy: PanelPolicy, now: datetime) -> schemas.Recovery:
    """Present a case."""
    return schemas.Recovery(
        recovery_id=kept.recovery_id,
        customer_id=kept.customer_id,
        run_id=kept.run_id,
        scheme_id=kept.scheme_id,
        tier_id=kept.tier_id,
        policy=kept.policy,
        state=kept.state,
        opened_at=kept.opened_at,
        due_at=kept.due_at,
        late=kept.is_late(now),
        contact=None if kept.contact is None else _contact(kept.contact, policy),
        plan=None if kept.plan is None else schemas.RecoveryPlan(**asdict(kept.plan)),
        plans=kept.plans,
        late_at=kept.late_at,
        closed_at=kept.closed_at,
        outcome=kept.outcome,
    )


def reasons(policy: PanelPolicy) -> list[Label]:
    """Present what a first contact gives one of."""
    return [label(each.id, _known(policy)) for each in _known(policy)]


def _contact(kept: Contact, policy: PanelPolicy) -> schemas.FirstContact:
    reason = label(kept.reason, _known(policy))
    return schemas.FirstContact(at=kept.at, by=kept.by, reason=reason, note=kept.note)


def _known(policy: PanelPolicy) -> tuple[Named, ...]:
    return policy.observation.reasons if policy.observation is not None else ()
