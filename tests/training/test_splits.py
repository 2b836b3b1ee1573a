"""The embargo: no fold may use a label that closes after the day it is tested on."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from training.errors import HistoryError
from training.recipe import Recipe, load_recipe
from training.splits import OriginPlan, plan_origins

SPANS = {
    "journey": (date(2017, 1, 1), date(2017, 12, 31)),
    "cdnow": (date(1997, 1, 1), date(1998, 6, 30)),
    "b2b": (date(2021, 1, 1), date(2023, 12, 31)),
    "default": (date(2009, 12, 1), date(2011, 12, 9)),
}


def _check(plan: OriginPlan, first: date, last: date, recipe: Recipe) -> None:
    days = set(plan.days)
    assert list(plan.days) == sorted(days)
    assert plan.days[-1] == plan.serve_day == last
    assert plan.days[0] >= first + timedelta(days=recipe.origins.min_history_days)
    assert len(plan.backtest) == recipe.backtest.origins
    for target, horizon in (
        ("churn", recipe.churn.horizon_days),
        ("ltv", recipe.ltv.horizon_days),
    ):
        h = timedelta(days=horizon)
        for origin in (*plan.backtest, plan.final):
            fold = origin.fold(target)  # type: ignore[arg-type]
            assert fold.test_day == origin.day
            assert fold.horizon_days == horizon
            assert {*fold.train_days, *fold.fit_days, fold.test_day} <= days
            assert max(fold.train_days) + h <= fold.test_day
            assert fold.calibration_day == max(fold.train_days)
            assert max(fold.fit_days) + h <= fold.calibration_day
            assert len(fold.train_days) <= recipe.origins.train_origins
            assert list(fold.train_days) == sorted(set(fold.train_days))
        for origin in plan.backtest:
            assert origin.day + h <= last, "a test outcome must be closed"


@pytest.mark.parametrize("name", SPANS)
def test_every_packaged_recipe_fits_its_world(name: str) -> None:
    recipe = load_recipe(name)
    first, last = SPANS[name]
    _check(plan_origins(first, last, recipe), first, last, recipe)


@given(
    span=st.integers(30, 1500),
    churn=st.integers(7, 180),
    ltv=st.integers(7, 365),
    step=st.integers(1, 30),
    stride=st.integers(1, 3),
    history=st.integers(1, 200),
)
def test_the_embargo_holds_for_any_recipe(
    span: int, churn: int, ltv: int, step: int, stride: int, history: int
) -> None:
    recipe = _recipe(churn, ltv, step, stride * step, history)
    first = date(2020, 1, 1)
    last = first + timedelta(days=span)
    try:
        plan = plan_origins(first, last, recipe)
    except HistoryError as error:
        needed = error.context["needed_days"]
        assert isinstance(needed, int)
        # the message asks for at most one grid step too many
        assert span < needed + step
        return
    assume(plan.days)
    _check(plan, first, last, recipe)


@given(
    churn=st.integers(7, 180),
    ltv=st.integers(7, 365),
    step=st.integers(1, 30),
    history=st.integers(1, 200),
)
def test_the_days_the_error_asks_for_are_enough(
    churn: int, ltv: int, step: int, history: int
) -> None:
    recipe = _recipe(churn, ltv, step, step, history)
    first = date(2020, 1, 1)
    with pytest.raises(HistoryError) as caught:
        plan_origins(first, first + timedelta(days=5), recipe)
    needed = caught.value.context["needed_days"]
    assert isinstance(needed, int)
    assert plan_origins(first, first + timedelta(days=needed), recipe).backtest


def test_a_short_history_is_told_with_numbers_and_advice() -> None:
    with pytest.raises(HistoryError) as caught:
        plan_origins(date(2024, 1, 1), date(2024, 7, 1), load_recipe("default"))
    told = str(caught.value)
    assert "182 days" in told
    assert "ltv.horizon_days" in told
    assert caught.value.context["span_days"] == 182


def test_the_served_model_uses_the_latest_closed_labels() -> None:
    first, last = SPANS["journey"]
    recipe = load_recipe("journey")
    final = plan_origins(first, last, recipe).final
    assert (last - final.churn.calibration_day).days == 30
    assert (last - final.ltv.calibration_day).days == 90


def test_folds_by_target() -> None:
    first, last = SPANS["cdnow"]
    plan = plan_origins(first, last, load_recipe("cdnow"))
    assert [f.test_day for f in plan.folds("ltv")] == [o.day for o in plan.backtest]
    assert {f.target for f in plan.folds("churn")} == {"churn"}
    assert plan.horizons == (30, 90)
    assert {(f.target, f.horizon_days) for f in plan.final.more} == {("churn", 30), ("ltv", 30)}


def test_other_horizons_have_folds_of_their_own() -> None:
    first, last = SPANS["journey"]
    recipe = load_recipe("journey")
    churn = recipe.churn.model_copy(update={"more_horizons_days": (60, 45)})
    plan = plan_origins(first, last, recipe.model_copy(update={"churn": churn}))
    assert plan.horizons == (30, 45, 60, 90)
    for origin in (*plan.backtest, plan.final):
        assert [(f.target, f.horizon_days) for f in origin.more] == [
            ("churn", 45),
            ("churn", 60),
            ("ltv", 30),
        ]
        for fold in origin.more:
            embargo = timedelta(days=fold.horizon_days)
            assert max(fold.train_days) + embargo <= origin.day
            assert max(fold.fit_days) + embargo <= fold.calibration_day


def _recipe(churn: int, ltv: int, step: int, backtest_step: int, history: int) -> Recipe:
    recipe = load_recipe("default")
    return recipe.model_copy(
        update={
            "churn": recipe.churn.model_copy(update={"horizon_days": churn}),
            "ltv": recipe.ltv.model_copy(update={"horizon_days": ltv}),
            "origins": recipe.origins.model_copy(
                update={"step_days": step, "min_history_days": history}
            ),
            "backtest": recipe.backtest.model_copy(update={"step_days": backtest_step}),
        }
    )
