"""From the domain to what goes over the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from serving.api import parts, schemas, service_schemas, simulation_schemas
from serving.domain import grade as domain
from serving.domain.case import ReviewCase
from serving.domain.labels import TierLabel
from serving.domain.tenure import TierTenure
from tiering.packs.pack import EffectivePack


def grade(graded: domain.Grade, case: ReviewCase | None) -> schemas.Grade:
    """Present a grade with its open case."""
    basis, tier = graded.basis, graded.tier
    same, pack = same_for(basis), graded.pack
    better = basis.tiers[tier.index - 1] if tier.index > 0 else None
    return schemas.Grade(
        customer_id=graded.customer_id or None,
        grade_id=graded.grade_id or None,
        run_id=basis.run_id,
        as_of=basis.as_of,
        score=graded.score,
        tier=tier_of(tier),
        margin=parts.Margin(
            up=graded.margin_up,
            next_tier=tier_of(better) if better else None,
            down=graded.margin_down,
        ),
        churn=parts.Churn(
            probability=graded.churn_probability, horizon_days=basis.churn_horizon_days
        ),
        ltv=parts.LifetimeValue(
            value=graded.ltv,
            lower=graded.ltv_lower,
            upper=graded.ltv_upper,
            horizon_days=basis.ltv_horizon_days,
            currency=basis.currency,
        ),
        dimensions=[
            parts.DimensionScore(
                id=dimension.id,
                label=label,
                weight=dimension.weight,
                score=graded.dimension_scores.get(dimension.id),
            )
            for dimension, label in zip(basis.dimensions, same.dimensions, strict=True)
        ],
        lifecycle=[same.stages[each.id, graded.stages[each.id]] for each in basis.lifecycles],
        segment=None if graded.segment is None else same.segments.get(graded.segment),
        confidence=graded.confidence,
        tenure=None if graded.tenure is None else _tenure(graded.tenure),
        policy=None if pack is None else policy(pack),
        referral=parts.Referral(
            referred=graded.referred,
            reasons=[
                parts.Reason(code=code, text=text_of(en, zh))
                for code, en, zh in zip(
                    graded.reasons,
                    graded.reason_texts.get("en", ()),
                    graded.reason_texts.get("zh-CN", ()),
                    strict=True,
                )
            ],
            case_id=case.case_id if case else None,
            due_at=case.due_at if case else None,
        ),
        override=_override(graded),
        model=same.model,
        scheme=same.scheme,
        world=basis.world,
        simulated=basis.simulated,
    )


@dataclass(frozen=True, slots=True)
class Same:
    """What is presented alike of all grades of a basis; stages by policy and id."""

    basis: domain.Basis
    dimensions: list[parts.Text]
    stages: Mapping[tuple[str, str], parts.LifecycleStage]
    segments: Mapping[str, parts.Segment]
    model: parts.Model
    scheme: parts.Scheme


_SAMES: dict[int, Same] = {}
_MOST = 8
"""Bases kept: more than are presented at a time."""


def same_for(basis: domain.Basis) -> Same:
    """Return what is presented alike of all grades of a basis, made once."""
    # By its number: to hash a basis takes as long as to present it. It is kept, and its number so.
    found = _SAMES.get(id(basis))
    if found is None:
        found = Same(
            basis=basis,
            dimensions=[text_of(each.label_en, each.label_zh) for each in basis.dimensions],
            stages={
                (policy.id, stage.id): parts.LifecycleStage(
                    scheme=policy.id,
                    version=policy.version,
                    title=text_of(policy.title_en, policy.title_zh),
                    stage=stage.id,
                    label=text_of(stage.label_en, stage.label_zh),
                )
                for policy in basis.lifecycles
                for stage in policy.stages
            },
            segments={
                each.id: parts.Segment(id=each.id, label=text_of(each.label_en, each.label_zh))
                for each in basis.segments
            },
            model=model(basis),
            scheme=scheme(basis),
        )
        for old in list(_SAMES)[: -(_MOST - 1)]:
            _SAMES.pop(old, None)
        _SAMES[id(basis)] = found
    return found


def difference(after: domain.Grade, before: domain.Grade) -> simulation_schemas.Difference:
    """Present a what-if against the present grade."""
    return simulation_schemas.Difference(
        grade_id=before.grade_id,
        run_id=str(before.basis.run_id),
        score=after.score - before.score,
        tier_before=before.tenure.raw_tier if before.tenure else before.tier.id,
        tier_after=after.tier.id,
        churn_probability=_minus(after.churn_probability, before.churn_probability),
        ltv=_minus(after.ltv, before.ltv),
    )


def serving(run: domain.Run, loaded: domain.Basis | None) -> service_schemas.Serving:
    """Present what serves now."""
    basis = run.basis
    return service_schemas.Serving(
        run_id=run.run_id,
        as_of=basis.as_of,
        finished_at=run.finished_at,
        customers=run.customers,
        referred=run.referred,
        world=basis.world,
        simulated=basis.simulated,
        currency=basis.currency,
        model=model(basis),
        scheme=scheme(basis),
        tiers=[tier_of(tier) for tier in basis.tiers],
        lifecycles=[
            parts.Lifecycle(
                id=policy.id,
                version=policy.version,
                sha256=policy.sha256,
                title=text_of(policy.title_en, policy.title_zh),
                stages=[
                    parts.Stage(id=stage.id, label=text_of(stage.label_en, stage.label_zh))
                    for stage in policy.stages
                ],
            )
            for policy in basis.lifecycles
        ],
        canary=model(run.canary.basis) if run.canary else None,
        canary_customers=run.canary.customers if run.canary else 0,
        loaded=model(loaded) if loaded else None,
        loaded_is_served=loaded is not None and loaded.bundle_digest == basis.bundle_digest,
    )


def model(basis: domain.Basis) -> parts.Model:
    """Present the model of a basis."""
    return parts.Model(
        version=basis.model_version,
        bundle_digest=basis.bundle_digest,
        trained_as_of=basis.trained_as_of,
        side="canary" if basis.canary else "champion",
    )


def scheme(basis: domain.Basis) -> parts.Scheme:
    """Present the scheme of a basis."""
    return parts.Scheme(
        id=basis.scheme_id, version=basis.scheme_version, sha256=basis.scheme_sha256
    )


def _override(graded: domain.Grade) -> parts.GradeOverride | None:
    if graded.overruled is None:
        return None
    override = graded.overruled.override
    return parts.GradeOverride(
        override_id=override.override_id,
        case_id=override.case_id,
        tier=tier_of(graded.tier),
        model_tier=tier_of(graded.overruled.model_tier),
        reason=override.reason,
        text=text_of(override.texts["en"], override.texts["zh-CN"]),
        decided_at=override.decided_at,
        until=override.expires_at,
    )


def _tenure(tenure: TierTenure) -> parts.Tenure:
    return parts.Tenure(
        raw_tier=tenure.raw_tier,
        since=tenure.since,
        pending_since=tenure.pending_since,
        days_left=tenure.days_left,
        codes=list(tenure.codes),
        texts=[
            text_of(en, zh)
            for en, zh in zip(
                tenure.texts.get("en", ()), tenure.texts.get("zh-CN", ()), strict=True
            )
        ],
    )


def policy(effective: EffectivePack) -> parts.PolicyPack:
    """Present what was promised to a tier."""
    pack, risk = effective.pack, effective.risk
    promised = pack.model_dump(exclude={"tier", "complaint", "text_en", "text_zh"})
    standard = {f"complaint_{key}": value for key, value in pack.complaint}
    return parts.PolicyPack(
        **{**promised, **standard, "emergency_minutes": list(pack.emergency_minutes)},
        text=text_of(pack.text_en, pack.text_zh),
        risk=None if risk is None else risk.flag,
        risk_text=None if risk is None else text_of(risk.text_en, risk.text_zh),
    )


@lru_cache(maxsize=100)
def tier_of(tier: TierLabel) -> parts.Tier:
    """Present a tier."""
    label = text_of(tier.label_en, tier.label_zh)
    return parts.Tier(id=tier.id, index=tier.index, label=label, cut=tier.cut)


def text_of(en: str, zh_cn: str) -> parts.Text:
    """Present the same words in both languages."""
    return parts.Text(**{"en": en, "zh-CN": zh_cn})


def _minus(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else after - before
