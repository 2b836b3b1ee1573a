"""The watch over drift: what moved between two runs, and when that is an alarm (#72, FIELD 15)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from fastapi.testclient import TestClient

from features.schema import IndicatorFrame
from serving.app import create_app
from serving.batch import run_batch
from serving.domain.drift import report_of
from serving.drifting import watch_drift
from serving.settings import Settings
from serving.store.audit_events import AuditEvents
from serving.store.drift import DriftReports
from serving.store.session import Database
from tests.blank_store import blank_store
from training.bundle import Bundle

NOW = datetime(2026, 11, 23)


def later(frame: IndicatorFrame, days: int, **factor: float) -> IndicatorFrame:
    """The same customers another day; some indicators grew."""
    values = frame.values.copy()
    for name, by in factor.items():
        values[:, frame.columns.index(name)] *= by
    return replace(frame, as_of=frame.as_of + timedelta(days=days), values=values)


def normal(n: int, shift: float = 0.0, seed: int = 0, k: int = 40) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    found = {f"i{j}": rng.normal(size=n) for j in range(k)}
    found["i0"] = found["i0"] + shift
    return found


def test_a_run_is_compared_with_the_one_before(
    database: Database, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    first = run_batch(served_bundle, frame, database).run
    assert watch_drift(database, first, NOW) is None
    second = run_batch(served_bundle, later(frame, 7, net_amount_90d=3.0), database).run
    report = watch_drift(database, second, NOW)
    assert report is not None
    assert report.alarm
    assert "net_amount_90d" in {each.indicator for each in report.moved}
    assert (report.customers_before, report.customers_after) == (len(frame), len(frame))
    assert watch_drift(database, second, NOW) is None  # once a run
    third = run_batch(served_bundle, later(frame, 14, net_amount_90d=3.0), database).run
    calm = watch_drift(database, third, NOW)
    assert calm is not None
    assert (calm.alarm, calm.moved) == (False, ())
    with database.read() as session:
        reports = DriftReports(session)
        assert [each.run_id for each in reports.latest(5)] == [third.run_id, second.run_id]
        assert reports.of(second.run_id) == report
        assert reports.alarms() == (True, False)
        (event,) = [e for e in AuditEvents(session).all() if e.action == "drift.found"]
    assert "net_amount_90d" in event.payload["moved"]  # type: ignore[operator]


@pytest.mark.parametrize(("n", "alarm"), [(35, False), (300, True), (5000, True)])
def test_a_real_move_is_found_from_enough_customers_on(n: int, alarm: bool) -> None:
    report = report_of("b", "a", normal(n), normal(n, 1.0, seed=1), (), NOW)
    assert report.alarm is alarm


@pytest.mark.parametrize("n", [35, 300, 3000])
def test_noise_is_no_alarm_whatever_the_number_of_customers(n: int) -> None:
    """40 indicators, 60 comparisons of nothing: other tools alarm at 35 rows."""
    reports = [
        report_of("b", "a", normal(n, seed=2 * s), normal(n, seed=2 * s + 1), (), NOW)
        for s in range(60)
    ]
    assert sum(report.alarm for report in reports) == 0


def test_a_small_move_of_very_many_is_no_alarm() -> None:
    report = report_of("b", "a", normal(40_000, k=3), normal(40_000, 0.1, seed=1, k=3), (), NOW)
    assert report.p_value < 1e-6
    assert not report.alarm


def test_only_what_both_runs_know_is_compared() -> None:
    before, after = normal(200, k=3), normal(200, k=5)
    assert {each.indicator for each in report_of("b", "a", before, after, (), NOW).found} == {
        *before
    }


def test_api_and_metrics_tell_of_it(
    settings: Settings, tmp_path, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    mine = settings.model_copy(update={"home": tmp_path})
    store = blank_store(mine.database)
    run_batch(served_bundle, frame, store)
    run = run_batch(served_bundle, later(frame, 7, net_amount_90d=3.0), store).run
    watch_drift(store, run, NOW)
    store.dispose()
    application = create_app(mine)
    with TestClient(application) as client:
        (told,) = client.get("/v1/drift").json()["items"]
        assert told["alarm"]
        assert {each["verdict"] for each in told["indicators"]} <= {"moved", "watch"}
        (whole,) = client.get("/v1/drift?all=true").json()["items"]
        assert len(whole["indicators"]) > len(told["indicators"])
        text = client.get("/metrics").text
        assert "tierwise_drift_alarm 1.0" in text
        assert 'tierwise_drift_psi{indicator="net_amount_90d"}' in text
        for queue in ("reads", "alerts_open", "alerts_late", "deliveries_dead"):
            assert f'tierwise_queue{{queue="{queue}"}}' in text
    application.state.database.dispose()
