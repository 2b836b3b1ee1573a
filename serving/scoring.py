"""Grading in memory: the one function behind the batch and the what-if."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from features.schema import PREDICTIONS, FloatArray, Frames, IndicatorFrame
from serving.domain.grade import Basis, Grade
from serving.domain.labels import DimensionLabel, SegmentLabel, TierLabel
from serving.domain.lifecycle import LifecycleLabel, StageLabel
from serving.errors import BatchError
from serving.explain import Explanations, explain
from tiering.assign import Decisions
from tiering.lifecycles.lifecycle_file import packaged_lifecycles
from tiering.packs.pack import Packs
from training.bundle import Bundle, Scores, Views


@dataclass(frozen=True, slots=True, eq=False)
class Graded:
    """Grades with their explanations, row by row in the order they were handed in."""

    grades: list[Grade]
    explanations: Explanations


def basis_of(bundle: Bundle, as_of: date, run_id: str | None) -> Basis:
    """Return what grades by this bundle rest on."""
    meta, scheme = bundle.meta, bundle.scheme
    return Basis(
        run_id=run_id,
        as_of=as_of,
        world=meta.world,
        currency=meta.currency,
        simulated=meta.simulated,
        model_version=meta.version,
        bundle_digest=bundle.digest,
        trained_as_of=date.fromisoformat(meta.trained_as_of[:10]),
        churn_horizon_days=meta.churn_horizon_days,
        ltv_horizon_days=meta.ltv_horizon_days,
        scheme_id=scheme.id,
        scheme_version=scheme.version,
        scheme_sha256=scheme.sha256,
        tiers=tuple(
            TierLabel(index, tier.id, tier.label_en, tier.label_zh, tier.cut)
            for index, tier in enumerate(scheme.tiers)
        ),
        dimensions=tuple(
            DimensionLabel(d.id, d.weight, d.label_en, d.label_zh) for d in scheme.dimensions
        ),
        lifecycles=tuple(
            LifecycleLabel(
                id=policy.id,
                version=policy.version,
                sha256=policy.sha256,
                title_en=policy.title_en,
                title_zh=policy.title_zh,
                stages=tuple(StageLabel(s.id, s.label_en, s.label_zh) for s in policy.stages),
            )
            for policy in packaged_lifecycles()
        ),
        segments=tuple(
            SegmentLabel(segment.id, segment.label_en, segment.label_zh)
            for segment in (scheme.segments.classes if scheme.segments else ())
        ),
        packs=scheme.packs or Packs(),
    )


def aligned(bundle: Bundle, frame: IndicatorFrame) -> FloatArray:
    """Return a frame's values in the bundle's column order, ``(n, k)``.

    Raises
    ------
    BatchError
        As :func:`check_columns`.
    """
    check_columns(bundle, frame)
    order = [frame.columns.index(name) for name in bundle.columns]
    return np.ascontiguousarray(frame.values[:, order])


def check_columns(bundle: Bundle, frame: Frames) -> None:
    """Refuse a frame that cannot be graded.

    Raises
    ------
    BatchError
        If the frame is empty or lacks a column the bundle was trained on.
    """
    if len(frame) == 0:
        raise BatchError("The indicator frame has no customer.", hint="Publish the snapshot again.")
    missing = [name for name in bundle.columns if name not in frame.columns]
    if missing:
        raise BatchError(
            f"The indicator frame lacks {len(missing)} columns of the bundle: "
            f"{', '.join(missing)}.",
            hint="Publish the snapshot with the indicator catalogue the bundle was trained on.",
            columns=missing,
        )


def grade(
    bundle: Bundle,
    values: FloatArray,
    customer_id: Sequence[str],
    basis: Basis,
    explainer: str | None = None,
) -> Graded:
    """Grade customers and explain every score.

    Parameters
    ----------
    values
        ``(n, k)`` indicators in the order of ``bundle.columns``; NaN is unknown.
    customer_id
        ``(n,)``.
    explainer
        As in ``Bundle.contributions``: a replay gives that of its run.

    Raises
    ------
    UngradableError
        If a customer has no data at all.
    """
    judged = _judge(bundle, values)
    explanations = explain(
        bundle.reference,
        judged.decisions,
        judged.by_name,
        bundle.contributions(values, explainer, judged.seen),
    )
    return Graded(_grades(bundle, judged, customer_id, basis), explanations)


def grade_alone(
    bundle: Bundle, values: FloatArray, customer_id: Sequence[str], basis: Basis
) -> list[Grade]:
    """Return the grades of :func:`grade` without explaining them, which costs most of its time."""
    return _grades(bundle, _judge(bundle, values), customer_id, basis)


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """What is decided of customers, and on what."""

    values: FloatArray
    seen: Views
    scores: Scores
    decisions: Decisions
    by_name: Mapping[str, FloatArray]


def _judge(bundle: Bundle, values: FloatArray) -> _Judged:
    seen = bundle.view(values)
    scores = bundle.score(values, seen)
    by_name = bundle.indicator_values(values, scores)
    decisions = bundle.certify(scores, bundle.decide_on(scores, by_name))
    return _Judged(values, seen, scores, decisions, by_name)


def _grades(
    bundle: Bundle, judged: _Judged, customer_id: Sequence[str], basis: Basis
) -> list[Grade]:
    values, scores, decisions = judged.values, judged.scores, judged.decisions
    stages = _stages(judged.by_name, len(values))
    segments = segments_of(decisions)
    columns = [
        _unknown_as_none(column)
        for column in (
            decisions.margin_up,
            decisions.margin_down,
            scores.churn_probability,
            scores.ltv,
            scores.ltv_lower,
            scores.ltv_upper,
        )
    ]
    indicators = [_unknown_as_none(row) for row in values]
    weighed = _more_predictions(bundle, judged.by_name, len(values))
    by_dimension = [_unknown_as_none(row) for row in decisions.composite.dimension_score]
    dimensions = decisions.composite.dimensions
    return [
        Grade(
            grade_id="",  # the store gives it
            customer_id=str(customer),
            basis=basis,
            score=float(decisions.composite.score[row]),
            tier=basis.tiers[int(decisions.tier[row])],
            margin_up=columns[0][row],
            margin_down=columns[1][row],
            churn_probability=columns[2][row],
            ltv=columns[3][row],
            ltv_lower=columns[4][row],
            ltv_upper=columns[5][row],
            dimension_scores=dict(zip(dimensions, by_dimension[row], strict=True)),
            referred=bool(decisions.referred[row]),
            reasons=decisions.reasons[row],
            reason_texts=_reason_texts(decisions, row),
            indicators=dict(zip(bundle.columns, indicators[row], strict=True)) | weighed[row],
            stages=stages[row],
            confidence=float(decisions.confidence[row]),
            segment=segments[row],
        )
        for row, customer in enumerate(customer_id)
    ]


def _stages(by_name: Mapping[str, FloatArray], n: int) -> list[dict[str, str]]:
    """Return the stage id of each customer by policy id."""
    found = [
        [(policy.id, policy.stages[place].id) for place in policy.assign(by_name, n).tolist()]
        for policy in packaged_lifecycles()
    ]
    return [dict(row) for row in zip(*found, strict=True)]


def _more_predictions(
    bundle: Bundle, by_name: Mapping[str, FloatArray], n: int
) -> list[dict[str, float | None]]:
    """Return the predictions that the scheme weighs beside churn and LTV, by customer."""
    names = [
        name
        for name in bundle.scheme.indicators
        if name in PREDICTIONS and name not in {"ltv", "churn_probability"}
    ]
    columns = [_unknown_as_none(by_name[name]) for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)] or [
        {} for _ in range(n)
    ]


def segments_of(decisions: Decisions) -> list[str | None]:
    """Return the id of each customer's segment, None where there is none."""
    if decisions.segment is None or decisions.scheme.segments is None:
        return [None] * len(decisions.tier)
    ids = [segment.id for segment in decisions.scheme.segments.classes]
    return [None if place < 0 else ids[place] for place in decisions.segment.tolist()]


def _reason_texts(decisions: Decisions, row: int) -> Mapping[str, tuple[str, ...]]:
    if not decisions.reasons[row]:
        return {}
    return {
        "en": decisions.reason_texts(row, "en"),
        "zh-CN": decisions.reason_texts(row, "zh"),
    }


def _unknown_as_none(column: FloatArray) -> list[float | None]:
    return [None if x != x else x for x in column.tolist()]
