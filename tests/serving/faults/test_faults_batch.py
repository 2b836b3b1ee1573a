"""Batches that are killed, that meet each other, and whose clock jumps: nothing is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from features.parquet import write_frame
from features.schema import IndicatorFrame
from serving.audit import verify
from serving.batch import run_batch
from serving.sealing import verify_runs
from serving.store.audit_events import AuditEvents
from serving.store.grades import Grades
from serving.store.reviews import Reviews
from serving.store.session import Database
from tests.processes import untraced
from training.bundle import Bundle

NIGHT = Path(__file__).with_name("night.py")
START = datetime(2026, 1, 5, 2, 0)


def night(*arguments: object) -> subprocess.Popen[str]:
    """Start a batch and wait until it is about to begin."""
    process = subprocess.Popen(
        [sys.executable, str(NIGHT), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=untraced(),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def begin(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.fixture
def frames(frame: IndicatorFrame, tmp_path: Path) -> tuple[Path, Path]:
    """The same day with other figures, twice."""
    paths = []
    for number, factor in enumerate((1.5, 2.5)):
        values = frame.values.copy()
        values[:, frame.columns.index("net_amount_365d")] *= factor
        paths.append(tmp_path / f"{number}.parquet")
        write_frame(replace(frame, values=values), paths[-1])
    return paths[0], paths[1]


@pytest.mark.parametrize(
    ("stage", "done"), [("grade", 0), ("grade", 200), ("store", 0), ("store", 200)]
)
def test_a_batch_killed_anywhere_loses_nothing(
    stage: str,
    done: int,
    database: Database,
    store_url: str,
    bundle_dir: Path,
    served_bundle: Bundle,
    frame: IndicatorFrame,
    frames: tuple[Path, Path],
) -> None:
    old = run_batch(served_bundle, frame, database).run
    with database.read() as session:
        head = verify(session)
    with night(bundle_dir, frames[0], store_url, stage, done) as process:
        begin(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    with database.read() as session:
        assert Grades(session).runs() == (old,)
        assert verify(session) == head, "not an event more, not one less"
        assert verify_runs(session).grades == old.customers
        assert Reviews(session).count() == old.referred
    again = run_batch(served_bundle, replace(frame, values=frame.values * 1.5), database)
    assert again.created, "the lock of the dead one is gone"


def test_two_batches_at_once_serialise_or_one_gives_way(
    database: Database,
    store_url: str,
    bundle_dir: Path,
    served_bundle: Bundle,
    frame: IndicatorFrame,
    frames: tuple[Path, Path],
) -> None:
    first = run_batch(served_bundle, frame, database).run
    processes = [night(bundle_dir, path, store_url) for path in frames]
    for process in processes:
        begin(process)
    told = [process.communicate(timeout=120)[0].strip() for process in processes]
    codes = [process.returncode for process in processes]
    assert set(codes) <= {0, 3}
    assert 0 in codes, "one of them finished"
    assert all(told[n] == "BatchError" for n in range(2) if codes[n] == 3), told
    with database.read() as session:
        ids = {run.run_id for run in Grades(session).runs()}
        assert ids == {first.run_id, *(told[n] for n in range(2) if codes[n] == 0)}
        verify(session)
        assert verify_runs(session).runs == len(ids)


def clock(*moments: datetime) -> Iterator[datetime]:
    yield from moments
    while True:
        yield moments[-1]


def test_a_clock_that_jumps_brings_no_old_run_back(
    database: Database, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    """Forwards by ten years, back again, back by an hour: the newest run is served."""
    runs = []
    for jump in (timedelta(0), timedelta(days=3650), timedelta(days=1), timedelta(hours=23)):
        moments = clock(START + jump, START + jump + timedelta(seconds=5))
        done = run_batch(
            served_bundle, frame, database, force=True, clock=lambda m=moments: next(m)
        )
        runs.append(done.run)
        with database.read() as session:
            assert Grades(session).current_run() == done.run
    with database.read() as session:
        verify(session)
        assert verify_runs(session).runs == len(runs)
        told = [e.subject for e in AuditEvents(session).of_action("run.finished")]
        assert told == [f"run:{run.run_id}" for run in runs], "in the order they happened"
        for case in Reviews(session).open_cases().values():
            assert case.due_at > case.opened_at
            assert case.opened_at == runs[0].finished_at, "what was due stays due then"
