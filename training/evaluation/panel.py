"""Models side by side on the same rows, under any draw of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from training.evaluation import resampling
from training.evaluation.figures import coverage_name, known_rows
from training.evaluation.judged import Forecast, Judged
from training.evaluation.resampling import Order, ratio
from training.evaluation.rows import OURS

Stats = dict[str, FloatArray]
"""Metric name to its value in each draw."""

_CLIP = 1e-15


def panels(pooled: Judged, forecast: Forecast) -> Iterator[Panel]:
    """Yield the models that know every closed row together, and each of the others with ours."""
    if not forecast.closed.any():
        return
    known = {model: known_rows(forecast, model) for model in forecast.by_model}
    whole = [model for model, rows in known.items() if rows.sum() == forecast.closed.sum()]
    yield Panel(pooled, forecast, forecast.closed, tuple(whole), whole=True)
    for model, rows in known.items():
        if model not in whole and rows.any():
            yield Panel(pooled, forecast, rows, (OURS, model), whole=False)


class Panel:
    """Models of one forecast that are judged on the same rows.

    Parameters
    ----------
    rows
        ``(n,)`` rows of ``pooled`` that all of the models know.
    whole
        Whether these are all rows whose outcome is known.
    """

    def __init__(
        self,
        pooled: Judged,
        forecast: Forecast,
        rows: npt.NDArray[np.bool_],
        models: tuple[str, ...],
        *,
        whole: bool,
    ) -> None:
        self.forecast, self.rows, self.models, self.whole = forecast, rows, models, whole
        self.actual = forecast.actual[rows]
        self.predicted = {model: forecast.by_model[model][rows] for model in models}
        self.actual_order = Order.of(self.actual)
        self.orders = {model: Order.of(guess) for model, guess in self.predicted.items()}
        days = pooled.day[rows]
        starts = np.flatnonzero(np.append(True, days[1:] != days[:-1]))
        self.parts = [slice(a, b) for a, b in zip(starts, [*starts[1:], len(days)], strict=True)]
        self.orders_within = {
            model: [Order.of(guess[part]) for part in self.parts]
            for model, guess in (self.predicted.items() if forecast.target == "churn" else ())
        }
        self.losses = {model: self._losses(guess) for model, guess in self.predicted.items()}

    def stats(self, weight: FloatArray) -> dict[str, Stats]:
        """Return every model's metrics under weights ``(c, n)`` of all pooled rows."""
        weight = weight if self.rows.all() else weight[:, self.rows]
        find = self._churn if self.forecast.target == "churn" else self._ltv
        return find(weight)

    def _losses(self, guess: FloatArray) -> dict[str, FloatArray]:
        if self.forecast.target == "ltv":
            gap = np.abs(guess - self.actual)
            return {"mae": gap, "rmse": gap**2}
        p = np.clip(guess, _CLIP, 1.0 - _CLIP)
        told = self.actual * np.log(p) + (1.0 - self.actual) * np.log1p(-p)
        return {"brier": (guess - self.actual) ** 2, "log_loss": -told}

    def _churn(self, weight: FloatArray) -> dict[str, Stats]:
        found: dict[str, Stats] = {}
        for model in self.models:
            stats = {k: resampling.mean(v, weight) for k, v in self.losses[model].items()}
            stats |= self._within(model, weight, full=model == OURS and self.whole)
            if model == OURS and self.whole:
                guess = self.predicted[model]
                stats["ece"] = resampling.ece(self.orders[model], self.actual, guess, weight)
                stats["bias"] = resampling.mean(guess - self.actual, weight)
            found[model] = stats
        return found

    def _within(self, model: str, weight: FloatArray, *, full: bool) -> Stats:
        """Ranking metrics as means over origins, weighted by their size in each draw."""
        sums: dict[str, FloatArray] = defaultdict(lambda: np.zeros(len(weight)))
        sizes: dict[str, FloatArray] = defaultdict(lambda: np.zeros(len(weight)))
        for part, order in zip(self.parts, self.orders_within[model], strict=True):
            inside, label = weight[:, part], self.actual[part]
            size = inside.sum(axis=1)
            figures = {"auc": resampling.auc(order, label, inside)}
            if full:
                top = resampling.top_mean(order, label, inside, 0.1)
                rate = resampling.mean(label, inside)
                figures |= {
                    "pr_auc": resampling.pr_auc(order, label, inside),
                    "precision_top_decile": top,
                    "precision_top_twentieth": resampling.top_mean(order, label, inside, 0.05),
                    "lift_top_decile": ratio(top, rate),
                }
            for name, values in figures.items():
                known = ~np.isnan(values)
                sums[name] += np.where(known, values * size, 0.0)
                sizes[name] += np.where(known, size, 0.0)
        return {name: ratio(total, sizes[name]) for name, total in sums.items()}

    def _ltv(self, weight: FloatArray) -> dict[str, Stats]:
        found: dict[str, Stats] = {}
        actual_rank = self.actual_order.middle(weight)
        for model in self.models:
            rank = self.orders[model].middle(weight)
            stats = {k: resampling.mean(v, weight) for k, v in self.losses[model].items()}
            stats["rmse"] = np.sqrt(stats["rmse"])
            stats["spearman"] = resampling.spearman(actual_rank, rank, weight)
            stats["normalised_gini"] = resampling.normalised_gini(
                self.actual, actual_rank, rank, weight
            )
            if model == OURS and self.whole:
                stats |= self._more_ltv(weight)
            found[model] = stats
        return found

    def _more_ltv(self, weight: FloatArray) -> Stats:
        order, guess = self.orders[OURS], self.predicted[OURS]
        spent, size = weight @ self.actual, weight.sum(axis=1)
        stats: Stats = {
            "decile_mape": resampling.decile_mape(order, self.actual, guess, weight),
            "bias": ratio(weight @ guess, spent) - 1.0,
        }
        for share, name in ((0.1, "top_decile"), (0.2, "top_quintile")):
            top = resampling.top_mean(order, self.actual, weight, share)
            taken = np.maximum(1.0, np.rint(share * size))
            stats[f"{name}_share"] = ratio(top * taken, spent)
            if name == "top_decile":
                stats["top_decile_lift"] = ratio(top, ratio(spent, size))
        seen = np.maximum(self.actual, 0.0)
        for place, (level, (low, high)) in enumerate(self.forecast.bounds.items()):
            inside = (seen >= low[self.rows]) & (seen <= high[self.rows])
            stats[coverage_name(level, main=place == 0)] = resampling.mean(
                inside.astype(np.float64), weight
            )
        return stats
