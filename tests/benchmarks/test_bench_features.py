"""Many snapshots of the simulated company against one, against pandas, and ten times larger.

``make bench-features`` runs this file alone: it takes long. ``BENCH_ROWS=1000000`` leaves the
larger company out. Every run is a process of its own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from features.publish import indicators_name
from features.schema import CATALOGUE
from tests.benchmarks.company import company, month_ends
from tests.benchmarks.feature_runs import Run, run
from tests.benchmarks.measure import Figure, Ledger

ROWS = 1_000_000
MORE_ROWS = 10_000_000
SNAPSHOTS = 24
ROUNDS = 3

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(
        "BENCH_ROWS" not in os.environ, reason="takes half an hour: make bench-features"
    ),
]

DAYS = month_ends(SNAPSHOTS)
ONE = "1 snapshot, `publish`"
ALL = f"{SNAPSHOTS} snapshots, `publish`"
SCANS = f"{SNAPSHOTS} times `publish` of 1 snapshot: a scan of all rows for each"
TWIN = f"{SNAPSHOTS} snapshots, pandas twin"
CAREFUL = f"{TWIN} that looks for later versions"


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    shutil.rmtree(tmp_path)  # gigabytes


def wanted(order_rows: int) -> bool:
    return order_rows <= int(os.environ["BENCH_ROWS"])


def measure(task: str, sources: Path, out: Path, *, snapshots: int) -> Run:
    """Run a task into an empty folder."""
    shutil.rmtree(out, ignore_errors=True)
    return run(task, sources, out, DAYS[-snapshots:])


def test_one_million_rows(ledger: Ledger, out: Path) -> None:
    sources = company(ROWS)
    rows = order_rows(sources)
    area = f"{len(CATALOGUE)} indicators of the simulated company, {rows:,} order rows"
    found: dict[str, list[Run]] = {}
    for number in range(ROUNDS):  # side by side, so that a machine that slows down moves all
        for name, task, snapshots in plan(heavy=number == 0):
            one = measure(task, sources, out / task, snapshots=snapshots)
            found.setdefault(name, []).append(one)
    assert_same_files(out / "one_by_one", out / "at_once")
    assert_same_values(out / "twin", out / "at_once")
    assert_same_values(out / "careful_twin", out / "at_once")

    ledger.figures += [
        figure(area, ALL, found[ALL], baseline, found[baseline], rows)
        for baseline in (ONE, SCANS, TWIN, CAREFUL)
    ]
    weigh(ledger, rows, TWIN, found)


def plan(*, heavy: bool) -> list[tuple[str, str, int]]:
    """Return what to run: name, task, snapshots; the slow ones once."""
    light = [(ONE, "at_once", 1), (ALL, "at_once", SNAPSHOTS)]
    slow = [(SCANS, "one_by_one"), (TWIN, "twin"), (CAREFUL, "careful_twin")]
    return [*((name, task, SNAPSHOTS) for name, task in slow if heavy), *light]


def test_ten_million_rows(ledger: Ledger, out: Path) -> None:
    if not wanted(MORE_ROWS):
        pytest.skip("BENCH_ROWS leaves it out")
    fewer, more = company(ROWS), company(MORE_ROWS)
    rows = order_rows(more)
    assert 9 < rows / order_rows(fewer) < 11  # or the ratio would say nothing
    area = f"{len(CATALOGUE)} indicators of the simulated company, {rows:,} order rows"
    found = {
        name: [measure("at_once", sources, out, snapshots=snapshots)]
        for name, sources, snapshots in (
            (f"{ALL}, {order_rows(fewer):,} order rows", fewer, SNAPSHOTS),
            (ALL, more, SNAPSHOTS),
            (ONE, more, 1),
        )
    }
    smaller = next(iter(found))
    ledger.figures += [
        figure(area, ALL, found[ALL], baseline, found[baseline], rows)
        for baseline in (smaller, ONE)
    ]
    weigh(ledger, rows, smaller, found)


def figure(
    area: str, name: str, runs: list[Run], baseline: str, others: list[Run], rows: int
) -> Figure:
    """Compare runs in the order they came; a baseline that ran once stands beside each."""
    mine, theirs = [r.seconds for r in runs], [r.seconds for r in others]
    if len(theirs) != len(mine):
        shorter = min(len(theirs), len(mine))
        mine, theirs = mine[:shorter], theirs[:shorter]
    return Figure(area, name, baseline, rows, "order rows", tuple(mine), tuple(theirs))


def weigh(ledger: Ledger, rows: int, baseline: str, found: dict[str, list[Run]]) -> None:
    """Keep the largest peak of each, where the system tells it."""
    peaks = {
        name: max(r.peak_mb for r in runs if r.peak_mb is not None)
        for name, runs in found.items()
        if all(r.peak_mb is not None for r in runs)
    }
    if baseline in peaks:
        others = {f"{n}, {rows:,} order rows": p for n, p in peaks.items() if n != baseline}
        ledger.weigh((baseline, peaks[baseline]), others)


def order_rows(sources: Path) -> int:
    return int(pq.read_metadata(sources / "orders.parquet").num_rows)


def assert_same_files(folder: Path, other: Path) -> None:
    for day in DAYS:
        name = indicators_name(day)
        assert (folder / name).read_bytes() == (other / name).read_bytes(), name


def assert_same_values(folder: Path, other: Path) -> None:
    for day in (DAYS[0], DAYS[len(DAYS) // 2], DAYS[-1]):
        twin, ours = (pq.read_table(each / indicators_name(day)) for each in (folder, other))
        assert twin["customer_id"].to_pylist() == ours["customer_id"].to_pylist()
        for name in CATALOGUE:
            a, b = (t[name].to_pandas().to_numpy("float64") for t in (twin, ours))
            np.testing.assert_allclose(a, b, 1e-9, 1e-6, err_msg=f"{name} at {day}")
