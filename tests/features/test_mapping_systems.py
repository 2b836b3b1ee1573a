"""Several systems of one company: one mapping each, one folder of sources."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from features.cli import app
from features.errors import ContractError, MappingError
from features.sources import open_sources
from tests.features.mapped import HEADER, ORDERS, PLAIN, accepted, by, refused, take_in, write

ERP = f'world = "acme"\nsystem = "erp"\ncurrency = "CNY"\ntimezone = "Asia/Shanghai"\n{ORDERS}'
SHOP = f"""\
system = "shop"
currency = "USD"
timezone = "America/New_York"
id_prefix = "shop-"
row_prefix = "S"
terms = "Extract of the shop"
[currency_rates]
USD = "7.20"
EUR = 7.8
{ORDERS.replace("orders.csv", "web.csv").replace('"sum"', '"sum", currency = "cur"')}
[customers]
file = "people.csv"
columns = {{ customer_id = "who", referrer_id = "by", acquisition_cost = "cac" }}
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    write(
        tmp_path,
        orders=f"{HEADER} 1,k,2025-01-01T08:00,100 2,,2025-01-01T08:00,50",
        web=f"{HEADER},cur 1,k,2025-01-01T08:00,10,usd 2,k,2025-01-02T08:00,10,EUR "
        "3,k,2025-01-03T08:00,10, 4,k,2025-01-04T08:00,10,CNY 5,,2025-01-04T08:00,x,USD",
        people="who,by,cac k,j,100 j,,",
    )
    return tmp_path


def test_tables_of_several_systems_are_united(files: Path) -> None:
    report = take_in(files, ERP, SHOP)
    info = report.info
    assert (info.world, info.currency, info.terms) == ("acme", "CNY", "Extract of the shop")
    assert info.rows == {"customers": 2, "orders": 5}
    rows = accepted(files)
    assert by(rows, "order_id", "customer_id") == {
        "1": "k",
        **{f"S{n}": "shop-k" for n in range(1, 5)},
    }
    assert by(rows, "order_id", "net_amount") == {
        "1": 100,
        "S1": Decimal("72.0000"),
        "S2": Decimal("78.0000"),
        "S3": Decimal("72.0000"),
        "S4": 10,
    }
    assert {row["currency"] for row in rows} == {"CNY"}
    times = by(rows, "order_id", "occurred_at")
    assert times["1"] == datetime(2025, 1, 1, 0)  # Shanghai
    assert times["S1"] == datetime(2025, 1, 1, 13)  # New York
    people = accepted(files, "customers")
    assert by(people, "customer_id", "referrer_id") == {"shop-k": "shop-j", "shop-j": None}
    assert by(people, "customer_id", "acquisition_cost") == {"shop-k": 720, "shop-j": None}


def test_every_row_knows_its_system(files: Path) -> None:
    report = take_in(files, ERP, SHOP)
    assert {row["system"]: row["row"]["order_id"] for row in refused(files)} == {
        "erp": "2",
        "shop": "S5",
    }
    sides = {s: (t.accepted, t.refused) for s, t in report.info.systems["orders"].items()}
    assert sides == {"erp": (1, 1), "shop": (4, 1)}
    found = {(c.system, c.label): (c.refused, c.matched) for c in report.info.causes["orders"]}
    assert found[("shop", "missing_customer")] == (1, 1)
    assert found[("shop", "bad_number: net_amount")] == (0, 1)
    told = report.to_text()
    assert "from erp: 1 accepted, 1 refused" in told
    assert open_sources(files / "sources").info == report.info


def test_two_systems_with_the_same_numbers_need_a_prefix(files: Path) -> None:
    report = take_in(files, ERP, SHOP.replace('row_prefix = "S"\n', ""))
    assert report.info.quarantined["orders"] == {"missing_customer": 2, "duplicate_key": 1}


def test_the_rate_of_the_folders_own_currency_is_one(files: Path) -> None:
    alone = SHOP.replace("system =", 'world = "acme"\nsystem =')
    with pytest.raises(MappingError, match=r"currency_rates\.USD is not 1, but amounts are conv"):
        take_in(files, alone)
    info = take_in(files, alone.replace('USD = "7.20"', "CNY = 0.14")).info
    assert info.currency == "USD"


def test_one_mapping_may_give_what_another_lacks(files: Path) -> None:
    crm = 'system = "crm"\ncurrency = "CNY"\n' + SHOP[SHOP.index("[customers]") :]
    assert take_in(files, ERP, crm).info.rows == {"customers": 2, "orders": 1}


def test_a_currency_without_a_rate_is_refused(files: Path) -> None:
    with pytest.raises(MappingError, match=r"amounts in USD cannot be put beside CNY") as caught:
        take_in(files, ERP, SHOP.replace('USD = "7.20"', ""))
    assert "[currency_rates] USD" in caught.value.hint
    with pytest.raises(ContractError, match=r"all be in CNY, found CNY \(3 rows\), EUR \(1 rows"):
        take_in(files, ERP, SHOP.replace("EUR = 7.8", ""))
    no_money = 'system = "crm"\ncurrency = "USD"\n' + SHOP[SHOP.index("[customers]") :]
    no_money = no_money.replace(', acquisition_cost = "cac"', "")
    assert take_in(files, ERP, no_money).info.rows["customers"] == 2  # nothing to convert


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ([ERP.replace('world = "acme"', ""), SHOP], "'world' is missing in"),
        ([ERP, 'world = "other"\n' + SHOP], "is of the world 'other', the first of 'acme'"),
        ([ERP, PLAIN.replace('"w"', '"acme"')], "'system' is missing in"),
        ([ERP, SHOP.replace('"shop"', '"erp"')], "two mappings name their system 'erp'"),
        ([ERP.replace(ORDERS, SHOP[SHOP.index("[customers]") :])], "none of them has [orders]"),
    ],
)
def test_mappings_that_do_not_go_together_are_told(files: Path, toml: list[str], told: str) -> None:
    with pytest.raises(MappingError) as caught:
        take_in(files, *toml)
    assert told in caught.value.message


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("system = 3", "'system' must be a text"),
        ('currency_rates = "x"', "'currency_rates' must be a table"),
        ("currency_rates = { USD = 0 }", "currency_rates.USD must be a decimal number above 0"),
        ("currency_rates = { USD = true }", "currency_rates.USD must be a decimal number above 0"),
        ('database = { url = "x" }', "[database] unknown key 'url' (did you mean 'url_env'?)"),
        ('database = { url_env = "postgresql://" }', "must be the name of an environment variable"),
    ],
)
def test_a_fault_of_the_top_of_a_mapping_is_told(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(MappingError) as caught:
        take_in(tmp_path, line + "\n" + PLAIN)
    assert told in caught.value.message


def test_a_mapping_of_no_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="no table is mapped"):
        take_in(tmp_path, 'system = "crm"\ncurrency = "EUR"\n')


def test_files_need_a_folder(files: Path) -> None:
    with pytest.raises(MappingError, match="no folder is named for the files of orders") as caught:
        take_in(files, PLAIN, data=[None])
    assert "--data" in caught.value.hint
    report = take_in(files, 'data = "."\n' + PLAIN, data=[None])
    assert report.info.rows == {"orders": 1}


class TestCommand:
    def run(self, *arguments: object) -> Result:
        return CliRunner(env={"COLUMNS": "200"}).invoke(
            app, ["ingest", *(str(a) for a in arguments)]
        )

    def mappings(self, folder: Path) -> list[object]:
        (folder / "erp.toml").write_text('data = "here"\n' + ERP, encoding="utf-8")
        (folder / "shop.toml").write_text('data = "here"\n' + SHOP, encoding="utf-8")
        return ["--mapping", folder / "erp.toml", "--mapping", folder / "shop.toml"]

    @pytest.mark.parametrize("times", [0, 1, 2])
    def test_folders_come_from_the_mapping_or_the_command(self, files: Path, times: int) -> None:
        if times == 0:
            (files / "here").symlink_to(files)
        options = [*self.mappings(files), *(["--data", files] * times)]
        result = self.run(*options, "--out", files / "s", "--memory", "1GB", "--threads", 1)
        assert result.exception is None
        assert "orders: 5 rows accepted, 2 refused" in result.output

    @pytest.mark.parametrize("extra", [["--data", "."] * 3, ["--world", "cdnow"]])
    def test_what_does_not_fit_is_refused(self, files: Path, extra: list[object]) -> None:
        result = self.run(*self.mappings(files), *extra, "--out", files / "s")
        assert result.exit_code == 2
