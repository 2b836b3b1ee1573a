"""What came in = what was accepted + what was refused, to the penny, for every total."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.backends import connect
from features.contract import CONTRACT
from features.door.reconciliation import (
    ROWS,
    Totals,
    reconcile,
    source_totals,
    summed,
    written_totals,
)
from features.errors import DataError
from tests.features.mapped import HEADER, PLAIN, take_in, write

D = Decimal


def test_every_total_of_a_dirty_file_agrees(tmp_path: Path) -> None:
    lines = [
        f"o{n % 37},{'' if n % 7 == 0 else 'k'},{'soon' if n % 11 == 0 else '2025-01-01'},"
        f"{'ten' if n % 13 == 0 else D(n) / 100},{n % 5 - 1 if n % 3 else ''},{n % 2}"
        for n in range(200)
    ]
    write(tmp_path, orders=f"{HEADER},cost,void {' '.join(lines)}")
    toml = PLAIN.replace('"sum" }', '"sum", cost = "cost", is_cancelled = "void" }')
    info = take_in(tmp_path, toml).info
    totals = info.totals["orders"]
    assert list(totals) == [ROWS, "net_amount", "cost", "is_cancelled"]
    assert all(total.agrees() for total in totals.values())
    assert totals[ROWS] == Totals(D(200), D(info.rows["orders"]), D(200 - info.rows["orders"]))
    by_hand = sum((D(n) / 100 for n in range(200) if n % 13), D(0))
    assert totals["net_amount"].source == by_hand
    assert totals["cost"].source == sum(n % 5 - 1 for n in range(200) if n % 3)
    assert totals["is_cancelled"].source == 100
    assert 0 < totals["net_amount"].accepted < by_hand


def test_the_files_hold_the_totals(tmp_path: Path) -> None:
    write(tmp_path, orders=f"{HEADER} a,k,2025-01-01,0.1 b,k,2025-01-01,0.2 c,,2025-01-01,0.7")
    report = take_in(tmp_path, PLAIN)
    sides = []
    for name in ("orders.parquet", "quarantine/orders.parquet"):
        amounts = pq.read_table(tmp_path / "sources" / name)["net_amount"].to_pylist()
        sides.append(sum(amounts, D(0)))
    assert report.info.totals["orders"]["net_amount"] == Totals(D(1), *sides)
    told = report.to_text()
    assert "net_amount: 1.0000 in the source = 0.3000 accepted + 0.7000 refused" in told
    assert "rows: 3 in the source = 2 accepted + 1 refused" in told


def test_a_difference_stops_the_run_and_is_told() -> None:
    source = {ROWS: D(3), "net_amount": D("1.00"), "cost": D(0)}
    with pytest.raises(DataError) as caught:
        reconcile(
            "orders",
            source,
            {ROWS: D(2), "net_amount": D("0.29"), "cost": D(0)},
            {ROWS: D(1), "net_amount": D("0.70"), "cost": D(0)},
        )
    assert caught.value.context["columns"] == ["net_amount"]
    assert "net_amount: source 1.00, accepted 0.29, refused 0.70" in caught.value.message
    agreed = reconcile("orders", source, source, {})
    assert agreed["net_amount"] == Totals(D(1), D(1), D(0))


def test_large_sums_stay_exact() -> None:
    connection, orders = connect(threads=1), CONTRACT["orders"]
    amounts = pa.array([D("99999999999999.9999")] * 5 + [D("-0.0001")], pa.decimal128(18, 4))
    raw = ibis.memtable(pa.table({"net_amount": amounts, "cost": ["0.00005"] * 6}))
    names = summed(orders, raw.columns)
    assert names == ("net_amount", "cost")
    exact = {ROWS: D(6), "net_amount": D("499999999999999.9994"), "cost": D("0.0006")}
    assert source_totals([raw], orders, connection) == exact
    assert source_totals([raw, raw], orders, connection)["net_amount"] == 2 * exact["net_amount"]
    nothing = written_totals(raw.limit(0), ("net_amount",), connection)
    assert nothing == {ROWS: 0, "net_amount": 0}
