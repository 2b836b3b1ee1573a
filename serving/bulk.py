"""Bulk grading: a published snapshot in, Parquet with a grade a customer out.

The batch (``serving/batch.py``) keeps grades with explanations, cases and an audit trail in
the service's store. This is for populations that only need the numbers: rows pass through in
portions, on this machine or inside ``mapInPandas`` on Spark, and the same function grades
them in both places.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.parquet import PART_SUFFIX, atomic_path, floats, strings
from features.schema import IndicatorFrame
from serving.errors import BatchError
from serving.published import check_world, find_published
from serving.scoring import aligned, basis_of, segments_of
from tiering.lifecycles.lifecycle_file import packaged_lifecycles
from training.bundle import Bundle

if TYPE_CHECKING:
    import pandas as pd

Engine = Literal["local", "spark"]

PORTION = 10_000
"""Customers graded at once."""

_SPARK_TYPES: Mapping[pa.DataType, str] = {
    pa.string(): "string",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    pa.list_(pa.string()): "array<string>",
}


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What was written.

    Attributes
    ----------
    path
        The file, or with Spark the folder of files.
    as_of
        Day of the snapshot.
    customers, referred
        How many were graded, and how many of them the expert panel must look at.
    tiers
        Customers by tier id, best tier first.
    """

    path: Path
    as_of: date
    customers: int
    referred: int
    tiers: Mapping[str, int]


def grades_table(bundle: Bundle, frame: IndicatorFrame) -> pa.Table:
    """Grade a frame.

    Returns
    -------
    pa.Table
        A row a customer, in the order of the frame: ``customer_id``; ``score`` and
        ``<dimension>_score`` (0 to 100); ``tier`` and its margins in points;
        ``churn_probability``; ``ltv`` with its interval, in the bundle's currency;
        ``referred`` and the codes of its ``reasons``; ``stage_<policy>`` of each lifecycle;
        and what the grade rests on, the same in every row. Null is unknown.

    Raises
    ------
    BatchError
        If the frame is empty or lacks a column the bundle was trained on.
    UngradableError
        If a customer has no data at all.
    """
    values = aligned(bundle, frame)
    n = len(frame)
    scores, decisions = bundle.decide(values)
    decisions = bundle.certify(scores, decisions)
    by_name = bundle.indicator_values(values, scores)
    scored = decisions.composite
    basis = basis_of(bundle, frame.as_of, None)
    columns: dict[str, pa.Array] = {
        "customer_id": pa.array(frame.customer_id.tolist(), pa.string()),
        "score": _known(scored.score),
        "tier": pa.array([basis.tiers[i].id for i in decisions.tier.tolist()], pa.string()),
        "margin_up": _known(decisions.margin_up),
        "margin_down": _known(decisions.margin_down),
        "churn_probability": _known(scores.churn_probability),
        "ltv": _known(scores.ltv),
        "ltv_lower": _known(scores.ltv_lower),
        "ltv_upper": _known(scores.ltv_upper),
        **{
            f"{dimension}_score": _known(scored.dimension_score[:, d])
            for d, dimension in enumerate(scored.dimensions)
        },
        "segment": pa.array(segments_of(decisions), pa.string()),
        "confidence": _known(decisions.confidence),
        "referred": pa.array(decisions.referred, pa.bool_()),
        "reasons": pa.array([list(codes) for codes in decisions.reasons], pa.list_(pa.string())),
    }
    for policy in packaged_lifecycles():
        stages = [policy.stages[place].id for place in policy.assign(by_name, n).tolist()]
        columns[f"stage_{policy.id}"] = pa.array(stages, pa.string())
    rests_on: dict[str, tuple[object, pa.DataType]] = {
        "as_of": (basis.as_of, pa.date32()),
        "world": (basis.world, pa.string()),
        "currency": (basis.currency, pa.string()),
        "simulated": (basis.simulated, pa.bool_()),
        "model_version": (basis.model_version, pa.string()),
        "bundle_digest": (basis.bundle_digest, pa.string()),
        "scheme_id": (basis.scheme_id, pa.string()),
        "scheme_version": (basis.scheme_version, pa.string()),
        "scheme_sha256": (basis.scheme_sha256, pa.string()),
    }
    columns |= {name: pa.array([value] * n, kind) for name, (value, kind) in rests_on.items()}
    return pa.table(columns)


def grade_bulk(
    published: Path,
    bundle_dir: Path,
    out: Path,
    *,
    day: date | None = None,
    engine: Engine = "local",
    threads: int | None = None,
    memory_limit: str | None = None,
) -> BulkResult:
    """Grade a published snapshot and write the grades as Parquet.

    Parameters
    ----------
    published
        Folder of published snapshots.
    bundle_dir
        Folder of a bundle.
    out
        A file, replaced when the new one is whole. With Spark a new folder of files, one a
        partition, which readers of Parquet take as one table.
    day
        Published day; the latest by default.
    engine, threads, memory_limit
        Where to grade; Spark is started as by ``features.spark.session``.

    Raises
    ------
    BatchError
        If the day is not published, of another world, without customers, lacks columns of
        the bundle, or cannot be graded; or if ``out`` cannot be replaced.
    BundleError
        If the folder holds no sound bundle.
    DataError
        If Spark is not installed or does not start.
    UngradableError
        If a customer has no data at all.
    """
    if out.is_dir() or (engine == "spark" and out.exists()):
        raise BatchError(
            f"{out} is there already; only a file can be replaced, and only by a file.",
            hint="Name another, or remove it.",
            path=str(out),
        )
    bundle = Bundle.load(bundle_dir)
    path, origin = find_published(published, day)
    check_world(bundle, origin)
    as_of = date.fromisoformat(path.stem)
    try:
        schema = _schema(bundle, path, as_of)
        if engine == "spark":
            _on_spark(bundle_dir, path, as_of, schema, out, threads, memory_limit)
        else:
            _here(bundle, path, as_of, schema, out)
    except pa.ArrowException as error:
        raise BatchError(
            f"{path.name} cannot be graded: {error}",
            hint="Publish the snapshot again.",
            file=path.name,
        ) from error
    told = pq.read_table(out, columns=["tier", "referred"])
    counts = Counter(told["tier"].to_pylist())
    return BulkResult(
        path=out,
        as_of=as_of,
        customers=told.num_rows,
        referred=sum(told["referred"].to_pylist()),
        tiers={tier.id: counts[tier.id] for tier in bundle.scheme.tiers},
    )


def _schema(bundle: Bundle, path: Path, as_of: date) -> pa.Schema:
    """Return the columns of the grades, by grading the first customer."""
    first = next(pq.ParquetFile(path).iter_batches(batch_size=1), None)
    rows = pa.table({"customer_id": []}) if first is None else pa.Table.from_batches([first])
    return grades_table(bundle, _frame(rows, as_of)).schema


def _here(bundle: Bundle, path: Path, as_of: date, schema: pa.Schema, out: Path) -> None:
    columns = ["customer_id", *bundle.columns]
    with (
        pq.ParquetFile(path) as source,
        atomic_path(out) as part,
        pq.ParquetWriter(part, schema, compression="zstd") as writer,
    ):
        for batch in source.iter_batches(batch_size=PORTION, columns=columns):
            rows = pa.Table.from_batches([batch])
            writer.write_table(grades_table(bundle, _frame(rows, as_of)))


def _on_spark(
    bundle_dir: Path,
    path: Path,
    as_of: date,
    schema: pa.Schema,
    out: Path,
    threads: int | None,
    memory_limit: str | None,
) -> None:
    from features import spark  # with it comes the query engine, which only this needs

    bundle = {file.name: file.read_bytes() for file in bundle_dir.iterdir() if file.is_file()}
    columns = ", ".join(f"`{field.name}` {_SPARK_TYPES[field.type]}" for field in schema)
    session = spark.session(threads=threads, memory_limit=memory_limit)
    session.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(PORTION))
    part = out.with_name(f".{out.name}.{os.getpid()}{PART_SUFFIX}")
    try:
        with spark.pandas_3():
            grades = session.read.parquet(str(path.absolute())).mapInPandas(
                _partition_grader(bundle, as_of), columns
            )
            grades.write.parquet(str(part.absolute()), compression="zstd")
        part.rename(out)
    except spark.errors() as error:
        raise BatchError(
            f"Spark could not grade {path.name}: {_last_line(error)}",
            hint="Grade it on this machine (--engine local) to see the customer.",
            file=path.name,
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _partition_grader(
    bundle: Mapping[str, bytes], as_of: date
) -> Callable[[Iterator[pd.DataFrame]], Iterator[pd.DataFrame]]:
    """Return what an executor does with its rows.

    The bundle travels as its files, so that every executor checks them against their hashes
    and no executor needs the folder they came from.
    """

    def grade_partition(portions: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        with TemporaryDirectory() as folder:
            for name, content in bundle.items():
                (Path(folder) / name).write_bytes(content)
            loaded = Bundle.load(Path(folder))
        for portion in portions:
            if len(portion):
                rows = pa.Table.from_pandas(portion, preserve_index=False)
                yield grades_table(loaded, _frame(rows, as_of)).to_pandas()

    return grade_partition


def _frame(rows: pa.Table, as_of: date) -> IndicatorFrame:
    names = tuple(name for name in rows.column_names if name != "customer_id")
    return IndicatorFrame(
        as_of=as_of,
        customer_id=strings(rows, "customer_id"),
        columns=names,
        values=np.column_stack([floats(rows, name) for name in names] or [np.empty(0)]),
    )


def _known(column: Any) -> pa.Array:
    return pa.array(column, pa.float64(), from_pandas=True)


def _last_line(error: Exception) -> str:
    """Return what was raised on an executor, from below its traceback."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
