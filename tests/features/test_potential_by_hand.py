"""Season, category trends and market of a few customers, against numbers worked out by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from features.dimensions.potential import potential
from features.snapshot import Snapshot
from tests.features.one_dimension import Values, measure
from tests.features.tiny import Row, order

NOW = Snapshot.at(date(2026, 6, 30))
KNOWN_LATER = Snapshot(NOW.as_of, NOW.as_of + timedelta(days=5))


def ago(days: int, hours: int = 12) -> datetime:
    return NOW.as_of - timedelta(days=days, hours=hours)


def bought(customer: str, days: int, amount: float, category: str | None = None) -> Row:
    return order(customer, ago(days), amount, category=category)


def market(industry: str, kind: str, days: int, value: float, late: int = 0) -> Row:
    return {
        "industry": industry,
        "kind": kind,
        "occurred_at": ago(days),
        "recorded_at": ago(days - late),
        "value": value,
    }


ORDERS = [
    # Ice is bought in the coming 90 days of the year (age 275 to 364), tea all the year.
    bought("summer", 500, 1, "ice"),
    bought("summer", 300, 300, "ice"),
    bought("summer", 100, 100, "ice"),
    bought("steady", 470, 1, "tea"),
    *(bought("steady", days, 100, "tea") for days in (10, 100, 200, 300)),
    bought("both", 200, 100, "tea"),
    bought("both", 110, 100, "ice"),
    # A category sold for less than a year has no season yet.
    bought("novel", 50, 80, "soup"),
    # Spread over categories: drinks fall, snacks hold, spices come in, salt is sent back.
    bought("mixed", 455, 70, "drinks"),
    bought("mixed", 100, 100, "drinks"),
    bought("mixed", 10, 20, "drinks"),
    bought("mixed", 120, 50, "snacks"),
    bought("mixed", 20, 60, "snacks"),
    bought("mixed", 30, 20, "spices"),
    bought("mixed", 400, 30, "salt"),
    order("mixed", ago(5), -30, order_id="credit", category="salt", is_return=True),
    # The customer for whom exactly a fifth is not more than a fifth.
    bought("edge", 179, 100, "tea"),
    bought("edge", 180, 1, "tea"),
    bought("edge", 10, 120, "tea"),
    bought("edge", 100, 100, "ice"),
    bought("edge", 11, 80, "ice"),
    # Too short a relation to compare with.
    bought("newcomer", 179, 100, "tea"),
    bought("newcomer", 1, 500, "tea"),
]
CUSTOMERS = [
    {"customer_id": "summer", "industry": "food"},
    {"customer_id": "steady", "industry": "steel"},
    {"customer_id": "both", "industry": None},
    {"customer_id": "mixed", "industry": "glass"},
]
MARKET = [
    market("food", "index", 0, 130),
    market("food", "index", 89, 110),
    market("food", "index", 90, 500),
    market("food", "index", 364, 500),
    market("food", "index", 365, 80),
    market("food", "index", 454, 80),
    market("food", "index", 455, 500),
    market("food", "policy", 364, 0.5),
    market("food", "policy", 10, -0.25),
    market("food", "policy", 365, 1),
    market("steel", "index", 10, 100),
    market("steel", "policy", 1, -3),
    market("glass", "index", 10, 90),
    market("glass", "index", 400, 110, late=401),
]


@pytest.fixture(scope="module")
def snapshots() -> list[dict[str, Values]]:
    tables = {"orders": ORDERS, "customers": CUSTOMERS, "market": MARKET}
    return measure(potential, tables, NOW, KNOWN_LATER)


@pytest.fixture(scope="module")
def found(snapshots: list[dict[str, Values]]) -> dict[str, Values]:
    return snapshots[0]


def test_the_season_of_the_company_is_the_same_for_everybody(found: dict[str, Values]) -> None:
    year = 300 + 100 + 400 + 100 + 100 + 80 + 250 - 30 + 401 + 600
    index = (300 + 100) / (year * 90 / 365)
    seasons = {values["season_index_next_90d"] for values in found.values()}
    assert list(seasons) == [pytest.approx(index)]


def test_the_season_of_a_customer_is_that_of_its_mix(found: dict[str, Values]) -> None:
    ice = round(300 / ((300 + 100 + 100 + 180) * 90 / 365), 6)
    tea = round(100 / ((400 + 100 + 221 + 600) * 90 / 365), 6)
    season = {who: values["season_index_category_next_90d"] for who, values in found.items()}
    assert season["summer"] == pytest.approx(ice)
    assert season["steady"] == pytest.approx(tea)
    assert season["both"] == pytest.approx((ice + tea) / 2)
    assert season["novel"] is None
    assert season["edge"] == pytest.approx((221 * tea + 180 * ice) / 401)


def test_no_season_before_the_first_customer_is_a_year_old() -> None:
    for age, known in ((364, False), (365, True)):
        rows = [bought("a", age, 10, "tea"), bought("a", 280, 10, "tea"), bought("b", 3, 5)]
        (found,) = measure(potential, {"orders": rows}, NOW)
        assert (found["b"]["season_index_next_90d"] is not None) is known
        assert (found["a"]["season_index_category_next_90d"] is not None) is known


def test_category_trends(found: dict[str, Values]) -> None:
    mixed = found["mixed"]
    # Of drinks, snacks and spices (the salt of the last 180 days only came back): snacks rose
    # by a fifth exactly, which is not more than a fifth.
    assert mixed["category_count_180d"] == 3
    assert mixed["growing_category_rate_90d"] == pytest.approx(1 / 3)
    assert mixed["declining_category_rate_90d"] == pytest.approx(1 / 3)
    own = {"drinks": (20, 100), "snacks": (60, 50), "spices": (20, 0)}
    overall = (100 - 150) / (100 + 150)
    apart = sum((a + b) * abs((a - b) / (a + b) - overall) for a, b in own.values())
    assert mixed["category_divergence_90d"] == pytest.approx(apart / 250)


def test_a_fifth_is_not_more_than_a_fifth(found: dict[str, Values]) -> None:
    assert found["edge"]["growing_category_rate_90d"] == 0
    assert found["edge"]["declining_category_rate_90d"] == 0
    assert found["steady"]["category_divergence_90d"] == 0


def test_a_short_relation_has_no_trend(found: dict[str, Values]) -> None:
    trends = ("growing_category_rate_90d", "declining_category_rate_90d", "category_divergence_90d")
    assert [found["newcomer"][name] for name in trends] == [None, None, None]
    assert found["newcomer"]["category_count_180d"] == 1


def test_the_same_quarter_of_last_year(found: dict[str, Values]) -> None:
    changes = {who: values["net_amount_change_1y_90d"] for who, values in found.items()}
    # 455 days ago lies one day before that quarter, and 454 days of tenure are too few.
    assert changes["mixed"] == pytest.approx((70 - 30) / (70 + 30))
    assert changes["steady"] == 1.0
    assert changes["summer"] is None  # nothing in both
    assert changes["both"] is None


def test_the_industry_of_a_customer(found: dict[str, Values]) -> None:
    index = {who: values["industry_index_change_12m"] for who, values in found.items()}
    policy = {who: values["policy_impact_365d"] for who, values in found.items()}
    assert index["summer"] == pytest.approx((120 - 80) / (120 + 80))
    assert policy["summer"] == pytest.approx(0.125)
    assert (index["steady"], policy["steady"]) == (None, -1.0)  # no index a year ago; cut
    assert (index["both"], policy["both"]) == (None, None)  # industry unknown
    assert (index["edge"], policy["edge"]) == (None, None)  # not in the customers' file
    assert (index["mixed"], policy["mixed"]) == (None, None)  # last year's index is not known yet


def test_a_late_index_counts_once_it_is_known(snapshots: list[dict[str, Values]]) -> None:
    index = [found["mixed"]["industry_index_change_12m"] for found in snapshots]
    assert index == [None, pytest.approx((90 - 110) / 200)]
