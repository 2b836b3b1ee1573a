"""Between rows of the tables and the objects of the domain."""

from __future__ import annotations

from dataclasses import asdict

from serving.domain.evidence import Evidence
from serving.domain.grade import Basis, Grade, LayoutEntry, Run, TierSummary
from serving.domain.labels import DimensionLabel, SegmentLabel, TierLabel
from serving.domain.lifecycle import LifecycleLabel, StageLabel
from serving.domain.tenure import TierTenure
from serving.store.tables import ExplanationRow, GradeRow, RunRow
from tiering.packs.pack import Packs


def run_values(run: Run) -> dict[str, object]:
    """Return the columns of a run."""
    basis = run.basis
    return {
        "run_id": run.run_id,
        "as_of": basis.as_of,
        "known_at": run.known_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "actor": run.actor,
        "fingerprint": run.fingerprint,
        "frame_sha256": run.frame_sha256,
        "manifest_sha256": run.manifest_sha256,
        "customers": run.customers,
        "referred": run.referred,
        "world": basis.world,
        "currency": basis.currency,
        "simulated": basis.simulated,
        "model_version": basis.model_version,
        "bundle_digest": basis.bundle_digest,
        "trained_as_of": basis.trained_as_of,
        "churn_horizon_days": basis.churn_horizon_days,
        "ltv_horizon_days": basis.ltv_horizon_days,
        "scheme_id": basis.scheme_id,
        "scheme_version": basis.scheme_version,
        "scheme_sha256": basis.scheme_sha256,
        "tiers": [asdict(summary) for summary in run.tiers],
        "dimensions": [asdict(dimension) for dimension in basis.dimensions],
        "layout": [[entry.indicator, entry.channel, entry.dimension] for entry in run.layout],
        "lifecycles": [asdict(policy) for policy in basis.lifecycles],
        "segments": [asdict(segment) for segment in basis.segments],
        "packs": basis.packs.model_dump(mode="json", exclude_none=True),
        "previous_run_id": run.previous_run_id,
    }


def evidence_values(grade_id: str, evidence: Evidence) -> dict[str, object]:
    """Return the columns of an explanation."""
    return {
        "grade_id": grade_id,
        "base": evidence.base,
        "contributions": evidence.contributions,
        "points": evidence.points,
        "weights": evidence.weights,
        "percentiles": evidence.percentiles,
    }


def evidence_of(row: ExplanationRow) -> Evidence:
    """Return the evidence of a row."""
    return Evidence(row.base, row.contributions, row.points, row.weights, row.percentiles)


def grade_values(grade: Grade) -> dict[str, object]:
    """Return the columns of a grade."""
    return {
        "grade_id": grade.grade_id,
        "run_id": grade.basis.run_id,
        "customer_id": grade.customer_id,
        "score": grade.score,
        "tier_index": grade.tier.index,
        "margin_up": grade.margin_up,
        "margin_down": grade.margin_down,
        "churn_probability": grade.churn_probability,
        "ltv": grade.ltv,
        "ltv_lower": grade.ltv_lower,
        "ltv_upper": grade.ltv_upper,
        "referred": grade.referred,
        "reasons": list(grade.reasons),
        "reason_texts": {lang: list(texts) for lang, texts in grade.reason_texts.items()},
        "dimension_scores": dict(grade.dimension_scores),
        "indicators": dict(grade.indicators),
        "stage": grade.stage,
        "stages": dict(grade.stages),
        "confidence": grade.confidence,
        "segment": grade.segment,
        **_tenure_values(grade.tenure),
    }


def _tenure_values(tenure: TierTenure | None) -> dict[str, object]:
    if tenure is None:
        names = ("raw_tier", "tier_since", "pending_since", "days_left")
        return {**dict.fromkeys(names), "moves": {}}
    return {
        "raw_tier": tenure.raw_tier,
        "tier_since": tenure.since,
        "pending_since": tenure.pending_since,
        "days_left": tenure.days_left,
        "moves": {
            "codes": list(tenure.codes),
            "texts": {lang: list(texts) for lang, texts in tenure.texts.items()},
        },
    }


def _tenure_of(row: GradeRow) -> TierTenure | None:
    if row.raw_tier is None:
        return None
    return TierTenure(
        raw_tier=row.raw_tier,
        since=row.tier_since,
        pending_since=row.pending_since,
        days_left=row.days_left,
        codes=tuple(row.moves["codes"]),
        texts={lang: tuple(texts) for lang, texts in row.moves["texts"].items()},
    )


def grade_of(row: GradeRow, basis: Basis) -> Grade:
    """Return the grade of a row; ``basis`` is that of its run."""
    return Grade(
        grade_id=row.grade_id,
        customer_id=row.customer_id,
        basis=basis,
        score=row.score,
        tier=basis.tiers[row.tier_index],
        margin_up=row.margin_up,
        margin_down=row.margin_down,
        churn_probability=row.churn_probability,
        ltv=row.ltv,
        ltv_lower=row.ltv_lower,
        ltv_upper=row.ltv_upper,
        dimension_scores=row.dimension_scores,
        referred=row.referred,
        reasons=tuple(row.reasons),
        reason_texts={lang: tuple(texts) for lang, texts in row.reason_texts.items()},
        indicators=row.indicators,
        stages=row.stages,
        confidence=row.confidence,
        segment=row.segment,
        tenure=_tenure_of(row),
    )


def run_of(row: RunRow) -> Run:
    """Return the run of a row."""
    return Run(
        run_id=row.run_id,
        basis=basis_of(row),
        known_at=row.known_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        actor=row.actor,
        fingerprint=row.fingerprint,
        frame_sha256=row.frame_sha256,
        manifest_sha256=row.manifest_sha256,
        customers=row.customers,
        referred=row.referred,
        tiers=tuple(TierSummary(**{**t, "tier": TierLabel(**t["tier"])}) for t in row.tiers),
        layout=layout_of(row),
        previous_run_id=row.previous_run_id,
    )


def layout_of(row: RunRow) -> tuple[LayoutEntry, ...]:
    """Return what the numbers of a run's explanations stand for."""
    return tuple(LayoutEntry(*entry) for entry in row.layout)


def basis_of(row: RunRow) -> Basis:
    """Return what the grades of a run rest on."""
    return Basis(
        run_id=row.run_id,
        as_of=row.as_of,
        world=row.world,
        currency=row.currency,
        simulated=row.simulated,
        model_version=row.model_version,
        bundle_digest=row.bundle_digest,
        trained_as_of=row.trained_as_of,
        churn_horizon_days=row.churn_horizon_days,
        ltv_horizon_days=row.ltv_horizon_days,
        scheme_id=row.scheme_id,
        scheme_version=row.scheme_version,
        scheme_sha256=row.scheme_sha256,
        tiers=tuple(TierLabel(**summary["tier"]) for summary in row.tiers),
        dimensions=tuple(DimensionLabel(**dimension) for dimension in row.dimensions),
        lifecycles=tuple(
            LifecycleLabel(**{**policy, "stages": tuple(StageLabel(**s) for s in policy["stages"])})
            for policy in row.lifecycles
        ),
        segments=tuple(SegmentLabel(**segment) for segment in row.segments),
        packs=Packs.model_validate(row.packs),
    )
