from __future__ import annotations

from pathlib import Path

import pytest

from features.quality.assess import quality
from features.quality.codes import odd_values
from features.quality.report import OddCode
from tests.features.quality_world import SNAPSHOT, ago, bought, world


def test_rows_of_unknown_customers_are_orphans(tmp_path: Path) -> None:
    opened = world(
        tmp_path / "s",
        customers=[{"customer_id": "a", "name": "A"}, {"customer_id": "b", "name": "B"}],
        orders=[*bought("a", (1, 5)), *bought("ghost", (1, 5), (2, 5))],
        tickets=[{"customer_id": c, "occurred_at": ago(1)} for c in ("a", "b", "ghost", "none")],
    )
    tables = quality(opened, SNAPSHOT).tables
    orders, tickets = tables["orders"].references, tables["tickets"].references
    assert (orders.unlisted, orders.without_orders, orders.orphans) == (2, 0, 2)
    assert (tickets.unlisted, tickets.without_orders, tickets.orphans) == (2, 2, 2)
    people = tables["customers"].references
    assert (people.unlisted, people.without_orders, people.orphans) == (0, 1, 0)


def test_without_a_customers_table_orders_say_who_is_known(tmp_path: Path) -> None:
    tickets = [{"customer_id": c, "occurred_at": ago(1)} for c in ("a", "none")]
    opened = world(tmp_path / "s", orders=bought("a", (1, 5)), tickets=tickets)
    tables = quality(opened, SNAPSHOT).tables
    assert tables["tickets"].references.unlisted is None
    assert tables["tickets"].references.orphans == 1
    assert tables["orders"].references.orphans == 0


def test_referrers_must_be_listed_or_buy(tmp_path: Path) -> None:
    people = [
        {"customer_id": "a", "referrer_id": "b"},
        {"customer_id": "b", "referrer_id": "buyer"},
        {"customer_id": "c", "referrer_id": "nowhere"},
        {"customer_id": "d", "referrer_id": None},
    ]
    opened = world(tmp_path / "s", customers=people, orders=bought("buyer", (1, 5)))
    table = quality(opened, SNAPSHOT).tables["customers"]
    assert (table.references.dangling_referrers, table.accuracy.orphaned) == (1, 1)


def test_industries_of_market_and_customers_are_matched(tmp_path: Path) -> None:
    people = [{"customer_id": "a", "industry": "steel"}, {"customer_id": "b", "industry": "paper"}]
    market = [
        {"industry": name, "kind": "index", "value": 1.0, "occurred_at": ago(1)}
        for name in ("steel", "wood")
    ]
    report = quality(world(tmp_path / "s", customers=people, market=market), SNAPSHOT)
    assert report.market.market_only == ("wood",)
    assert report.market.customers_only == ("paper",)
    assert report.tables["market"].references.orphans == 0
    assert quality(world(tmp_path / "t"), SNAPSHOT).market.market_only == ()


@pytest.mark.parametrize(
    ("values", "odd"),
    [
        ({"Pumps": 90, "pumps": 3}, [("pumps", "Pumps")]),
        ({"Pumps": 90, "Ｐｕｍｐｓ ": 3}, [("Ｐｕｍｐｓ ", "Pumps")]),
        ({"hydraulics": 90, "hydraulcs": 2}, [("hydraulcs", "hydraulics")]),
        ({"hydraulics": 90, "hydraulcs": 30}, []),
        ({"line 10": 90, "line 12": 1}, []),
        ({"food": 90, "wood": 1}, []),
        ({"钢铁": 90, "钢管": 1}, []),
        ({"steel": 90, "N/A": 4, "未知": 2}, [("N/A", ""), ("未知", "")]),
        ({}, []),
    ],
)
def test_odd_codes_are_hints(values: dict[str, int], odd: list[tuple[str, str]]) -> None:
    found = odd_values("category", values)
    assert [(one.value, one.like) for one in found] == odd
    assert all(one.rows == values[one.value] for one in found)


def test_odd_codes_are_found_in_the_sources(tmp_path: Path) -> None:
    orders = bought("a", *((i, 1.0) for i in range(5)))
    for row, category in zip(orders, ["Pumps", "Pumps", "Pumps ", "pumps", None], strict=True):
        row["category"] = category
    table = quality(world(tmp_path / "s", orders=orders), SNAPSHOT).tables["orders"]
    # The door trims: "Pumps " is the same code.
    assert table.odd_codes == (OddCode("category", "pumps", 1, "Pumps", 3),)
