from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from features.quality import quality
from features.schema import IndicatorFrame
from features.snapshot import Snapshot
from tests.factories import NOON, sources

SNAPSHOT = Snapshot.at(NOON.date() + timedelta(days=10))


def test_the_tables_are_counted_dated_and_searched_for_gaps(tmp_path: Path) -> None:
    opened = sources(
        tmp_path / "s",
        orders=[
            {"category": "a"},
            {"category": None, "occurred_at": NOON - timedelta(days=2)},
            {"category": None, "occurred_at": NOON + timedelta(days=20)},
            {"net_amount": -1.0},
        ],
    )
    report = quality(opened, SNAPSHOT)
    table = report.tables["orders"]
    assert (table.rows, table.visible, dict(table.refused)) == (3, 2, {"negative_amount": 1})
    assert (table.first_day, table.last_day) == (date(2025, 5, 30), date(2025, 6, 1))
    assert table.age_days == 10
    assert table.missing["category"] == 0.5
    assert table.missing["net_amount"] == 0
    assert set(table.absent) >= {"cost", "discount"}
    assert report.absent_tables == ("customers", "invoices", "tickets", "interactions")
    assert (report.customers_with_orders, report.customers_without_orders) == (1, 0)


def test_customers_without_orders_are_counted_not_lost(tmp_path: Path) -> None:
    opened = sources(
        tmp_path / "s",
        customers=[
            {"customer_id": "buys"},
            {"customer_id": "looks"},
            {"customer_id": "later", "created_at": NOON + timedelta(days=30)},
        ],
        orders=[{"customer_id": "buys"}, {"customer_id": "unlisted"}],
    )
    report = quality(opened, SNAPSHOT)
    assert report.customers_with_orders == 2
    assert report.customers_without_orders == 1
    assert report.unlisted_customers == 1
    assert report.tables["customers"].visible == 2


def test_what_was_recorded_late_is_not_visible_yet(tmp_path: Path) -> None:
    late = SNAPSHOT.known_at + timedelta(days=1)
    opened = sources(tmp_path / "s", orders=[{"recorded_at": NOON}, {"recorded_at": late}])
    assert quality(opened, SNAPSHOT).tables["orders"].visible == 1
    hindsight = Snapshot(SNAPSHOT.as_of, datetime(2030, 1, 1))
    assert quality(opened, hindsight).tables["orders"].visible == 2


def test_completeness_is_the_share_of_known_values(tmp_path: Path) -> None:
    opened = sources(tmp_path / "s")
    values = np.array([[1.0, np.nan], [2.0, 3.0], [4.0, np.nan], [5.0, np.nan]])
    frame = IndicatorFrame(NOON.date(), np.array(["a", "b", "c", "d"]), ("x", "y"), values)
    assert quality(opened, SNAPSHOT, frame).completeness == {"x": 1.0, "y": 0.25}
    empty = IndicatorFrame(NOON.date(), np.array([], dtype=str), ("x",), np.empty((0, 1)))
    assert quality(opened, SNAPSHOT, empty).completeness == {"x": 0.0}


@pytest.mark.parametrize("with_frame", [True, False])
def test_the_report_can_be_read_by_machines_and_people(tmp_path: Path, with_frame: bool) -> None:
    opened = sources(
        tmp_path / "s",
        customers=[{"customer_id": "x", "industry": "metal"}, {}],
        orders=[{"customer_id": "x"}, {"customer_id": ""}],
    )
    frame = IndicatorFrame(NOON.date(), np.array(["x"]), ("y",), np.array([[np.nan]]))
    report = quality(opened, SNAPSHOT, frame if with_frame else None)
    document = json.loads(json.dumps(report.to_dict()))
    assert document["tables"]["orders"]["last_day"] == "2025-06-01"
    assert document["tables"]["customers"]["first_day"] is None
    assert document["as_of"].startswith("2025-06-11T23:59:59")
    text = report.to_text()
    assert "test (real) as of 2025-06-11" in text
    assert "orders: 1 of 1 rows visible, 2025-06-01 to 2025-06-01 (10 days old)" in text
    assert "refused 1: no customer" in text
    assert "industry: 50.0% missing" in text
    assert "no source: invoices, tickets, interactions" in text
    assert "1 with orders, 1 listed without orders, 0 with orders but not listed" in text
    assert ("y: 0.0% known" in text) == with_frame


def test_a_complete_world_has_nothing_to_complain_about(tmp_path: Path) -> None:
    opened = sources(tmp_path / "s", customers=[{}], invoices=[{}], tickets=[{}], interactions=[{}])
    assert "no source" not in quality(opened, SNAPSHOT).to_text()
