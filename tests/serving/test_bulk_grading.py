"""Bulk grading: the batch's numbers, as Parquet, from this machine and from Spark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from features.manifest import Manifest, file_hash
from features.schema import IndicatorFrame
from serving import bulk
from serving.bulk import grade_bulk
from serving.cli import app
from serving.errors import BatchError
from serving.scoring import Graded, aligned, basis_of, grade
from tests.engines import needs_spark
from training.bundle import Bundle
from training.errors import BundleError

Publish = Callable[[IndicatorFrame, Path], Manifest]


@pytest.fixture(scope="module")
def published(
    frame: IndicatorFrame, publish_frame: Publish, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("published")
    publish_frame(frame, folder)
    return folder


@pytest.fixture(scope="module")
def by_the_batch(served_bundle: Bundle, frame: IndicatorFrame) -> Graded:
    """The grades the batch would store."""
    values = aligned(served_bundle, frame)
    ids = frame.customer_id.tolist()
    return grade(served_bundle, values, ids, basis_of(served_bundle, frame.as_of, None))


@pytest.fixture(scope="module")
def here(published: Path, bundle_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    out = tmp_path_factory.mktemp("here") / "grades.parquet"
    grade_bulk(published, bundle_dir, out)
    return pq.read_table(out)


def test_every_number_is_the_one_of_the_batch(here: pa.Table, by_the_batch: Graded) -> None:
    rows = here.to_pylist()
    assert len(rows) == len(by_the_batch.grades) > 100
    for row, want in zip(rows, by_the_batch.grades, strict=True):
        assert row["customer_id"] == want.customer_id
        assert row["tier"] == want.tier.id
        for name in (
            *("score", "margin_up", "margin_down", "churn_probability"),
            *("ltv", "ltv_lower", "ltv_upper", "referred"),
        ):
            assert row[name] == getattr(want, name), name
        assert tuple(row["reasons"]) == want.reasons
        for dimension, score in want.dimension_scores.items():
            assert row[f"{dimension}_score"] == score
        for policy, stage in want.stages.items():
            assert row[f"stage_{policy}"] == stage


def test_every_row_says_what_it_rests_on(here: pa.Table, served_bundle: Bundle) -> None:
    for name, value in {
        "world": "small",
        "currency": "EUR",
        "simulated": True,
        "model_version": "3",
        "bundle_digest": served_bundle.digest,
        "scheme_sha256": served_bundle.scheme.sha256,
    }.items():
        assert set(here[name].to_pylist()) == {value}


def test_portions_change_nothing(
    here: pa.Table,
    published: Path,
    bundle_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bulk, "PORTION", 7)
    result = grade_bulk(published, bundle_dir, tmp_path / "grades.parquet")
    assert pq.read_table(result.path).equals(here)


def test_the_result_counts_what_was_written(
    here: pa.Table,
    published: Path,
    bundle_dir: Path,
    served_bundle: Bundle,
    tmp_path: Path,
    frame: IndicatorFrame,
) -> None:
    result = grade_bulk(published, bundle_dir, tmp_path / "grades.parquet", day=frame.as_of)
    assert result.as_of == frame.as_of
    assert result.customers == sum(result.tiers.values()) == len(frame)
    assert result.referred == sum(here["referred"].to_pylist()) > 0
    assert list(result.tiers) == [tier.id for tier in served_bundle.scheme.tiers]
    for tier, customers in result.tiers.items():
        assert here["tier"].to_pylist().count(tier) == customers


def test_a_file_is_replaced_and_a_folder_is_not(
    published: Path, bundle_dir: Path, tmp_path: Path
) -> None:
    out = tmp_path / "grades.parquet"
    out.write_text("old")
    assert grade_bulk(published, bundle_dir, out).customers > 0
    with pytest.raises(BatchError, match="there already"):
        grade_bulk(published, bundle_dir, tmp_path)
    with pytest.raises(BatchError, match="there already"):
        grade_bulk(published, bundle_dir, out, engine="spark")


def test_a_column_that_the_snapshot_lacks_is_told(
    frame: IndicatorFrame, publish_frame: Publish, bundle_dir: Path, tmp_path: Path
) -> None:
    narrow = IndicatorFrame(frame.as_of, frame.customer_id, frame.columns[1:], frame.values[:, 1:])
    publish_frame(narrow, tmp_path)
    with pytest.raises(BatchError, match=f"lacks 1 columns of the bundle: {frame.columns[0]}"):
        grade_bulk(tmp_path, bundle_dir, tmp_path / "grades.parquet")
    assert not (tmp_path / "grades.parquet").exists()


def test_a_snapshot_without_customers_is_told(
    frame: IndicatorFrame, publish_frame: Publish, bundle_dir: Path, tmp_path: Path
) -> None:
    nobody = IndicatorFrame(frame.as_of, frame.customer_id[:0], frame.columns, frame.values[:0])
    publish_frame(nobody, tmp_path)
    with pytest.raises(BatchError, match="no customer"):
        grade_bulk(tmp_path, bundle_dir, tmp_path / "grades.parquet")


def test_a_bundle_that_was_altered_is_refused(
    published: Path, bundle_dir: Path, tmp_path: Path
) -> None:
    for file in bundle_dir.iterdir():
        text = file.read_text("utf-8")
        (tmp_path / file.name).write_text(text + "\n" if file.suffix == ".toml" else text)
    with pytest.raises(BundleError):
        grade_bulk(published, tmp_path, tmp_path / "grades.parquet")


def test_the_command_tells_tiers_and_referrals(
    published: Path, bundle_dir: Path, tmp_path: Path, frame: IndicatorFrame
) -> None:
    out = tmp_path / "grades.parquet"
    options = ["--published", published, "--bundle", bundle_dir, "--out", out]
    told = CliRunner().invoke(
        app, ["grade", *map(str, options), "--as-of", str(frame.as_of)], catch_exceptions=False
    )
    assert told.exit_code == 0, told.output
    assert f"{len(frame)} customers graded as of {frame.as_of}: strategic_partner " in told.output
    assert str(out) in told.output
    assert pq.read_metadata(out).num_rows == len(frame)


@needs_spark
def test_spark_writes_the_same_rows(
    here: pa.Table, published: Path, bundle_dir: Path, tmp_path: Path
) -> None:
    out = tmp_path / "grades"
    result = grade_bulk(published, bundle_dir, out, engine="spark", threads=1)
    assert out.is_dir()
    assert list(tmp_path.iterdir()) == [out]
    there = pq.read_table(out).sort_by("customer_id")
    assert there.schema.names == here.schema.names
    assert there.cast(here.schema).equals(here)
    assert result.customers == here.num_rows


@pytest.fixture
def spoilt(frame: IndicatorFrame, publish_frame: Publish, tmp_path: Path) -> Path:
    """A published folder whose last column becomes words halfway down."""
    manifest = publish_frame(frame, tmp_path)
    name = f"indicators/{frame.as_of}.parquet"
    table = pq.read_table(tmp_path / name)
    words = ["1.0"] * (len(frame) - 1) + ["many"]
    table = table.set_column(table.num_columns - 1, table.column_names[-1], [words])
    pq.write_table(table, tmp_path / name)
    entry = replace(manifest.entries[name], sha256=file_hash(tmp_path / name))
    replace(manifest, entries=dict(manifest.entries) | {name: entry}).save(tmp_path)
    return tmp_path


def test_values_that_are_no_numbers_are_told(spoilt: Path, bundle_dir: Path) -> None:
    with pytest.raises(BatchError, match=r"cannot be graded: .*'many'"):
        grade_bulk(spoilt, bundle_dir, spoilt / "grades.parquet")
    assert not list(spoilt.glob("*grades*"))


@needs_spark
def test_what_fails_on_an_executor_is_told(spoilt: Path, bundle_dir: Path) -> None:
    with pytest.raises(BatchError, match=r"Spark could not grade .*'many'"):
        grade_bulk(spoilt, bundle_dir, spoilt / "grades", engine="spark", threads=1)
    assert not list(spoilt.glob("*grades*"))
