"""Stress tests: perturb the events, rebuild the indicators, grade again, compare.

The same bundle grades both sides, so what moves is due to the events alone. The report says
how many customers keep their tier, how the scores shift, and whether anything moved the way
business sense forbids; on a past day whose outcomes are known it also says what the events
cost in accuracy (requirement #67).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from features.errors import SnapshotError
from features.schema import FloatArray, IndicatorFrame
from features.snapshot import Snapshot
from tiering.population.stability import migration_matrix, psi, unchanged_share
from training.evaluation import metrics
from training.evaluation.scenario import DirectionCheck, Scenario
from training.evaluation.stress_report import (
    CheckResult,
    ErrorChange,
    ScenarioResult,
    StressReport,
)

if TYPE_CHECKING:
    from features.sources import Sources
    from training.bundle import Bundle
    from training.dataset import TrainingSet

__all__ = [
    "CheckResult",
    "ClosedDay",
    "ErrorChange",
    "ScenarioResult",
    "StressReport",
    "compare",
    "run_stress",
]

BoolArray = npt.NDArray[np.bool_]

_Measures = Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class ClosedDay:
    """A past day whose outcomes are known, to measure what stress costs in accuracy.

    Attributes
    ----------
    frame
        Unperturbed indicators of the day, ``n`` customers.
    churned
        ``(n,)`` 1.0 for a customer who left, else 0.0.
    net_value
        ``(n,)`` realised net value, money.
    eligible
        ``(n,)`` whom the models are judged on.
    bundle
        Should have learned from labels that had closed by the day: one that knows the
        outcomes is not put to the test.
    """

    frame: IndicatorFrame
    churned: FloatArray
    net_value: FloatArray
    eligible: BoolArray
    bundle: Bundle

    @classmethod
    def of(cls, data: TrainingSet, day: date, bundle: Bundle) -> ClosedDay:
        """Take a day of a training set; customers whose outcomes are open are not judged."""
        there = data.on(day)
        known = ~np.isnan(there.churned) & ~np.isnan(there.net_value)
        frame = IndicatorFrame(day, there.customer_id, there.columns, there.values)
        return cls(frame, there.churned, there.net_value, there.eligible & known, bundle)


def run_stress(
    sources: Sources,
    snapshot: Snapshot,
    bundle: Bundle,
    scenarios: Sequence[Scenario],
    *,
    before: IndicatorFrame | None = None,
    closed: ClosedDay | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> StressReport:
    """Put a bundle through scenarios at one snapshot.

    Parameters
    ----------
    before
        The unperturbed indicators of the snapshot, if at hand.
    closed
        A past day with its outcomes; the scenarios are run on it too, and the report says
        how the models' errors changed.
    progress
        Called with scenario id, number done and total.
    """
    from features.perturb.apply import lacking
    from features.publish import materialise

    calm = before if before is not None else materialise(sources, snapshot)
    results = []
    for number, scenario in enumerate(scenarios):
        if progress:
            progress(scenario.id, number, len(scenarios))
        lacks = lacking(sources, scenario.perturbation)
        if lacks:
            results.append(_skipped(scenario, _told(lacks), lacks))
            continue
        try:
            stressed = _stressed(sources, snapshot, scenario)
        except SnapshotError:
            results.append(_skipped(scenario, "no customer has an order left"))
            continue
        result = compare(scenario, bundle, calm, stressed)
        if closed is not None:
            result = replace(result, errors=_error_change(sources, scenario, closed))
        results.append(result)
    if progress:
        progress("stress", len(scenarios), len(scenarios))
    return StressReport(
        as_of=calm.as_of.isoformat(),
        tier_ids=tuple(tier.id for tier in bundle.scheme.tiers),
        scenarios=tuple(results),
    )


def compare(
    scenario: Scenario, bundle: Bundle, calm: IndicatorFrame, stressed: IndicatorFrame
) -> ScenarioResult:
    """Grade both frames; compare the customers they share, and count the others."""
    _, left, right = np.intersect1d(
        calm.customer_id, stressed.customer_id, assume_unique=True, return_indices=True
    )
    new = np.setdiff1d(np.arange(len(stressed)), right)
    every_before, every_after = _measures(bundle, calm.values), _measures(bundle, stressed.values)
    before = {name: values[left] for name, values in every_before.items()}
    after = {name: values[right] for name, values in every_after.items()}
    old_values, new_values = calm.values[left], stressed.values[right]
    same = (old_values == new_values) | (np.isnan(old_values) & np.isnan(new_values))
    touched: BoolArray = ~np.all(same, axis=1)
    change = after["score"] - before["score"]
    tier_before = before["tier"].astype(np.int64)
    tier_after = after["tier"].astype(np.int64)
    tiers = len(bundle.scheme.tiers)
    matrix = migration_matrix(tier_before, tier_after, tiers)
    moved = touched if touched.any() else np.ones_like(touched)
    arrived = np.bincount(every_after["tier"][new].astype(np.int64), minlength=tiers)
    return ScenarioResult(
        id=scenario.id,
        title_en=scenario.title_en,
        title_zh=scenario.title_zh,
        customers=len(left),
        gone=len(calm) - len(left),
        touched=int(touched.sum()),
        migration=tuple(tuple(int(cell) for cell in row) for row in matrix),
        unchanged_share=unchanged_share(tier_before, tier_after),
        unchanged_touched=unchanged_share(tier_before[moved], tier_after[moved]),
        psi=psi(before["score"], after["score"], 10),
        mean_change=float(change.mean()),
        share_up=float((change > 1e-6).mean()),
        share_down=float((change < -1e-6).mean()),
        checks=tuple(_judge(check, before, after, touched) for check in scenario.checks),
        newcomers=len(new),
        newcomer_tiers=tuple(int(n) for n in arrived) if len(new) else (),
        population_psi=psi(every_before["score"], every_after["score"], 10),
        referred_before=float(before["referred"].mean()),
        referred_after=float(after["referred"].mean()),
    )


def _stressed(sources: Sources, snapshot: Snapshot, scenario: Scenario) -> IndicatorFrame:
    from features.perturb.apply import perturb
    from features.publish import materialise

    return materialise(perturb(sources, snapshot, scenario.perturbation), snapshot)


def _error_change(sources: Sources, scenario: Scenario, closed: ClosedDay) -> ErrorChange | None:
    """Measure the models on the closed day, before and under stress, on the same customers."""
    calm = closed.frame
    try:
        stressed = _stressed(sources, Snapshot.at(calm.as_of), scenario)
    except SnapshotError:
        return None
    _, left, right = np.intersect1d(
        calm.customer_id, stressed.customer_id, assume_unique=True, return_indices=True
    )
    judged = closed.eligible[left]
    left, right = left[judged], right[judged]
    if len(left) == 0:
        return None
    churned, net_value = closed.churned[left], closed.net_value[left]
    return ErrorChange(
        as_of=calm.as_of.isoformat(),
        n=len(left),
        before=_errors(closed.bundle, calm.values[left], churned, net_value),
        after=_errors(closed.bundle, stressed.values[right], churned, net_value),
    )


def _errors(
    bundle: Bundle, values: FloatArray, churned: FloatArray, net_value: FloatArray
) -> dict[str, float]:
    scores = bundle.score(values)
    return {
        "churn.auc": metrics.auc(churned, scores.churn_probability),
        "churn.brier": metrics.brier(churned, scores.churn_probability),
        "ltv.mae": metrics.mae(net_value, scores.ltv),
        "ltv.rmse": metrics.rmse(net_value, scores.ltv),
        "ltv.spearman": metrics.spearman(net_value, scores.ltv),
    }


def _skipped(scenario: Scenario, reason: str, lacks: tuple[str, ...] = ()) -> ScenarioResult:
    return ScenarioResult(
        scenario.id, scenario.title_en, scenario.title_zh, skipped=reason, lacks=lacks
    )


def _told(lacks: Sequence[str]) -> str:
    named = [f"{'column' if '.' in need else 'table'} {need}" for need in lacks]
    return f"the sources have no {' and no '.join(named)}"


def _measures(bundle: Bundle, values: FloatArray) -> dict[str, FloatArray]:
    scores, decisions = bundle.decide(values)
    found: dict[str, FloatArray] = {
        "score": decisions.composite.score,
        "tier": decisions.tier.astype(np.float64),
        "referred": decisions.referred.astype(np.float64),
        "ltv": scores.ltv,
        "churn_probability": scores.churn_probability,
    }
    for column, dimension in enumerate(decisions.composite.dimensions):
        found[f"dimension.{dimension}"] = decisions.composite.dimension_score[:, column]
    return found


def _judge(
    check: DirectionCheck, before: _Measures, after: _Measures, touched: BoolArray
) -> CheckResult:
    old, new = before[check.measure], after[check.measure]
    chosen = ~np.isnan(old) & ~np.isnan(new)
    if check.among == "touched":
        chosen &= touched
    n = int(chosen.sum())
    if n == 0:  # nobody was touched, so nobody moved the wrong way
        return CheckResult(check.text, 0.0, 0, True, check.model_dump())
    change = new[chosen] - old[chosen]
    if check.of == "each":
        value = float((~_keeps(check, change)).mean())
        passed = value <= check.max_share
    else:
        shift = np.median(new[chosen]) - np.median(old[chosen])
        value = float(change.mean() if check.of == "mean" else shift)
        passed = bool(_keeps(check, np.array([value]))[0])
    return CheckResult(check.text, value, n, passed, check.model_dump())


def _keeps(check: DirectionCheck, change: FloatArray) -> BoolArray:
    if check.expect == "not_up":
        kept = change <= check.tolerance
    elif check.expect == "not_down":
        kept = change >= -check.tolerance
    elif check.expect == "down":
        kept = change < -check.tolerance
    else:
        kept = change > check.tolerance
    return np.asarray(kept, dtype=np.bool_)
