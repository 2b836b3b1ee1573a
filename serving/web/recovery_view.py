"""Customers under observation as data: who is, earliest due first, and one customer's case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from serving.domain.recovery import Recovery, RecoveryState
from serving.store.recoveries import Recoveries, WantedRecoveries
from serving.store.session import Session
from serving.web.addresses import customer_address
from serving.web.formats import Writer
from serving.web.shell import Fact
from tiering.panel.policy import PanelPolicy

_STATES = {
    RecoveryState.OPEN: "recovery.state_open",
    RecoveryState.CONTACTED: "recovery.state_contacted",
    RecoveryState.PLANNED: "recovery.state_planned",
}
"""Words for what is not closed."""


@dataclass(frozen=True, slots=True)
class RecoveryLine:
    """One customer under observation."""

    customer_id: str
    address: str
    state: str
    reason: str
    owner: str
    since: str
    due: str
    overdue: bool


@dataclass(frozen=True, slots=True)
class RecoverySection:
    """Who is observed: the earliest due, and of how many."""

    lede: str
    tiles: tuple[Fact, ...]
    lines: tuple[RecoveryLine, ...]
    rest: str


@dataclass(frozen=True, slots=True)
class RecoveryStory:
    """What a customer's page tells; ``overdue`` where no plan came in time."""

    sentences: tuple[str, ...]
    overdue: bool


def recovery_section(
    writer: Writer, session: Session, policy: PanelPolicy, now: datetime, size: int
) -> RecoverySection | None:
    """Tell who is observed, as of a session; None where nobody is.

    Parameters
    ----------
    now
        Naive UTC.
    size
        Of how many more than a count is told.
    """
    store, words = Recoveries(session), writer.words
    page = store.page(WantedRecoveries(live=True), limit=size)
    if not page.items:
        return None
    days = policy.observation.plan_days if policy.observation is not None else 0
    late = store.count(WantedRecoveries(late_at=now))
    hidden = page.total - len(page.items)
    return RecoverySection(
        lede=words("recovery.lede", days=writer.plain(days)),
        tiles=(
            Fact(words("recovery.observed"), writer.plain(page.total)),
            Fact(words("recovery.late"), writer.plain(late)),
        ),
        lines=tuple(_line(writer, each, policy, now) for each in page.items),
        rest=words("recovery.rest", n=writer.plain(hidden)) if hidden else "",
    )


def recovery_story(
    writer: Writer, session: Session, customer_id: str, policy: PanelPolicy, now: datetime
) -> RecoveryStory | None:
    """Tell since when a customer is observed, why, and what shall be done; None of others."""
    kept, words = Recoveries(session).live_of(customer_id), writer.words
    if kept is None:
        return None
    told = [words("recovery.since", day=writer.day(kept.opened_at))]
    if kept.contact is None:
        told.append(words("recovery.no_contact"))
    else:
        reason = reason_of(writer, kept, policy)
        told.append(words("recovery.contact", day=writer.day(kept.contact.at), reason=reason))
        told += [kept.contact.note] if kept.contact.note else []
    if kept.plan is None:
        told.append(words("recovery.due", day=writer.day(kept.due_at)))
    else:
        plan, goal = kept.plan, writer.day(kept.plan.goal_date)
        told.append(words("recovery.plan", owner=plan.owner, tier=plan.goal_tier_id, day=goal))
        told.append(plan.text)
    return RecoveryStory(tuple(told), kept.is_late(now))


def reason_of(writer: Writer, kept: Recovery, policy: PanelPolicy) -> str:
    """Return the reason of the first contact in words; one of an older policy stands for itself."""
    if kept.contact is None:
        return writer.absent
    known = policy.observation.reasons if policy.observation is not None else ()
    chinese = writer.lang == "zh-CN"
    labels = {each.id: each.label_zh if chinese else each.label_en for each in known}
    return labels.get(kept.contact.reason, kept.contact.reason)


def _line(writer: Writer, kept: Recovery, policy: PanelPolicy, now: datetime) -> RecoveryLine:
    return RecoveryLine(
        customer_id=kept.customer_id,
        address=customer_address(kept.customer_id),
        state=writer.words(_STATES[kept.state]),
        reason=reason_of(writer, kept, policy),
        owner=writer.absent if kept.plan is None else kept.plan.owner,
        since=writer.day(kept.opened_at),
        due=writer.day(kept.due_at),
        overdue=kept.is_late(now),
    )
