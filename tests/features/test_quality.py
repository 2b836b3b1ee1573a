from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from features.quality.accuracy import Accuracy, pooled
from features.quality.assess import quality
from features.schema import IndicatorFrame
from features.snapshot import Snapshot
from tests.features.quality_world import SNAPSHOT, ago, world


def test_the_tables_are_counted_dated_and_searched_for_gaps(tmp_path: Path) -> None:
    opened = world(
        tmp_path / "s",
        orders=[
            {"category": "a", "occurred_at": ago(10)},
            {"category": None, "occurred_at": ago(12)},
            {"category": None, "occurred_at": ago(-20)},
            {"net_amount": -1.0, "occurred_at": ago(10)},
        ],
    )
    report = quality(opened, SNAPSHOT)
    table = report.tables["orders"]
    assert (table.rows, table.visible, table.later) == (3, 2, 1)
    assert dict(table.refused) == {"negative_amount": 1}
    assert (table.freshness.first_day, table.freshness.last_day) == (
        date(2025, 6, 18),
        date(2025, 6, 20),
    )
    assert table.freshness.age == 10
    assert table.missing["category"] == 0.5
    assert table.missing["net_amount"] == 0
    assert set(table.absent) >= {"cost", "discount"}
    assert report.absent_tables[:3] == ("customers", "invoices", "tickets")


def test_money_and_rows_are_reconciled_to_the_penny(tmp_path: Path) -> None:
    rows = [{"net_amount": 0.1}, {"net_amount": 0.2}, {"customer_id": "", "net_amount": 0.7}]
    orders = [{"occurred_at": ago(0), **row} for row in rows]
    totals = quality(world(tmp_path / "s", orders=orders), SNAPSHOT).tables["orders"].totals
    assert list(totals) == ["rows", "net_amount"]
    found = totals["net_amount"]
    assert (found.source, found.accepted, found.refused) == (
        Decimal("1.0"), Decimal("0.3"), Decimal("0.7"),
    )  # fmt: skip
    assert (totals["rows"].accepted, totals["rows"].refused) == (2, 1)


def test_refused_rows_come_with_examples_that_hide_persons(tmp_path: Path) -> None:
    people = [{"phone": "138-1234", "name": "Acme"}, {"customer_id": "", "phone": "1", "name": "B"}]
    opened = world(tmp_path / "s", customers=people)
    report = quality(opened, SNAPSHOT, folder=tmp_path / "s")
    (example,) = report.tables["customers"].examples["missing_customer"]
    assert json.loads(example) == {"phone": "•••", "name": "B"}
    assert quality(opened, SNAPSHOT).tables["customers"].examples == {}


def test_what_was_recorded_late_is_not_visible_yet(tmp_path: Path) -> None:
    late = SNAPSHOT.known_at + timedelta(days=1)
    rows = [{"occurred_at": ago(9), "recorded_at": ago(9)}]
    rows += [{"occurred_at": ago(9), "recorded_at": late}]
    opened = world(tmp_path / "s", orders=rows)
    assert quality(opened, SNAPSHOT).tables["orders"].visible == 1
    hindsight = Snapshot(SNAPSHOT.as_of, datetime(2030, 1, 1))
    assert quality(opened, hindsight).tables["orders"].visible == 2


def test_versions_account_for_every_accepted_row(tmp_path: Path) -> None:
    versions = [
        {"order_id": "o", "line_id": "1", "occurred_at": ago(30), "recorded_at": ago(age)}
        for age in (20, 10, -5)
    ]
    opened = world(tmp_path / "s", orders=[*versions, {"occurred_at": ago(3), "order_id": "p"}])
    table = quality(opened, SNAPSHOT).tables["orders"]
    assert (table.rows, table.visible, table.superseded, table.later) == (4, 2, 1, 1)
    left = opened.connection.raw_sql("SELECT table_name FROM duckdb_tables()").fetchall()
    assert [name for (name,) in left if name.startswith("quality_")] == []


@pytest.mark.parametrize(("newest", "stale"), [(35, False), (36, True)])
def test_a_table_is_stale_by_its_own_rhythm(tmp_path: Path, newest: int, stale: bool) -> None:
    # A row each week: five weeks of silence are tolerated, not a day more.
    market = [
        {"industry": "steel", "kind": "index", "value": 1.0, "occurred_at": ago(newest + 7 * i)}
        for i in range(4)
    ]
    found = quality(world(tmp_path / "s", market=market), SNAPSHOT).tables["market"].freshness
    assert (found.usual_gap, found.limit, found.stale) == (7.0, 35.0, stale)


def test_a_daily_table_may_rest_for_a_week(tmp_path: Path) -> None:
    for newest, stale in ((7, False), (8, True)):
        rows = [{"occurred_at": ago(newest + i)} for i in range(3)]
        opened = world(tmp_path / f"s{newest}", orders=rows)
        assert quality(opened, SNAPSHOT).tables["orders"].freshness.stale == stale
    single = quality(world(tmp_path / "one", orders=[{"occurred_at": ago(400)}]), SNAPSHOT)
    assert single.tables["orders"].freshness.limit is None
    assert not single.tables["orders"].freshness.stale


def test_delays_are_told_in_days(tmp_path: Path) -> None:
    delays = [0] * 10 + [3] * 8 + [8, 30]
    orders = [{"occurred_at": ago(100), "recorded_at": ago(100 - d)} for d in delays]
    found = quality(world(tmp_path / "s", orders=orders), SNAPSHOT).tables["orders"].freshness
    assert (found.delay_median, found.delay_p95, found.late_share) == (0, 8, 0.1)


def test_without_recorded_at_there_is_no_delay(tmp_path: Path) -> None:
    found = quality(world(tmp_path / "s"), SNAPSHOT).tables["orders"].freshness
    assert (found.delay_median, found.late_share) == (None, None)


def test_completeness_is_the_share_of_known_values(tmp_path: Path) -> None:
    opened = world(tmp_path / "s")
    values = np.array([[1.0, np.nan], [2.0, 3.0], [4.0, np.nan], [5.0, np.nan]])
    frame = IndicatorFrame(SNAPSHOT.day, np.array(["a", "b", "c", "d"]), ("x", "y"), values)
    assert quality(opened, SNAPSHOT, frame).completeness == {"x": 1.0, "y": 0.25}
    empty = IndicatorFrame(SNAPSHOT.day, np.array([], dtype=str), ("x",), np.empty((0, 1)))
    assert quality(opened, SNAPSHOT, empty).completeness == {"x": 0.0}


def test_accuracy_counts_each_faulty_row_once_and_no_decision(tmp_path: Path) -> None:
    who = [*["c0"] * 7, "nobody", ""]
    orders = [{"occurred_at": ago(0), "customer_id": customer} for customer in who]
    opened = world(tmp_path / "s", orders=orders, customers=[{"name": "a", "referrer_id": "gone"}])
    report = quality(opened, SNAPSHOT)
    found = report.tables["orders"].accuracy
    assert found == Accuracy(rows=9, refused=1, orphaned=1, challenged=0)
    assert found.share == pytest.approx(7 / 9)
    assert not found.passed
    assert report.tables["customers"].accuracy == Accuracy(1, 0, 1, 0)
    assert report.accuracy == Accuracy(10, 1, 2, 0)


def test_the_target_is_98_percent() -> None:
    assert Accuracy(100, 1, 1, 0).passed
    assert not Accuracy(100, 1, 1, 1).passed
    empty = pooled([])
    assert empty.share is None
    assert empty.passed


def test_what_a_rule_leaves_out_is_no_row_of_the_data(tmp_path: Path) -> None:
    orders = [{"occurred_at": ago(0)}, {"occurred_at": ago(0), "exclusion": "postage"}]
    table = quality(world(tmp_path / "s", orders=orders), SNAPSHOT).tables["orders"]
    assert dict(table.refused) == {"excluded": 1}
    assert table.causes[0].label == "excluded: postage"
    assert table.accuracy == Accuracy(1, 0, 0, 0)
