from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from features.contract import CONTRACT, REASONS, suggest
from features.door.checks import MARKS, MASK, NOTE, REASON, ROW, UNNUMBERED
from features.errors import ContractError, DataError, SourceNotFoundError
from features.schema import CATALOGUE
from features.sources import open_sources
from tests.factories import NOON, orders, sources, take_in


def test_the_contract_has_every_column_the_catalogue_reads() -> None:
    read = {column for indicator in CATALOGUE.values() for column in indicator.source}
    given = {f"{t.name}.{c}" for t in CONTRACT.values() for c in t.column_names}
    assert read <= given


def test_every_table_can_be_identified_dated_and_named() -> None:
    for table in CONTRACT.values():
        assert {*table.key, table.event_time, "recorded_at"} <= {*table.column_names}
        assert table.has_customer or table.name == "market"
        assert not {*table.column_names} & {*MARKS, UNNUMBERED, MASK, REASON, NOTE, ROW}
        assert table.label_en
        assert table.label_zh
        assert all(column.label_en and column.label_zh for column in table.columns)
    assert all(en and zh for en, zh in REASONS.values())


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Custmer_ID", " (did you mean 'customer_id'?)"),
        ("Net_Amount", " (did you mean 'net_amount'?)"),
        ("colour", ""),
    ],
)
def test_a_near_miss_is_suggested(name: str, told: str) -> None:
    assert suggest(name, ["customer_id", "net_amount"]) == told


def test_tables_stay_lazy_and_know_what_they_hold(tmp_path: Path) -> None:
    opened = sources(tmp_path / "s", orders=[{"cost": 4}, {"cost": 5}])
    table = opened.table("orders")
    assert table is not None
    assert opened.connection.to_pyarrow(table.cost.sum()).as_py() == 9
    assert opened.table("invoices") is None
    assert opened.has("orders.cost")
    assert not opened.has("orders.discount")
    assert not opened.has("invoices.amount")


def test_sources_open_on_a_connection_of_their_own(tmp_path: Path) -> None:
    take_in(tmp_path / "s", orders=[{}, {}])
    opened = open_sources(tmp_path / "s")
    assert opened.connection.to_pyarrow(opened.tables["orders"].count()).as_py() == 2


def test_replacing_a_table_leaves_the_original(tmp_path: Path) -> None:
    opened = sources(tmp_path / "s", orders=[{}, {"occurred_at": NOON - timedelta(days=9)}])
    table = opened.tables["orders"]
    fewer = opened.replace(orders=table.filter(table.occurred_at == NOON))
    count = opened.connection.to_pyarrow
    assert count(fewer.tables["orders"].count()).as_py() == 1
    assert count(opened.tables["orders"].count()).as_py() == 2
    assert fewer.info is opened.info


def test_replacing_needs_a_known_table_with_all_columns(tmp_path: Path) -> None:
    opened = sources(tmp_path / "s")
    with pytest.raises(ContractError, match="no source table 'tickets' to replace"):
        opened.replace(tickets=orders([{}]))
    with pytest.raises(ContractError, match="orders: the replacement lacks category, cost"):
        opened.replace(orders=orders([{}]))


def test_a_folder_that_is_not_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match=r"sources\.json is missing.*features ingest"):
        open_sources(tmp_path / "nowhere")


def test_a_lost_table_is_told(tmp_path: Path) -> None:
    take_in(tmp_path / "s")
    (tmp_path / "s" / "orders.parquet").unlink()
    with pytest.raises(SourceNotFoundError, match="table 'orders'"):
        open_sources(tmp_path / "s")


@pytest.mark.parametrize("damage", ["{", "[]", '{"format": 99}', '{"format": 2}', "{}"])
def test_a_damaged_description_is_told(tmp_path: Path, damage: str) -> None:
    take_in(tmp_path / "s")
    (tmp_path / "s" / "sources.json").write_text(damage)
    with pytest.raises(DataError, match=r"sources\.json cannot be read"):
        open_sources(tmp_path / "s")


def test_the_description_survives_the_file(tmp_path: Path) -> None:
    info = take_in(tmp_path / "s", orders=[{}, {"net_amount": -1.0}]).info
    assert open_sources(tmp_path / "s").info == info
    assert json.loads((tmp_path / "s" / "sources.json").read_text()) == info.to_dict()
