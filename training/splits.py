"""Which snapshot days exist, and what each may be used for.

All days lie on one grid that ends at the last day of the data, so a day is
published once and serves every fold. For a target with horizon ``h`` the outcome
of day ``d`` is known on day ``d + h``; a fold that is tested on day ``t`` may use
``d`` only if ``d + h <= t`` (the embargo is the horizon). Inside a fold the same
law holds once more between the days that fit the calibration's model and the
calibration day, so calibration is out of time as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from training.errors import HistoryError
from training.recipe import Recipe, TargetName


@dataclass(frozen=True, slots=True)
class Fold:
    """Days one target's model may use when it is tested (or served) on ``test_day``.

    Attributes
    ----------
    target, horizon_days
        ``churn`` or ``ltv`` and its horizon.
    test_day
        The day that is predicted; no label that closes after it is used.
    train_days
        Ascending; every label is closed on ``test_day``. The model that predicts
        ``test_day`` is fitted on all of them, the calibration day included.
    calibration_day
        The latest of ``train_days``.
    fit_days
        Ascending; every label is closed on ``calibration_day``. A first model fitted
        on these alone predicts the calibration day, and calibration learns from that.
    open_days
        Ascending, between ``train_days`` and ``test_day``: their outcomes are still open, but what
        was bought until ``test_day`` is known. Empty where the recipe has no use for them.
    """

    target: TargetName
    horizon_days: int
    test_day: date
    train_days: tuple[date, ...]
    calibration_day: date
    fit_days: tuple[date, ...]
    open_days: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """One backtest origin (or the day of service) with a fold for each target.

    ``more`` are the folds of the recipe's other horizons: churn's, and that of demand.
    """

    day: date
    churn: Fold
    ltv: Fold
    more: tuple[Fold, ...] = ()

    def fold(self, target: TargetName) -> Fold:
        """Return the fold of one target."""
        return self.churn if target == "churn" else self.ltv


@dataclass(frozen=True, slots=True)
class OriginPlan:
    """Every snapshot day of a run and its use.

    Attributes
    ----------
    days
        All days to publish, ascending; the last is ``serve_day``.
    horizons
        Outcome horizons to publish for them, in days, ascending.
    backtest
        Backtest origins, ascending. Both targets are tested on the same days, so
        that tiers can be judged too.
    final
        The served model's origin: every closed label up to ``serve_day``.
    """

    days: tuple[date, ...]
    horizons: tuple[int, ...]
    backtest: tuple[Origin, ...]
    final: Origin

    @property
    def serve_day(self) -> date:
        """The last day of the data, which the served model grades."""
        return self.final.day

    def folds(self, target: TargetName) -> tuple[Fold, ...]:
        """Return one target's backtest folds, by test day."""
        return tuple(origin.fold(target) for origin in self.backtest)


def plan_origins(first_day: date, last_day: date, recipe: Recipe) -> OriginPlan:
    """Lay the grid of snapshot days and cut it into folds.

    Parameters
    ----------
    first_day, last_day
        First and last day with an order.

    Raises
    ------
    HistoryError
        If the data are too short; the message gives the days there are, the days
        needed and the fields to change.
    """
    step = recipe.origins.step_days
    earliest = first_day + timedelta(days=recipe.origins.min_history_days)
    count = max(0, (last_day - earliest).days // step + 1) if last_day >= earliest else 0
    grid = tuple(last_day - timedelta(days=step * k) for k in range(count - 1, -1, -1))

    longest = max(days for _, days in recipe.horizons)
    closed = [day for day in grid if day + timedelta(days=longest) <= last_day]
    latest = closed[-1] if closed else last_day - timedelta(days=longest)
    tests = [
        latest - timedelta(days=recipe.backtest.step_days * k)
        for k in range(recipe.backtest.origins - 1, -1, -1)
    ]
    first_test = origin_on(grid, tests[0], recipe)
    final = origin_on(grid, last_day, recipe)
    if first_test is None or final is None or not closed:
        raise _too_short(first_day, last_day, recipe, step, longest)

    backtest = [first_test]
    for day in tests[1:]:
        origin = origin_on(grid, day, recipe)
        if origin is None:  # a later origin can use every day an earlier one can
            raise _too_short(first_day, last_day, recipe, step, longest)
        backtest.append(origin)
    horizons = tuple(sorted({days for _, days in recipe.horizons}))
    return OriginPlan(_used(final, backtest), horizons, tuple(backtest), final)


def origin_on(grid: Sequence[date], day: date, recipe: Recipe) -> Origin | None:
    """Return what may be used on a day, or None if too little had closed by then.

    Parameters
    ----------
    grid
        Snapshot days, ascending.
    """
    limit = recipe.origins.train_origins
    recent = recipe.regression.recent_share > 0.0
    churn = _fold("churn", grid, day, recipe.churn.horizon_days, limit, recent=recent)
    ltv = _fold("ltv", grid, day, recipe.ltv.horizon_days, limit)
    main = {("churn", recipe.churn.horizon_days), ("ltv", recipe.ltv.horizon_days)}
    more = [
        _fold(name, grid, day, days, limit, recent=recent and name == "churn")
        for name, days in recipe.horizons
        if (name, days) not in main
    ]
    if not churn or not ltv or not all(more):
        return None
    return Origin(day, churn, ltv, tuple(fold for fold in more if fold))


def _fold(
    target: TargetName,
    grid: Sequence[date],
    test_day: date,
    horizon: int,
    limit: int,
    *,
    recent: bool = False,
) -> Fold | None:
    train = _closed_on(grid, test_day, horizon)[-limit:]
    if not train:
        return None
    fit = _closed_on(grid, train[-1], horizon)[-limit:]
    if not fit:
        return None
    still_open = tuple(day for day in grid if train[-1] < day < test_day) if recent else ()
    return Fold(target, horizon, test_day, train, train[-1], fit, still_open)


def _closed_on(grid: Sequence[date], day: date, horizon: int) -> tuple[date, ...]:
    return tuple(d for d in grid if d + timedelta(days=horizon) <= day)


def _used(final: Origin, backtest: Sequence[Origin]) -> tuple[date, ...]:
    days: set[date] = set()
    for origin in (*backtest, final):
        days.add(origin.day)
        for fold in (origin.churn, origin.ltv, *origin.more):
            days.update(fold.train_days, fold.fit_days, fold.open_days)
    return tuple(sorted(days))


def _too_short(
    first_day: date, last_day: date, recipe: Recipe, step: int, longest: int
) -> HistoryError:
    span = (last_day - first_day).days
    # latest test closes `longest` before the end; calibration and its fit days each
    # need one more horizon; every rounding to the grid can cost a step.
    needed = (
        recipe.origins.min_history_days
        + 3 * (-(-longest // step) * step)
        + (recipe.backtest.origins - 1) * recipe.backtest.step_days
    )
    return HistoryError(
        f"The data cover {span} days ({first_day} to {last_day}); recipe {recipe.id!r} needs "
        f"{needed}: {recipe.origins.min_history_days} of history, three horizons of {longest} and "
        f"{recipe.backtest.origins} backtest origins {recipe.backtest.step_days} days apart.",
        hint="Give more history, or lower churn.horizon_days and ltv.horizon_days, "
        "origins.min_history_days or backtest.step_days in the recipe.",
        span_days=span,
        needed_days=needed,
        recipe=recipe.id,
    )
