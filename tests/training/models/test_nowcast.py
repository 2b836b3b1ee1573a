"""What recent purchases say about the level: known on the day, and believed as far as it told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, logit

from training.dataset import TrainingSet
from training.models import nowcast
from training.models.churn import fit_churn
from training.models.nowcast import Past, carried, shrunk_slope
from training.recipe import Btyd, Recipe
from training.splits import Fold, OriginPlan, plan_origins

_BTYD = Btyd(model="mbgnbd", penalty=0.01)
_COLUMNS = (
    *("repeat_count", "last_order_age_days", "tenure_days"),
    *("repeat_order_value_mean", "net_amount_365d", "days_since_last_order"),
)
_HORIZON, _STEP, _DAYS = 60, 30, 8


def _market(slower: float, n: int = 200) -> tuple[TrainingSet, Fold]:
    """Customers who buy at random, and from half-way on ``slower`` times as rarely."""
    rng = np.random.default_rng(7)
    first, last = date(2020, 1, 1), _STEP * (_DAYS - 1) + 200
    rate = rng.gamma(1.0, 1 / 40.0, n)
    orders = []
    for each in rate:
        quiet = np.cumsum(rng.exponential(1 / each, 400))
        orders.append(np.where(quiet > 200, 200 + (quiet - 200) * slower, quiet))
    values, churned, ids, days = [], [], [], []
    for day in range(200, last + 1, _STEP):
        for number, bought in enumerate(orders):
            before = bought[bought <= day]
            known = np.concatenate([[0.0], before])
            values.append([len(before), known[-1], day, 10.0, 100.0, np.floor(day - known[-1])])
            silent = not ((bought > day) & (bought <= day + _HORIZON)).any()
            churned.append(float(silent) if day + _HORIZON <= last else np.nan)
            ids.append(f"C{number:04}")
            days.append(first + timedelta(days=day))
    grid = sorted(set(days))
    test = grid[-1]
    closed = tuple(day for day in grid if day + timedelta(days=_HORIZON) <= test)
    fold = Fold(
        *("churn", _HORIZON, test, closed, closed[-1], closed[:1]),
        tuple(day for day in grid if closed[-1] < day < test),
    )
    rows = len(values)
    data = TrainingSet(
        _COLUMNS,
        np.array(values),
        np.array(ids),
        np.array(days, dtype="datetime64[D]"),
        np.array(churned),
        np.zeros(rows),
        np.ones(rows, dtype=np.bool_),
    )
    return data, fold


def _look(data: TrainingSet) -> Callable[[date], Past]:
    seen: dict[date, Past] = {}

    def look(day: date) -> Past:
        if day not in seen:
            seen[day] = Past.of(data, day, _BTYD)
        return seen[day]

    return look


@pytest.fixture(scope="module")
def slowing() -> tuple[TrainingSet, Fold]:
    return _market(2.5)


def test_a_market_that_slowed_down_is_expected_to_stay_slow(
    slowing: tuple[TrainingSet, Fold],
) -> None:
    data, fold = slowing
    look = _look(data)
    assert carried(data, fold, look, 1.0) > 0.05
    assert carried(data, fold, look, 0.0) == 0.0


def test_what_is_bought_after_the_day_of_test_cannot_matter(
    slowing: tuple[TrainingSet, Fold],
) -> None:
    data, fold = slowing
    earlier = replace(fold, test_day=fold.open_days[-1], open_days=fold.open_days[:-1])
    earlier = replace(
        earlier,
        train_days=tuple(
            day for day in fold.train_days if day + timedelta(days=_HORIZON) <= earlier.test_day
        ),
    )
    until = data.where(data.as_of <= np.datetime64(earlier.test_day))
    closed = np.isin(until.as_of, np.array(earlier.train_days, dtype="datetime64[D]"))
    until = replace(until, churned=np.where(closed, until.churned, np.nan))
    assert carried(data, earlier, _look(data), 1.0) == carried(until, earlier, _look(until), 1.0)


def test_the_error_until_a_day_is_that_of_the_outcome(slowing: tuple[TrainingSet, Fold]) -> None:
    data, fold = slowing
    early, late = (Past.of(data, day, _BTYD) for day in (fold.train_days[0], fold.train_days[2]))
    assert (late.day - early.day).days == _HORIZON
    outcome = data.churned[early.rows]
    assert early.error_until(late) == pytest.approx(early.error(_HORIZON, outcome), abs=1e-12)


def test_days_without_a_model_or_without_customers_say_nothing(
    slowing: tuple[TrainingSet, Fold],
) -> None:
    data, fold = slowing
    nobody = replace(data, values=np.where(np.arange(6) == 0, 0.0, data.values))
    assert Past.of(nobody, fold.train_days[0], _BTYD).fit is None
    assert carried(nobody, fold, _look(nobody), 1.0) == 0.0
    empty = Past.of(replace(data, eligible=~data.eligible), fold.train_days[0], _BTYD)
    assert np.isnan(empty.error(_HORIZON, np.empty(0)))
    alone = replace(fold, train_days=fold.train_days[:1], open_days=())
    assert carried(data, alone, _look(data), 1.0) == 0.0


def test_of_very_many_customers_some_are_enough(
    slowing: tuple[TrainingSet, Fold], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, fold = slowing
    whole = Past.of(data, fold.train_days[0], _BTYD)
    monkeypatch.setattr(nowcast, "_MAX_CUSTOMERS", 100)
    some = Past.of(data, fold.train_days[0], _BTYD)
    assert (len(whole.watched), len(some.watched)) == (200, 100)
    assert np.array_equal(data.customer_id[some.rows], some.watched)
    assert len(some.customer_id) == 200


def test_a_lasting_fault_is_carried_and_noise_is_not() -> None:
    known = np.array([0.2, 0.3, 0.25, 0.3])
    assert shrunk_slope(known, known, 4.0) == 1.0
    assert shrunk_slope(known, known * 3.0, 4.0) == 1.0
    assert shrunk_slope(known, -known, 4.0) == 0.0
    assert shrunk_slope(known, np.array([0.5, -0.5, 0.5, -0.4]), 4.0) == 0.0
    assert shrunk_slope(known, known, 1.9) == 0.0
    assert shrunk_slope(np.zeros(4), known, 4.0) == 0.0


@given(
    arrays(np.float64, (2, 6), elements=st.floats(-3.0, 3.0)),
    st.floats(2.0, 20.0),
    st.floats(1.0, 5.0),
)
def test_the_share_lies_between_none_and_all_and_grows_with_evidence(
    both: np.ndarray, observations: float, times: float
) -> None:
    few = shrunk_slope(both[0], both[1], observations)
    many = shrunk_slope(both[0], both[1], observations * times)
    assert 0.0 <= few <= many <= 1.0


def test_the_level_of_churn_is_raised_by_what_is_carried(
    data: TrainingSet, plan: OriginPlan, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = recipe.regression.model_copy(update={"level_share": 0.0, "recent_share": 0.7})
    chosen = recipe.model_copy(update={"regression": section})
    fold, asked = plan.backtest[-1].churn, []

    def found(seen: TrainingSet, _: Fold, look: Callable[[date], Past], most: float) -> float:
        asked.append((seen is data, look(fold.test_day) is look(fold.test_day), most))
        return 0.4

    monkeypatch.setattr(nowcast, "carried", found)
    correction = fit_churn(data, fold, chosen).correction
    today = data.on(fold.test_day)
    today = today.where(today.eligible)
    margin, start = correction.margin(today.columns, today.values)
    expected = float(logit(np.mean(expit(start.churn_log_odds)))) + 0.4
    assert asked == [(True, True, 0.7)]
    assert float(np.mean(expit(margin))) == pytest.approx(float(expit(expected)), abs=1e-9)


def test_open_days_are_planned_where_the_recipe_has_a_use_for_them(recipe: Recipe) -> None:
    section = recipe.regression.model_copy(update={"recent_share": 1.0})
    chosen = recipe.model_copy(update={"regression": section})
    first, last = date(2022, 1, 1), date(2024, 12, 31)
    without = recipe.regression.model_copy(update={"recent_share": 0.0})
    plain = plan_origins(first, last, recipe.model_copy(update={"regression": without}))
    recent = plan_origins(first, last, chosen)
    assert plain.final.churn.open_days == ()
    fold = recent.final.churn
    assert all(fold.train_days[-1] < day < fold.test_day for day in fold.open_days)
    assert len(fold.open_days) == (recipe.churn.horizon_days - 1) // recipe.origins.step_days
    assert set(fold.open_days) <= set(recent.days)
    assert recent.final.ltv == plain.final.ltv
    assert replace(fold, open_days=()) == plain.final.churn
