"""What KPIs measure, by hand."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiering.errors import PopulationError
from tiering.kpis.measures import Occasion, columns, growth, net_promoters, ratio, share
from tiering.population.intervals import ratio_of_means, wilson

NAN = math.nan


def occasion(day: date, ids: list[str], tier: list[int] | None = None, **values) -> Occasion:
    found = {name: np.array(column, dtype=np.float64) for name, column in values.items()}
    return Occasion(day, np.array(ids), found, None if tier is None else np.array(tier))


BEFORE = occasion(
    date(2026, 1, 1),
    ["c", "a", "b"],
    [1, 0, 2],
    ltv=[30, 10, 20],
    days_since_last_order=[5, 400, 10],
)
NOW = occasion(
    date(2026, 4, 1),
    ["a", "b", "c", "new"],
    [0, 1, 2, 3],
    ltv=[20, 20, NAN, 5],
    days_since_last_order=[10, 100, NAN, 3],
)


def test_customers_are_joined_by_id() -> None:
    table = columns(NOW, BEFORE)
    assert table["before_ltv"].tolist()[:3] == [10, 20, 30]
    assert math.isnan(table["before_ltv"][3])
    assert table["tier_rise"].tolist()[:3] == [0, 1, -1]
    # 90 days apart: ten days of silence is an order since, 100 is none.
    assert table["ordered_between"].tolist()[:2] == [1, 0]
    assert math.isnan(table["ordered_between"][2])
    assert table["ordered_between"][3] == 1


def test_one_snapshot_has_no_before() -> None:
    assert set(columns(NOW)) == {"ltv", "days_since_last_order", "tier"}
    bare = occasion(date(2026, 4, 1), ["a"], ltv=[1])
    assert set(columns(bare, BEFORE)) >= {"ltv", "before_tier"}
    assert "tier_rise" not in columns(bare, BEFORE)
    nobody = Occasion(date(2025, 1, 1), np.empty(0, dtype=np.str_), {"ltv": np.empty(0)})
    assert np.isnan(columns(NOW, nobody)["before_ltv"]).all()


def test_snapshots_must_fit() -> None:
    with pytest.raises(PopulationError, match="before the later"):
        columns(BEFORE, NOW)
    with pytest.raises(PopulationError, match="stands twice"):
        columns(occasion(date(2027, 1, 1), ["a", "a"], ltv=[1, 2]), BEFORE)


def test_a_share_by_hand() -> None:
    # Active before: b and c (a had been silent for 400 days, the new one was not there);
    # c's silence is unknown, and b has not ordered.
    table = columns(NOW, BEFORE)
    found = share(table, ("before_days_since_last_order < 365",), ("ordered_between < 1",))
    assert (found.value, found.n, found.unknown) == (1.0, 1, 1)
    assert (found.lower, found.upper) == wilson(1, 1)
    nobody = share(table, ("before_days_since_last_order >= 1000",), ("ordered_between < 1",))
    assert math.isnan(nobody.value)
    assert nobody.n == 0


def test_a_growth_is_of_the_same_customers() -> None:
    found = growth(columns(NOW, BEFORE), (), "ltv")
    assert found.value == pytest.approx(40 / 30 - 1)  # a and b; c is unknown now
    assert (found.n, found.unknown) == (2, 2)
    low = ratio_of_means(np.array([20.0, 20]), np.array([10.0, 20]))[1]
    assert found.lower == pytest.approx(low - 1)


def test_a_ratio_counts_only_those_it_is_of() -> None:
    found = ratio(columns(NOW), (), ("tier < 1",), "ltv", "ltv")
    assert found.value == pytest.approx(20 / 45)
    assert ratio(columns(NOW), ("tier < 2",), (), "ltv").value == 20
    assert found.scaled(100).value == pytest.approx(100 * 20 / 45)


def test_net_promoters_by_hand() -> None:
    # Answers of 10, 9, 8, 7, 6, 0 out of 10: two promote, two detract, one did not answer.
    table = {"nps_latest_730d": np.array([100.0, 90, 80, 70, 60, 0, NAN, 90])}
    found = net_promoters(table, (), "nps_latest_730d")
    assert found.value == pytest.approx(100 * (3 - 2) / 7)
    assert (found.n, found.unknown) == (7, 1)


def test_a_column_nobody_has_is_named_not_made_up() -> None:
    table = {"x": np.array([1.0]), "empty": np.array([NAN])}
    for found in (
        share(table, ("gone >= 1",), ("empty >= 1",)),
        ratio(table, ("gone >= 1",), (), "x", "empty"),
    ):
        assert found.missing == ("gone", "empty")
        assert math.isnan(found.value)
        assert found.n == 0
    assert net_promoters(table, (), "empty").missing == ("empty",)
    assert growth(table, (), "x").missing == ("before_x",)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 100) | st.just(NAN)), min_size=1))
def test_a_ratio_agrees_with_the_loop(rows: list[tuple[int, float]]) -> None:
    table = {"tier": np.array([t for t, _ in rows], float), "x": np.array([x for _, x in rows])}
    found = ratio(table, ("tier < 3",), ("tier < 1",), "x", "x")
    part = whole = 0.0
    for tier, x in rows:
        if tier < 3 and not math.isnan(x):
            whole += x
            part += x if tier < 1 else 0.0
    if whole > 0:
        assert found.value == pytest.approx(part / whole)
    else:
        assert math.isnan(found.value)
