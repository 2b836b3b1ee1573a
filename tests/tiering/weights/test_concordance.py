"""Kendall's W against its definition and a hand-computed panel (#39)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import friedmanchisquare

from features.schema import FloatArray
from tiering.weights.concordance import concordance

panels = st.integers(2, 8).flatmap(
    lambda m: st.lists(
        st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.4]), min_size=5, max_size=5),
        min_size=m,
        max_size=m,
    ).map(np.array)
)


def slowly(answers: FloatArray) -> float:
    """W as the mean rank correlation of all pairs says it, for answers without ties."""
    ranks = answers.argsort(axis=1).argsort(axis=1).astype(float)
    m = len(ranks)
    pairs = [np.corrcoef(ranks[i], ranks[j])[0, 1] for i in range(m) for j in range(i)]
    return float((np.mean(pairs) * (m - 1) + 1) / m)


def test_w_by_hand() -> None:
    # Ranks 1 2 3, 1 3 2, 2 1 3: sums 4 6 8, S = 8, W = 12 * 8 / (9 * 24) = 4 / 9.
    found = concordance(np.array([[0.1, 0.3, 0.6], [0.1, 0.6, 0.3], [0.3, 0.1, 0.6]]))
    assert found.w == pytest.approx(4 / 9)
    assert found.chi_square == pytest.approx(3 * 2 * 4 / 9)
    assert found.p_value == pytest.approx(math.exp(-4 / 3))  # of 2 degrees of freedom
    assert found.members == 3


def test_ties_by_hand() -> None:
    # Ranks 1.5 1.5 3 and 1 2 3: sums 2.5 3.5 6, S = 6.5; T = 6: 12 * 6.5 / (4 * 24 - 2 * 6).
    assert concordance(np.array([[0.2, 0.2, 0.6], [0.1, 0.3, 0.6]])).w == pytest.approx(78 / 84)


def test_extremes() -> None:
    alike = np.tile([0.4, 0.25, 0.2, 0.1, 0.05], (15, 1))
    assert concordance(alike).w == 1
    assert concordance(alike).p_value < 1e-10
    assert concordance(np.array([[0.1, 0.9], [0.9, 0.1]])).w == 0
    for nothing in (np.full((4, 3), 1 / 3), alike[:1]):
        found = concordance(nothing)
        assert math.isnan(found.w)
        assert math.isnan(found.p_value)


@given(panels)
def test_w_lies_between_0_and_1_and_knows_no_order_of_members(answers: FloatArray) -> None:
    found = concordance(answers)
    assert math.isnan(found.w) or 0 <= found.w <= 1
    again = concordance(answers[::-1, ::-1])
    assert again.w == pytest.approx(found.w, nan_ok=True)
    if not math.isnan(found.w) and len(answers) > 2:
        chi_square, p = friedmanchisquare(*answers.T)
        assert (found.chi_square, found.p_value) == (pytest.approx(chi_square), pytest.approx(p))


@given(st.integers(2, 9), st.integers(3, 7), st.integers(0, 999))
def test_w_is_what_the_pairs_of_members_say(m: int, n: int, seed: int) -> None:
    answers = np.random.default_rng(seed).random((m, n))
    assert concordance(answers).w == pytest.approx(slowly(answers))
