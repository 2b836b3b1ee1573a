"""The nightly batch: one night of the journey, and up to a million simulated customers."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from features.parquet import write_frame
from features.schema import IndicatorFrame
from serving.batch import run_batch
from serving.scoring import basis_of, grade
from serving.store.grades import Grades
from serving.store.session import Database
from tests.benchmarks.conftest import World
from tests.benchmarks.measure import ROOT, Footprint, Ledger, Task
from tests.postgres import running

pytestmark = pytest.mark.bench

AREA = "Batch"
SIZES = tuple(map(int, os.environ.get("BENCH_BATCH", "100000,300000,1000000").split(",")))
"""Customers of each run, simulated; the environment may ask for fewer."""
ENGINE = os.environ.get("BENCH_BATCH_ENGINE", "sqlite")
"""Where they are stored: ``sqlite``, or ``postgresql``: a server as it is installed."""


@dataclass
class Nights:
    """Batches, each into an empty store of its own; making the store is not timed."""

    world: World
    folder: Path
    numbers: itertools.count[int] = field(default_factory=itertools.count)
    database: Database | None = None

    def open(self) -> None:
        self.close()
        self.database = Database(f"sqlite:///{self.folder / f'{next(self.numbers)}.db'}")
        self.database.upgrade()

    def grade(self) -> int:
        assert self.database is not None
        return run_batch(self.world.bundle, self.world.frame, self.database).run.customers

    def close(self) -> None:
        if self.database is not None:
            self.database.dispose()


def test_batch(world: World, ledger: Ledger, tmp_path: Path) -> None:
    bundle, frame = world.bundle, world.frame
    nights = Nights(world, tmp_path)
    ledger.race(
        AREA,
        Task("`bundle.score`", lambda: bundle.score(frame.values)),
        [
            Task("`run_batch` into an empty SQLite store", nights.grade, before=nights.open),
            Task("… of it, `grade`: decide and explain", lambda: graded(world, frame)),
        ],
        rounds=3,
        items=len(frame),
        unit="customers",
    )
    assert nights.database is not None
    with nights.database.read() as session:
        run = Grades(session).current_run()
    assert run is not None
    assert run.customers == len(frame)
    nights.close()


def graded(world: World, frame: IndicatorFrame) -> int:
    basis = basis_of(world.bundle, frame.as_of, "bench")
    found = grade(world.bundle, frame.values, frame.customer_id.tolist(), basis)
    return len(found.grades)


def test_many_simulated_customers(world: World, ledger: Ledger, tmp_path: Path) -> None:
    """Time and memory of each size, in a process of its own (``BENCH_BATCH`` names the sizes).

    The table goes to ``var/bench-batch.md``, of PostgreSQL to ``var/bench-batch-postgresql.md``.
    Memory is judged: what a batch adds to that of its process does not grow with its customers;
    times are told.
    """
    write_frame(world.frame, tmp_path / "real.parquet")
    runs = []
    for size in SIZES:
        with _store(tmp_path, size) as url:
            runs.append(_run(world.bundle_dir, tmp_path, size, url))
    for found in runs:
        ledger.footprints.append(
            Footprint(
                f"`run_batch`, {found['customers']:,} simulated customers into {ENGINE}",
                found["peak_mb"],
                "the same process before it",
                found["peak_mb_before"],
            )
        )
    name = "bench-batch" if ENGINE == "sqlite" else f"bench-batch-{ENGINE}"
    target = ROOT / "var" / f"{name}.md"
    target.parent.mkdir(exist_ok=True)
    target.write_text(_table(runs), "utf-8")
    target.with_suffix(".json").write_text(json.dumps(runs, indent=2), "utf-8")
    added = [found["peak_mb"] - found["peak_mb_before"] for found in runs]
    # What grows is what the desk has to do: its open cases, and the pages of a larger store.
    assert added[-1] <= 2 * added[0] + 150e-6 * (SIZES[-1] - SIZES[0])


@contextmanager
def _store(folder: Path, customers: int) -> Iterator[str]:
    """Yield the URL of an empty database; nothing of it stays."""
    if ENGINE == "postgresql":
        with running(settings="") as server:
            yield server.url(server.empty())
        return
    yield f"sqlite:///{folder / f'{customers}.db'}"
    for file in folder.glob(f"*{customers}.db*"):
        file.unlink()


def _run(bundle_dir: Path, folder: Path, customers: int, store: str) -> dict[str, Any]:
    arguments = (bundle_dir, folder / "real.parquet", customers, store)
    command = [sys.executable, "-m", "tests.benchmarks.batch_runs", *map(str, arguments)]
    result = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout.strip().split("\n")[-1])
    assert found["customers"] == customers
    return found


def _table(runs: list[dict[str, Any]]) -> str:
    first = runs[0]["seconds"] / runs[0]["customers"]
    lines = [
        "Customers are simulated: drawn from a real frame, amounts jittered by up to 3 %.",
        f"They are stored in {ENGINE}"
        + (", as it is installed." if ENGINE == "postgresql" else "."),
        "",
        "| Customers | Seconds | Customers/s | Time a customer, against the first | Fingerprint | "
        "Grading | … of it explaining | Writing | Others waited at most | Memory before | Peak | "
        "Store, bytes a customer |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for found in runs:
        n, seconds = found["customers"], found["seconds"]
        shares = [
            f"{found[key] / seconds:.0%}"
            for key in ("fingerprint_seconds", "grading_seconds", "writing_seconds")
        ]
        lines.append(
            f"| {n:,} | {seconds:.1f} | {n / seconds:,.0f} | {seconds / n / first:.2f} | "
            f"{shares[0]} | {shares[1]} | {found['explaining_share_of_grading']:.0%} | "
            f"{shares[2]} | {found['others_waited_at_most_seconds']:.1f} s | "
            f"{found['peak_mb_before']:.0f} MB | {found['peak_mb']:.0f} MB | "
            f"{found['store_bytes'] / n:,.0f} |"
        )
    return "\n".join((*lines, ""))
