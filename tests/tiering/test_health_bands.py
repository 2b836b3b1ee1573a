"""Health: bands at their borders, and the score without a model (#81, #82, #83, X3)."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.schema import CATALOGUE
from tiering.errors import SchemeError
from tiering.health import packaged_health, parse_health, plain_health

POLICY = packaged_health()
TEXT = (files("tiering") / "health.toml").read_text("utf-8")


def test_golden_scores_at_the_borders() -> None:
    """#83, X3: bands are half-open."""
    scores = np.array([0.0, 59.999, 60.0, 69.999, 70.0, 79.999, 80.0, 100.0, np.nan])
    names = [POLICY.bands[place].id if place >= 0 else None for place in POLICY.band(scores)]
    assert names == [
        "red", "red", "orange", "orange", "yellow", "yellow", "green", "green", None,
    ]  # fmt: skip


def test_every_band_but_the_healthy_one_has_a_deadline_and_somebody() -> None:
    """#82, #83: 24 hours below 70, 48 hours from 70 to 80; COO, director, account manager."""
    told = {band.id: (band.response_hours, band.owner) for band in POLICY.bands}
    assert told == {
        "red": (24, "coo"),
        "orange": (24, "director"),
        "yellow": (48, "account_manager"),
        "green": (None, "account_manager"),
    }


def test_six_dimensions_of_two_indicators() -> None:
    """#81."""
    assert [len(dimension.indicators) for dimension in POLICY.dimensions] == [2] * 6


def test_a_score_by_hand() -> None:
    values = {
        # Demand match: 50 and 100 points. Service: 80 points, complaints unknown.
        "category_breadth_rate_365d": np.array([0.25, np.nan]),
        "repurchase_rate_90d": np.array([1.0, np.nan]),
        "csat_mean_365d": np.array([80.0, np.nan]),
        # Payment: 90 days and more are 0 points.
        "max_overdue_days": np.array([120.0, np.nan]),
    }
    health = plain_health(POLICY, values, 2)
    assert health.dimensions[0, [0, 1, 3]].tolist() == [75.0, 80.0, 0.0]
    assert np.isnan(health.dimensions[0, [2, 4, 5]]).all()
    # (0.15 · 75 + 0.2 · 80 + 0.1 · 0) / 0.45
    assert health.score[0] == pytest.approx(27.25 / 0.45)
    assert health.known.tolist() == [pytest.approx(0.45), 0.0]
    assert np.isnan(health.score[1])


@given(st.data())
def test_a_better_value_never_lowers_health(data: st.DataObject) -> None:
    scales = [scale for dimension in POLICY.dimensions for scale in dimension.indicators]
    number = st.floats(-2, 120)
    values = {scale.name: np.array([data.draw(number)]) for scale in scales}
    chosen = data.draw(st.sampled_from(scales)).name
    step = data.draw(st.floats(0, 50)) * CATALOGUE[chosen].direction
    better = values | {chosen: values[chosen] + step}
    before, after = (plain_health(POLICY, each, 1).score[0] for each in (values, better))
    assert 0.0 <= before <= after + 1e-9
    assert after <= 100.0 + 1e-9


@pytest.mark.parametrize(
    ("old", "new", "place", "told"),
    [
        ("from = 60", "from = 75", "bands.from", "must begin with 0 and rise"),
        ("from = 0", "from = 10", "bands.from", "must begin with 0 and rise"),
        ('id = "orange"', 'id = "red"', "bands.id", "stands 2 times"),
        ('id = "growth"', 'id = "engagement"', "dimensions.id", "stands 2 times"),
        ("max_overdue_days", "csat_mean_365d", "dimensions.indicators", "stands 2 times"),
        ("max_overdue_days", "overdue", "dimensions.indicators.overdue", "not in the catalogue"),
        ("worst = 90.0, best = 0.0", "worst = 0.0, best = 90.0",
         "dimensions.indicators.max_overdue_days", "-1"),
    ],
)  # fmt: skip
def test_each_rule_tells_its_place(old: str, new: str, place: str, told: str) -> None:
    assert old in TEXT
    with pytest.raises(SchemeError) as caught:
        parse_health(TEXT.replace(old, new, 1))
    assert told in {fault.path: fault.message for fault in caught.value.faults}[place]


def test_text_that_is_no_toml_or_of_the_wrong_kind() -> None:
    with pytest.raises(SchemeError, match="own is not valid TOML"):
        parse_health("id = ", origin="own")
    with pytest.raises(SchemeError, match="own has 2 faults"):
        parse_health(TEXT.replace('version = "1.0.0"', "colour = 1"), origin="own")
