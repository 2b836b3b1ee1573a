"""One batch over simulated customers, in a process of its own: what it took.

``python -m tests.benchmarks.batch_runs BUNDLE FRAME CUSTOMERS STORE`` prints JSON; STORE is the
URL of an empty database. The customers are SIMULATED: drawn with replacement from a real frame,
every amount jittered by up to 3 %, so that the mix of known and unknown indicators, and of answers,
is a real one.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import make_url, text

from features.parquet import read_frame
from features.schema import IndicatorFrame
from serving import batch
from serving.batch import run_batch
from serving.scoring import aligned, basis_of, grade, grade_alone
from serving.store.session import Database
from training.bundle import Bundle

SEED = 11
_OTHER = """
import select, sys, time
from sqlalchemy import text
from serving.store.session import Database
store = Database(sys.argv[1])
while not select.select([sys.stdin], [], [], 0.2)[0]:
    begun = time.perf_counter()
    with store.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = version_num"))
    print(time.perf_counter() - begun)
"""
_SIZE = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT pg_database_size(current_database())",
}
_MADE = 1_000
"""Customers made at a time, always the same whatever is asked for at a time."""


@dataclass(frozen=True)
class SimulatedCustomers:
    """A frame that is nowhere as a whole: its customers are made when they are asked for."""

    real: IndicatorFrame
    n: int

    @property
    def as_of(self) -> date:
        return self.real.as_of

    @property
    def columns(self) -> tuple[str, ...]:
        return self.real.columns

    def blocks(self, size: int) -> Iterator[IndicatorFrame]:
        assert size % _MADE == 0
        held: list[IndicatorFrame] = []
        for start in range(0, self.n, _MADE):
            held.append(self._made(start))
            if len(held) * _MADE == size or start + _MADE >= self.n:
                yield IndicatorFrame(
                    self.as_of,
                    np.concatenate([each.customer_id for each in held]),
                    self.columns,
                    np.concatenate([each.values for each in held]),
                )
                held = []

    def customers(self, size: int) -> Iterator[npt.NDArray[np.str_]]:
        for start in range(0, self.n, _MADE):
            yield self._ids(start)

    def __len__(self) -> int:
        return self.n

    def _ids(self, start: int) -> npt.NDArray[np.str_]:
        return np.array([f"s{i:08d}" for i in range(start, min(start + _MADE, self.n))])

    def _made(self, start: int) -> IndicatorFrame:
        ids = self._ids(start)
        random = np.random.default_rng([SEED, start])
        rows = random.integers(0, len(self.real), len(ids))
        values = self.real.values[rows] * random.uniform(0.97, 1.03, (len(ids), 1))
        return IndicatorFrame(self.as_of, ids, self.columns, values)


def run(bundle_dir: Path, frame_file: Path, n: int, store: str) -> dict[str, Any]:
    """Grade ``n`` simulated customers into an empty store."""
    bundle = Bundle.load(bundle_dir)
    frame = SimulatedCustomers(read_frame(frame_file), n)
    database = Database(store)
    database.upgrade()
    # What a process does once, compiling included, is not of a batch's size.
    warm = next(frame.blocks(batch.CHUNK))
    grade(
        bundle, aligned(bundle, warm), warm.customer_id.tolist(), basis_of(bundle, warm.as_of, "")
    )
    began: dict[str, tuple[float, float]] = {}

    def note(stage: str, _done: int, _total: int) -> None:
        began.setdefault(stage, (perf_counter(), process_time()))

    start, spent, peak = perf_counter(), process_time(), _peak()
    with _beside(store) as waits:
        result = run_batch(bundle, frame, database, progress=note)
        end, processor = perf_counter(), process_time()
    stages = {
        name: {"seconds": after[0] - at[0], "processor_seconds": after[1] - at[1]}
        for (name, at), after in zip(
            began.items(), [*list(began.values())[1:], (end, processor)], strict=True
        )
    }
    with database.read() as session:
        size = session.scalar(text(_SIZE[make_url(store).get_backend_name()]))
    database.dispose()
    return {
        "customers": result.run.customers,
        "seconds": end - start,
        "processor_seconds": processor - spent,
        "fingerprint_seconds": began["grade"][0] - start,
        "grading_seconds": began["store"][0] - began["grade"][0],
        "writing_seconds": end - began["store"][0],
        "stages": stages,
        "others_wrote": len(waits),
        "others_waited_at_most_seconds": max(waits),
        "explaining_share_of_grading": _explaining(bundle, warm),
        "peak_mb_before": peak,
        "peak_mb": _peak(),
        "store_bytes": size,
        "referred": result.run.referred,
    }


@contextmanager
def _beside(store: str) -> Iterator[list[float]]:
    """Write to the store from another process now and then; yields how long it waited each time."""
    other = subprocess.Popen(
        [sys.executable, "-c", _OTHER, store],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    waits: list[float] = []
    try:
        yield waits
    finally:
        told, _ = other.communicate("over")
        waits += map(float, told.split())


def _explaining(bundle: Bundle, block: IndicatorFrame) -> float:
    """Return the share of explaining in ``grade``, the median of pairs beside each other."""
    values, ids = aligned(bundle, block), block.customer_id.tolist()
    basis = basis_of(bundle, block.as_of, "x")
    shares = []
    for _ in range(5):
        start = perf_counter()
        grade_alone(bundle, values, ids, basis)
        middle = perf_counter()
        grade(bundle, values, ids, basis)
        shares.append(1 - (middle - start) / (perf_counter() - middle))
    return float(np.median(shares))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("frame", type=Path)
    parser.add_argument("customers", type=int)
    parser.add_argument("store")
    given = parser.parse_args()
    told = run(given.bundle, given.frame, given.customers, given.store)
    print(json.dumps(told))  # noqa: T201
