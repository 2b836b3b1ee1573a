"""Online Retail II, as it is, through the shipped mapping: every line is accounted for."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from features.backends import connect
from features.mapping.systems import inflow, read_systems
from features.sources import SourceReport, ingest

MAPPING = Path(__file__).parents[2] / "docs" / "examples" / "online_retail_II.toml"
DATA = Path(__file__).parents[2].parent / "shared" / "data" / "online_retail_II"

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="needs the folder ../shared/data/online_retail_II"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("online_retail") / "sources"


@pytest.fixture(scope="module")
def report(folder: Path) -> SourceReport:
    connection = connect()
    with inflow(read_systems([MAPPING]), [DATA], connection) as given:
        return ingest(
            given.tables,
            folder,
            connection=connection,
            world=given.world,
            currency=given.currency,
            terms=given.terms,
        )


def test_each_kind_of_dirt_is_found_by_its_own_figure(report: SourceReport) -> None:
    info = report.info
    matched = {cause.label: cause.matched for cause in info.causes["orders"]}
    assert matched["missing_customer"] == 235_287
    assert matched["excluded: not a product"] == 5_992
    assert info.totals["orders"]["is_return"].source == 19_165
    told = report.to_text()
    assert "fits 235,287 in all" in told
    assert "not a product: 5,992" in told
    assert "is_return: 19,165 in the source = 17,641 accepted + 1,524 refused" in told


def test_the_reasons_add_up_to_the_lines(report: SourceReport) -> None:
    info = report.info
    assert info.quarantined["orders"] == {"missing_customer": 232_967, "excluded": 5_992}
    assert info.rows["orders"] == 805_888
    assert 805_888 + 232_967 + 5_992 == 1_044_847 == info.totals["orders"]["rows"].source


def test_the_money_reconciles_to_the_penny(report: SourceReport, folder: Path) -> None:
    total = report.info.totals["orders"]["net_amount"]
    step = Decimal("0.0001")
    source = pq.read_table(DATA / "transactions.parquet", columns=["amount"])["amount"]
    by_hand = sum(
        (Decimal(repr(a)).quantize(step, ROUND_HALF_UP) for a in source.to_pylist()), Decimal(0)
    )
    assert total.source == by_hand == Decimal("18909744.1180")
    sides = [
        sum(pq.read_table(folder / name)["net_amount"].to_pylist(), Decimal(0))
        for name in ("orders.parquet", "quarantine/orders.parquet")
    ]
    assert sides == [total.accepted, total.refused]
    assert sum(sides) == by_hand


def test_refused_lines_keep_their_note(report: SourceReport, folder: Path) -> None:
    table = pq.read_table(folder / "quarantine" / "orders.parquet", columns=["reason", "note"])
    assert table.num_rows == sum(report.info.quarantined["orders"].values())
    excluded = [r["note"] for r in table.to_pylist() if r["reason"] == "excluded"]
    assert set(excluded) == {"not a product"}
