"""One customer graded and explained in plain numbers: what ``serving.scoring`` says, to the bit.

A what-if is one customer. NumPy takes a microsecond for a step, whether for one row or a
thousand, and a grade with its explanation is a thousand of them. The steps here are those of
``serving.scoring`` and ``serving.explain`` in their order; ``tests/serving/test_alone.py``
compares them for customers and schemes of every kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import add

import numpy as np

from features.schema import PREDICTIONS, FloatArray
from serving.domain.evidence import Evidence, shape_of
from serving.domain.grade import Basis, Grade, LayoutEntry
from serving.explain import Attribution, layout_of
from tiering.alone import decide_alone
from tiering.decision import Decision
from tiering.lifecycles.lifecycle_file import packaged_lifecycles
from tiering.plan import plan_of
from training.bundle import Bundle, Scores


@dataclass(frozen=True, slots=True)
class Alone:
    """One customer's grade and, where it was asked for, the numbers of its explanation."""

    grade: Grade
    layout: tuple[LayoutEntry, ...] = ()
    evidence: Evidence | None = None


def grade_one(
    bundle: Bundle, values: FloatArray, customer_id: str, basis: Basis, *, explained: bool
) -> Alone:
    """Grade one customer that belongs to no run, and explain the score if asked to.

    Parameters
    ----------
    values
        ``(1, k)`` as for ``serving.scoring.grade``.

    Raises
    ------
    UngradableError
        If nothing is known of the customer.
    """
    seen = bundle.view(values)
    scores = bundle.score(values, seen)
    row: list[float] = values[0].tolist()
    known = dict(zip(bundle.columns, row, strict=True))
    known |= _predicted(bundle, values, scores)
    decision = _decided(bundle, scores, known)
    graded = _grade(bundle, row, known, scores, decision, customer_id, basis)
    if not explained:
        return Alone(graded)
    attributions = bundle.contributions(values, None, seen)
    layout, evidence = _evidence(bundle, decision, known, attributions)
    return Alone(graded, layout, evidence)


def _predicted(bundle: Bundle, values: FloatArray, scores: Scores) -> dict[str, float]:
    """Return the predictions of ``Bundle.indicator_values``."""
    asked = bundle.recipe.demand and "demand_forecast" in _more_predictions(bundle)
    return {
        "ltv": float(scores.ltv[0]),
        "churn_probability": float(scores.churn_probability[0]),
        "demand_forecast": float(bundle.demand_forecast(values)[0]) if asked else np.nan,
    }


def _decided(bundle: Bundle, scores: Scores, known: Mapping[str, float]) -> Decision:
    if bundle.scheme.referral.certified:
        columns = {name: np.array([value]) for name, value in known.items()}
        return bundle.certify(scores, bundle.decide_on(scores, columns)).of(0)
    return decide_alone(bundle.scheme, bundle.reference, known, dormant=bool(scores.dormant[0]))


def _grade(
    bundle: Bundle,
    row: Sequence[float],
    known: Mapping[str, float],
    scores: Scores,
    decision: Decision,
    customer_id: str,
    basis: Basis,
) -> Grade:
    scheme, scored = bundle.scheme, decision.scored
    indicators = {name: None if x != x else x for name, x in zip(bundle.columns, row, strict=True)}
    for name in _more_predictions(bundle):
        indicators[name] = _known(known[name])
    segment = decision.segment
    if segment is None or scheme.segments is None or segment < 0:
        named = None
    else:
        named = scheme.segments.classes[segment].id
    texts = {}
    if decision.reasons:
        texts = {"en": decision.reason_texts("en"), "zh-CN": decision.reason_texts("zh")}
    return Grade(
        grade_id="",
        customer_id=customer_id,
        basis=basis,
        score=scored.score,
        tier=basis.tiers[decision.tier],
        margin_up=_known(decision.margin_up),
        margin_down=_known(decision.margin_down),
        churn_probability=_known(known["churn_probability"]),
        ltv=_known(known["ltv"]),
        ltv_lower=_known(float(scores.ltv_lower[0])),
        ltv_upper=_known(float(scores.ltv_upper[0])),
        dimension_scores={
            name: None if x != x else x
            for name, x in zip(
                (each.id for each in basis.dimensions), scored.dimension_score, strict=True
            )
        },
        referred=decision.referred,
        reasons=decision.reasons,
        indicators=indicators,
        reason_texts=texts,
        stages={
            policy.id: policy.stages[policy.stage_of_one(known)].id
            for policy in packaged_lifecycles()
        },
        confidence=decision.confidence,
        segment=named,
    )


def _evidence(
    bundle: Bundle,
    decision: Decision,
    known: Mapping[str, float],
    attributions: Mapping[str, Attribution],
) -> tuple[tuple[LayoutEntry, ...], Evidence]:
    """Return what ``serving.explain.explain`` says of one customer; see there."""
    reference = bundle.reference
    plan = plan_of(bundle.scheme, reference)
    points, weight = decision.scored.points, decision.scored.weight
    layout, _ = layout_of(
        plan.indicator,
        plan.dimension,
        tuple((name, attributions[name].names) for name in plan.indicator if name in attributions),
    )
    typical = list(plan.typical)
    handed: dict[int, list[float]] = {}
    for k, name in enumerate(plan.indicator):
        if name in attributions:
            at_base, shares = _handed_on(plan.points_of[k], attributions[name], weight[k])
            typical[k], handed[k] = at_base, shares
    filled = [0.0 if p != p else p for p in points]
    # An indicator without data weighs nothing, whatever its typical points are.
    gain = [w * (p - t) for w, p, t in zip(weight, filled, typical, strict=True)]
    contributions = [each for k, each in enumerate(gain) if k not in handed]
    for k, shares in handed.items():
        contributions += shares
        contributions.append(gain[k] - _sum(shares))
    knots, shape = reference.knots, shape_of(layout)
    ranks = [
        knots[name].at_one(known[name]) if name in knots and name in known else None
        for name in shape.indicators
    ]
    weighed = {
        name: (_known(p), w) for name, p, w in zip(plan.indicator, points, weight, strict=True)
    }
    return layout, Evidence(
        base=_sum([w * t for w, t in zip(weight, typical, strict=True)]),
        contributions=contributions,
        points={name: weighed[name][0] for name in shape.weighed},
        weights={name: weighed[name][1] for name in shape.weighed},
        # To one decimal, as numpy rounds.
        percentiles=[None if r is None or r != r else round(r * 10.0) / 10.0 for r in ranks],
    )


def _handed_on(
    points_of: Callable[[float], float], attribution: Attribution, weight: float
) -> tuple[float, list[float]]:
    """Return the points at the model's base, and what each input brings to the score."""
    phi: list[float] = attribution.phi[0].tolist()
    rise, fall = _sum([p for p in phi if p > 0.0]), _sum([p for p in phi if p < 0.0])
    base = attribution.base_margin
    margins = np.array([base, base + rise + fall, base + rise, base + fall])
    at_base, at_end, with_rise, with_fall = map(points_of, attribution.value_at(margins).tolist())
    up = 0.5 * (with_rise - at_base + at_end - with_fall)
    down = 0.5 * (with_fall - at_base + at_end - with_rise)
    if at_base != at_base:  # the population has no data for the prediction
        return 0.0, [0.0] * len(phi)
    return at_base, [
        (p / rise * up if p > 0.0 else p / fall * down) * weight if p else 0.0 for p in phi
    ]


def _sum(terms: Sequence[float]) -> float:
    return reduce(add, terms, 0.0)  # sum() would compensate some day


@lru_cache(maxsize=8)
def _more_predictions(bundle: Bundle) -> tuple[str, ...]:
    """Return what the scheme weighs beside churn and LTV."""
    told = {"ltv", "churn_probability"}
    return tuple(n for n in bundle.scheme.indicators if n in PREDICTIONS and n not in told)


def _known(x: float) -> float | None:
    return None if x != x else x
