"""Every table of the contract goes through the door: sound rows pass, spoiled ones do not."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.backends import connect
from features.contract import CONTRACT, Column, SourceTable
from features.door.checks import Fault, faults
from features.sources import SourceReport, ingest, open_sources

NOON = datetime(2025, 6, 1, 12)
AFTER = (
    "due_at",
    "paid_at",
    "first_response_at",
    "resolved_at",
    "left_at",
    "ends_at",
    "renewed_at",
)


def sound(table: SourceTable, place: int) -> dict[str, str]:
    """Return a row without a fault, all columns given, as text."""

    def value(column: Column) -> str:
        if column.kind == "timestamp":
            late = timedelta(days=2) if column.name in AFTER else timedelta(0)
            return (NOON + late).isoformat()
        if column.name == "currency":
            return "EUR"
        kinds = {"money": "10.00", "number": "1", "boolean": "false"}
        return kinds.get(column.kind, f"{column.name}{place}")

    return {column.name: value(column) for column in table.columns}


def take_in(folder: Path, **rows: list[dict[str, Any]]) -> SourceReport:
    given = {"orders": [sound(CONTRACT["orders"], 0)], **rows}
    raw = {name: ibis.memtable(pa.Table.from_pylist(some)) for name, some in given.items()}
    return ingest(raw, folder, connection=connect(threads=1), world="w", currency="EUR")


def spoils(table: SourceTable) -> list[tuple[Fault, dict[str, str | None]]]:
    """Return one way to commit each fault of a table."""
    before = (NOON - timedelta(days=1)).isoformat()
    ways: dict[str, dict[str, str | None]] = {
        "missing_customer": {"customer_id": " "},
        "recorded_before_occurred": {"recorded_at": before},
        "negative_quantity": {"quantity": "-1"},
        "positive_return": {"is_return": "true"},
        "negative_amount": {"net_amount": "-1"},
        "due_before_issue": {"due_at": before},
        "paid_before_issue": {"paid_at": before},
        "resolved_before_opened": {"resolved_at": before},
        "excluded": {"exclusion": "a rule"},
        "bad_code": {"unknown_codes": "a column"},
    }
    values = {
        "missing_key": "",
        "bad_timestamp": "soon",
        "bad_number": "1,5",
        "bad_boolean": "perhaps",
        "ended_before_start": before,
        "out_of_range": "-2",
    }
    return [
        (fault, ways.get(fault.reason) or {fault.note: values[fault.reason]})
        for fault in faults(table)
        if fault.reason != "duplicate_key"
        # A customer without a date of creation has no time to be recorded before.
        and not (table.name == "customers" and fault.reason == "recorded_before_occurred")
    ]


@pytest.mark.parametrize("name", CONTRACT)
def test_each_fault_of_a_table_is_found_and_names_its_column(tmp_path: Path, name: str) -> None:
    table, spoiled = CONTRACT[name], spoils(CONTRACT[name])
    rows: list[dict[str, Any]] = [sound(table, 0), *(
        {**sound(table, place), **spoil} for place, (_, spoil) in enumerate(spoiled, start=1)
    )]  # fmt: skip
    marks = dict.fromkeys(("exclusion", "unknown_codes"))
    info = take_in(tmp_path / "s", **{name: [{**marks, **row} for row in rows]}).info
    assert info.rows[name] == 1
    assert info.quarantined[name] == Counter(fault.reason for fault, _ in spoiled)
    found = {(c.reason, c.note): c.refused for c in info.causes[name] if c.refused}
    notes = {"excluded": "a rule", "bad_code": "a column"}
    assert found == Counter((f.reason, notes.get(f.reason, f.note)) for f, _ in spoiled)
    in_file = pq.read_table(tmp_path / "s" / "quarantine" / f"{name}.parquet")
    assert Counter(in_file["reason"].to_pylist()) == info.quarantined[name]


@pytest.mark.parametrize("name", CONTRACT)
def test_sound_rows_are_accepted_with_all_columns(tmp_path: Path, name: str) -> None:
    take_in(tmp_path / "s", **{name: [sound(CONTRACT[name], place) for place in range(3)]})
    opened = open_sources(tmp_path / "s")
    assert opened.info.rows[name] == 3
    assert opened.info.columns[name] == CONTRACT[name].column_names
    assert opened.info.quarantined[name] == {}


def test_the_market_has_no_customer(tmp_path: Path) -> None:
    rows = [{k: v for k, v in sound(CONTRACT["market"], 0).items() if k != "recorded_at"}]
    info = take_in(tmp_path / "s", market=rows * 2).info
    assert info.quarantined["market"] == {"duplicate_key": 1}
    assert info.rows["market"] == 1


def test_numbers_at_their_bounds_are_in_range(tmp_path: Path) -> None:
    survey = CONTRACT["surveys"]
    ends = [("0", "0"), ("10", "100"), ("10.5", "50"), ("5", "100.5"), (None, None)]
    rows = [
        {**sound(survey, place), "nps": nps, "csat": csat} for place, (nps, csat) in enumerate(ends)
    ]
    info = take_in(tmp_path / "s", surveys=rows).info
    assert info.rows["surveys"] == 3
    assert {c.label: c.refused for c in info.causes["surveys"]} == {
        "out_of_range: nps": 1,
        "out_of_range: csat": 1,
    }
