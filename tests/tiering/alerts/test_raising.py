"""Raising alerts: against a slow loop, at the limits, and with data missing."""

from __future__ import annotations

import math
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.schema import FloatArray
from tiering.alerts.catalogue import AlertCatalogue, Level
from tiering.alerts.catalogue_file import packaged_catalogue, parse_catalogue
from tiering.alerts.raising import Alerts, Tiers, raise_alerts
from tiering.condition import Condition

CATALOGUE = packaged_catalogue()
TEXT = (files("tiering.alerts") / "twelve.toml").read_text("utf-8")
IDS = ("strategic", "core", "rest")


def tiers(*index: int, scheme: str = "five-dimension") -> Tiers:
    return Tiers(scheme, IDS, np.array(index, dtype=np.intp))


def column(kind: str) -> int:
    return CATALOGUE.kinds.index(kind)


def raised(kind: str, values: dict[str, list[float]], *tier: int) -> Alerts:
    arrays = {name: np.array(each) for name, each in values.items()}
    return raise_alerts(CATALOGUE, arrays, tiers(*tier), len(tier))


def severities(kind: str, values: dict[str, list[float]], *tier: int) -> list[str | None]:
    alerts = raised(kind, values, *tier)
    return [alerts.severity_of(row, column(kind)) for row in range(len(tier))]


def test_half_for_everybody_and_a_third_for_the_best_tier() -> None:
    """#76, #78, X4: the limit depends on the tier, and is inclusive."""
    drop = {
        "net_amount_drop_2m": [0.3, 0.299, 0.3, 0.5, 0.499, 0.5, 0.5],
        "active_month_share_12m": [1.0, 1.0, 1.0, 1.0, 1.0, 0.4, 1.0],
        "order_days_growth_90d": [0.0, 0.0, -0.5, -0.5, -0.5, -0.5, 0.0],
    }
    # Orange where the customer is regular and buys less often too; yellow for all others.
    assert severities("order_drop", drop, 0, 0, 1, 1, 1, 1, 1) == [
        "red", None, None, "orange", None, "yellow", "yellow",
    ]  # fmt: skip


def test_golden_health_at_the_bands() -> None:
    """#82, #83, X3: half-open bands, 59.999 | 60 | 69.999 | 70 | 79.999 | 80."""
    health = {
        "health_score": [59.999, 60.0, 69.999, 70.0, 79.999, 80.0, 10.0],
        "days_since_last_order": [1.0] * 6 + [180.0],
    }
    assert severities("health", health, 1, 1, 1, 1, 1, 1, 1) == [
        "red", "orange", "orange", "yellow", "yellow", None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "indicator", "values", "expected"),
    [
        (
            "overdue_payment",
            "max_overdue_days",
            [30, 31, 60, 61],
            [None, "orange", "orange", "red"],
        ),
        ("low_satisfaction", "low_csat_streak", [2, 3, 9], [None, "orange", "orange"]),
        ("complaint_unsolved", "complaint_open_days", [7, 8], [None, "orange"]),
    ],
)
def test_limits_of_one_indicator(
    kind: str, indicator: str, values: list[float], expected: list[str | None]
) -> None:
    """#77, #84, #86: at the limit and one below."""
    assert severities(kind, {indicator: values}, *[1] * len(values)) == expected


def test_collection_has_two_ways() -> None:
    """#79: below 90 %, or any overdue record; the one that held is told."""
    values = {
        "on_time_collection_rate_365d": [0.899, 0.9, 1.0, math.nan],
        "max_overdue_days": [0.0, 0.0, 1.0, 2.0],
    }
    alerts = raised("collection", values, 1, 1, 1, 1)
    place = column("collection")
    assert alerts.raised[:, place].tolist() == [True, False, True, True]
    assert alerts.threshold(0, place) == (Condition("on_time_collection_rate_365d", "<", 0.9),)
    assert alerts.threshold(2, place) == (Condition("max_overdue_days", ">=", 1.0),)
    assert alerts.threshold(1, place) == ()
    assert alerts.severity[:, place].tolist() == [0, -1, 0, 0]


def test_missing_data_are_told_and_never_quiet() -> None:
    alerts = raise_alerts(CATALOGUE, {}, tiers(0, 1), 2)
    assert not alerts.raised.any()
    assert alerts.unmeasured.all()
    # One "no" is enough to be sure, whatever else is unknown.
    known = raised(
        "contact_drop", {"interaction_count_90d": [2.0], "interaction_change_30d": [np.nan]}, 1
    )
    assert not known.unmeasured[0, column("contact_drop")]


def test_without_a_tier_a_limit_of_the_best_tier_stays_open() -> None:
    """X4: 40 % is a warning in the best tier only; without a tier nobody knows."""
    drop = {"net_amount_drop_2m": [0.4, 0.4, 0.2, 0.6], "active_month_share_12m": [1.0] * 4}
    alerts = raised("order_drop", drop, -1, 1, -1, -1)
    place = column("order_drop")
    assert alerts.unmeasured[:, place].tolist() == [True, False, False, False]
    assert alerts.severity[:, place].tolist() == [-1, -1, -1, 0]


def test_tiers_by_id_are_those_of_their_scheme_only() -> None:
    """X9: `core` of another scheme is another tier."""
    text = TEXT.replace("top_tiers = 1\nwhen", 'tiers = ["five-dimension:core"]\nwhen', 1)
    catalogue = parse_catalogue(text)
    drop = {
        "net_amount_drop_2m": np.array([0.4, 0.4, 0.4]),
        "active_month_share_12m": np.ones(3),
    }
    place = catalogue.kinds.index("order_drop")
    own = raise_alerts(catalogue, drop, tiers(0, 1, -1), 3)
    assert own.raised[:, place].tolist() == [False, True, False]
    assert own.unmeasured[:, place].tolist() == [False, False, True]
    other = raise_alerts(catalogue, drop, tiers(0, 1, -1, scheme="other"), 3)
    assert not other.raised[:, place].any()
    assert not other.unmeasured[:, place].any()


def _three(values: dict[str, FloatArray], row: int, condition: Condition) -> bool | None:
    if condition.indicator not in values or math.isnan(values[condition.indicator][row]):
        return None
    value = values[condition.indicator][row]
    return bool(value >= condition.limit if condition.sign == ">=" else value < condition.limit)


def _member(level: Level, index: int) -> bool | None:
    if level.top_tiers is None:
        return True
    return None if index < 0 else index < level.top_tiers


def _slow(
    catalogue: AlertCatalogue, values: dict[str, FloatArray], index: list[int]
) -> list[list[tuple[int, bool]]]:
    """The obvious loop: level (or -1) and whether the alert could not be measured."""
    told = []
    for row, tier in enumerate(index):
        line = []
        for alert in catalogue.alerts:
            found, open_ = -1, False
            for place, level in enumerate(alert.levels):
                for every in level.conditions:
                    answers = [_member(level, tier), *(_three(values, row, c) for c in every)]
                    if all(answer is True for answer in answers):
                        found = place if found < 0 else found
                    elif all(answer is not False for answer in answers):
                        open_ = True
            line.append((found, open_ and found < 0))
        told.append(line)
    return told


VALUES = st.one_of(
    st.just(math.nan), st.sampled_from([-1.0, -0.4, 0.0, 0.3, 0.5, 0.7, 1.0, 3.0, 31.0, 65.0, 90.0])
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_all_at_once_is_as_one_by_one(data: st.DataObject) -> None:
    n = data.draw(st.integers(0, 6))
    names = sorted(CATALOGUE.indicators)
    given_names = data.draw(st.lists(st.sampled_from(names), unique=True))
    values = {
        name: np.array(data.draw(st.lists(VALUES, min_size=n, max_size=n)), dtype=np.float64)
        for name in given_names
    }
    index = data.draw(st.lists(st.integers(-1, 2), min_size=n, max_size=n))
    alerts = raise_alerts(CATALOGUE, values, tiers(*index), n)
    told = _slow(CATALOGUE, values, index)
    assert alerts.level.tolist() == [[level for level, _ in line] for line in told]
    assert alerts.unmeasured.tolist() == [[unknown for _, unknown in line] for line in told]
    order = np.arange(n)[::-1]
    turned = raise_alerts(
        CATALOGUE, {k: v[order] for k, v in values.items()}, tiers(*[index[i] for i in order]), n
    )
    assert (turned.level == alerts.level[order]).all()
