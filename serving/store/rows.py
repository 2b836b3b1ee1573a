"""Between rows of the tables and the objects of the domain."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache

from features.schema import FloatArray
from serving.domain.canary import CANARY
from serving.domain.evidence import Evidence, EvidenceTable, indicators_of, weighed_of
from serving.domain.grade import Basis, Grade, LayoutEntry, Run
from serving.domain.tenure import TierTenure
from serving.store.loading import Row
from serving.store.numbers import NOTHING, UNKNOWN, Named, floats, known, pack, unpack
from serving.store.tables import ExplanationRow, GradeRow

EVIDENCE_COLUMNS = ("grade_id", "base", "contributions", "points", "weights", "percentiles")
"""Columns of an explanation, in the order of :func:`evidence_rows`."""

GRADE_COLUMNS = (
    *("grade_id", "run_id", "customer_id", "score", "tier_index", "margin_up", "margin_down"),
    *("churn_probability", "ltv", "ltv_lower", "ltv_upper", "referred", "reasons", "reason_texts"),
    *("dimension_scores", "indicators", "stage", "stages", "confidence", "segment"),
    *("raw_tier", "tier_since", "pending_since", "days_left", "moves", "side"),
)
"""Columns of a grade, in the order of :func:`grade_rows`."""


def evidence_rows(grade_ids: Sequence[str], table: EvidenceTable) -> list[Row]:
    """Return the explanations of ``n`` grades as rows to load."""
    return list(
        zip(
            grade_ids,
            table.base.tolist(),
            pack(table.contributions, NOTHING),
            pack(table.points, UNKNOWN),
            pack(table.weights, NOTHING),
            pack(table.percentiles, UNKNOWN),
            strict=True,
        )
    )


def evidence_of(row: ExplanationRow, layout: Sequence[LayoutEntry]) -> Evidence:
    """Return the evidence of a row."""
    names, ranked = weighed_of(layout), indicators_of(layout)
    points = known(unpack(row.points, len(names), UNKNOWN).tolist())
    weights = unpack(row.weights, len(names), NOTHING).tolist()
    return Evidence(
        base=row.base,
        contributions=unpack(row.contributions, len(layout), NOTHING).tolist(),
        points=dict(zip(names, points, strict=True)),
        weights=dict(zip(names, weights, strict=True)),
        percentiles=known(unpack(row.percentiles, len(ranked), UNKNOWN).tolist()),
    )


def grade_rows(grades: Sequence[Grade], indicators: FloatArray) -> list[Row]:
    """Return grades as rows to load.

    Parameters
    ----------
    indicators
        ``(n, k)`` numbers of the grades, in the order of the run's columns.
    """
    ids = [dimension.id for dimension in grades[0].basis.dimensions] if grades else []
    scores = floats([[g.dimension_scores.get(name) for name in ids] for g in grades], len(ids))
    packed = zip(grades, pack(scores, UNKNOWN), pack(indicators, UNKNOWN), strict=True)
    return [_grade_row(grade, dimensions, measured) for grade, dimensions, measured in packed]


def _grade_row(grade: Grade, dimension_scores: bytes, indicators: bytes) -> Row:
    return (
        grade.grade_id,
        grade.basis.run_id,
        grade.customer_id,
        grade.score,
        grade.tier.index,
        grade.margin_up,
        grade.margin_down,
        grade.churn_probability,
        grade.ltv,
        grade.ltv_lower,
        grade.ltv_upper,
        grade.referred,
        _list_text(grade.reasons),
        _texts_text(tuple(grade.reason_texts.items())),
        dimension_scores,
        indicators,
        grade.stage,
        _stages_text(tuple(grade.stages.items())),
        grade.confidence,
        grade.segment,
        *_tenure_row(grade.tenure),
        CANARY if grade.basis.canary else None,
    )


def _tenure_row(tenure: TierTenure | None) -> Row:
    if tenure is None:
        return (None, None, None, None, "{}")
    return (
        tenure.raw_tier,
        None if tenure.since is None else tenure.since.isoformat(),
        None if tenure.pending_since is None else tenure.pending_since.isoformat(),
        tenure.days_left,
        _moves_text(tenure.codes, tuple(tenure.texts.items())),
    )


# The same few documents over and over: written once.
@lru_cache(maxsize=1_024)
def _list_text(items: tuple[str, ...]) -> str:
    return _text(items)


@lru_cache(maxsize=1_024)
def _stages_text(items: tuple[tuple[str, str], ...]) -> str:
    return _text(dict(items))


@lru_cache(maxsize=1_024)
def _texts_text(items: tuple[tuple[str, tuple[str, ...]], ...]) -> str:
    return _text(dict(items))


@lru_cache(maxsize=1_024)
def _moves_text(codes: tuple[str, ...], items: tuple[tuple[str, tuple[str, ...]], ...]) -> str:
    return _text({"codes": codes, "texts": dict(items)})


def _text(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


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


def grade_of(row: GradeRow, run: Run) -> Grade:
    """Return the grade of a row of a run."""
    rests = run.graded_by(row.side)
    basis = rests.basis
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
        dimension_scores=Named([d.id for d in basis.dimensions], row.dimension_scores),
        referred=row.referred,
        reasons=tuple(row.reasons),
        reason_texts={lang: tuple(texts) for lang, texts in row.reason_texts.items()},
        indicators=Named(rests.columns, row.indicators),
        stages=row.stages,
        confidence=row.confidence,
        segment=row.segment,
        tenure=_tenure_of(row),
    )


def brief_grade(
    basis: Basis, grade_id: str, customer_id: str, score: float, tier: int, reasons: Sequence[str]
) -> Grade:
    """Return a referred grade of which only this much was read."""
    return Grade(
        grade_id=grade_id,
        customer_id=customer_id,
        basis=basis,
        score=score,
        tier=basis.tiers[tier],
        margin_up=None,
        margin_down=None,
        churn_probability=None,
        ltv=None,
        ltv_lower=None,
        ltv_upper=None,
        dimension_scores={},
        referred=True,
        reasons=tuple(reasons),
        indicators={},
    )
