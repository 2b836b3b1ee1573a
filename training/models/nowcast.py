"""What the purchase models of the last horizon were wrong by, up to the day of service.

The level of churn is left to a purchase model of the day of service, which knows neither trend
nor season. Whole outcomes tell its error a horizon late. Shorter ones tell it at once: whoever was
there ``k`` days before a day has bought in these ``k`` days or has not, and a purchase model of
back then had an opinion. The mean of these errors over the days of one horizon, in log-odds, is
the **recent error** of a day.

Whether it says anything about the horizon to come differs between logs: where purchase models
have one lasting fault it says all, where a season turns it says the wrong thing. So the days whose
whole outcome is closed are asked: the real error is regressed on the recent one, through the
origin, and the slope is shrunk by its own sampling error (positive-part James and Stein 1961).
Days closer together than a horizon share most of their outcomes, so only horizons that do not
overlap count as observations; with fewer than two nothing is carried.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
from scipy.special import logit

from features.schema import FloatArray
from training.dataset import TrainingSet
from training.errors import FitError
from training.models.baseline import histories
from training.models.btyd import BtydFit, fit_btyd, no_purchase_probability
from training.recipe import Btyd
from training.splits import Fold

# The mean of so many customers is known to a hundredth of log-odds; the level is no better.
_MAX_CUSTOMERS = 20_000
# What two horizons that do not overlap say can at least be contradicted.
_MIN_HORIZONS = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """A day: everybody's last order, and the purchase model of ``m`` eligible customers.

    Attributes
    ----------
    customer_id
        ``(n,)`` everybody, ascending.
    since_order
        ``(n,)`` days since their last order.
    rows
        ``(m,)`` rows, in the set, of the customers whose purchases are expected.
    watched
        ``(m,)`` these customers.
    history
        ``x, t_x, T``, each ``(m,)``, of these.
    fit
        Purchase model of that day; None where it could not be fitted.
    """

    day: date
    customer_id: npt.NDArray[np.str_]
    since_order: FloatArray
    rows: npt.NDArray[np.intp]
    watched: npt.NDArray[np.str_]
    history: tuple[FloatArray, FloatArray, FloatArray]
    fit: BtydFit | None

    @classmethod
    def of(cls, data: TrainingSet, day: date, recipe: Btyd) -> Past:
        """Look at one day of a set; of very many customers at some, evenly spread."""
        there = np.flatnonzero(data.rows(day))
        there = there[np.argsort(data.customer_id[there], kind="stable")]
        seen = there[:: max(1, -(-len(there) // _MAX_CUSTOMERS))]
        x, t_x, T, *_ = histories(data.columns, data.values[seen])
        try:
            fit = fit_btyd(recipe.model, x, t_x, T, penalty=recipe.penalty)
        except FitError:  # the first days of a log: nobody has come back yet
            fit = None
        watched = data.eligible[seen]
        return cls(
            day=day,
            customer_id=data.customer_id[there],
            since_order=data.values[there, data.columns.index("days_since_last_order")],
            rows=seen[watched],
            watched=data.customer_id[seen[watched]],
            history=(x[watched], t_x[watched], T[watched]),
            fit=fit,
        )

    def error(self, days: int, silent: FloatArray) -> float:
        """Log-odds by which more were silent for ``days`` than expected; NaN without a model."""
        if self.fit is None or len(silent) == 0:
            return float("nan")
        expected = float(np.mean(no_purchase_probability(self.fit, *self.history, days)))
        real = (float(np.sum(silent)) + 0.5) / (len(silent) + 1.0)  # never 0 or 1
        return float(logit(real) - logit(expected))

    def error_until(self, later: Past) -> float:
        """Return the :meth:`error` over the days until a later day, as known on that day."""
        days = (later.day - self.day).days
        place = np.searchsorted(later.customer_id, self.watched)
        return self.error(days, (later.since_order[place] >= days).astype(np.float64))


def carried(data: TrainingSet, fold: Fold, look: Callable[[date], Past], most: float) -> float:
    """Return what the mean of churn is to be raised by on the day of test, in log-odds.

    Parameters
    ----------
    data
        All days, with the outcomes of the fold's horizon.
    look
        Returns a day of it, :meth:`Past.of`; horizons share their days.
    most
        Share, 0 to 1, of the recent error that is carried at most.
    """
    days = [day for day in (*fold.train_days, *fold.open_days) if data.rows(day).any()]
    past = [look(day) for day in (*days, fold.test_day)]
    recent = [_recent(past[:at], each, fold.horizon_days) for at, each in enumerate(past)]
    real = [each.error(fold.horizon_days, data.churned[each.rows]) for each in past]
    closed = [
        at
        for at, each in enumerate(past)
        if each.day in fold.train_days and np.isfinite(real[at]) and np.isfinite(recent[at])
    ]
    if len(closed) < 2 or not np.isfinite(recent[-1]):
        return 0.0
    span = (past[closed[-1]].day - past[closed[0]].day).days
    known, outcome = np.array(recent)[closed], np.array(real)[closed]
    share = shrunk_slope(known, outcome, 1.0 + span / fold.horizon_days)
    return min(share, most) * recent[-1]


def shrunk_slope(known: FloatArray, outcome: FloatArray, observations: float) -> float:
    """Return the share, 0 to 1, of what was ``known`` ``(n,)`` that the ``outcome`` ``(n,)`` had.

    Parameters
    ----------
    observations
        How many independent observations the ``n`` are worth.
    """
    power = float(np.mean(known**2))
    if observations < _MIN_HORIZONS or power == 0.0:
        return 0.0
    slope = float(np.mean(known * outcome)) / power
    noise = float(np.mean((outcome - slope * known) ** 2)) / power / (observations - 1.0)
    if slope <= 0.0 or noise >= slope**2:
        return 0.0
    return min(1.0, slope * (1.0 - noise / slope**2))


def _recent(before: Sequence[Past], day: Past, horizon_days: int) -> float:
    """Mean error of the days of one horizon before a day, as known on it; NaN if there is none."""
    errors = [each.error_until(day) for each in before if (day.day - each.day).days <= horizon_days]
    told = [error for error in errors if np.isfinite(error)]
    return float(np.mean(told)) if told else float("nan")
