"""Judge a recipe at one origin, by the models exactly as they would be served."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from training.dataset import TrainingSet
from training.errors import HistoryError
from training.evaluation.uncertainty import LEVEL, Draws
from training.fitting import Provenance, fit_bundle
from training.recipe import Recipe
from training.splits import Origin, plan_origins
from training.tuning.results import HeldOutRow
from training.tuning.space import FIGURES

if TYPE_CHECKING:
    from tiering.policy import Scheme

MIN_INNER = 2
"""Inner origins a search needs; one alone would be learned by heart."""

_LOSSES: Mapping[str, tuple[str, Callable[[FloatArray, FloatArray], FloatArray]]] = {
    "churn.brier": ("churn", lambda y, p: (p - y) ** 2),
    "churn.log_loss": (
        "churn",
        lambda y, p: -np.log(np.clip(np.where(y > 0.5, p, 1.0 - p), 1e-12, 1.0)),
    ),
    "ltv.mae": ("ltv", lambda y, v: np.abs(v - y)),
}
"""Metrics that are means over customers, so that a paired interval can be given."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Outcomes and predictions ``(n,)`` by target, of the eligible customers of some origins."""

    customer_id: npt.NDArray[np.str_]
    actual: Mapping[str, FloatArray]
    predicted: Mapping[str, FloatArray]

    @classmethod
    def pool(cls, parts: Sequence[Judged]) -> Judged:
        """Return several origins together."""

        def joined(name: str) -> dict[str, FloatArray]:
            return {
                t: np.concatenate([getattr(p, name)[t] for p in parts]) for t in parts[0].actual
            }

        ids = np.concatenate([part.customer_id for part in parts])
        return cls(ids, joined("actual"), joined("predicted"))

    def figure(self, name: str) -> float:
        """Return one metric, ``target.metric``."""
        target = name.partition(".")[0]
        return FIGURES[name](self.actual[target], self.predicted[target])


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What is searched on.

    Attributes
    ----------
    first_day, last_day
        First and last day of the data.
    data
        Every snapshot of the plan.
    fingerprint
        Of sources and catalogue. The provenance's would change with every day that is
        published, and a killed study could not be taken up.
    """

    first_day: date
    last_day: date
    data: TrainingSet
    provenance: Provenance
    fingerprint: str


class Court:
    """Fits and judges recipes.

    Parameters
    ----------
    count
        Backtest origins the ground was planned with (:func:`split_origins`).
    """

    def __init__(self, ground: Ground, scheme: Scheme, count: int) -> None:
        self._ground, self._scheme, self._count = ground, scheme, count

    def judge(self, recipe: Recipe, day: date) -> Judged:
        """Return predictions and outcomes of the eligible customers of a day."""
        data = self._ground.data
        origin = self._origins(recipe)[day]
        bundle = fit_bundle(data, origin, recipe, self._scheme, self._ground.provenance)
        test = data.on(day)
        test = test.where(test.eligible)
        scores = bundle.score(test.values)
        return Judged(
            test.customer_id,
            {"churn": test.churned, "ltv": test.net_value},
            {"churn": scores.churn_probability, "ltv": scores.ltv},
        )

    def _origins(self, recipe: Recipe) -> dict[date, Origin]:
        wide = with_origins(recipe, self._count)
        plan = plan_origins(self._ground.first_day, self._ground.last_day, wide)
        return {origin.day: origin for origin in plan.backtest}


def split_origins(
    first_day: date, last_day: date, recipe: Recipe, held_out: int
) -> tuple[tuple[date, ...], tuple[date, ...], int]:
    """Return inner days, held-out days, and how many backtest origins hold both.

    An inner origin's longest horizon is over by the first held-out day. There are as many inner
    origins as the recipe's backtest has, or as many as the data allow.

    Raises
    ------
    HistoryError
        If fewer than :data:`MIN_INNER` inner origins are left.
    """
    gap = -(-max(recipe.churn.horizon_days, recipe.ltv.horizon_days) // recipe.backtest.step_days)
    least = MIN_INNER + held_out + gap - 1
    fault: HistoryError | None = None
    for count in range(recipe.backtest.origins + held_out + gap - 1, least - 1, -1):
        try:
            plan = plan_origins(first_day, last_day, with_origins(recipe, count))
        except HistoryError as error:
            fault = error
            continue
        days = [origin.day for origin in plan.backtest]
        return tuple(days[: -(held_out + gap - 1)]), tuple(days[-held_out:]), count
    raise HistoryError(
        f"Tuning needs {MIN_INNER} inner origins whose outcomes are known before the first of "
        f"{held_out} held-out ones; the data hold fewer.",
        hint="Lower --held-out, shorten the horizons, or give more history.",
        held_out=held_out,
    ) from fault


def with_origins(recipe: Recipe, count: int) -> Recipe:
    """Return the recipe with so many backtest origins."""
    return recipe.model_copy(
        update={"backtest": recipe.backtest.model_copy(update={"origins": count})}
    )


def loss_interval(name: str, before: Judged, after: Judged, *, seed: int) -> tuple[float, ...]:
    """Return mean, lower and upper bound of a metric's loss, ``after`` minus ``before``.

    Below 0 ``after`` is better. NaN for a metric that is not a mean over customers.
    """
    if name not in _LOSSES:
        return (float("nan"),) * 3
    target, loss = _LOSSES[name]
    actual = before.actual[target]
    ours, other = (loss(actual, judged.predicted[target]) for judged in (after, before))
    draws = Draws.of(before.customer_id, seed)
    sums = draws.totals(np.column_stack([ours - other, np.ones(len(ours))]))
    low, high = np.quantile(sums[:, 0] / sums[:, 1], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(np.mean(ours - other)), float(low), float(high)


def compare(
    court: Court, base: Recipe, tuned: Recipe, days: Sequence[date]
) -> tuple[HeldOutRow, ...]:
    """Return every metric of both recipes on held-out days, pooled."""
    before = Judged.pool([court.judge(base, day) for day in days])
    after = before if tuned is base else Judged.pool([court.judge(tuned, day) for day in days])
    rows = []
    for name in FIGURES:
        _, low, high = loss_interval(name, before, after, seed=base.seed)
        rows.append(HeldOutRow(name, before.figure(name), after.figure(name), low, high))
    return tuple(rows)
