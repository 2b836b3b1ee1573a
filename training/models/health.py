"""Health score, 0 to 100: how much a customer looks like those who stay (#81).

Indicators become points, points are weighted, and the weights are those of a logistic
regression of staying with no negative weight, held towards equal ones: better points never
lower the score, and no indicator of twelve that say much the same takes it all. The weights
add up to 1, so the score is the sum of its parts. What is unknown is left out and the other
weights fill its place; how much was known is told. Bands belong to the scheme.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from features.schema import CATALOGUE, FloatArray
from tiering.health import weighted_sum
from training.errors import FitError
from training.models import portable
from training.models.health_scheme import HealthScheme

MIN_CUSTOMERS = 50
_KNOTS = 101


@dataclass(frozen=True, slots=True)
class Health:
    """The health of ``n`` customers by ``k`` indicators in ``d`` dimensions.

    Attributes
    ----------
    score
        ``(n,)`` 0 to 100; NaN where nothing is known. Exactly ``parts.sum(axis=1)``.
    parts
        ``(n, k)`` points times weight; 0 where unknown.
    points
        ``(n, k)`` 0 to 100 of each indicator; NaN where unknown.
    dimensions
        ``(n, d)`` 0 to 100, the weighted points of each dimension; NaN where unknown.
    known
        ``(n,)`` share of the weights that was known, 0 to 1; below 1 the others fill in.
    stays
        ``(n,)`` the probability of staying that belongs to the score; NaN where unknown.
    """

    score: FloatArray
    parts: FloatArray
    points: FloatArray
    dimensions: FloatArray
    known: FloatArray
    stays: FloatArray


@dataclass(frozen=True, slots=True)
class HealthModel:
    """Fitted points and weights.

    Attributes
    ----------
    scheme
        What is looked at.
    knots
        By indicator, two equally long lists: ascending values and their points.
    weights
        ``(k,)`` not negative, sum 1, in the order of the scheme.
    intercept, slope
        ``stays = sigmoid(intercept + slope · score / 100)``, slope not negative.
    horizon_days
        Days after the snapshot over which staying was judged.
    n
        Customers it was fitted on.
    """

    scheme: HealthScheme
    knots: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]
    weights: tuple[float, ...]
    intercept: float
    slope: float
    horizon_days: int
    n: int

    def score(self, columns: Sequence[str], values: FloatArray) -> Health:
        """Return the health of ``(n, m)`` customers."""
        points = _points(self.scheme, self.knots, columns, values)
        weights = np.asarray(self.weights)
        there = np.isfinite(points)
        known = weighted_sum(there, weights)
        share = there * weights / np.where(known > 0.0, known, 1.0)[:, None]
        parts = share * np.where(there, points, 0.0)
        score = np.where(known > 0.0, parts.sum(axis=1), np.nan)
        return Health(
            score=score,
            parts=parts,
            points=points,
            dimensions=self._dimensions(points, there, weights),
            known=np.minimum(known, 1.0),
            stays=portable.expit(self.intercept + self.slope * score / 100.0),
        )

    def _dimensions(
        self, points: FloatArray, there: npt.NDArray[np.bool_], weights: FloatArray
    ) -> FloatArray:
        columns, begin = [], 0
        for dimension in self.scheme.dimensions:
            of = slice(begin, begin + len(dimension.indicators))
            begin = of.stop
            # a dimension that got no weight still has a reading: its plain mean
            inside = weights[of] if weights[of].sum() > 0.0 else np.ones(of.stop - of.start)
            known = weighted_sum(there[:, of], inside)
            total = weighted_sum(np.where(there[:, of], points[:, of], 0.0), inside)
            with np.errstate(invalid="ignore", divide="ignore"):
                columns.append(np.where(known > 0.0, total / known, np.nan))
        return np.column_stack(columns)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict."""
        return {
            "scheme": self.scheme.model_dump(mode="json"),
            "knots": [[list(values), list(points)] for values, points in self.knots],
            "weights": list(self.weights),
            "intercept": self.intercept,
            "slope": self.slope,
            "horizon_days": self.horizon_days,
            "n": self.n,
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> HealthModel:
        """Read :meth:`to_dict`."""
        return cls(
            scheme=HealthScheme.model_validate(document["scheme"]),
            knots=tuple((tuple(values), tuple(points)) for values, points in document["knots"]),
            weights=tuple(document["weights"]),
            intercept=document["intercept"],
            slope=document["slope"],
            horizon_days=document["horizon_days"],
            n=document["n"],
        )


def fit_health(
    scheme: HealthScheme,
    columns: Sequence[str],
    values: FloatArray,
    churned: FloatArray,
    horizon_days: int,
) -> HealthModel:
    """Fit on ``(n, m)`` customers of closed snapshots.

    Parameters
    ----------
    churned
        ``(n,)`` 1.0 where the customer left within ``horizon_days``, 0.0 where it stayed.

    Raises
    ------
    FitError
        If there are fewer than 50 customers, all stayed or all left, or no indicator is known.
    """
    stayed = 1.0 - churned
    if len(values) < MIN_CUSTOMERS or not 0.0 < float(stayed.mean()) < 1.0:
        raise FitError(
            f"Health cannot be learned from {len(values)} customers of whom "
            f"{int(stayed.sum())} stayed.",
            hint=f"It takes {MIN_CUSTOMERS}, some who stayed and some who left.",
            customers=len(values),
            stayed=int(stayed.sum()),
        )
    knots = tuple(
        _knots(indicator.name, indicator.worst, indicator.best, columns, values)
        for indicator in scheme.indicators
    )
    points = _points(scheme, knots, columns, values) / 100.0
    there = np.isfinite(points)
    measured = np.asarray(there.any(axis=0))
    rows = np.asarray(there.any(axis=1))
    if not measured.any():
        raise FitError(
            "None of the indicators of the health scheme is known for anybody.",
            hint="Choose indicators that the sources can tell.",
            indicators=[indicator.name for indicator in scheme.indicators],
        )
    points, there = points[rows][:, measured], there[rows][:, measured]
    # the others fill the place of what is unknown, as they will in the score
    mean = np.where(there, points, 0.0).sum(axis=1) / there.sum(axis=1)
    filled = np.where(there, points, mean[:, None])
    fitted, intercept = _regress(filled, stayed[rows], scheme.penalty)
    weights = np.full(measured.shape, fitted.mean())  # nothing was learned of the unmeasured
    weights[measured] = fitted
    total = float(weights.sum())
    even = np.full(len(weights), 1.0 / len(weights))
    return HealthModel(
        scheme=scheme,
        knots=knots,
        weights=tuple((weights / total if total > 0.0 else even).tolist()),
        intercept=intercept,
        slope=float(fitted.sum()),
        horizon_days=horizon_days,
        n=int(rows.sum()),
    )


def _regress(points: FloatArray, stayed: FloatArray, penalty: float) -> tuple[FloatArray, float]:
    """Return weights ``(k,)``, none negative, and intercept of a logistic regression."""
    from scipy.optimize import minimize  # heavy, and only fitting takes it

    def objective(theta: FloatArray) -> tuple[float, FloatArray]:
        weights, level = theta[:-1], theta[-1]
        margin = points @ weights + level
        apart = weights - weights.mean()
        residual = (expit(margin) - stayed) / len(stayed)
        loss = float(np.mean(np.logaddexp(0.0, margin) - stayed * margin))
        slope = np.append(points.T @ residual + 2.0 * penalty * apart, residual.sum())
        return loss + penalty * float(apart @ apart), slope

    k = points.shape[1]
    start = np.append(np.full(k, 1.0 / k), 0.0)
    bounds = [(0.0, None)] * k + [(None, None)]
    result = minimize(
        objective, start, jac=True, method="L-BFGS-B", bounds=bounds,
        options={"maxiter": 2000, "ftol": 1e-13, "gtol": 1e-8},
    )  # fmt: skip
    theta = np.asarray(result.x, dtype=np.float64)
    return theta[:-1], float(theta[-1])


def _knots(
    name: str,
    worst: float | None,
    best: float | None,
    columns: Sequence[str],
    values: FloatArray,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if worst is not None and best is not None:
        ends = sorted([(worst, 0.0), (best, 100.0)])
        return (ends[0][0], ends[1][0]), (ends[0][1], ends[1][1])
    column = _column(name, columns, values)
    seen = np.sort(column[np.isfinite(column)] * CATALOGUE[name].direction)
    if len(seen) == 0:
        return (), ()
    chosen = np.unique(seen[np.linspace(0, len(seen) - 1, _KNOTS).astype(np.intp)])
    points = 100.0 * np.searchsorted(seen, chosen, side="right") / len(seen)
    if CATALOGUE[name].direction < 0:
        chosen, points = -chosen[::-1], points[::-1]
    return tuple(chosen.tolist()), tuple(points.tolist())


def _points(
    scheme: HealthScheme,
    knots: Sequence[tuple[tuple[float, ...], tuple[float, ...]]],
    columns: Sequence[str],
    values: FloatArray,
) -> FloatArray:
    points = np.full((len(values), len(knots)), np.nan)
    for place, (indicator, (at, worth)) in enumerate(zip(scheme.indicators, knots, strict=True)):
        column = _column(indicator.name, columns, values)
        there = np.isfinite(column)
        if at:
            points[there, place] = np.interp(column[there], at, worth)
    return points


def _column(name: str, columns: Sequence[str], values: FloatArray) -> FloatArray:
    names = list(columns)
    return values[:, names.index(name)] if name in names else np.full(len(values), np.nan)
