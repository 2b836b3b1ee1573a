"""Rising stars in the lowest tier (#58), and what a policy of signs must keep."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiering.errors import SchemeError
from tiering.rising import packaged_rising, parse_rising, screen

SOUND = """
version = "1"
needed = 2
text_en = "{signs}"
text_zh = "{signs}"

[[signs]]
id = "a"
label_en = "A"
label_zh = "甲"
when = ["growing_months >= 3", "tenure_days < 900"]

[[signs]]
id = "b"
label_en = "B"
label_zh = "乙"
when = ["enquiry_count_90d >= 1"]
"""


def test_three_months_of_growth_enquiries_or_larger_orders() -> None:
    """#58: the three signs of the documents, in the lowest tier only."""
    values = {
        "growing_months": np.array([3.0, 2.0, 0.0, 3.0, 0.0, np.nan]),
        "enquiry_count_90d": np.array([0.0, 0.0, 1.0, 1.0, 0.0, 0.0]),
        "average_order_value_growth_90d": np.array([0.0, 0.3, 0.0, 0.5, 0.2, np.nan]),
        "order_days_90d": np.array([3.0, 1.0, 0.0, 4.0, 2.0, 0.0]),
    }
    tier = np.array([3, 3, 3, 2, 3, 3])
    found = screen(packaged_rising(), tier, 4, values)
    assert found.screened.tolist() == [True, False, True, False, True, False]
    assert found.signs[3].all()
    assert found.reason(0, "en") == "Rising star: spend rose in three months in a row."
    assert found.reason(2, "zh") == "潜力新星：近90天有新产品咨询。"
    assert found.reason(3, "en") == ""


def test_several_signs_are_told_together_and_absent_columns_are_no_sign() -> None:
    policy = parse_rising(SOUND)
    values = {
        "growing_months": np.array([3.0, 5.0]),
        "tenure_days": np.array([100.0, 900.0]),
        "enquiry_count_90d": np.array([2.0, 2.0]),
    }
    found = screen(policy, np.array([1, 1]), 2, values)
    assert found.screened.tolist() == [True, False]
    assert (found.reason(0, "en"), found.reason(0, "zh")) == ("A, B", "甲、乙")
    assert not screen(policy, np.array([1]), 2, {}).screened.any()


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.sampled_from([0.0, 2.0, 3.0, float("nan")]),
            st.sampled_from([0.0, 1.0, float("nan")]),
        ),
        min_size=1,
    )
)
def test_the_screen_is_the_obvious_loop(rows: list[tuple[int, float, float]]) -> None:
    tier, grows, asks = (np.array(column) for column in zip(*rows, strict=True))
    values = {"growing_months": grows.astype(float), "enquiry_count_90d": asks.astype(float)}
    found = screen(packaged_rising(), tier.astype(int), 4, values)
    expected = [t == 3 and (g >= 3 or a >= 1) for t, g, a in rows]
    assert found.screened.tolist() == expected


def test_every_fault_is_told_at_once() -> None:
    text = """
version = ""
needed = 3
text_en = "{sign}"
text_zh = "{signs"

[[signs]]
id = "Not good"
label_en = "A"
label_zh = ""
when = []

[[signs]]
id = "b"
label_en = "A"
label_zh = "乙"
when = ["growing_months > 3", "nonsense >= 1", "tenure_days unknown"]
"""
    with pytest.raises(SchemeError, match="11 faults") as caught:
        parse_rising(text)
    assert [fault.path for fault in caught.value.faults] == [
        "version",
        "text_en",
        "text_zh",
        "needed",
        "signs[0].id",
        "signs[0].label_zh",
        "signs",
        "signs[0].when",
        "signs[1].when",
        "signs[1].when",
        "signs[1].when",
    ]


def test_texts_that_are_no_policy() -> None:
    with pytest.raises(SchemeError, match="not valid TOML"):
        parse_rising("[[")
    with pytest.raises(SchemeError, match="1 fault:") as caught:
        parse_rising(SOUND + 'extra = "x"')
    assert caught.value.faults[0].path == "signs.1.extra"
