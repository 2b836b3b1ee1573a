"""Batches that are killed, that meet each other, and whose clock jumps: nothing is lost."""

from __future__ import annotations

import select
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import func
from sqlalchemy import select as selected

from features.parquet import read_frame, write_frame
from features.schema import IndicatorFrame
from serving.app import create_app
from serving.audit import verify
from serving.batch import run_batch
from serving.sealing import verify_runs
from serving.settings import Settings
from serving.store.alerts import AlertStore
from serving.store.audit_events import AuditEvents
from serving.store.grades import Grades
from serving.store.raw import grade_ids, strays
from serving.store.reviews import Reviews
from serving.store.session import Database
from serving.store.steps import RunSteps
from serving.store.tables import GradeRow
from tests.blank_store import blank_store
from tests.processes import untraced
from tests.serving.loopback import running
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


@contextmanager
def killed_at(
    stage: str, done: int, *arguments: object, meanwhile: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """Hold a batch at a stage for as long as the block lasts, then kill it there.

    ``meanwhile`` is done again and again until it has come to the stage.
    """
    with night(*arguments, stage, done) as process:
        begin(process)
        assert process.stdout is not None
        while not select.select([process.stdout], [], [], 0.01)[0]:
            meanwhile()
        assert process.stdout.readline() == "here\n"
        yield
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


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
    with killed_at(stage, done, bundle_dir, frames[0], store_url):
        pass
    with database.read() as session:
        assert Grades(session).runs() == (old,)
        assert verify(session) == head, "not an event more, not one less"
        assert verify_runs(session).grades == old.customers
        assert Reviews(session).count() == old.referred
        assert strays(session) == []
        left = RunSteps(session).coming()
    assert len(left) == (stage == "store" and done > 0), "pieces of it lie there, unseen"
    again = run_batch(served_bundle, replace(frame, values=frame.values * 1.5), database)
    assert again.created, "the lock of the dead one is gone"
    with database.read() as session:
        assert RunSteps(session).coming() == ()
        assert {run_id for _, run_id in grade_ids(session)} == {old.run_id, again.run.run_id}
        counted = session.scalar(selected(func.count()).select_from(GradeRow))
        assert counted == 2 * old.customers, "and are taken away"
        assert verify_runs(session).grades == 2 * old.customers


def test_a_batch_killed_when_its_run_is_served_is_finished_by_the_next(
    database: Database,
    store_url: str,
    bundle_dir: Path,
    served_bundle: Bundle,
    frame: IndicatorFrame,
    frames: tuple[Path, Path],
) -> None:
    old = run_batch(served_bundle, frame, database).run
    with killed_at("follow", 1, bundle_dir, frames[0], store_url):
        pass
    with database.read() as session:
        run = Grades(session).current_run()
        assert run is not None
        assert run.run_id != old.run_id
        assert RunSteps(session).telling() is not None
        verify(session)
    assert not run_batch(served_bundle, read_frame(frames[0]), database).created
    with database.read() as session:
        assert RunSteps(session).telling() is None
        live = Reviews(session).open_cases()
        assert {case.run_id for case in live.values()} == {run.run_id}
        assert len(live) == run.referred
        told = [e.subject for e in AuditEvents(session).of_action("tier.changed")]
        assert len(told) == len(set(told))
        verify(session)
        assert verify_runs(session).runs == 2


@pytest.mark.parametrize(("stage", "done"), [("grade", 200), ("store", 200)])
def test_a_service_answers_and_writes_while_a_batch_beside_it_is_killed(
    stage: str,
    done: int,
    tmp_path: Path,
    settings: Settings,
    bundle_dir: Path,
    served_bundle: Bundle,
    frame: IndicatorFrame,
    frames: tuple[Path, Path],
) -> None:
    mine = settings.model_copy(update={"home": tmp_path})
    store = blank_store(mine.database)
    old = run_batch(served_bundle, frame, store).run
    application = create_app(mine)
    ids = [str(each) for each in frame.customer_id[:40]]
    told: Counter[tuple[int, str]] = Counter()
    with running(application) as address, httpx2.Client(base_url=address) as client:

        def ask(times: int) -> None:
            for customer in ids[:times]:
                answer = client.get(f"/v1/grades/{customer}")
                told[answer.status_code, answer.json().get("run_id", "")] += 1

        ask(40)
        beside = killed_at(
            stage, done, bundle_dir, frames[0], mine.database, meanwhile=lambda: ask(5)
        )
        with beside:
            with store.read() as session:
                alert = next(iter(AlertStore(session).uncleared().values()))
            path = f"/v1/alerts/{alert.alert_id}/acknowledge"
            assert client.post(path, json={"note": "mine"}).status_code == 200
        ask(40)
    assert set(told) == {(200, old.run_id)}
    with store.read() as session:
        events = [e.subject for e in AuditEvents(session).of_action("alert.acknowledged")]
        assert events == [f"alert:{alert.alert_id}"]
        verify(session)
    application.state.database.dispose()
    store.dispose()


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
