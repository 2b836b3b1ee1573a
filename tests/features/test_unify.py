from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from features.backends import connect
from features.commands import unify as command
from features.contract import CONTRACT
from features.door.source_info import SourceInfo
from features.errors import ContractError, DataError, SourceNotFoundError
from features.identity.identities import master_id
from features.identity.resolution import MASTERS
from features.identity.unify import unify
from features.sources import ingest

APP = typer.Typer()
APP.command()(command.unify)


def order(number: int, customer: str | None, amount: str = "10.10", day: int = 3) -> dict[str, Any]:
    return {
        "order_id": f"O{number}",
        "customer_id": customer,
        "occurred_at": f"2026-01-{day:02}",
        "net_amount": amount,
    }


def customer(key: str, recorded: int, **more: str | None) -> dict[str, Any]:
    moment = f"2026-01-{recorded:02}"
    row = {"customer_id": key, "created_at": "2026-01-01", "recorded_at": moment}
    return row | dict.fromkeys(("name", "aliases", "referrer_id", "acquisition_cost")) | more


CUSTOMERS = [
    customer("a", 1, name="上海华联科技有限公司", acquisition_cost="5"),
    customer("a", 5, name="华联集团"),
    customer("b", 3, name="华联科技", aliases="HL;Hualian", referrer_id="a"),
    customer("c", 1, name="Nordwind GmbH", referrer_id="b"),
]
ORDERS = [order(1, "a"), order(2, "b", "0.01"), order(3, "c"), order(4, "x"), order(5, None)]
INVOICES = [
    {"invoice_id": "I1", "customer_id": "b", "occurred_at": "2026-01-03", "due_at": "2026-02-03",
     "amount": "7.77"},
]  # fmt: skip
MARKET = [{"industry": "steel", "kind": "index", "occurred_at": "2026-01-01", "value": 99.0}]


def taken_in(folder: Path, **tables: Sequence[dict[str, Any]]) -> Path:
    raw = {name: ibis.memtable(pa.Table.from_pylist(list(rows))) for name, rows in tables.items()}
    ingest(raw, folder, connection=connect(), world="w", currency="CNY", terms="ours")
    return folder


def resolved(folder: Path, masters: dict[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    rows = {"customer_id": list(masters), "master_id": list(masters.values())}
    pq.write_table(pa.table(rows), folder / MASTERS)
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unify")
    taken_in(folder / "in", orders=ORDERS, customers=CUSTOMERS, invoices=INVOICES, market=MARKET)
    resolved(folder / "res", {"a": "MA", "b": "MA", "c": "MC"})
    unify(folder / "in", folder / "res", folder / "out")
    return folder


def rows(folder: Path, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(folder / f"{table}.parquet").to_pylist()
    return found


def test_every_table_has_master_ids_and_all_else_as_it_was(world: Path) -> None:
    masters = {"a": "MA", "b": "MA", "c": "MC", "x": master_id("x")}
    for table, key in (("orders", "order_id"), ("invoices", "invoice_id")):
        before, after = (
            {row[key]: row for row in rows(world / part, table)} for part in ("in", "out")
        )
        assert after == {
            k: row | {"customer_id": masters[row["customer_id"]]} for k, row in before.items()
        }
    assert rows(world / "out", "market") == rows(world / "in", "market")


def test_customers_have_one_golden_record_at_each_time(world: Path) -> None:
    found = rows(world / "out", "customers")
    told = [(r["customer_id"], r["recorded_at"].day, r["name"], r["aliases"]) for r in found]
    assert told == [
        ("MA", 1, "上海华联科技有限公司", None),
        ("MA", 3, "上海华联科技有限公司", "HL;Hualian;华联科技"),
        ("MA", 5, "华联集团", "HL;Hualian;上海华联科技有限公司;华联科技"),
        ("MC", 1, "Nordwind GmbH", None),
    ]
    # "b" was referred by "a", which is the same company; "c" by that company.
    assert [r["referrer_id"] for r in found] == [None, None, None, "MA"]
    assert found[0]["acquisition_cost"] == Decimal(5)


def test_the_folder_says_what_it_holds_and_what_was_refused(world: Path) -> None:
    before, after = (SourceInfo.load(world / part) for part in ("in", "out"))
    assert after.quarantined == before.quarantined
    assert after.quarantined["orders"] == {"missing_customer": 1}
    assert rows(world / "out" / "quarantine", "orders") == rows(
        world / "in" / "quarantine", "orders"
    )
    assert after.rows == before.rows | {"customers": 4}
    assert (after.world, after.currency, after.terms) == ("w", "CNY", "ours")
    assert after.versioned["customers"]
    # What the sources never had does not turn into information.
    assert after.columns["orders"] == before.columns["orders"]
    assert after.columns["invoices"] == before.columns["invoices"]


def test_the_crosswalk_and_the_summary_stand_beside_it(world: Path) -> None:
    assert rows(world, "out.crosswalk") == [
        {"customer_id": "a", "master_id": "MA", "is_resolved": True},
        {"customer_id": "b", "master_id": "MA", "is_resolved": True},
        {"customer_id": "c", "master_id": "MC", "is_resolved": True},
        {"customer_id": "x", "master_id": master_id("x"), "is_resolved": False},
    ]
    told = json.loads((world / "out.crosswalk.json").read_text("utf-8"))
    assert (told["customers"], told["masters"], told["strangers"]) == (4, 3, 1)
    assert told["self_referrals"] == 1


def test_another_run_gives_the_same_bytes(world: Path, tmp_path: Path) -> None:
    unify(world / "in", world / "res", tmp_path / "out")
    for file in (world / "out").rglob("*.*"):
        again = tmp_path / "out" / file.relative_to(world / "out")
        assert again.read_bytes() == file.read_bytes(), file
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "out", "out.crosswalk.json", "out.crosswalk.parquet",
    ]  # fmt: skip


def test_without_merged_customers_the_table_stays_as_it_was(tmp_path: Path) -> None:
    plain = [{"customer_id": "a", "name": "A"}, {"customer_id": "b", "name": "B"}]
    taken_in(tmp_path / "in", orders=[order(1, "a")], customers=plain)
    resolved(tmp_path / "res", {"a": "a", "b": "b"})
    unify(tmp_path / "in", tmp_path / "res", tmp_path / "out")
    assert rows(tmp_path / "out", "customers") == rows(tmp_path / "in", "customers")
    assert SourceInfo.load(tmp_path / "out").columns == SourceInfo.load(tmp_path / "in").columns


def test_what_cannot_be_unified_is_told_and_leaves_no_trace(world: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="no resolution"):
        unify(world / "in", tmp_path, tmp_path / "out")
    resolved(tmp_path / "res", {"a": "MA"})
    with pytest.raises(ContractError, match=r"2 customers are not in the resolution, .*: b, c"):
        unify(world / "in", tmp_path / "res", tmp_path / "out")
    with pytest.raises(DataError, match="would be overwritten"):
        unify(world / "in", world / "res", world / "in")
    taken_in(tmp_path / "bare", orders=[order(1, "a")])
    with pytest.raises(ContractError, match="no customers"):
        unify(tmp_path / "bare", world / "res", tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(DataError, match=r"thesis\.txt"):
        unify(world / "in", world / "res", tmp_path / "mine")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bare", "mine", "res"]


def test_the_command_tells_what_it_did(world: Path, tmp_path: Path) -> None:
    arguments = ["--sources", world / "in", "--resolution", world / "res", "--out", tmp_path / "o"]
    result = CliRunner().invoke(APP, [str(a) for a in arguments])
    assert result.exception is None
    assert "4 customers are 3 companies" in result.output
    assert "o.crosswalk.parquet" in result.output


IDS = st.sampled_from("abcdxy")


@settings(max_examples=6, deadline=None)
@given(
    masters=st.fixed_dictionaries({c: st.sampled_from(["M1", "M2", "M3"]) for c in "abcd"}),
    orders=st.lists(st.tuples(IDS, st.integers(0, 10**9)), min_size=1, max_size=8),
    versions=st.lists(st.integers(1, 28), min_size=4, max_size=4),
)
def test_rows_and_money_are_conserved(
    tmp_path_factory: pytest.TempPathFactory,
    masters: dict[str, str],
    orders: list[tuple[str, int]],
    versions: list[int],
) -> None:
    folder = tmp_path_factory.mktemp("conserved")
    cents = [order(i, who, str(Decimal(n) / 100)) for i, (who, n) in enumerate(orders)]
    known = [customer(c, day, name=c) for c, day in zip("abcd", versions, strict=True)]
    taken_in(folder / "in", orders=cents, customers=known)
    unify(folder / "in", resolved(folder / "res", masters), folder / "out")
    before, after = (rows(folder / part, "orders") for part in ("in", "out"))
    assert len(after) == len(before)
    assert sum(r["net_amount"] for r in after) == Decimal(sum(n for _, n in orders)) / 100
    owner = masters | {c: master_id(c) for c in "xy"}
    spent: Counter[str] = Counter()
    for row in before:
        spent[owner[row["customer_id"]]] += row["net_amount"]
    totals: Counter[str] = Counter()
    for row in after:
        totals[row["customer_id"]] += row["net_amount"]
    assert totals == spent
    golden = rows(folder / "out", "customers")
    assert {r["customer_id"] for r in golden} == set(masters.values())
    assert len({(r["customer_id"], r["recorded_at"]) for r in golden}) == len(golden)
    for row in golden:
        seen = {
            c
            for c, day in zip("abcd", versions, strict=True)
            if masters[c] == row["customer_id"] and datetime(2026, 1, day) <= row["recorded_at"]
        }
        assert {row["name"], *(row["aliases"] or row["name"]).split(";")} == seen
    assert set(CONTRACT["customers"].column_names) == set(golden[0])
