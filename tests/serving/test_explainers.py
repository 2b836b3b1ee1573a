"""Both explainers account for every score, and a replay may ask for either."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from features.schema import FloatArray
from serving.scoring import basis_of, grade
from tests.training.golden import FOLDER
from training.bundle import Bundle
from training.errors import BundleError


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(Path(FOLDER) / "bundle")


@pytest.fixture(scope="module")
def customers(bundle: Bundle) -> FloatArray:
    rng = np.random.default_rng(3)
    values = np.abs(rng.normal(size=(60, len(bundle.columns)))).round(2) * 20
    values[rng.random(values.shape) < 0.2] = np.nan
    return values


@pytest.mark.parametrize("explainer", [None, "quadrature-1", "lightgbm"])
def test_contributions_add_up_to_the_score(
    bundle: Bundle, customers: FloatArray, explainer: str | None
) -> None:
    names = [str(row) for row in range(len(customers))]
    basis = basis_of(bundle, date(2026, 1, 1), None)
    graded = grade(bundle, customers, names, basis, explainer)
    told = graded.explanations
    score = np.array([each.score for each in graded.grades])
    np.testing.assert_allclose(told.base + told.contributions.sum(axis=1), score, atol=1e-9)
    for name, part in bundle.contributions(customers, explainer).items():
        total = part.base_margin + part.phi.sum(axis=1)
        np.testing.assert_allclose(total, part.margin, rtol=0, atol=1e-9, err_msg=name)


def test_the_explainers_agree_and_the_new_one_is_the_default(
    bundle: Bundle, customers: FloatArray
) -> None:
    assert bundle.explainer == "quadrature-1"
    ours, theirs = bundle.contributions(customers), bundle.contributions(customers, "lightgbm")
    for name, part in ours.items():
        np.testing.assert_allclose(part.phi, theirs[name].phi, rtol=0, atol=1e-12)
        assert part.base_margin == theirs[name].base_margin
    with pytest.raises(BundleError, match="'oracle'"):
        bundle.contributions(customers, "oracle")


def test_what_was_seen_once_need_not_be_seen_again(bundle: Bundle, customers: FloatArray) -> None:
    seen = bundle.view(customers)
    again, anew = bundle.score(customers, seen), bundle.score(customers)
    for field in dataclasses.fields(again):
        assert np.array_equal(getattr(again, field.name), getattr(anew, field.name))
    for name, part in bundle.contributions(customers, None, seen).items():
        assert np.array_equal(part.phi, bundle.contributions(customers)[name].phi)


def test_one_row_is_explained_as_it_is_among_others(bundle: Bundle, customers: FloatArray) -> None:
    names = [str(row) for row in range(len(customers))]
    basis = basis_of(bundle, date(2026, 1, 1), None)
    many = list(grade(bundle, customers, names, basis).explanations.evidence())
    for row in range(0, len(customers), 7):
        alone = grade(bundle, customers[row : row + 1], ["alone"], basis).explanations
        assert next(alone.evidence()) == many[row]
