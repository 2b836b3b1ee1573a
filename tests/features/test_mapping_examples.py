"""The shipped mappings of two systems go together: files of an ERP, a database of a CRM."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.mapping.document import read_mapping
from tests.features.mapped import accepted, by, take_in

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def erp(folder: Path) -> None:
    header = list(read_mapping(EXAMPLES / "mapping.toml").tables["orders"].columns.values())
    lines = [";".join([*header, "Status"]), "B1;1;K7;03.02.2025 09:15;100,00;0;80;3;Lager;ok"]
    (folder / "orders-2025.csv").write_text("\n".join(lines), encoding="cp1252")
    (folder / "customers.csv").write_text("id,company,industry\nK7,Sieben GmbH,metal\n")
    (folder / "visits.csv").write_text("visit_id,customer,start\n1,K7,2025-02-01 08:00\n")
    times = {name: [datetime(2025, 2, 4)] for name in ("issued", "due", "paid")}
    invoice = {"invoice_no": ["R1"], "customer_no": ["K7"], "gross": [115.0], **times}
    pq.write_table(pa.table(invoice), folder / "invoices.parquet")


def crm(folder: Path) -> str:
    mapping = read_mapping(EXAMPLES / "crm.toml")
    accounts = {
        "account_id": [1, 2],
        "account_name": ["Seven Inc", "Test"],
        "phone": ["1", "2"],
        "email": ["a@b", "c@d"],
        "referred_by": [None, 1],
        "cac_thousands": pa.array([Decimal("1.5"), None], pa.decimal128(9, 3)),
        "kind": ["real", "demo"],
    }
    opened = datetime(2025, 1, 1, 12)
    cases = {
        "case_no": [1, 2, 3],
        "account_id": [1, 1, 1],
        "opened": [opened] * 3,
        "closed": [opened, None, None],
        "prio": [3, 1, 9],
        "complaint": ["J", None, "x"],
        "stars": [4, None, 5],
    }
    link = ibis.duckdb.connect(folder / "crm.duckdb")
    for relation, columns in {"sales.accounts": accounts, "service.cases": cases}.items():
        schema, name = relation.split(".")
        link.create_database(schema)
        link.create_table(name, pa.table(columns), database=schema)
    link.disconnect()
    assert {t.relation for t in mapping.tables.values()} == {"sales.accounts", "service.cases"}
    return f"duckdb:///{folder}/crm.duckdb"


def test_the_examples_are_one_company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    erp(tmp_path)
    monkeypatch.setenv("CRM_URL", crm(tmp_path))
    both = [(EXAMPLES / f"{name}.toml").read_text("utf-8") for name in ("mapping", "crm")]
    info = take_in(tmp_path, *both, data=[tmp_path, None]).info
    assert info.rows == {
        "customers": 2,
        "orders": 1,
        "invoices": 1,
        "tickets": 2,
        "interactions": 1,
    }
    assert info.quarantined["customers"] == {"excluded": 1}
    assert [c.label for c in info.causes["customers"]] == ["excluded: test account"]
    assert info.quarantined["tickets"] == {"bad_code": 1}
    customers = accepted(tmp_path, "customers")
    assert by(customers, "customer_id", "name") == {"K7": "Sieben GmbH", "crm-1": "Seven Inc"}
    assert by(customers, "customer_id", "acquisition_cost")["crm-1"] == 1380  # 1,500 USD in EUR
    tickets = accepted(tmp_path, "tickets")
    assert by(tickets, "ticket_id", "severity") == {"1": "urgent", "2": "low"}
    assert by(tickets, "ticket_id", "is_complaint") == {"1": True, "2": False}
    assert by(tickets, "ticket_id", "csat") == {"1": 80.0, "2": None}
    assert tickets[0]["occurred_at"] == datetime(2025, 1, 1, 17)  # noon in New York
