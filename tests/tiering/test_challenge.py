"""Which jumps are challenged (#7)."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.quality import jumps as reported
from features.schema import CATALOGUE
from tiering.challenge import EXPLAINED, RATIOS, challenged, jump_ratio
from tiering.scheme import load_scheme

NAN = np.nan


def column(*values: float) -> np.ndarray:
    return np.array(values)


def test_the_columns_are_in_the_catalogue() -> None:
    assert {*RATIOS, EXPLAINED} <= set(CATALOGUE)
    assert all(CATALOGUE[name].requirement == "#7" for name in (*RATIOS, EXPLAINED))


def test_the_quality_report_challenges_by_the_same_rule() -> None:
    # It stands below this package and cannot import the rule.
    assert {reported.SPEND_RATIO, reported.DAY_RATIO} == set(RATIOS)
    assert reported.EXPLAINED == EXPLAINED
    assert load_scheme().referral.max_jump_ratio == reported.JUMP


def test_the_documents_example_is_challenged_until_it_is_explained() -> None:
    values = {
        "net_amount_jump_365d": column(5000 / 500, 5000 / 500, 4999 / 500, 10.0),
        "largest_order_ratio_730d": column(NAN, NAN, NAN, NAN),
        "jump_explained_365d": column(NAN, 1.0, NAN, 0.0),
    }
    assert challenged(values, 10.0, 4).tolist() == [True, False, False, True]


def test_either_ratio_is_a_jump_and_the_larger_is_told() -> None:
    values = {
        "net_amount_jump_365d": column(12.0, 1.0, NAN, NAN),
        "largest_order_ratio_730d": column(2.0, 30.0, 10.0, NAN),
    }
    assert challenged(values, 10.0, 4).tolist() == [True, True, True, False]
    np.testing.assert_array_equal(jump_ratio(values, 4), [12.0, 30.0, 10.0, NAN])


def test_nothing_known_and_nothing_asked_challenge_nobody() -> None:
    assert challenged({}, 10.0, 3).tolist() == [False] * 3
    assert np.isnan(jump_ratio({}, 3)).all()
    assert challenged({RATIOS[0]: column(1e9, 1e9)}, 0.0, 2).tolist() == [False, False]
    assert challenged({}, 10.0, 0).shape == (0,)


@given(
    jump=st.floats(0, 1e6),
    more=st.floats(0, 1e6),
    limit=st.floats(1.001, 100),
    explained=st.sampled_from([NAN, 0.0, 1.0]),
)
def test_a_larger_jump_is_never_less_doubtful(
    jump: float, more: float, limit: float, explained: float
) -> None:
    values = {RATIOS[0]: column(jump, jump + more), EXPLAINED: column(explained, explained)}
    before, after = challenged(values, limit, 2).tolist()
    assert after >= before
    assert not (explained == 1.0 and after)
