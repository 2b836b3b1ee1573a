"""One customer graded and explained in plain numbers: what ``serving.scoring`` says, to the bit.

A what-if is one customer. NumPy takes a microsecond for a step, whether for one row or a
thousand, and a grade with its explanation is a thousand of them. The steps here are those of
``serving.scoring`` and ``serving.explain`` in their order; ``tests/serving/test_alone.py``
compares them for customers and schemes of every kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from features.schema import PREDICTIONS, FloatArray
from serving.domain.evidence import Evidence
from serving.domain.grade import Basis, Grade, LayoutEntry
from serving.scoring import basis_of
from tiering.alone import decide_alone
from tiering.decision import Decision
from tiering.lifecycles.lifecycle_file import packaged_lifecycles
from training.bundle import Bundle, Scores

if TYPE_CHECKING:
    from serving.alone_account import Account


@dataclass(frozen=True, slots=True)
class Alone:
    """One customer's grade and, where it was asked for, the account of its score."""

    grade: Grade
    account: Account | None = None

    @property
    def layout(self) -> tuple[LayoutEntry, ...]:
        """What the numbers of the explanation stand for."""
        return self.account.layout if self.account is not None else ()

    @property
    def evidence(self) -> Evidence | None:
        """The numbers of the explanation."""
        return self.account.evidence() if self.account is not None else None


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
    from serving.alone_account import Account  # it takes numba along

    attributions = bundle.contributions(values, None, seen)
    return Alone(graded, Account.of(bundle, decision.scored, known, attributions))


def rehearse(bundle: Bundle) -> None:
    """Grade and explain nobody in particular, so that no request waits for machine code."""
    nobody = np.zeros((1, len(bundle.columns)))
    today = date.fromisoformat(bundle.meta.trained_as_of[:10])
    grade_one(bundle, nobody, "", basis_of(bundle, today, None), explained=True)


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


@lru_cache(maxsize=8)
def _more_predictions(bundle: Bundle) -> tuple[str, ...]:
    """Return what the scheme weighs beside churn and LTV."""
    told = {"ltv", "churn_probability"}
    return tuple(n for n in bundle.scheme.indicators if n in PREDICTIONS and n not in told)


def _known(x: float) -> float | None:
    return None if x != x else x
