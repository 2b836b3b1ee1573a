"""One run of the feature benchmark a process: ``python -m … TASK SOURCES OUT DAY…``.

The clock starts when everything is imported and stops when the last file is written. Tells
seconds and the peak memory of the process as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter

from tests.benchmarks.company import MEMORY_LIMIT
from tests.benchmarks.measure import ROOT, peak_of


@dataclass(frozen=True, slots=True)
class Run:
    """What one process took."""

    seconds: float
    peak_mb: float | None


def at_once(sources: Path, out: Path, days: list[date]) -> None:
    """Publish all snapshots from one fold of the sources."""
    from features.backends import connect
    from features.publish import publish
    from features.sources import open_sources

    publish(open_sources(sources, connect(memory_limit=MEMORY_LIMIT)), out, days, ())


def one_by_one(sources: Path, out: Path, days: list[date]) -> None:
    """Publish each snapshot by itself: a full scan of all rows for each."""
    from features.backends import connect
    from features.publish import publish
    from features.sources import open_sources

    opened = open_sources(sources, connect(memory_limit=MEMORY_LIMIT))
    for day in days:
        publish(opened, out, [day], ())


def twin(sources: Path, out: Path, days: list[date]) -> None:
    """Write the same files from pandas; it is told that no key has versions."""
    _twin(sources, out, days, versioned=())


def careful_twin(sources: Path, out: Path, days: list[date]) -> None:
    """Write the same files from pandas, which looks for later versions of every row."""
    from features.contract import CONTRACT

    _twin(sources, out, days, versioned=tuple(CONTRACT))


def _twin(sources: Path, out: Path, days: list[date], versioned: tuple[str, ...]) -> None:
    from features.publish import indicators_name
    from features.snapshot import Snapshot
    from tests.benchmarks.pandas_twin import indicators, read

    tables = read(sources)
    for day in days:
        snapshot = Snapshot.at(day)
        frame = indicators(tables, snapshot.as_of, snapshot.known_at, versioned=versioned)
        path = out / indicators_name(day)
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(path, compression="zstd")


TASKS = {task.__name__: task for task in (at_once, one_by_one, twin, careful_twin)}


def run(task: str, sources: Path, out: Path, days: list[date]) -> Run:
    """Run a task in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.feature_runs", task]
    arguments = [str(sources), str(out), *(day.isoformat() for day in days)]
    result = subprocess.run(
        [*command, *arguments],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return Run(**json.loads(result.stdout.strip().split("\n")[-1]))


def main(task: str, sources: str, out: str, *days: str) -> None:
    """Run a task here and tell what it took."""
    import duckdb  # noqa: F401 - loaded before the clock starts, as everything else
    import pandas  # noqa: F401

    import features.publish  # noqa: F401
    import tests.benchmarks.pandas_twin  # noqa: F401

    begun = perf_counter()
    TASKS[task](Path(sources), Path(out), [date.fromisoformat(day) for day in days])
    taken = Run(perf_counter() - begun, peak_of("self"))
    told = {"seconds": taken.seconds, "peak_mb": taken.peak_mb}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
