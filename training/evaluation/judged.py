"""What was predicted at a backtest origin, and what came: the rows that are judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from training.evaluation.rows import POOLED
from training.models.tier_view import TierView
from training.recipe import TargetName

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """All models' predictions of one target over one horizon.

    Attributes
    ----------
    target, horizon_days
        ``churn`` or ``ltv``, and the days after the origin it covers.
    actual
        ``(n,)`` what came: 1.0 for churned, or net value, money; NaN while not closed.
    by_model
        Model name to predictions ``(n,)``; NaN where a model knows nothing.
    bounds
        Level (0 to 1) of an interval of the served model to its lower and upper bounds
        ``(n,)``; the main level first.
    """

    target: TargetName
    horizon_days: int
    actual: FloatArray
    by_model: Mapping[str, FloatArray]
    bounds: Mapping[float, tuple[FloatArray, FloatArray]]

    @property
    def closed(self) -> npt.NDArray[np.bool_]:
        """Rows ``(n,)`` whose outcome is known."""
        return ~np.isnan(self.actual)


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Predictions, grades and outcomes of the eligible customers of one origin, or of all.

    Attributes
    ----------
    origin
        ISO day, or ``pooled``.
    customer_id, day
        ``(n,)`` customer and origin of each row.
    forecasts
        By target and horizon; the main ones of churn and of LTV come first.
    tier, hindsight, strict, value_tier
        ``(n,)`` tier given, by hindsight, by hindsight among the predictions, and by realised
        net value alone (:class:`~training.evaluation.rows.TierRow`); 0 is the best.
    referred
        ``(n,)`` sent to the panel.
    score
        ``(n,)`` composite score, 0 to 100.
    points, dimensions
        ``(n, k)`` points of the scheme's indicators and ``(n, d)`` scores of its dimensions,
        0 to 100, NaN where unknown.
    tenure_days, past_spend
        ``(n,)`` days since the first purchase, and net spend of the last 365 days, money.
    view
        What a model of confidence may know of the grades; None where nobody looked, and of
        pooled rows.
    """

    origin: str
    customer_id: npt.NDArray[np.str_]
    day: npt.NDArray[np.datetime64]
    forecasts: tuple[Forecast, ...]
    tier: IntArray
    hindsight: IntArray
    strict: IntArray
    value_tier: IntArray
    referred: npt.NDArray[np.bool_]
    score: FloatArray
    points: FloatArray
    dimensions: FloatArray
    tenure_days: FloatArray
    past_spend: FloatArray
    view: TierView | None = None

    def __len__(self) -> int:
        return len(self.customer_id)

    def main(self, target: TargetName) -> Forecast:
        """Return the forecast of a target that grades are made from."""
        return next(f for f in self.forecasts if f.target == target)

    def starts(self) -> IntArray:
        """Return where each origin's rows begin, ``(origins,)``, ascending."""
        return np.unique(self.day, return_index=True)[1].astype(np.int64)


def pool(parts: Sequence[Judged]) -> Judged:
    """Return the rows of all origins together, in the order of the origins."""

    def joined(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])

    return Judged(
        origin=POOLED,
        forecasts=tuple(
            _pool(forecasts) for forecasts in zip(*(p.forecasts for p in parts), strict=True)
        ),
        **{name: joined(name) for name in _ARRAYS},
    )


_ARRAYS = (
    *("customer_id", "day", "tier", "hindsight", "strict", "value_tier", "referred"),
    *("score", "points", "dimensions", "tenure_days", "past_spend"),
)


def _pool(forecasts: Sequence[Forecast]) -> Forecast:
    first = forecasts[0]
    return replace(
        first,
        actual=np.concatenate([f.actual for f in forecasts]),
        by_model={
            model: np.concatenate([f.by_model[model] for f in forecasts])
            for model in first.by_model
        },
        bounds={
            level: (
                np.concatenate([f.bounds[level][0] for f in forecasts]),
                np.concatenate([f.bounds[level][1] for f in forecasts]),
            )
            for level in first.bounds
        },
    )
