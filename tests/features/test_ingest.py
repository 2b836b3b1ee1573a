from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.backends import connect
from features.contract import CONTRACT, DTYPES, REASONS
from features.errors import ContractError, DataError, EmptySourceError
from features.sources import ingest, open_sources
from tests.factories import NOON, Row, orders, sources, take_in
from tests.processes import untraced


def accepted(folder: Path, table: str = "orders") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / f"{table}.parquet").to_pylist()
    return rows


def quarantine(folder: Path, table: str = "orders") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(
        folder / "quarantine" / f"{table}.parquet"
    ).to_pylist()
    return rows


EARLIER = NOON - timedelta(days=1)

SPOILED: list[tuple[str, str, Row]] = [
    ("missing_customer", "orders", {"customer_id": None}),
    ("missing_customer", "orders", {"customer_id": "  "}),
    ("missing_key", "orders", {"order_id": ""}),
    ("missing_key", "tickets", {"ticket_id": None}),
    ("bad_timestamp", "orders", {"occurred_at": "31.12.2024"}),
    ("bad_timestamp", "orders", {"occurred_at": None}),
    ("bad_timestamp", "orders", {"occurred_at": "infinity"}),
    ("bad_timestamp", "orders", {"occurred_at": "0025-01-01"}),
    ("bad_timestamp", "orders", {"recorded_at": "soon"}),
    ("bad_number", "orders", {"net_amount": "12,50"}),
    ("bad_number", "orders", {"net_amount": None}),
    ("bad_number", "orders", {"net_amount": "99999999999999999"}),
    ("bad_number", "orders", {"quantity": "many"}),
    ("bad_number", "orders", {"quantity": "inf"}),
    ("bad_boolean", "orders", {"is_return": "perhaps"}),
    ("negative_quantity", "orders", {"quantity": "-1"}),
    ("positive_return", "orders", {"is_return": True}),
    ("negative_amount", "orders", {"net_amount": "-0.01"}),
    ("recorded_before_occurred", "orders", {"recorded_at": EARLIER}),
    ("due_before_issue", "invoices", {"due_at": EARLIER}),
    ("paid_before_issue", "invoices", {"paid_at": EARLIER}),
    ("resolved_before_opened", "tickets", {"resolved_at": EARLIER}),
    ("out_of_range", "tickets", {"csat": "100.5"}),
    ("out_of_range", "tickets", {"csat": "-1"}),
]


@pytest.mark.parametrize("table", ["orders", "invoices", "tickets"])
def test_spoiled_rows_go_to_quarantine_each_with_its_reason(tmp_path: Path, table: str) -> None:
    faults = [(reason, fault) for reason, where, fault in SPOILED if where == table]
    report = take_in(tmp_path / "s", **{table: [{}, *(fault for _, fault in faults)]})
    assert report.info.rows[table] == 1
    assert report.info.quarantined[table] == Counter(reason for reason, _ in faults)
    refused = [(row["reason"], json.loads(row["row"])) for row in quarantine(tmp_path / "s", table)]
    for reason, fault in faults:  # the raw row is there as it came, but for blanks around text
        text = {k: "" if v is None else str(v).strip().lower() for k, v in fault.items()}
        assert any(
            reason == code and all((raw[k] or "").lower() == text[k] for k in text)
            for code, raw in refused
        ), fault


def test_every_reason_is_tested() -> None:
    elsewhere = {"duplicate_key", "excluded", "bad_code", "ended_before_start"}
    assert {reason for reason, _, _ in SPOILED} | elsewhere == set(REASONS)


def test_a_row_gets_the_first_reason_that_fits(tmp_path: Path) -> None:
    report = take_in(tmp_path / "s", orders=[{}, {"customer_id": "", "net_amount": -1.0}])
    assert report.info.quarantined["orders"] == {"missing_customer": 1}


def test_text_is_cast_to_the_contract(tmp_path: Path) -> None:
    row = {
        "order_id": " A-1 ",
        "customer_id": "007",
        "occurred_at": "2025-01-05T10:00:00+08:00",
        "recorded_at": "2025-01-06",
        "net_amount": "12.34567",
        "cost": " 5 ",
        "quantity": "2",
        "category": "",
        "is_return": "no",
        "is_cancelled": "TRUE",
        "currency": "eur",
    }
    take_in(tmp_path / "s", orders=[row])
    assert accepted(tmp_path / "s") == [
        {
            "order_id": "A-1",
            "line_id": "1",
            "customer_id": "007",
            "occurred_at": datetime(2025, 1, 5, 2),
            "recorded_at": datetime(2025, 1, 6),
            "net_amount": Decimal("12.3457"),
            "discount": None,
            "rebate": None,
            "cost": Decimal("5.0000"),
            "quantity": 2.0,
            "category": None,
            "is_return": False,
            "is_cancelled": True,
            "is_custom": False,
            "currency": "EUR",
        }
    ]


def test_what_pandas_does_to_columns_with_gaps_is_undone(tmp_path: Path) -> None:
    rows = [
        {"customer_id": 12345.0, "is_return": 0.0, "quantity": float("nan")},
        {"customer_id": float("nan"), "is_return": 1.0, "quantity": 1.0},
        {"customer_id": 12345.5, "is_return": 2.0, "quantity": 1.0},
        {"customer_id": 12345.5, "is_return": float("nan"), "quantity": 1.0},
    ]
    report = take_in(tmp_path / "s", orders=rows)
    assert [(r["customer_id"], r["quantity"]) for r in accepted(tmp_path / "s")] == [
        ("12345", None),
        ("12345.5", 1.0),
    ]
    assert report.info.quarantined["orders"] == {"bad_boolean": 1, "missing_customer": 1}


def test_zoned_and_dated_columns_become_naive_utc(tmp_path: Path) -> None:
    zoned = pa.array([NOON], pa.timestamp("us", tz="Asia/Shanghai"))
    raw = pa.table(
        {
            "order_id": ["a"],
            "customer_id": ["c"],
            "net_amount": [1],
            "occurred_at": pa.array([date(2025, 1, 1)]),
            "recorded_at": zoned,
        }
    )
    connection = connect(threads=1)
    tables = {"orders": ibis.memtable(raw)}
    ingest(tables, tmp_path / "s", connection=connection, world="w", currency="EUR")
    (row,) = accepted(tmp_path / "s")
    assert (row["occurred_at"], row["recorded_at"]) == (datetime(2025, 1, 1), NOON)


def test_every_contract_column_is_written_with_its_type(tmp_path: Path) -> None:
    opened = sources(
        tmp_path / "s",
        customers=[{}],
        invoices=[{}],
        tickets=[{}],
        interactions=[{}],
    )
    for name, table in opened.tables.items():
        assert {n: str(t) for n, t in table.schema().items()} == {
            column.name: DTYPES[column.kind] for column in CONTRACT[name].columns
        }


class TestDuplicates:
    def test_only_the_first_of_a_key_is_accepted(self, tmp_path: Path) -> None:
        rows = [
            {"order_id": "a", "occurred_at": NOON, "net_amount": 2.0},
            {"order_id": "a", "occurred_at": EARLIER, "net_amount": 1.0},
            {"order_id": "b"},
            {"order_id": "a", "occurred_at": NOON, "net_amount": 2.0},
        ]
        report = take_in(tmp_path / "s", orders=rows)
        assert report.info.quarantined["orders"] == {"duplicate_key": 2}
        assert [r["net_amount"] for r in accepted(tmp_path / "s")] == [1, 10]
        assert json.loads(quarantine(tmp_path / "s")[0]["row"])["net_amount"] == "2.0000"

    def test_a_spoiled_row_does_not_take_the_place_of_a_sound_one(self, tmp_path: Path) -> None:
        rows = [
            {"order_id": "a", "occurred_at": EARLIER, "net_amount": -1.0},
            {"order_id": "a"},
        ]
        report = take_in(tmp_path / "s", orders=rows)
        assert report.info.quarantined["orders"] == {"negative_amount": 1}

    def test_lines_of_an_order_are_no_duplicates(self, tmp_path: Path) -> None:
        rows = [{"order_id": "a", "line_id": i} for i in (1, 2)]
        assert take_in(tmp_path / "s", orders=rows).info.rows["orders"] == 2

    def test_versions_are_kept_where_the_recording_time_is_given(self, tmp_path: Path) -> None:
        later = NOON + timedelta(days=3)
        rows = [
            {"order_id": "a", "recorded_at": NOON},
            {"order_id": "a", "recorded_at": later},
            {"order_id": "a", "recorded_at": later},
        ]
        info = take_in(tmp_path / "s", orders=rows).info
        assert info.versioned == {"orders": True}
        assert (info.rows["orders"], info.quarantined["orders"]) == (2, {"duplicate_key": 1})

    def test_without_versions_a_table_is_not_versioned(self, tmp_path: Path) -> None:
        rows = [{"recorded_at": NOON}, {"recorded_at": NOON + timedelta(days=1)}]
        assert take_in(tmp_path / "s", orders=rows).info.versioned == {"orders": False}

    def test_the_order_of_the_rows_does_not_matter(self, tmp_path: Path) -> None:
        rows = [{"order_id": f"o{i % 7}", "net_amount": float(i)} for i in range(40)]
        one = take_in(tmp_path / "one", orders=rows)
        two = take_in(tmp_path / "two", orders=rows[::-1])
        assert one.info == two.info


class TestShape:
    def test_all_faults_are_told_at_once_with_near_misses(self, tmp_path: Path) -> None:
        raw = {
            "orders": orders([{}]).rename(net_amout="net_amount").drop("order_id"),
            "invoice": orders([{}]),
        }
        with pytest.raises(ContractError) as caught:
            ingest(raw, tmp_path / "s", connection=connect(), world="w", currency="EUR")
        assert caught.value.context["faults"] == [
            "unknown table 'invoice' (did you mean 'invoices'?)",
            "orders: required column 'order_id' is missing",
            "orders: required column 'net_amount' is missing (did you mean 'net_amout'?)",
            "orders: unknown column 'net_amout' (did you mean 'net_amount'?)",
        ]
        assert "docs/source-contract.md" in str(caught.value)

    def test_orders_are_required(self, tmp_path: Path) -> None:
        with pytest.raises(ContractError, match="table 'orders' is missing"):
            take_in(tmp_path / "s", orders=None)

    def test_a_source_may_be_given_as_none(self, tmp_path: Path) -> None:
        assert "tickets" not in sources(tmp_path / "s", tickets=None).tables


class TestEmpty:
    def test_orders_without_rows(self, tmp_path: Path) -> None:
        raw = {"orders": orders([{}]).limit(0)}
        with pytest.raises(EmptySourceError, match="orders: the source has no rows"):
            ingest(raw, tmp_path / "s", connection=connect(), world="w", currency="EUR")

    def test_all_rows_refused_tells_the_reasons_and_the_first_rows(self, tmp_path: Path) -> None:
        rows = [{"occurred_at": "1.2.25"}, {"occurred_at": "1.2.25"}, {"customer_id": ""}]
        with pytest.raises(EmptySourceError) as caught:
            take_in(tmp_path / "s", orders=rows)
        assert "none of the 3 rows is usable" in caught.value.message
        assert "bad_timestamp: occurred_at 2, missing_customer 1" in caught.value.message
        assert '"occurred_at":"1.2.25"' in caught.value.message
        assert caught.value.context["counts"] == {"bad_timestamp": 2, "missing_customer": 1}

    def test_an_optional_table_may_be_empty_but_not_all_refused(self, tmp_path: Path) -> None:
        raw = {"orders": orders([{}]), "tickets": _tickets().limit(0)}
        report = ingest(raw, tmp_path / "s", connection=connect(), world="w", currency="EUR")
        assert report.info.rows["tickets"] == 0
        assert open_sources(tmp_path / "s").has("tickets.occurred_at")
        with pytest.raises(EmptySourceError, match="tickets: none of the 1 rows"):
            take_in(tmp_path / "s", tickets=[{"customer_id": ""}])


def _tickets() -> ibis.Table:
    return ibis.memtable(
        pa.table({"ticket_id": ["t"], "customer_id": ["c"], "occurred_at": [NOON]})
    )


class TestCurrency:
    def test_two_currencies_are_refused_with_their_counts(self, tmp_path: Path) -> None:
        rows = [{"currency": "EUR"}, {"currency": "usd"}, {"currency": "EUR"}, {"currency": None}]
        with pytest.raises(ContractError, match=r"orders\.currency") as caught:
            take_in(tmp_path / "s", orders=rows)
        assert caught.value.context["counts"] == {"EUR": 2, "USD": 1}

    def test_another_currency_than_declared_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ContractError, match=r"all be in EUR, found CNY \(1 rows\)"):
            take_in(tmp_path / "s", invoices=[{"currency": "CNY"}])

    def test_the_declared_currency_fills_the_gaps(self, tmp_path: Path) -> None:
        take_in(tmp_path / "s", currency="gbp", orders=[{}, {"currency": " gbp"}])
        assert [row["currency"] for row in accepted(tmp_path / "s")] == ["GBP", "GBP"]


def test_an_attribute_that_is_empty_in_every_row_is_not_given(tmp_path: Path) -> None:
    opened = sources(tmp_path / "s", orders=[{"category": "", "cost": 1}], invoices=[{}])
    assert opened.has("orders.cost")
    assert not opened.has("orders.category")
    assert not opened.has("orders.discount")
    assert opened.has("invoices.paid_at")  # that nothing was ever paid is information
    assert not opened.has("tickets.csat")


def test_the_report_counts_what_was_written(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    rows = [{"occurred_at": NOON - timedelta(days=d), "net_amount": 5.0 - d} for d in range(8)]
    raw = {"orders": orders(rows)}
    report = ingest(
        raw,
        tmp_path / "s",
        connection=connect(),
        world="w",
        currency="EUR",
        simulated=True,
        terms="mine",
        progress=lambda *step: told.append(step),
    )
    info = report.info
    assert told == [("ingest orders", 0, 1), ("ingest", 1, 1)]
    assert (info.first_day, info.last_day) == (date(2025, 5, 27), date(2025, 6, 1))
    assert (info.simulated, info.terms) == (True, "mine")
    assert info.rows["orders"] + sum(info.quarantined["orders"].values()) == len(rows)
    assert len(report.examples["orders"]["negative_amount"]) == 2
    assert json.loads(json.dumps(report.to_dict()))["rows"] == {"orders": 6}
    assert "negative_amount: 2" in report.to_text()
    assert open_sources(tmp_path / "s").info == info


def test_a_mistyped_year_is_kept_and_told(tmp_path: Path) -> None:
    usual = [{"occurred_at": NOON - timedelta(days=d % 300)} for d in range(300)]
    mistyped = {"occurred_at": datetime(2099, 1, 1)}
    report = ingest(
        {"orders": orders([*usual, mistyped])},
        tmp_path / "s",
        connection=connect(),
        world="w",
        currency="EUR",
    )
    assert report.info.rows["orders"] == 301
    assert "look: 1 order line(s) from 2099-01-01 on" in report.to_text()
    assert len(json.loads(json.dumps(report.to_dict()))["notes"]) == 1


class TestAtomic:
    def test_a_failed_run_leaves_the_old_folder_and_no_litter(self, tmp_path: Path) -> None:
        before = take_in(tmp_path / "s").info
        with pytest.raises(EmptySourceError):
            take_in(tmp_path / "s", orders=[{}, {}], tickets=[{"customer_id": ""}])
        assert open_sources(tmp_path / "s").info == before
        assert [path.name for path in tmp_path.iterdir()] == ["s"]

    def test_a_killed_run_leaves_the_old_folder(self, tmp_path: Path) -> None:
        before = take_in(tmp_path / "s").info
        program = (
            "import os, signal, sys; from pathlib import Path\n"
            "from features.backends import connect; from features.sources import ingest\n"
            "from tests.factories import orders, tickets\n"
            "def kill(text, done, total):\n"
            "    if done == 1: os.kill(os.getpid(), signal.SIGKILL)\n"
            "ingest({'orders': orders([{}, {}]), 'tickets': tickets([{}])}, Path(sys.argv[1]),\n"
            "       connection=connect(), world='w', currency='EUR', progress=kill)\n"
        )
        command = [sys.executable, "-c", program, str(tmp_path / "s")]
        run = subprocess.run(command, env=untraced(), check=False)
        assert run.returncode == -9
        assert open_sources(tmp_path / "s").info == before
        after = take_in(tmp_path / "s", orders=[{}, {}]).info  # and the next run goes through
        assert open_sources(tmp_path / "s").info == after != before
        assert [path.name for path in tmp_path.iterdir()] == ["s"]

    def test_a_kill_between_the_renames_is_mended(self, tmp_path: Path) -> None:
        before = take_in(tmp_path / "s").info
        (tmp_path / "s").rename(tmp_path / ".s.previous")
        assert open_sources(tmp_path / "s").info == before

    def test_a_folder_of_other_files_is_not_deleted(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.txt").write_text("years of work")
        with pytest.raises(DataError, match=r"holds files that are not .*: thesis\.txt"):
            take_in(tmp_path)
        assert (tmp_path / "thesis.txt").read_text() == "years of work"

    def test_a_place_that_cannot_be_written_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x")
        with pytest.raises(DataError, match="cannot be written: File exists"):
            take_in(tmp_path / "file" / "s")

    def test_a_file_is_not_taken_for_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x")
        with pytest.raises(DataError, match="file"):
            take_in(tmp_path / "file")
