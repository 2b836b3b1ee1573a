"""From what would lift a grade to what goes over the wire."""

from __future__ import annotations

from features.schema import CATALOGUE
from serving.api import schemas
from serving.api.presenting import text_of, tier_of
from serving.domain import grade as domain
from serving.lifting import step_of, tell_lift
from serving.wording import label_of
from tiering.lift.actions import Actions
from tiering.lift.found import Change, Lift


def lift(
    graded: domain.Grade, found: Lift, actions: Actions, lang: domain.Lang | None = None
) -> schemas.Lift:
    """Present what would lift a grade, in one language or in all."""
    basis = graded.basis
    stories = {each: tell_lift(found, graded, each) for each in domain.LANGS}
    english, chinese = stories["en"], stories["zh-CN"]
    return schemas.Lift(
        customer_id=graded.customer_id,
        grade_id=graded.grade_id,
        run_id=basis.run_id,
        as_of=basis.as_of,
        score=found.score,
        tier=tier_of(basis.tiers[found.tier]),
        next_tier=tier_of(basis.tiers[found.tier - 1]) if found.tier else None,
        near_border=found.near,
        proposals=[
            schemas.LiftProposal(
                changes=[_change(change, basis.currency) for change in proposal.changes],
                effort=proposal.effort,
                score=proposal.score,
                tier=tier_of(basis.tiers[proposal.tier]),
                to_panel=proposal.to_panel,
                text=text_of(en, zh),
            )
            for proposal, en, zh in zip(
                found.proposals, english.proposals, chinese.proposals, strict=True
            )
        ],
        attainable_score=found.attainable.score if found.attainable else None,
        supplies=[
            schemas.LiftSupply(
                indicators=list(supply.indicators),
                tier=tier_of(basis.tiers[supply.tier]),
                text=text_of(en, zh),
            )
            for supply, en, zh in zip(
                found.supplies, english.supplies, chinese.supplies, strict=True
            )
        ],
        blocked=list(found.blocked),
        actions_version=actions.version,
        actions_sha256=actions.sha256,
        texts={
            each: list(story.sentences)
            for each, story in stories.items()
            if lang is None or each == lang
        },
    )


def _change(change: Change, currency: str) -> schemas.LiftChange:
    name = change.action.indicator
    return schemas.LiftChange(
        indicator=name,
        label=text_of(*(label_of(name, lang) for lang in domain.LANGS)),
        unit=CATALOGUE[name].unit,
        before=change.before,
        after=change.after,
        points=change.points,
        text=text_of(*(step_of(change, currency, lang) for lang in domain.LANGS)),
    )
