"""Both sides of a canary side by side: who is where, what came of it, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.schema import FloatArray
from serving.canary.contrasts import SMALL, figure, mean_of, share_of
from serving.canary.outcomes import Realised
from serving.domain.canary import PLACES, CanaryPlan
from serving.domain.grade import Run
from serving.store.canary_sides import SideNumbers

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BARS = 20
"""Of the histogram of scores, 5 points each."""

Sides = Mapping[bool, SideNumbers]
Seen = set[tuple[str, bool]]


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """All that is known of a canary.

    Attributes
    ----------
    runs
        Graded by it too, the oldest first; at least one.
    sides
        The grades of the newest run.
    alerted, overruled, appealed
        Customers, and whether it was the canary's grade, over all runs.
    churn, value
        What customers did within the horizon of each prediction, with the grades of that run;
        None: nobody knows yet.
    """

    plan: CanaryPlan
    runs: Sequence[Run]
    sides: Sides
    alerted: Seen
    overruled: Seen
    appealed: Seen
    churn: tuple[Realised, Sides] | None = None
    value: tuple[Realised, Sides] | None = None


def compare(trial: Trial) -> dict[str, Any]:
    """Return the comparison as JSON has it.

    ``figures`` have both sides and the difference, canary less champion, each with its 95 %
    interval. What happened over time (alerts, overrides, appeals) is told of the customers who
    are on a side now, if it happened to a grade of that side.
    """
    run, sides = trial.runs[-1], trial.sides
    assert run.canary is not None  # one of its runs
    total = sum(map(len, sides.values()))
    return {
        "as_of": run.basis.as_of.isoformat(),
        "simulated": run.basis.simulated,
        "currency": run.basis.currency,
        "runs": len(trial.runs),
        "share": run.canary.share / PLACES,
        "allocation": share_of(len(sides[True]), total).told(),
        "champion": _model(run, sides[False]),
        "canary": _model(run.canary, sides[True]),
        "small": min(map(len, sides.values())) < SMALL,
        "smallest": SMALL,
        "figures": [*_today(trial, run), *_churned(trial), *_earned(trial)],
        "scores": _scores(sides),
        "churn_outcomes": _told(trial.churn),
        "value_outcomes": _told(trial.value),
    }


def _model(rests: Any, side: SideNumbers) -> dict[str, Any]:
    basis = rests.basis
    return {
        "version": basis.model_version,
        "bundle_digest": basis.bundle_digest,
        "customers": len(side),
    }


def _today(trial: Trial, run: Run) -> Iterator[Mapping[str, Any]]:
    champion, canary = trial.sides[False], trial.sides[True]
    both = (champion, canary)
    for tier in run.basis.tiers:
        counts = [share_of(int(np.sum(side.tier == tier.index)), len(side)) for side in both]
        yield figure(f"tier:{tier.id}", "share", "", counts[0], counts[1])
    referred = [share_of(int(np.sum(side.referred)), len(side)) for side in both]
    yield figure("referred", "share", "", referred[0], referred[1])
    for name, seen in (
        ("alerted", trial.alerted),
        ("overruled", trial.overruled),
        ("appealed", trial.appealed),
    ):
        hits = [
            share_of(sum((each, of) in seen for each in side.customer_id), len(side))
            for side, of in ((champion, False), (canary, True))
        ]
        yield figure(name, "share", "", hits[0], hits[1])
    for name, unit in (("score", "points"), ("churn_probability", ""), ("ltv", "money")):
        means = [mean_of(getattr(side, name)) for side in both]
        yield figure(name, "mean", run.basis.currency if unit == "money" else unit, *means)


def _churned(trial: Trial) -> Iterator[Mapping[str, Any]]:
    if trial.churn is None:
        return
    found, sides = trial.churn
    did = _by_customer(found, found.outcomes.churned.astype(np.float64))
    lost = {of: _looked_up(did, side) for of, side in sides.items()}
    known = {of: values[~np.isnan(values)] for of, values in lost.items()}
    shares = {of: share_of(int(np.sum(values)), len(values)) for of, values in known.items()}
    yield figure("realised:churned", "share", "", shares[False], shares[True])
    # Brier: the squared distance of the promise from what came.
    missed = {of: mean_of((sides[of].churn_probability - lost[of]) ** 2) for of in lost}
    yield figure("realised:churn_brier", "mean", "", missed[False], missed[True])


def _earned(trial: Trial) -> Iterator[Mapping[str, Any]]:
    if trial.value is None:
        return
    found, sides = trial.value
    currency = found.run.basis.currency
    did = _by_customer(found, found.outcomes.net_value)
    earned = {of: _looked_up(did, side) for of, side in sides.items()}
    means = {of: mean_of(values) for of, values in earned.items()}
    yield figure("realised:net_value", "mean", currency, means[False], means[True])
    missed = {of: mean_of(np.abs(sides[of].ltv - earned[of])) for of in earned}
    yield figure("realised:ltv_error", "mean", currency, missed[False], missed[True])


def _by_customer(found: Realised, values: FloatArray) -> Mapping[str, float]:
    return dict(zip(found.outcomes.customer_id.tolist(), values.tolist(), strict=True))


def _looked_up(did: Mapping[str, float], side: SideNumbers) -> FloatArray:
    return np.array([did.get(each, np.nan) for each in side.customer_id], dtype=np.float64)


def _scores(sides: Sides) -> dict[str, Any]:
    edges = np.linspace(0.0, 100.0, BARS + 1)
    told: dict[str, Any] = {"edges": edges.tolist(), "quantiles": list(QUANTILES)}
    for name, of in (("champion", False), ("canary", True)):
        score = sides[of].score
        told[name] = {
            "customers": np.histogram(score, bins=edges)[0].tolist(),
            "quantiles": np.quantile(score, QUANTILES).tolist() if len(score) else None,
        }
    return told


def _told(realised: tuple[Realised, Sides] | None) -> dict[str, Any] | None:
    if realised is None:
        return None
    found = realised[0]
    return {
        "run_id": found.run.run_id,
        "as_of": found.run.basis.as_of.isoformat(),
        "horizon_days": found.outcomes.horizon_days,
    }
