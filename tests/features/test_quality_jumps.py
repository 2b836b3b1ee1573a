from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from features.publish import materialise
from features.quality.assess import quality
from features.quality.jumps import DAY_RATIO, EXPLAINED, SPEND_RATIO
from features.quality.report import QualityReport
from features.schema import IndicatorFrame
from tests.features.quality_world import SNAPSHOT, ago, bought, world

# Two purchase days a year: too few for the ratio of days.
JUMPED = bought("jumped", (730, 1.0), (400, 100.0), (10, 1000.0))
STEADY = bought("steady", (730, 1.0), (400, 100.0), (10, 999.99))
YOUNG = bought("young", (729, 1.0), (400, 100.0), (10, 9000.0))
# Five purchase days: the mean of the four others is 10.
SPIKE = bought("spike", (200, 10.0), (150, 5.0), (100, 15.0), (50, 10.0), (20, 100.0))
LOW = bought("low", (200, 10.0), (150, 5.0), (100, 15.0), (50, 10.0), (20, 99.99))
FEW = bought("few", (200, 10.0), (150, 10.0), (100, 10.0), (20, 9000.0))
OLD = bought("old", (200, 10.0), (150, 5.0), (100, 15.0), (50, 10.0), (730, 5000.0))


def challenged(report: QualityReport) -> list[str]:
    return sorted(c.customer_id for c in report.follow_up if "challenged" in c.flags)


@pytest.mark.parametrize("with_frame", [False, True])
def test_tenfold_jumps_are_challenged_and_nothing_else(tmp_path: Path, with_frame: bool) -> None:
    opened = world(tmp_path / "s", orders=[*JUMPED, *STEADY, *YOUNG, *SPIKE, *LOW, *FEW, *OLD])
    frame = materialise(opened, SNAPSHOT) if with_frame else None
    report = quality(opened, SNAPSHOT, frame)
    assert challenged(report) == ["jumped", "spike"]
    told = {c.customer_id: c for c in report.follow_up}
    jumped, spike = told["jumped"], told["spike"]
    assert (jumped.net_before, jumped.net_365d) == (Decimal(100), Decimal(1000))
    assert jumped.spend_ratio == pytest.approx(10)
    assert jumped.day_ratio is None
    assert spike.day_ratio == pytest.approx(10)
    assert (spike.top_day, spike.top_amount, spike.top_order) == (
        ago(20).date(), Decimal(100), "spike-4",
    )  # fmt: skip
    # The lines of the year that jumped, and those of the day that did.
    assert report.tables["orders"].accuracy.challenged == 2
    assert report.findings[0].code == "challenged"


# Customer to the assessments (kind, value, age), and whether they settle the jump.
ASSESSED = {
    "today": ([("jump_explained", 1, 364)], True),
    "too_old": ([("jump_explained", 1, 365)], False),
    "denied": ([("jump_explained", 0, 5)], False),
    "other_kind": ([("esg", 1, 9)], False),
    "taken_back": ([("jump_explained", 1, 9), ("jump_explained", 0, 2)], False),
    "found_out": ([("jump_explained", 0, 9), ("jump_explained", 1, 2)], True),
}


@pytest.mark.parametrize("with_frame", [False, True])
def test_an_explanation_settles_it_for_a_year(tmp_path: Path, with_frame: bool) -> None:
    orders = [
        {**row, "customer_id": name, "order_id": f"{name}-{i}"}
        for name in ASSESSED
        for i, row in enumerate(SPIKE)
    ]
    assessments = [
        {"customer_id": name, "kind": kind, "value": value, "occurred_at": ago(age)}
        for name, (rows, _) in ASSESSED.items()
        for kind, value, age in rows
    ]
    opened = world(tmp_path / "s", orders=orders, assessments=assessments)
    frame = materialise(opened, SNAPSHOT) if with_frame else None
    settled = {name for name, (_, told) in ASSESSED.items() if told}
    assert challenged(quality(opened, SNAPSHOT, frame)) == sorted(ASSESSED.keys() - settled)


def test_the_indicators_of_a_frame_decide(tmp_path: Path) -> None:
    opened = world(tmp_path / "s", orders=[*SPIKE, *LOW])
    names = (SPEND_RATIO, DAY_RATIO, EXPLAINED)
    values = np.array([[np.nan, 50.0, np.nan]])
    frame = IndicatorFrame(SNAPSHOT.day, np.array(["low"]), names, values)
    assert challenged(quality(opened, SNAPSHOT, frame)) == ["low"]
    nobody = IndicatorFrame(SNAPSHOT.day, np.array([], dtype=str), names, np.empty((0, 3)))
    assert challenged(quality(opened, SNAPSHOT, nobody)) == []


def test_returns_and_cancelled_orders_make_no_jump(tmp_path: Path) -> None:
    cancelled = [{**row, "is_cancelled": row["net_amount"] == 100.0} for row in SPIKE]
    back = bought("back", (730, 1.0), (400, 10.0), (10, 100.0))
    back.append({**back[-1], "order_id": "r", "net_amount": -50.0, "is_return": True})
    returned = [{"is_return": False, "is_cancelled": False, **row} for row in back]
    rows = [{"is_return": False, **row} for row in cancelled]
    report = quality(world(tmp_path / "s", orders=[*rows, *returned]), SNAPSHOT)
    assert challenged(report) == []


def test_lines_of_a_customer_nobody_knows_are_orphans_not_challenged(tmp_path: Path) -> None:
    both = [*SPIKE, *JUMPED]
    report = quality(
        world(tmp_path / "s", orders=both, customers=[{"customer_id": "jumped"}]), SNAPSHOT
    )
    found = report.tables["orders"].accuracy
    assert (found.orphaned, found.challenged, found.faulty) == (5, 1, 6)


def test_a_line_that_jumped_twice_counts_once(tmp_path: Path) -> None:
    orders = bought(
        "both", (900, 1.0), (700, 1.0), (600, 1.0), (500, 1.0), (400, 1.0), (9, 50.0), (5, 1.0)
    )
    report = quality(world(tmp_path / "s", orders=orders), SNAPSHOT)
    (customer,) = report.follow_up
    assert customer.spend_ratio is not None
    assert customer.spend_ratio >= 10
    assert customer.day_ratio is not None
    assert customer.day_ratio >= 10
    assert report.tables["orders"].accuracy.challenged == 2


def test_a_day_before_the_year_that_jumped_counts_besides(tmp_path: Path) -> None:
    # The year jumped by many small days, the largest day lies in the year before it.
    early = [(900, 1.0), (500, 100.0)]
    late = [(3 * i, 11.0) for i in range(100)]
    orders = bought("both", *early, *late)
    report = quality(world(tmp_path / "s", orders=orders), SNAPSHOT)
    (customer,) = report.follow_up
    assert customer.spend_ratio == pytest.approx(11)
    assert customer.day_ratio == pytest.approx(100 / 11)
    assert report.tables["orders"].accuracy.challenged == 100
