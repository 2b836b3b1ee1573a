"""The model of confidence: probabilities of tiers, free of scale, and the same from text."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from training.errors import FitError
from training.models.boosting import Boosted
from training.models.tier_confidence import (
    TierConfidence,
    confidence_of,
    fit_tier_confidence,
    likeliest,
)
from training.models.tier_view import IntArray, TierView, shares_of

CUTS = np.array([75.0, 60.0, 45.0])


def graded(rng: np.random.Generator, n: int) -> tuple[TierView, IntArray]:
    """Return grades whose realised score differs by normal noise of ten points."""
    score = np.clip(rng.normal(55.0, 15.0, n), 0.0, 100.0)
    tier = (score[:, None] < CUTS).sum(axis=1)
    later = score + rng.normal(0.0, 10.0, n)
    ltv = np.clip(score + rng.normal(0.0, 5.0, n), 0.0, 100.0)
    view = TierView(
        tier=tier,
        score=score,
        settled=0.76 * score,
        open_weight=np.full(n, 0.24),
        cuts=CUTS,
        shares=shares_of(tier, 4),
        churn=rng.random(n),
        ltv=ltv,
        lower=ltv - 10.0,
        upper=ltv + 10.0,
        width=np.ones(n),
        dimensions=np.column_stack([score, np.full(n, np.nan)]),
    )
    return view, (later[:, None] < CUTS).sum(axis=1)


@pytest.fixture(scope="module")
def model() -> TierConfidence:
    rng = np.random.default_rng(1)
    judged = [graded(rng, 1_500) for _ in range(3)]
    return fit_tier_confidence(judged, definition="hindsight", seed=1)


def test_border_inputs_by_hand() -> None:
    # Score 58, of which 46 are settled; the predictions weigh 0.24, and 12 points came of them.
    view = TierView(
        tier=np.array([2]),
        score=np.array([58.0]),
        settled=np.array([46.0]),
        open_weight=np.array([0.24]),
        cuts=CUTS,
        shares=np.array([0.1, 0.3, 0.6]),
        churn=np.array([0.2]),
        ltv=np.array([65.0]),
        lower=np.array([50.0]),
        upper=np.array([90.0]),
        width=np.array([1.5]),
        dimensions=np.array([[58.0, np.nan]]),
    )
    row = dict(zip(view.names(), view.at_border(1)[0].tolist(), strict=True))
    assert row["border"] == 1.0
    assert row["tier_reaches"] == 0.0
    assert row["score_margin"] == -2.0
    assert row["settled_margin"] == -14.0
    assert row["points_needed"] == pytest.approx(14.0 / 0.24)
    # Of all customers, 30 % are in the two best tiers: the border lies at percentile 70.
    assert (row["ltv_margin"], row["lower_margin"], row["upper_margin"]) == (-5.0, -20.0, 20.0)
    assert np.isnan(row["dimension_1"])
    assert view.at_border(2)[0, 1] == 1.0  # its tier reaches the lowest border
    settled = dataclasses.replace(view, open_weight=np.array([0.0]))
    assert np.isnan(settled.at_border(1)[0, 4])


def test_shares_by_hand() -> None:
    assert shares_of(np.array([0, 1, 1, 3]), 4).tolist() == [0.25, 0.75, 0.75]


def test_probabilities_sum_to_one_and_tell_right_from_wrong(model: TierConfidence) -> None:
    view, right = graded(np.random.default_rng(2), 3_000)
    probability = model.probabilities(view)
    assert np.allclose(probability.sum(axis=1), 1.0, atol=1e-12)
    assert (probability >= 0.0).all()
    sure = confidence_of(probability, view.tier)
    hit = view.tier == right
    assert hit[sure >= 0.8].mean() > 0.8 > hit[sure < 0.6].mean()
    # On average as sure as right.
    assert sure.mean() == pytest.approx(hit.mean(), abs=0.03)


def test_a_row_does_not_depend_on_the_others(model: TierConfidence) -> None:
    view, _ = graded(np.random.default_rng(3), 50)
    every = model.probabilities(view)
    order = np.random.default_rng(4).permutation(50)
    assert (model.probabilities(view.where(order)) == every[order]).all()
    assert (model.probabilities(view.where(np.array([7])))[0] == every[7]).all()


def test_the_model_is_its_text(model: TierConfidence) -> None:
    view, _ = graded(np.random.default_rng(5), 100)
    again = TierConfidence.from_dict(model.to_dict(), Boosted(model.trees.text))
    assert (again.probabilities(view) == model.probabilities(view)).all()
    assert again.digest == model.digest
    assert dataclasses.replace(model, definition="value").digest != model.digest


def test_of_equals_the_better_tier_is_likeliest() -> None:
    probability = np.array([[0.1, 0.45, 0.45, 0.0], [0.7, 0.1, 0.1, 0.1]])
    assert likeliest(probability).tolist() == [1, 0]
    assert confidence_of(probability, np.array([2, 1])).tolist() == [0.45, 0.1]


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(FitError, match="10 judged customers"):
        fit_tier_confidence([graded(np.random.default_rng(6), 10)], definition="hindsight", seed=1)
