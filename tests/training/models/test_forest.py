"""Compiled forests: LightGBM's margins to the bit, and Shapley values as they are defined (#21)."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.schema import FloatArray
from tests.training.models.random_trees import (
    Split,
    brute_force,
    chain,
    exactly,
    random_rows,
    random_tree,
    text_of,
)
from tiering import compiled
from training.errors import BundleError
from training.models.boosting import LIGHTGBM, QUADRATURE, Boosted, common
from training.models.forest import forest as forest_module
from training.models.forest.forest import Forest
from training.models.forest.legendre import rule
from training.models.forest.text import UnsupportedForestError, read_trees

INPUTS = 12
VARIANTS: dict[str, dict[str, Any]] = {
    "as they come": {},
    "zeros are missing": {"zero_as_missing": True},
    "nothing is missing": {"use_missing": False},
    "deep": {"num_leaves": 127, "min_data_in_leaf": 2},
    "bagged": {"bagging_fraction": 0.5, "bagging_freq": 1},
}


def fitted(seed: int = 0, rounds: int = 30, **parameters: Any) -> tuple[str, FloatArray]:
    """Return a model text, and rows it was not fitted to."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(3_000, INPUTS)).round(1)
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    matrix[:, 3] = rng.poisson(0.5, len(matrix))
    known = np.nan_to_num(matrix)
    label = known[:, 0] * known[:, 1] + np.abs(known[:, 2]) + known[:, 3] + rng.normal(size=3_000)
    options = {"objective": "regression", "verbosity": -1, "num_threads": 1, "seed": seed}
    data = lgb.Dataset(matrix[:2_000], label[:2_000])
    booster = lgb.train({**options, "num_leaves": 31, **parameters}, data, rounds)
    rows = matrix[2_000:].copy()
    rows[:50] = random_rows(rng, 50, INPUTS)
    return booster.model_to_string(), rows


def theirs(text: str, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return LightGBM's own margins and contributions."""
    booster = lgb.Booster(model_str=text)
    margin = booster.predict(matrix, raw_score=True, num_threads=1)
    return np.asarray(margin), np.asarray(booster.predict(matrix, pred_contrib=True, num_threads=1))


@pytest.mark.parametrize("variant", VARIANTS)
def test_margins_are_lightgbm_s_and_values_equal_its_contributions(variant: str) -> None:
    text, rows = fitted(**VARIANTS[variant])
    forest = Forest.of(text)
    margin, contributions = theirs(text, rows)
    assert np.array_equal(forest.margin(rows), margin)
    phi = forest.shapley(rows)
    np.testing.assert_allclose(phi, contributions[:, :-1], rtol=0, atol=1e-12)
    assert forest.trees.base == contributions[0, -1]
    np.testing.assert_allclose(phi.sum(axis=1) + forest.trees.base, margin, rtol=0, atol=1e-12)


def test_values_equal_those_of_the_shap_package() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shap's own code
        import shap

        text, rows = fitted()
        explainer = shap.TreeExplainer(lgb.Booster(model_str=text))
        expected = np.asarray(explainer.shap_values(rows))
    np.testing.assert_allclose(Forest.of(text).shapley(rows), expected, rtol=0, atol=1e-9)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    inputs=st.integers(1, 6),
    depth=st.integers(0, 7),
    count=st.integers(1, 3),
)
def test_random_trees_are_explained_as_shapley_defined_it(
    seed: int, inputs: int, depth: int, count: int
) -> None:
    """The same inputs again on one path, unknown values, and a tree that is but a leaf."""
    rng = np.random.default_rng(seed)
    trees = [random_tree(rng, inputs, depth) for _ in range(count)]
    rows = random_rows(rng, 6, inputs)
    text = text_of(trees, inputs)
    forest = Forest.of(text)
    margin, contributions = theirs(text, rows)
    assert np.array_equal(forest.margin(rows), margin)
    phi = forest.shapley(rows)
    np.testing.assert_allclose(phi, [brute_force(trees, row) for row in rows], rtol=0, atol=1e-12)
    np.testing.assert_allclose(phi, contributions[:, :-1], rtol=0, atol=1e-12)


def test_ten_inputs_of_a_fitted_model_are_explained_as_shapley_defined_it() -> None:
    rng = np.random.default_rng(5)
    trees = [random_tree(rng, 10, 9) for _ in range(4)]
    rows = random_rows(rng, 3, 10)
    phi = Forest.of(text_of(trees, 10)).shapley(rows)
    np.testing.assert_allclose(phi, [brute_force(trees, row) for row in rows], rtol=0, atol=1e-12)


@pytest.mark.parametrize("inputs", [16, 17, 33, 64])
def test_long_paths_take_more_points_and_stay_exact(inputs: int) -> None:
    rng = np.random.default_rng(inputs)
    tree = chain(inputs)
    rows = np.where(rng.random((1, inputs)) < 0.9, -1.0, 1.0)
    phi = Forest.of(text_of([tree], inputs)).shapley(rows)
    np.testing.assert_allclose(phi, [exactly(tree, row) for row in rows], rtol=0, atol=1e-15)


def test_a_row_has_the_same_bits_alone_in_any_batch_and_on_any_number_of_threads() -> None:
    text, rows = fitted(num_leaves=63, rounds=20)
    forest = Forest.of(text)
    whole, margin = forest.shapley(rows), forest.margin(rows)
    assert np.array_equal(forest.shapley(rows, threads=2), whole)
    assert np.array_equal(forest.margin(np.tile(rows, (6, 1)), threads=3), np.tile(margin, 6))
    assert np.array_equal(forest.shapley(rows[::-1].copy())[::-1], whole)
    for row in range(0, len(rows), 37):
        assert np.array_equal(forest.shapley(rows[row : row + 1])[0], whole[row])
        assert forest.margin(rows[row : row + 1])[0] == margin[row]
    assert np.array_equal(forest.shapley(rows[3:11]), whole[3:11])


def test_no_rows_and_no_splits() -> None:
    forest = Forest.of(text_of([Split(9, 1.5), Split(4, -0.25)], 3))
    assert forest.margin(np.zeros((2, 3))).tolist() == [1.25, 1.25]
    assert forest.shapley(np.zeros((2, 3))).tolist() == [[0.0] * 3] * 2
    assert forest.trees.base == 1.25
    assert forest.shapley(np.zeros((0, 3))).shape == (0, 3)


def _categorical() -> str:
    rng = np.random.default_rng(2)
    matrix = rng.integers(0, 9, (500, 2)).astype(np.float64)
    label = np.isin(matrix[:, 0], [1, 4, 7]) + matrix[:, 1]
    data = lgb.Dataset(matrix, label, categorical_feature=[0])
    options = {"verbosity": -1, "num_threads": 1, "min_data_per_group": 5, "cat_smooth": 1}
    return str(lgb.train(options, data, 5).model_to_string())


def _many_classes() -> str:
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(500, 2))
    options = {"objective": "multiclass", "num_class": 3, "verbosity": -1, "num_threads": 1}
    data = lgb.Dataset(matrix, rng.integers(0, 3, 500))
    return str(lgb.train(options, data, 2).model_to_string())


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_categorical, "categorical"),
        (_many_classes, "classes"),
        (lambda: fitted(boosting="rf", bagging_freq=1, bagging_fraction=0.5)[0], "averaged"),
        (lambda: fitted(linear_tree=True)[0], "linear"),
        (lambda: text_of([chain(65)], 65), "inputs on a path"),
    ],
)
def test_what_only_lightgbm_understands_is_refused(make: Callable[[], str], reason: str) -> None:
    with pytest.raises(UnsupportedForestError, match=reason):
        Forest.of(make())


def test_what_is_refused_is_left_to_lightgbm() -> None:
    text, rows = _categorical(), np.array([[1.0, 2.0], [np.nan, 3.0]])
    boosted, (margin, contributions) = Boosted(text), theirs(text, rows)
    assert boosted.explainer == LIGHTGBM
    assert np.array_equal(boosted.margin(rows), margin)
    assert boosted.margin(rows[:0]).shape == (0,)
    phi, base = boosted.contributions(rows)
    assert np.array_equal(phi, contributions[:, :-1])
    assert base == contributions[0, -1]
    with pytest.raises(BundleError, match="quadrature-1"):
        boosted.contributions(rows, QUADRATURE)


def test_without_numba_lightgbm_explains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forest_module, "available", lambda: False)
    text, rows = fitted(rounds=3)
    boosted = Boosted(text)
    assert boosted.explainer == LIGHTGBM
    assert np.array_equal(boosted.margin(rows), theirs(text, rows)[0])


def test_an_explainer_can_be_asked_for_by_name() -> None:
    text, rows = fitted(rounds=5)
    boosted = Boosted(text)
    assert boosted.explainer == QUADRATURE
    by_default, base = boosted.contributions(rows)
    ours, _ = boosted.contributions(rows, QUADRATURE)
    lightgbm_s, other = boosted.contributions(rows, LIGHTGBM)
    assert np.array_equal(by_default, ours)
    assert np.array_equal(lightgbm_s, theirs(text, rows)[1][:, :-1])
    assert base == other
    assert boosted.contributions(rows[:0], LIGHTGBM)[1] == base
    with pytest.raises(BundleError, match="'guess'"):
        boosted.contributions(rows, "guess")


def test_models_that_differ_are_explained_by_the_one_who_knows_all() -> None:
    assert common([QUADRATURE, QUADRATURE]) == QUADRATURE
    assert common([QUADRATURE, LIGHTGBM]) == LIGHTGBM


def test_inputs_of_another_width_are_refused() -> None:
    text, rows = fitted(rounds=2)
    with pytest.raises(BundleError, match="12 inputs"):
        Boosted(text).margin(rows[:, :-1])


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (r"left_child=\S+", "left_child=7"),
        (r"leaf_count=\S+", "leaf_count=1"),
        (r"split_feature=\S+", "split_feature=99"),
        (r"threshold=\S+", "threshold=nan"),
        (r"threshold=\S+ ", "threshold="),
        (r"leaf_value=\S+", "leaf_value=inf"),
        (r"leaf_value=\S+", "leaf_value=many"),
        (r"decision_type=\S+", "decision_type=14"),
        (r"leaf_value=.*\n", ""),
        (r"\nTree=1\n", "\nBush=1\n"),
    ],
)
def test_a_damaged_text_is_not_believed(pattern: str, replacement: str) -> None:
    text, _ = fitted(rounds=3)
    with pytest.raises(UnsupportedForestError):
        read_trees(re.sub(pattern, replacement, text, count=1))


@pytest.mark.parametrize("points", [1, 2, 5, 8, 16, 32])
def test_rules_integrate_what_they_should(points: int) -> None:
    found = rule(points)
    usual, weight = np.polynomial.legendre.leggauss(points)
    np.testing.assert_allclose(found.point, (1 + usual) / 2, rtol=1e-14, atol=1e-16)
    np.testing.assert_allclose(found.weight, weight / 2, rtol=1e-13)
    for power in range(2 * points):
        whole = np.dot(found.weight, np.array(found.point) ** power)
        assert whole == pytest.approx(1 / (power + 1), rel=1e-13)
    assert min(found.point) > 0.0
    assert min(found.rest) > 0.0


def test_where_nothing_can_be_kept_it_is_compiled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    import numba

    njit = numba.njit

    def without_cache(*, cache: bool = False, **options: Any) -> Any:
        if cache:
            raise RuntimeError("cannot cache function 'double': no locator available")
        return njit(**options)

    monkeypatch.setattr(numba, "njit", without_cache)
    assert compiled.compiled(lambda x: 2 * x)(4) == 8


def test_without_numba_loops_are_python(monkeypatch: pytest.MonkeyPatch) -> None:
    def double(x: float) -> float:
        return 2 * x

    monkeypatch.setattr(compiled, "available", lambda: False)
    assert compiled.compiled(double) is double
