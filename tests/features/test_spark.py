"""The distributed engine: how it starts, what it refuses, and the numbers of DuckDB."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import ibis
import numpy as np
import pytest
from ibis.backends import BaseBackend

from features import backends, spark
from features.backends import connect
from features.errors import DataError
from features.manifest import Manifest
from features.parquet import read_frame, read_outcomes
from features.publish import publish
from features.sources import open_sources
from tests.engines import needs_spark
from tests.features import tiny

DAYS = (date(2026, 3, 31), date(2026, 6, 30))
KNOWN_AT = datetime(2026, 7, 15, 12)


def java(folder: Path, version: str) -> str:
    """Make a JAVA_HOME whose java says it is of a version."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(folder)


def test_without_pyspark_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark, "find_spec", lambda _name: None)
    with pytest.raises(DataError, match=r"PySpark, which is not installed.*tierwise\[spark\]"):
        connect("spark")
    assert spark.errors() == ()


def test_without_java_its_version_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(DataError, match="needs Java 17, and there is no Java") as caught:
        spark.require_java()
    assert "openjdk-17-jre-headless" in caught.value.hint


@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_392"])
def test_an_old_java_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    monkeypatch.setenv("JAVA_HOME", java(tmp_path, version))
    with pytest.raises(DataError, match=r"Java 17 or newer; .*java is (11|8)\."):
        spark.require_java()


@pytest.mark.parametrize("version", ["17.0.15", "21"])
def test_a_young_java_will_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    monkeypatch.setenv("JAVA_HOME", java(tmp_path, version))
    try:
        spark.require_java()
    except DataError as error:
        pytest.fail(f"Java {version} was refused: {error}")


@pytest.mark.parametrize(
    ("given", "heap"), [("2GB", "2048m"), ("1.5 GiB", "1536m"), ("512MB", "512m"), ("3g", "3072m")]
)
def test_memory_is_written_as_java_wants_it(given: str, heap: str) -> None:
    assert spark.local_settings(2, given, None)["spark.driver.memory"] == heap


def test_an_amount_of_memory_that_is_none_is_refused() -> None:
    with pytest.raises(DataError, match="'lots' is no amount of memory"):
        spark.local_settings(2, "lots", None)


@pytest.fixture(scope="module")
def connection() -> BaseBackend:
    made = connect("spark", threads=2)
    # With some hundred rows, translating queries into Java costs more than running them.
    made._session.conf.set("spark.sql.codegen.wholeStage", "false")
    made._session.conf.set("spark.sql.codegen.factoryMode", "NO_CODEGEN")
    made._session.conf.set("spark.sql.shuffle.partitions", "2")
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("company") / "sources"
    tiny.company(connect(threads=2), made, n_accounts=60)
    return made


def published(link: BaseBackend, sources: Path, out: Path) -> Manifest:
    return publish(open_sources(sources, link), out, DAYS, [30], known_at=KNOWN_AT)


@pytest.fixture(scope="module")
def both(
    connection: BaseBackend, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Path]]:
    out = tmp_path_factory.mktemp("published")
    assert published(connect(threads=2), folder, out / "duckdb") == Manifest.load(out / "duckdb")
    published(connection, folder, out / "spark")
    return out / "duckdb", out / "spark"


@needs_spark
@pytest.mark.parametrize("day", DAYS)
def test_indicators_are_those_of_duckdb(both: tuple[Path, Path], day: date) -> None:
    want, got = (read_frame(place / "indicators" / f"{day}.parquet") for place in both)
    assert got.customer_id.tolist() == want.customer_id.tolist()
    assert len(got) > 40
    assert got.columns == want.columns
    assert (~np.isnan(want.values)).any(axis=0).mean() > 0.9  # nearly every indicator is known
    for j, name in enumerate(want.columns):
        a, b = got.values[:, j], want.values[:, j]
        assert (np.isnan(a) == np.isnan(b)).all(), name
        apart = np.abs(a - b) / np.maximum(1.0, np.abs(b))
        assert np.nan_to_num(apart).max() <= 1e-9, name


@needs_spark
def test_outcomes_are_those_of_duckdb(both: tuple[Path, Path]) -> None:
    want, got = (read_outcomes(place / "outcomes" / f"{DAYS[0]}-30d.parquet") for place in both)
    assert got.customer_id.tolist() == want.customer_id.tolist()
    assert (got.churned == want.churned).all()
    assert 0 < want.churned.mean() < 1
    assert np.abs(got.net_value - want.net_value).max() <= 1e-9 * np.abs(want.net_value).max()
    for name in ("contribution", "contract_lapsed"):
        a, b = getattr(got, name), getattr(want, name)
        assert np.array_equal(np.isnan(a), np.isnan(b)), name
        assert len(np.unique(b[~np.isnan(b)])) > 1, name
        assert np.nanmax(np.abs(a - b)) <= 1e-9 * np.nanmax(np.abs(b)), name


@needs_spark
def test_the_published_folders_are_equal(both: tuple[Path, Path]) -> None:
    duckdb, on_spark = (Manifest.load(place) for place in both)
    assert on_spark == duckdb  # digests included: the files are equal byte for byte


@needs_spark
def test_nothing_is_left_when_a_history_is_over(
    both: tuple[Path, Path], connection: BaseBackend
) -> None:
    assert both
    assert [name for name in connection.list_tables() if name.startswith("history")] == []
    assert connection._session.sparkContext._jsc.getPersistentRDDs().size() == 0


@needs_spark
def test_a_kept_relation_is_replaced_and_dropped(connection: BaseBackend, folder: Path) -> None:
    orders = open_sources(folder, connection).tables["orders"]
    bought = orders.group_by("customer_id").aggregate(n=orders.count())
    backends.keep(connection, "kept", bought)
    backends.keep(connection, "kept", bought.filter(bought.n > 1_000_000))
    backends.view(connection, "seen", connection.table("kept"))
    sql = backends.compiled(connection, connection.table("seen"))
    assert backends.batches(connection, sql).read_all().num_rows == 0
    backends.drop(connection, views=["seen"], tables=["kept"])
    assert {"kept", "seen"}.isdisjoint(connection.list_tables())
    assert connection._session.sparkContext._jsc.getPersistentRDDs().size() == 0


@needs_spark
def test_batches_keep_the_order(connection: BaseBackend, folder: Path) -> None:
    orders = open_sources(folder, connection).tables["orders"]
    sql = backends.compiled(connection, orders.select("order_id").order_by("order_id"))
    found = backends.batches(connection, sql).read_all()["order_id"].to_pylist()
    assert found == sorted(found)
    assert len(found) > 1_000


@needs_spark
def test_counting_an_unknown_condition_gives_0(connection: BaseBackend, folder: Path) -> None:
    orders = open_sources(folder, connection).tables["orders"]
    nobody = orders.aggregate(n=orders.count(where=orders.net_amount > ibis.null("decimal(18, 4)")))
    sql = backends.compiled(connection, nobody)
    assert backends.batches(connection, sql).read_all()["n"].to_pylist() == [0]


@needs_spark
def test_sessions_do_not_see_each_other(connection: BaseBackend, folder: Path) -> None:
    other = connect("spark")
    open_sources(folder, other)
    assert other.list_tables()
    assert set(other.list_tables()).isdisjoint(connection.list_tables())
    assert other._session.conf.get("spark.sql.codegen.wholeStage") == "true"


@needs_spark
def test_times_have_no_zone_and_overflow_is_an_error(connection: BaseBackend) -> None:
    moment = connection.raw_sql("SELECT TIMESTAMP '2026-01-01 00:00:00' AS t").toArrow()
    assert str(moment.schema.field("t").type) == "timestamp[us]"
    with pytest.raises(spark.errors(), match="ARITHMETIC_OVERFLOW"):
        connection.raw_sql("SELECT 9223372036854775807 + 1").collect()
