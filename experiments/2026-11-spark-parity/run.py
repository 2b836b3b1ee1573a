"""Publish the same snapshots on DuckDB and on Spark, and compare every number.

    .venv/bin/python experiments/2026-11-spark-parity/run.py SOURCES --as-of 2026-06-30 ...

SOURCES is a folder that `tierwise features ingest` wrote. Needs the extra `spark` and Java 17.
"""

from __future__ import annotations

import argparse
import time
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from features.backends import connect
from features.manifest import Manifest
from features.parquet import read_frame, read_outcomes
from features.publish import publish
from features.sources import open_sources

TOLERANCE = 1e-9


def publish_on(engine: str, sources: Path, out: Path, given: argparse.Namespace) -> float:
    """Publish on one engine; return seconds, the start of the engine left out."""
    connection = connect(engine, threads=given.threads, memory_limit=given.memory)
    start = time.perf_counter()
    last = start

    def told(name: str, done: int, total: int) -> None:
        nonlocal last
        now = time.perf_counter()
        print(f"  {engine:6} {done:3}/{total} {now - last:8.1f} s  {name}", flush=True)
        last = now

    publish(open_sources(sources, connection), out, given.as_of, given.horizon or (), progress=told)
    return time.perf_counter() - start


def compare(left: Path, right: Path) -> None:
    """Compare two published folders and print what differs."""
    manifests = [Manifest.load(folder) for folder in (left, right)]
    assert manifests[0].origin() == manifests[1].origin()
    assert set(manifests[0].entries) == set(manifests[1].entries)
    rows = values = nulls = beyond = unequal = same_files = 0
    worst = 0.0
    for name, entry in manifests[0].entries.items():
        same_files += entry.sha256 == manifests[1].entries[name].sha256
        if entry.horizon_days is None:
            one, other = read_frame(left / name), read_frame(right / name)
            assert one.columns == other.columns
            a, b, columns = one.values, other.values, one.columns
        else:
            early, late = read_outcomes(left / name), read_outcomes(right / name)
            one, other = early, late
            a, b = (np.column_stack([o.churned, o.net_value]) for o in (early, late))
            columns = ("churned", "net_value")
        assert one.customer_id.tolist() == other.customer_id.tolist(), name
        off = np.isnan(a) != np.isnan(b)
        apart = np.nan_to_num(np.abs(a - b) / np.maximum(1.0, np.abs(a)))
        for j in np.flatnonzero((off | (apart > TOLERANCE)).any(axis=0)):
            i = int(np.flatnonzero(off[:, j] | (apart[:, j] > TOLERANCE))[0])
            print(f"  {name} {columns[j]} {one.customer_id[i]}: {a[i, j]} and {b[i, j]}")
        rows, values = rows + len(a), values + int((~np.isnan(a)).sum())
        nulls, beyond = nulls + int(off.sum()), beyond + int((apart > TOLERANCE).sum())
        unequal, worst = unequal + int((apart > 0).sum()), max(worst, float(apart.max()))
    print(
        f"{len(manifests[0].entries)} files, {rows:,} rows, {values:,} known values: "
        f"{nulls} nulls differ, {beyond} values beyond {TOLERANCE}, {unequal} not equal to the "
        f"bit, largest difference {worst:.2e}; {same_files} files equal byte for byte"
    )


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sources", type=Path)
    parser.add_argument("--as-of", type=date.fromisoformat, action="append", required=True)
    parser.add_argument("--horizon", type=int, action="append")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="4GB")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        out = {engine: Path(folder) / engine for engine in ("duckdb", "spark")}
        for engine, place in out.items():
            seconds = publish_on(engine, given.sources, place, given)
            print(f"{engine}: {seconds:.1f} s", flush=True)
        compare(out["duckdb"], out["spark"])


if __name__ == "__main__":
    main()
