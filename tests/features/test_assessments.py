"""An assessment becomes an indicator by one entry of the catalogue, point in time too (#33)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from types import MappingProxyType

import pytest

from features import schema
from features.dimensions import assemble
from features.dimensions.strategic import strategic
from features.schema import CATALOGUE, Indicator
from features.snapshot import Snapshot
from tests.features import one_dimension
from tests.features.one_dimension import Values
from tests.features.tiny import Row, order

DAY = date(2026, 3, 31)
NOW = Snapshot.at(DAY)
KNOWN_LATER = Snapshot.at(DAY, NOW.as_of + timedelta(days=30))
TICK = timedelta(microseconds=1)

ENTRY = """
[[indicator]]
name = "safety_audit_score"
unit = "score"
direction = 1
window = "365d"
null_policy = "unknown"
source = ["assessments.kind", "assessments.value"]
requirement = "#33"
label_en = "Safety audit, assessed"
label_zh = "安全审核评分（人工评估）"
assessment = "safety_audit"
"""


def assessed(
    customer: str, moment: datetime, value: float, number: str = "1", **more: object
) -> Row:
    row = {
        "assessment_id": f"{customer}/{number}",
        "customer_id": customer,
        "occurred_at": moment,
        "kind": "safety_audit",
        "value": value,
    }
    return row | more


AGO = {days: NOW.as_of - timedelta(days=days) for days in (0, 10, 40, 364, 365)}

ROWS: Mapping[str, Sequence[Row]] = {
    "once": [assessed("once", AGO[40], 55)],
    "latest": [assessed("latest", AGO[40], 90, "2"), assessed("latest", AGO[10], 20, "1")],
    "tied": [assessed("tied", AGO[10], 7, "2"), assessed("tied", AGO[10], 99, "1")],
    "at as_of": [assessed("at as_of", AGO[0], 1)],
    "to come": [assessed("to come", AGO[40], 60), assessed("to come", AGO[0] + TICK, 5, "2")],
    "reported late": [
        assessed("reported late", AGO[40], 60),
        assessed("reported late", AGO[10], 5, "2", recorded_at=AGO[0] + TICK),
    ],
    "corrected": [
        assessed("corrected", AGO[40], 60),
        assessed("corrected", AGO[40], 66, recorded_at=AGO[0] + TICK),
    ],
    "in the window": [assessed("in the window", AGO[364] - timedelta(hours=23), 31)],
    "too old": [assessed("too old", AGO[365], 31)],
    "another kind": [assessed("another kind", AGO[10], 31, kind="safety")],
    "never": [],
}


@pytest.fixture
def entry() -> Indicator:
    row = tomllib.loads(ENTRY)["indicator"][0]
    return schema._indicator({"dimension": "strategic"} | row)


def measure(
    monkeypatch: pytest.MonkeyPatch,
    entry: Indicator,
    rows: Sequence[Row] | None,
    *snapshots: Snapshot,
) -> list[Values]:
    """Return the new indicator of each customer, a dictionary a snapshot."""
    catalogue = MappingProxyType({**CATALOGUE, entry.name: entry})
    monkeypatch.setattr(assemble, "CATALOGUE", catalogue)
    tables = {"orders": [order(customer, "2026-03-01", 5) for customer in ROWS]}
    if rows is not None:
        tables["assessments"] = list(rows)
    measured = one_dimension.measure(strategic, tables, *snapshots, versioned=["assessments"])
    return [
        {customer: values[entry.name] for customer, values in found.items()} for found in measured
    ]


def test_the_latest_value_in_the_window_that_was_known(
    monkeypatch: pytest.MonkeyPatch, entry: Indicator
) -> None:
    rows = [row for some in ROWS.values() for row in some]
    then, later = measure(monkeypatch, entry, rows, NOW, KNOWN_LATER)
    expected: Values = {
        "once": 55,
        "latest": 20,
        "tied": 7,
        "at as_of": 1,
        "to come": 60,
        "reported late": 60,
        "corrected": 60,
        "in the window": 31,
        "too old": None,
        "another kind": None,
        "never": None,
    }
    assert then == expected
    assert later == expected | {"reported late": 5, "corrected": 66}


def test_zero_where_the_entry_says_that_none_means_zero(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = tomllib.loads(ENTRY)["indicator"][0] | {"null_policy": "zero"}
    entry = schema._indicator({"dimension": "strategic"} | row)
    (found,) = measure(monkeypatch, entry, [assessed("once", AGO[40], 55)], NOW)
    assert found == dict.fromkeys(ROWS, 0.0) | {"once": 55}


def test_unknown_for_everybody_without_the_table(
    monkeypatch: pytest.MonkeyPatch, entry: Indicator
) -> None:
    (found,) = measure(monkeypatch, entry, None, NOW)
    assert found == dict.fromkeys(ROWS)


def test_the_order_of_rows_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, entry: Indicator
) -> None:
    rows = [row for some in ROWS.values() for row in some]
    assert measure(monkeypatch, entry, rows, NOW) == measure(monkeypatch, entry, rows[::-1], NOW)


@pytest.mark.parametrize(
    "entry", [i for i in CATALOGUE.values() if i.assessment is not None], ids=str
)
def test_the_catalogue_asks_for_what_an_assessment_can_give(entry: Indicator) -> None:
    assert set(entry.source) == {"assessments.kind", "assessments.value"}
    assert entry.window == "all" or entry.window.endswith("d")
    assert [i.name for i in CATALOGUE.values() if i.assessment == entry.assessment] == [entry.name]
