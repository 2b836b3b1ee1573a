"""Health score: parts that add up, weights that find what was planted, and honest gaps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

import training
from features.schema import CATALOGUE, FloatArray
from training.errors import FitError, RecipeError
from training.models.health import HealthModel, fit_health
from training.models.health_scheme import HealthScheme, load_health_scheme

SCHEME = load_health_scheme()
NAMES = tuple(indicator.name for indicator in SCHEME.indicators)
STRONG, WEAK, ADVERSE = "active_month_share_12m", "net_amount_growth_90d", "csat_mean_365d"


def customers(n: int = 4000, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Staying follows one indicator, another one misleads, the rest is noise."""
    rng = np.random.default_rng(seed)
    values = rng.random((n, len(NAMES)))
    strong, adverse = values[:, NAMES.index(STRONG)], values[:, NAMES.index(ADVERSE)]
    stays = rng.random(n) < expit(5.0 * strong - 1.5 * adverse)
    values[rng.random(values.shape) < 0.1] = np.nan
    return values, 1.0 - stays


@pytest.fixture(scope="module")
def model() -> HealthModel:
    values, churned = customers()
    return fit_health(SCHEME, NAMES, values, churned, 90)


def test_the_default_has_six_dimensions_of_two_in_both_languages() -> None:
    assert [len(dimension.indicators) for dimension in SCHEME.dimensions] == [2] * 6
    for dimension in SCHEME.dimensions:
        assert dimension.label_en.isascii()
        assert not dimension.label_zh.isascii()


def test_what_decides_gets_the_weight_and_nothing_gets_a_negative_one(model: HealthModel) -> None:
    weights = dict(zip(NAMES, model.weights, strict=True))
    assert sum(model.weights) == pytest.approx(1.0)
    assert min(model.weights) >= 0.0
    assert weights[STRONG] == max(model.weights)
    assert weights[STRONG] > 5.0 * weights[WEAK]
    assert weights[ADVERSE] == 0.0  # whoever has more of it leaves more often


def test_a_strong_penalty_makes_weights_equal() -> None:
    values, churned = customers()
    held = SCHEME.model_copy(update={"penalty": 1e4})
    weights = fit_health(held, NAMES, values, churned, 90).weights
    assert max(weights) - min(weights) < 1e-3


def test_the_score_is_the_sum_of_its_parts(model: HealthModel) -> None:
    values, churned = customers(seed=1)
    found = model.score(NAMES, values)
    assert (found.score == found.parts.sum(axis=1)).all()
    assert ((found.score >= 0.0) & (found.score <= 100.0)).all()
    assert (found.parts[np.isnan(found.points)] == 0.0).all()
    assert 0.85 < found.known.mean() < 0.95
    assert np.abs(found.stays.mean() - (1.0 - churned).mean()) < 0.03
    healthy = found.stays > 0.5
    assert found.score[healthy].min() > found.score[~healthy].max()


@given(data=st.data())
def test_better_points_never_lower_the_score(model: HealthModel, data: st.DataObject) -> None:
    row = np.array([[data.draw(st.floats(-1.0, 2.0)) for _ in NAMES]])
    place = data.draw(st.integers(0, len(NAMES) - 1))
    better = row.copy()
    better[0, place] += CATALOGUE[NAMES[place]].direction * data.draw(st.floats(0.0, 100.0))
    assert model.score(NAMES, better).score[0] >= model.score(NAMES, row).score[0] - 1e-9


def test_what_is_unknown_is_filled_by_the_others_and_told(model: HealthModel) -> None:
    values, _ = customers(3)
    values[:] = np.nan
    values[1, NAMES.index(STRONG)] = 2.0  # better than anybody seen
    values[2, NAMES.index(ADVERSE)] = 0.5  # weighs nothing
    found = model.score(NAMES, values)
    assert np.isnan(found.score).tolist() == [True, False, True]
    assert found.score[1] == pytest.approx(100.0)
    assert found.known.tolist() == [0.0, pytest.approx(model.weights[NAMES.index(STRONG)]), 0.0]
    assert np.isnan(found.dimensions[0]).all()
    place = [d.name for d in SCHEME.dimensions].index("cooperation_stability")
    assert found.dimensions[1, place] == pytest.approx(100.0)


def test_an_indicator_nobody_has_keeps_a_mean_weight() -> None:
    values, churned = customers()
    fewer = tuple(name for name in NAMES if name != WEAK)
    kept = values[:, [NAMES.index(name) for name in fewer]]
    model = fit_health(SCHEME, fewer, kept, churned, 90)
    weights = dict(zip(NAMES, model.weights, strict=True))
    assert weights[WEAK] == pytest.approx(1.0 / len(NAMES))
    found = model.score(fewer, kept)
    assert found.known.max() == pytest.approx(1.0 - weights[WEAK])
    assert found.score.max() > 80.0
    # learned from, it would have been as good as nothing; the others' ranking is what it was
    whole = fit_health(SCHEME, NAMES, values, churned, 90).score(NAMES, values)
    assert np.corrcoef(found.score, whole.score)[0, 1] > 0.97


def test_ranks_and_bounds_give_points_in_the_catalogues_direction() -> None:
    values, churned = customers(200)
    values[:, NAMES.index("complaint_count_180d")] = np.repeat([0.0, 1.0, 5.0], [120, 60, 20])
    model = fit_health(SCHEME, NAMES, values, churned, 90)
    row = np.full((4, len(NAMES)), np.nan)
    row[:, NAMES.index("complaint_count_180d")] = [0.0, 1.0, 5.0, 99.0]
    row[:, NAMES.index("max_overdue_days")] = [0.0, 45.0, 90.0, 900.0]
    points = model.score(NAMES, row).points
    assert points[:, NAMES.index("complaint_count_180d")].tolist() == [100.0, 40.0, 10.0, 10.0]
    assert points[:, NAMES.index("max_overdue_days")].tolist() == [100.0, 50.0, 0.0, 0.0]


def test_it_survives_json(model: HealthModel) -> None:
    again = HealthModel.from_dict(json.loads(json.dumps(model.to_dict())))
    values, _ = customers(50)
    assert again == model
    np.testing.assert_array_equal(
        again.score(NAMES, values).score, model.score(NAMES, values).score
    )


def test_what_cannot_be_learned_is_told() -> None:
    values, churned = customers(200)
    with pytest.raises(FitError, match="of whom 200 stayed"):
        fit_health(SCHEME, NAMES, values, np.zeros(200), 90)
    with pytest.raises(FitError, match="from 20 customers"):
        fit_health(SCHEME, NAMES, values[:20], churned[:20], 90)
    with pytest.raises(FitError, match="None of the indicators"):
        fit_health(SCHEME, NAMES, np.full_like(values, np.nan), churned, 90)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("csat_mean_365d", "no_such_indicator", "has no indicator 'no_such_indicator'"),
        ("csat_mean_365d", "season_index_next_90d", "neither good nor bad"),
        ("csat_mean_365d", "complaint_count_180d", "named twice: complaint_count_180d"),
        ("worst = 0.0, best = 1.0", "worst = 1.0, best = 0.0", "must go the way of its direction"),
        ("worst = 0.0, best = 1.0", "worst = 0.0", "both worst and best"),
        ("penalty = ", "penalty = -", "greater than 0"),
        ('id = "default"', 'id = "default', "not TOML"),
    ],
)
def test_a_wrong_scheme_is_told(tmp_path: Path, old: str, new: str, fault: str) -> None:

    text = (Path(training.__file__).parent / "health" / "default.toml").read_text("utf-8")
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(RecipeError, match=fault):
        load_health_scheme(path)


def test_a_scheme_that_is_not_there_is_told() -> None:
    with pytest.raises(RecipeError, match="no health scheme 'nowhere'"):
        load_health_scheme("nowhere")
    assert isinstance(SCHEME, HealthScheme)


def test_nobody_is_scored_by_who_else_is(model: HealthModel) -> None:
    """To the bit: what is read of one customer is what a batch said of it."""
    values, _ = customers(400, seed=8)
    whole = model.score(NAMES, values)
    alone = [model.score(NAMES, values[row : row + 1]) for row in range(len(values))]
    for name in ("score", "parts", "points", "dimensions", "known", "stays"):
        rows = np.concatenate([getattr(each, name) for each in alone])
        assert np.array_equal(rows, getattr(whole, name), equal_nan=True), name
