"""The search: it gets better, stops in time, resumes, and keeps its hands off what is held out."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("optuna", reason="the extra `experiments` is not installed")

from tests.training.conftest import FIRST, LAST, World, world_set
from tiering.scheme import load_scheme
from training.errors import HistoryError, RecipeError
from training.fitting import Provenance
from training.recipe import Recipe, parse_recipe
from training.report_page import as_html, as_markdown
from training.splits import plan_origins
from training.tuning import page, study
from training.tuning.court import Ground, Judged, split_origins, with_origins
from training.tuning.results import Budget, Standing, Tuning
from training.tuning.search import plan, tune_on, tuned_text
from training.tuning.space import load_search, parse_search, relative

SEARCH = """
[objective]
"churn.log_loss" = 1.0
"ltv.mae" = 3.0
[search."lightgbm.churn.learning_rate"]
low = 0.01
high = 0.2
log = true
[search."lightgbm.ltv.rounds"]
low = 5
high = 25
step = 10
[search."btyd.model"]
choices = ["mbgnbd", "bgnbd"]
"""


@pytest.fixture(scope="module")
def poor(recipe: Recipe) -> Recipe:
    """A base recipe that is easy to beat: its churn trees overshoot."""
    return parse_recipe(
        study.with_fields(recipe.text, {"lightgbm.churn.learning_rate": 0.9, "id": "poor"})
    )


@pytest.fixture(scope="module")
def ground(poor: Recipe) -> Ground:
    space = parse_search(SEARCH, poor)
    widest, count = plan(FIRST, LAST, poor, space, 2)
    origins = plan_origins(FIRST, LAST, with_origins(widest, count))
    data = world_set(World(customers=250), origins, poor)
    return Ground(FIRST, LAST, data, Provenance("small", "EUR", True, "0" * 64, "test"), "f" * 64)


def search(
    ground: Ground, recipe: Recipe, folder: Path, *, trials: int = 5, minutes: float = 60.0
) -> tuple[Tuning, list[Standing]]:
    told: list[Standing] = []
    folder.mkdir(exist_ok=True)
    found = tune_on(
        ground,
        folder,
        recipe,
        load_scheme(),
        parse_search(SEARCH, recipe),
        Budget(minutes, trials),
        follow=told.append,
    )
    return found, told


@pytest.fixture(scope="module")
def tuned(
    ground: Ground, poor: Recipe, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Tuning, list[Standing], Path]:
    folder = tmp_path_factory.mktemp("tuning")
    return *search(ground, poor, folder), folder


def test_the_best_trial_beats_the_base_and_writes_its_recipe(
    tuned: tuple[Tuning, list[Standing], Path], poor: Recipe
) -> None:
    found, told, _ = tuned
    assert found.best is not None
    complete = [trial.value for trial in found.trials if trial.state == "complete"]
    assert found.best.value == min(complete) < 1.0
    text = tuned_text(found, "better")
    recipe = parse_recipe(text)
    assert recipe.id == "better"
    assert text.count("#") == poor.text.count("#") + 2
    known = study.flat(tomllib.loads(text))
    for field, value in found.best.fields.items():
        assert known[field] == value
    changed = set(found.best.fields) | {"id"}
    before = study.flat(tomllib.loads(poor.text))
    assert {k: v for k, v in known.items() if k not in changed} == {
        k: v for k, v in before.items() if k not in changed
    }
    assert [now.finished for now in told] == list(range(6))
    assert told[-1].best == found.best.value


def test_pruned_trials_saw_fewer_origins(tuned: tuple[Tuning, list[Standing], Path]) -> None:
    found = tuned[0]
    for trial in found.trials:
        if trial.state == "complete":
            assert len(trial.values) == len(found.inner)
        else:
            assert len(trial.values) < len(found.inner)


def test_a_hopeless_trial_is_pruned_after_its_first_origin(
    ground: Ground, poor: Recipe, tuned: tuple[Tuning, list[Standing], Path]
) -> None:
    found, _, folder = tuned
    inner, _, count = split_origins(FIRST, LAST, poor, 2)
    court = study.Court(ground, load_scheme(), count)
    task = study.Task(poor, parse_search(SEARCH, poor), court, inner)
    again = study.Search(folder / "tuning.db", found.facts["study"], task)
    worst = {"lightgbm.churn.learning_rate": 0.2, "lightgbm.ltv.rounds": 5, "btyd.model": "bgnbd"}
    again._study.enqueue_trial(worst)
    again._base = lambda: {  # type: ignore[method-assign]  # a base nobody can reach
        str(day): {"churn.log_loss": 1e-6, "ltv.mae": 1e-6} for day in inner
    }
    again.run(Budget(60.0, len(found.trials) + 1))
    assert again.trials()[-1].state == "pruned"
    assert len(again.trials()[-1].values) == 1


def test_held_out_outcomes_cannot_change_the_search(
    ground: Ground, poor: Recipe, tuned: tuple[Tuning, list[Standing], Path], tmp_path: Path
) -> None:
    found = tuned[0]
    first = np.datetime64(found.held_out[0])
    late = ground.data.as_of >= first - np.timedelta64(59, "D")  # outcomes that reach beyond it
    spoiled = replace(
        ground.data,
        churned=np.where(late, 1.0 - ground.data.churned, ground.data.churned),
        net_value=np.where(late, ground.data.net_value * 7.0 + 1.0, ground.data.net_value),
    )
    other, _ = search(replace(ground, data=spoiled), poor, tmp_path)
    assert [t.values for t in other.trials] == [t.values for t in found.trials]
    assert other.text == found.text
    assert {row.metric: row.tuned for row in other.rows} != {
        row.metric: row.tuned for row in found.rows
    }


def test_inner_outcomes_close_before_the_first_held_out_day(poor: Recipe) -> None:
    inner, kept, count = split_origins(FIRST, LAST, poor, 2)
    assert inner[-1] + timedelta(days=60) <= kept[0]
    assert len(inner) == poor.backtest.origins
    assert count == len(inner) + len(kept) + 1
    with pytest.raises(HistoryError, match="2 inner origins"):
        split_origins(date(2024, 10, 1), LAST, poor, 2)


def test_a_killed_study_goes_on_where_it_stopped(
    ground: Ground, poor: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = Judged.figure
    left = iter(range(14))  # the base takes 2 figures an origin; the kill comes in trial 1

    def dying(self: Judged, name: str) -> float:
        next(left)
        return judge(self, name)

    with monkeypatch.context() as patch:
        patch.setattr(Judged, "figure", dying)
        with pytest.raises((StopIteration, RuntimeError)):
            search(ground, poor, tmp_path)
    found, told = search(ground, poor, tmp_path, trials=2)
    killed = next(trial for trial in found.trials if trial.state == "failed")
    assert next(t.fields for t in found.trials if t.state == "complete") == killed.fields
    assert told[-1].finished == 2
    more, _ = search(ground, poor, tmp_path, trials=3)
    assert [t.number for t in more.trials[: len(found.trials)]] == [t.number for t in found.trials]
    assert (found.looks, more.looks) == (1, 2)


def test_no_time_leaves_the_recipe_as_it_was(ground: Ground, poor: Recipe, tmp_path: Path) -> None:
    found, _ = search(ground, poor, tmp_path, minutes=0.0)
    assert found.best is None
    assert found.text == poor.text
    assert all(row.base == row.tuned for row in found.rows)
    assert "None of 0 complete trials" in as_markdown(page.report(found, poor))


def test_the_report_tells_trials_and_held_out_figures_in_both_languages(
    tuned: tuple[Tuning, list[Standing], Path], poor: Recipe
) -> None:
    found = tuned[0]
    text = as_markdown(page.report(found, poor))
    assert "Simulated data" in text
    for row in found.rows:
        assert row.metric in text
    for trial in found.trials:
        assert f"| {trial.number} | {trial.state} |" in text
    html = as_html(page.report(found, poor, "zh"))
    assert '<html lang="zh-CN">' in html
    assert "留出起点" in html
    assert html.count("plotly.js v") == 1
    assert "{" not in as_markdown(page.report(found, poor, "zh"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[search."ltv.horizon_days"]\nlow = 30\nhigh = 60', "what is judged"),
        ('[search."seed"]\nlow = 1\nhigh = 9', "what is judged"),
        ('[search."btyd.model"]\nlow = 1\nhigh = 2', "not a number"),
        ('[search."lightgbm.ltv.depth"]\nlow = 1\nhigh = 2', "no such field"),
        ('[search."lightgbm.ltv.tweedie_power"]\nlow = 1.0\nhigh = 1.9', "greater than 1"),
        ('[search."btyd.penalty"]\nlow = 0.2\nhigh = 0.1', "low below high"),
        ('[search."btyd.penalty"]\nlow = 0.0\nhigh = 0.1\nlog = true', "log needs low"),
        ('[search."btyd.penalty"]\nlow = 0.1\nhigh = 0.2\n[objective]\n"ltv.r2" = 1', "not meas"),
        ("[search]\n", "at least 1"),
        ("[search\n", "not TOML"),
    ],
)
def test_a_wrong_search_is_refused_before_anything_runs(
    recipe: Recipe, text: str, told: str
) -> None:
    with pytest.raises(RecipeError, match=told):
        parse_search(text, recipe)


def test_the_packaged_search_fits_the_packaged_recipes(recipe: Recipe, tmp_path: Path) -> None:
    space = load_search(None, recipe)
    assert sum(space.weights.values()) == pytest.approx(1.0)
    with pytest.raises(RecipeError, match="no search file"):
        load_search(tmp_path / "none.toml", recipe)


def test_a_ratio_below_one_is_better_whatever_the_metric() -> None:
    assert relative("ltv.mae", 8.0, 10.0) == pytest.approx(0.8)
    assert relative("churn.auc", 0.8, 0.6) == pytest.approx(0.75)
    assert np.isnan(relative("ltv.spearman", -0.1, 0.5))
