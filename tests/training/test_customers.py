"""Industries of customers, as the sources tell them."""

from __future__ import annotations

from pathlib import Path

import ibis
import pyarrow as pa

from features.backends import connect
from features.sources import ingest, open_sources
from training.customers import industries

ORDERS = {
    "order_id": ["1", "2", "3"],
    "customer_id": ["a", "b", "c"],
    "occurred_at": ["2025-01-01", "2025-01-02", "2025-01-03"],
    "net_amount": ["1.00", "2.00", "3.00"],
}
CUSTOMERS = {
    "customer_id": ["a", "a", "b", "c"],
    "recorded_at": ["2025-01-01", "2025-03-01", "2025-01-01", "2025-01-01"],
    "created_at": ["2025-01-01"] * 4,
    "industry": ["food", "robots", None, "bolts"],
}


def test_the_latest_industry_counts_and_unknown_is_left_out(tmp_path: Path) -> None:
    connection = connect(threads=1)
    tables = {
        "orders": (ibis.memtable(pa.table(ORDERS)),),
        "customers": (ibis.memtable(pa.table(CUSTOMERS)),),
    }
    ingest(tables, tmp_path / "s", connection=connection, world="w", currency="EUR")
    assert industries(open_sources(tmp_path / "s", connection)) == {"a": "robots", "c": "bolts"}


def test_where_no_source_tells_it_there_is_none(tmp_path: Path) -> None:
    connection = connect(threads=1)
    ingest(
        {"orders": (ibis.memtable(pa.table(ORDERS)),)},
        tmp_path / "s",
        connection=connection,
        world="w",
        currency="EUR",
    )
    assert industries(open_sources(tmp_path / "s", connection)) == {}
