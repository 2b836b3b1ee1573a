"""The batch: all or nothing, once, and with its traces."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from features.manifest import Manifest
from features.parquet import write_frame
from features.schema import IndicatorFrame
from serving.audit import verify
from serving.batch import run_batch
from serving.domain.case import CaseStatus
from serving.errors import BatchError
from serving.published import Published, read_published
from serving.store.audit_events import AuditEvents
from serving.store.grades import Grades
from serving.store.reviews import Reviews
from serving.store.session import Database
from tiering.lifecycles.lifecycle_file import packaged_lifecycles
from training.bundle import Bundle

Publish = Callable[[IndicatorFrame, Path], Manifest]
NIGHT = datetime(2024, 7, 1, 2, 0)


def clock(start: datetime) -> Iterator[datetime]:
    while True:
        yield start
        start += timedelta(seconds=1)


def test_a_run_holds_every_customer_and_its_traces(
    database: Database, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    stages: list[tuple[str, int, int]] = []
    result = run_batch(
        served_bundle, frame, database, actor="night", progress=lambda *s: stages.append(s)
    )
    run = result.run
    assert result.created
    assert run.customers == len(frame) == sum(t.customers for t in run.tiers)
    assert run.referred == sum(t.referred for t in run.tiers) == result.opened > 0
    assert run.basis.model_version == "3"
    assert run.known_at.date() == frame.as_of
    assert {stage for stage, _, _ in stages} == {"grade", "store", "follow"}
    assert stages[-1] == ("follow", len(frame), len(frame))
    with database.read() as session:
        assert Reviews(session).count(CaseStatus.OPEN) == run.referred
        assert result.alerts is not None
        assert verify(session).size == 1 + run.referred + len(result.alerts.happenings)
        finished = AuditEvents(session).about(f"run:{run.run_id}")
    assert [e.action for e in finished] == ["run.finished"]
    assert finished[0].actor == "night"
    assert finished[0].payload["tiers"] == {t.tier.id: t.customers for t in run.tiers}


def test_sums_of_a_tier_are_those_of_its_customers(
    database: Database, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    run = run_batch(served_bundle, frame, database).run
    with database.read() as session:
        for summary in run.tiers:
            own = Grades(session).page(run, tier_id=summary.tier.id, limit=500).items
            assert summary.ltv == pytest.approx(sum(g.ltv or 0 for g in own))
            spend = sum(g.indicators["net_amount_365d"] or 0 for g in own)
            assert summary.net_amount_365d == pytest.approx(spend)
            assert summary.score_mean == pytest.approx(np.mean([g.score for g in own]))


def test_the_same_again_writes_nothing(
    database: Database, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    first = run_batch(served_bundle, frame, database)
    again = run_batch(served_bundle, replace(frame, values=frame.values.copy()), database)
    assert (again.created, again.run) == (False, first.run)
    with database.read() as session:
        assert len(Grades(session).runs()) == 1
    forced = run_batch(served_bundle, frame, database, force=True)
    assert forced.created
    assert forced.run.run_id != first.run.run_id
    assert (forced.opened, forced.kept, forced.withdrawn) == (0, first.opened, 0)


def test_other_data_is_another_run(
    database: Database, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    first = run_batch(served_bundle, frame, database)
    values = frame.values.copy()
    values[0, frame.columns.index("net_amount_365d")] += 1
    second = run_batch(served_bundle, replace(frame, values=values), database)
    assert second.created
    # Back to the first: it is not what is served, so it is graded again.
    third = run_batch(served_bundle, frame, database)
    assert third.created
    with database.read() as session:
        assert Grades(session).current_run() == third.run
    assert first.run.fingerprint == third.run.fingerprint != second.run.fingerprint


def test_other_lifecycle_policies_are_another_run(
    database: Database,
    served_bundle: Bundle,
    frame: IndicatorFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = run_batch(served_bundle, frame, database).run
    six, *others = packaged_lifecycles()
    moved = type(six).model_validate({**six.model_dump(), "version": "1.0.1"})
    for module in ("serving.batch", "serving.scoring"):
        monkeypatch.setattr(f"{module}.packaged_lifecycles", lambda: (moved, *others))
    second = run_batch(served_bundle, frame, database)
    assert second.created
    assert second.run.fingerprint != first.fingerprint
    assert second.run.basis.lifecycles[0].version == "1.0.1"
    with database.read() as session:
        (told,) = AuditEvents(session).about(f"run:{second.run.run_id}")
    assert told.payload["lifecycles"]["six-stage"] == moved.sha256


def test_cases_follow_the_customer_over_runs(
    database: Database, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    now = clock(NIGHT)
    first = run_batch(served_bundle, frame, database, clock=lambda: next(now))
    with database.read() as session:
        before = Reviews(session).open_cases()
    kept, gone = sorted(before)[:5], sorted(before)[5:]
    # The next night only some of the referred customers are there.
    rows = np.isin(frame.customer_id, [c for c in frame.customer_id if c not in gone])
    fewer = replace(frame, customer_id=frame.customer_id[rows], values=frame.values[rows])
    later = clock(NIGHT + timedelta(days=1))
    second = run_batch(served_bundle, fewer, database, clock=lambda: next(later))
    assert (second.opened, second.kept, second.withdrawn) == (0, len(kept), len(gone))
    with database.read() as session:
        reviews = Reviews(session)
        after = reviews.open_cases()
        assert sorted(after) == kept
        for customer in kept:
            old, new = before[customer], after[customer]
            assert (new.case_id, new.due_at, new.opened_at) == (
                old.case_id,
                old.due_at,
                old.opened_at,
            )
            assert new.run_id == second.run.run_id
            assert reviews.open_case_of(customer) == new
        closed = reviews.get(before[gone[0]].case_id)
        assert closed is not None
        assert closed.status is CaseStatus.WITHDRAWN
        assert closed.closed_at == second.run.finished_at
        assert closed.run_id == first.run.run_id
        assert reviews.open_case_of(gone[0]) is None
        told = AuditEvents(session).about(f"case:{closed.case_id}")
        assert [e.action for e in told] == ["case.withdrawn", "case.opened"]
        assert verify(session).size > 0
    # And back: a withdrawn case stays withdrawn, the customer gets a new one.
    third = run_batch(served_bundle, frame, database)
    assert (third.opened, third.kept) == (len(gone), len(kept))


def test_a_frame_the_bundle_cannot_grade_is_refused(
    database: Database, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    narrow = replace(frame, columns=frame.columns[1:], values=frame.values[:, 1:])
    with pytest.raises(BatchError, match=f"lacks 1 columns.*{frame.columns[0]}"):
        run_batch(served_bundle, narrow, database)
    empty = replace(frame, customer_id=frame.customer_id[:0], values=frame.values[:0])
    with pytest.raises(BatchError, match="no customer"):
        run_batch(served_bundle, empty, database)
    elsewhere = Published("m" * 64, "journey", NIGHT)
    with pytest.raises(BatchError, match=r"'journey'.*'small'"):
        run_batch(served_bundle, frame, database, published=elsewhere)
    with database.read() as session:
        assert Grades(session).current_run() is None


def test_columns_may_come_in_another_order(
    database: Database, served_bundle: Bundle, frame: IndicatorFrame, tmp_path: Path
) -> None:
    order = list(range(len(frame.columns)))[::-1]
    turned = replace(
        frame, columns=tuple(frame.columns[i] for i in order), values=frame.values[:, order]
    )
    first = run_batch(served_bundle, frame, database)
    second = run_batch(served_bundle, turned, database, force=True)
    assert second.run.tiers == first.run.tiers


def test_a_published_frame_is_graded_with_its_origin(
    database: Database,
    served_bundle: Bundle,
    frame: IndicatorFrame,
    tmp_path: Path,
    publish_frame: Publish,
) -> None:
    manifest = publish_frame(frame, tmp_path)
    read, published = read_published(tmp_path)
    assert read.as_of == frame.as_of
    run = run_batch(served_bundle, read, database, published=published).run
    assert run.manifest_sha256 == manifest.fingerprint()
    assert run.known_at == datetime.combine(frame.as_of, datetime.max.time())
    bare = run_batch(served_bundle, frame, database)
    assert not bare.created  # the same data, known at the same time


def test_a_day_that_is_not_published_is_refused(
    frame: IndicatorFrame, tmp_path: Path, publish_frame: Publish
) -> None:
    manifest = publish_frame(frame, tmp_path)
    with pytest.raises(BatchError, match="2020-01-01") as caught:
        read_published(tmp_path, date(2020, 1, 1))
    assert str(frame.as_of) in caught.value.hint
    (tmp_path / f"indicators/{frame.as_of}.parquet").write_bytes(b"half")
    with pytest.raises(BatchError, match="not the file"):
        read_published(tmp_path)
    replace(manifest, entries={}).save(tmp_path)
    with pytest.raises(BatchError, match="any day"):
        read_published(tmp_path)


KILLED = """
import sys, time
from pathlib import Path
from features.parquet import read_frame
from serving.batch import run_batch
from serving.store.session import Database
from training.bundle import Bundle

def progress(stage, done, total):
    if stage == "store" and done >= 2000:
        print("half-way", flush=True)
        time.sleep(60)

bundle, frame, url = sys.argv[1:]
run_batch(Bundle.load(Path(bundle)), read_frame(Path(frame)), Database(url), progress=progress)
"""


def test_a_batch_killed_half_way_leaves_the_old_run_served(
    store_url: str, tmp_path: Path, served_bundle: Bundle, bundle_dir: Path, frame: IndicatorFrame
) -> None:
    url = store_url
    store = Database(url)
    before = run_batch(served_bundle, frame, store)
    old = before.run
    assert before.alerts is not None
    raised = len(before.alerts.happenings)
    rows = np.arange(2500) % len(frame)
    ids = np.array([f"k{i:05d}" for i in range(2500)])
    big = replace(frame, customer_id=ids, values=frame.values[rows])
    write_frame(big, tmp_path / "big.parquet")
    command = [sys.executable, "-c", KILLED, str(bundle_dir), str(tmp_path / "big.parquet"), url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half-way\n"
        with store.read() as session:  # while it writes, the old run is served
            assert Grades(session).current_run() == old
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    with store.read() as session:
        assert Grades(session).current_run() == old
        assert Grades(session).runs() == (old,)
        assert Grades(session).history("k00001") == ()
        assert Reviews(session).count() == old.referred
        assert verify(session).size == 1 + old.referred + raised
    after = run_batch(served_bundle, big, store)
    assert after.created
    assert after.run.customers == 2500
    store.dispose()
