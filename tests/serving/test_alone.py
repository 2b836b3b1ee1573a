"""One customer alone is graded and explained as among all, to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.schema import FloatArray, IndicatorFrame
from serving.alone import grade_one
from serving.scoring import aligned, basis_of, grade
from tests.serving.test_other_schemes import MATRIX
from tiering.policy import Referral
from tiering.scheme import parse_scheme
from training.bundle import Bundle


@pytest.fixture(scope="module")
def values(bundle: Bundle, frame: IndicatorFrame) -> FloatArray:
    """Customers as they are, with holes, and with numbers nobody has."""
    whole = aligned(bundle, frame)[:60]
    rng = np.random.default_rng(3)
    holes = np.where(rng.random(whole.shape) < 0.3, np.nan, whole)
    absurd = rng.choice(np.array([0.0, -0.0, -1e15, 1e15, 1e-9]), whole.shape)
    return np.vstack([whole, holes, np.where(rng.random(whole.shape) < 0.05, absurd, whole)])


def assert_same(bundle: Bundle, values: FloatArray, frame: IndicatorFrame) -> None:
    basis = basis_of(bundle, frame.as_of, run_id=None)
    names = [f"c{row}" for row in range(len(values))]
    together = grade(bundle, values, names, basis)
    layout = together.explanations.layout
    for row, evidence in enumerate(together.explanations.evidence()):
        one = values[row : row + 1]
        alone = grade_one(bundle, one, names[row], basis, explained=True)
        # repr: it tells every bit of a number.
        assert repr(alone.grade) == repr(together.grades[row])
        assert alone.layout is layout
        assert alone.evidence == evidence
        bare = grade_one(bundle, one, names[row], basis, explained=False)
        assert bare.evidence is None
        assert repr(bare.grade) == repr(alone.grade)


def test_of_the_scheme_that_comes_along(
    bundle: Bundle, values: FloatArray, frame: IndicatorFrame
) -> None:
    assert_same(bundle, values, frame)


@pytest.mark.parametrize("change", ["certified", "matrix", "trees"])
def test_the_long_way_where_there_is_no_short_one(
    bundle: Bundle,
    values: FloatArray,
    frame: IndicatorFrame,
    change: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if change == "certified":
        referral = Referral(**bundle.scheme.referral.model_dump() | {"certified": True})
        scheme = bundle.scheme.model_copy(update={"referral": referral})
        assert_same(replace(bundle, scheme=scheme), values[:20], frame)
    elif change == "matrix":
        assert_same(replace(bundle, scheme=parse_scheme(MATRIX)), values[:60], frame)
    else:
        monkeypatch.setattr("training.models.correction.available", lambda: False)
        assert_same(replace(bundle), values[:20], frame)


def test_a_customer_of_whom_nothing_is_known(bundle: Bundle, frame: IndicatorFrame) -> None:
    nothing = np.full((1, len(bundle.columns)), np.nan)
    basis = basis_of(bundle, frame.as_of, run_id=None)
    graded = grade_one(bundle, nothing, "", basis, explained=True).grade
    assert graded.indicators == dict.fromkeys(bundle.columns)
