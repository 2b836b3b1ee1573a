"""LightGBM behind one door: deterministic, row by row, exact contributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from features.schema import FloatArray
from training.errors import BundleError
from training.models.bins import binned, part_of, teach
from training.models.boosting import Boosted, Objective, at_once, fit_boosted, grow
from training.recipe import Recipe

NAMES = ("first", "second", "third")

KINDS: tuple[Objective, ...] = ("tweedie", "median")


@pytest.fixture(scope="module")
def matrix() -> FloatArray:
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(1500, 3))
    matrix[rng.random(1500) < 0.1, 1] = np.nan
    return matrix


@pytest.fixture(scope="module")
def boosted(matrix: FloatArray, recipe: Recipe) -> Boosted:
    return _fit(matrix, recipe)


def _fit(matrix: FloatArray, recipe: Recipe) -> Boosted:
    label = (matrix[:, 0] + np.nan_to_num(matrix[:, 1]) > 0).astype(np.float64)
    offset = np.zeros(len(matrix))
    return fit_boosted(
        matrix,
        NAMES,
        label,
        offset,
        recipe.lightgbm.churn,
        objective="binary",
        seed=recipe.seed,
        threads=1,
    )


def test_the_same_data_give_the_same_text(
    matrix: FloatArray, boosted: Boosted, recipe: Recipe
) -> None:
    assert _fit(matrix, recipe).text == boosted.text


def test_inputs_keep_their_names_in_the_text(boosted: Boosted) -> None:
    assert boosted.names == NAMES
    assert "feature_names=first second third" in boosted.text


def test_a_row_does_not_depend_on_its_batch_or_threads(
    matrix: FloatArray, boosted: Boosted
) -> None:
    whole = boosted.margin(matrix)
    assert np.array_equal(Boosted(boosted.text, threads=2).margin(matrix), whole)
    for row in range(0, 1500, 97):
        assert boosted.margin(matrix[row : row + 1])[0] == whole[row]


def test_contributions_add_up(matrix: FloatArray, boosted: Boosted) -> None:
    phi, base = boosted.contributions(matrix)
    np.testing.assert_allclose(base + phi.sum(axis=1), boosted.margin(matrix), atol=1e-12)


def test_no_rows_are_no_trouble(matrix: FloatArray, boosted: Boosted) -> None:
    assert boosted.margin(matrix[:0]).shape == (0,)
    phi, base = boosted.contributions(matrix[:0])
    assert phi.shape == (0, 3)
    assert base == boosted.contributions(matrix[:1])[1]


def test_gains_are_shares(boosted: Boosted) -> None:
    gains = boosted.gains()
    assert sum(gains.values()) == pytest.approx(1.0)
    assert gains["third"] < gains["first"]


def test_an_offset_is_corrected_not_replaced(matrix: FloatArray, recipe: Recipe) -> None:
    amount = np.full(len(matrix), 30.0)
    offset = np.log(np.full(len(matrix), 30.0))
    fit = fit_boosted(
        matrix,
        NAMES,
        amount,
        offset,
        recipe.lightgbm.ltv,
        objective="tweedie",
        seed=1,
        threads=1,
    )
    np.testing.assert_allclose(fit.margin(matrix), 0.0, atol=1e-6)


def test_two_ensembles_on_the_same_bins_are_those_of_two_fits(
    matrix: FloatArray, recipe: Recipe
) -> None:
    amount, offset = np.exp(matrix[:, 0]), np.zeros(len(matrix))
    data = teach(binned(matrix, NAMES, seed=1, threads=1), amount, offset)
    for seed, kind in enumerate(KINDS, start=1):
        trees = recipe.lightgbm.ltv
        alone = fit_boosted(
            matrix, NAMES, amount, offset, trees, objective=kind, seed=seed, threads=1
        )
        assert grow(data, trees, objective=kind, seed=seed, threads=1).text == alone.text


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_ensembles_that_grow_at_once_are_those_that_grew_alone(
    matrix: FloatArray, recipe: Recipe, threads: int
) -> None:
    """Whole and part, mean and median, on whatever threads: the trees are the same."""
    amount, offset = np.exp(matrix[:, 0]), np.zeros(len(matrix))
    some = np.random.default_rng(3).random(len(matrix)) < 0.5
    bins = binned(matrix, NAMES, seed=1, threads=threads)
    lots = [
        teach(bins, amount, offset),
        teach(part_of(bins, some), amount[some], offset[some]),
    ]
    few = recipe.lightgbm.ltv.model_copy(update={"rounds": 4})
    given: list[int] = []

    def growing(lot: Any, kind: Objective) -> Callable[[int], Boosted]:
        def fit(own: int) -> Boosted:
            given.append(own)
            return grow(lot, few, objective=kind, seed=1, threads=own)

        return fit

    found = at_once([growing(lot, kind) for lot in lots for kind in KINDS], threads)
    assert given == [max(1, threads // 2)] * 4
    alone = [growing(lot, kind)(1) for lot in lots for kind in KINDS]
    assert [_trees(each) for each in found] == [_trees(each) for each in alone]


def _trees(boosted: Boosted) -> str:
    """The text without the parameters, which tell the threads."""
    return boosted.text.split("\nparameters:")[0]


def test_a_fit_that_fails_beside_another_is_told(recipe: Recipe) -> None:
    def fail(_: int) -> Boosted:
        raise BundleError("One of two fits failed.", hint="Look at it.")

    with pytest.raises(BundleError, match="One of two"):
        at_once([fail, fail], 2)


def test_a_text_that_is_no_model_is_refused() -> None:
    with pytest.raises(BundleError, match="cannot be read"):
        Boosted("nonsense")


def test_mean_and_median_of_a_skewed_amount_are_told_apart(recipe: Recipe) -> None:
    """Amounts that are 1 or, one time in five, 20: the mean is 4.8, the median 1."""
    rng = np.random.default_rng(4)
    amount = np.where(rng.random(4000) < 0.2, 20.0, 1.0)
    matrix = rng.normal(size=(4000, 3))
    trees = recipe.lightgbm.ltv.model_copy(
        update={"rounds": 400, "learning_rate": 0.1, "lambda_l2": 0.0, "min_data_in_leaf": 900}
    )
    level = {
        kind: float(
            np.exp(
                fit_boosted(
                    matrix,
                    NAMES,
                    amount,
                    np.zeros(4000),
                    trees,
                    objective=kind,
                    seed=1,
                    threads=1,
                ).margin(matrix)
            ).mean()
        )
        for kind in KINDS
    }
    assert level["tweedie"] == pytest.approx(amount.mean(), rel=0.1)
    assert level["median"] == pytest.approx(1.0, rel=0.1)
