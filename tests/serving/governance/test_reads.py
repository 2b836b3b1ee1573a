"""Every look at customers is logged, and reading in bulk raises an alarm (#102, #103)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from serving.admission import FROM_EVENTS
from serving.audit import verify
from serving.errors import AuditError, StoreError
from serving.governance import reads as module
from serving.governance.anchors import Logged, verify_reads
from serving.governance.looks import LOOKS
from serving.governance.policy import packaged_governance
from serving.governance.reads import ReadLog
from serving.store.audit_events import AuditEvents
from serving.store.reads import Reads
from serving.store.session import Database
from tests.serving.governance.conftest import ANALYST, EXPERT

NIGHT = datetime(2026, 11, 22, 18)  # Monday, two in the morning in Shanghai
NOON = datetime(2026, 11, 23, 4)


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def alarms(store: Database) -> list[dict[str, object]]:
    with store.read() as session:
        return [dict(e.payload) for e in AuditEvents(session).all() if e.action == "reads.alarm"]


def test_a_look_is_logged_with_who_and_whom(house: TestClient, store: Database) -> None:
    customer = house.get("/v1/grades?limit=1").json()["items"][0]["customer_id"]
    headers = {"X-Who": "ex", "X-Request-ID": "r-17"}
    assert house.get(f"/v1/grades/{customer}/explanation", headers=headers).status_code == 200
    assert house.get("/v1/grades/nobody", headers=headers).status_code == 404
    house.app_state.service.reads.flush()  # type: ignore[attr-defined]
    with store.read() as session:
        (look,) = Reads(session).about(customer)
        assert Reads(session).about("nobody") == ()
    told = (look.principal, look.action, look.customers, look.request_id)
    assert told == (EXPERT.id, "explanation", 1, "r-17")


def test_a_look_at_the_outlook_is_logged_also_where_the_answer_was_kept(
    house: TestClient, store: Database
) -> None:
    for _ in range(2):
        answer = house.get("/v1/grades/c-0007/outlook", headers={"X-Who": "ex"})
        assert answer.status_code == 200
    house.app_state.service.reads.flush()  # type: ignore[attr-defined]
    with store.read() as session:
        looks = Reads(session).about("c-0007")
    assert [(look.principal, look.action) for look in looks] == [(EXPERT.id, "outlook")] * 2


def test_lists_and_pages_count_what_they_show(house: TestClient, store: Database) -> None:
    assert house.get("/v1/grades?limit=7", headers={"X-Who": "an"}).status_code == 200
    assert house.get("/customers/c-0007", headers={"X-Who": "an"}).status_code == 200
    house.app_state.service.reads.flush()  # type: ignore[attr-defined]
    with store.read() as session:
        assert Reads(session).customers_read(ANALYST.id, datetime(2020, 1, 1)) == 8


def test_the_background_thread_writes_and_the_end_of_the_service_does(
    house: TestClient, store: Database
) -> None:
    house.get("/v1/grades/c-0007", headers={"X-Who": "an"})
    house.app_state.service.reads.stop()  # type: ignore[attr-defined]
    with store.read() as session:
        assert len(Reads(session).about("c-0007")) == 1
        verify(session)


def test_every_route_that_shows_customers_is_known(house: TestClient) -> None:
    paths = house.get("/openapi.json").json()["paths"]
    shown = {path.replace("{customer_id}", "{customer_id:path}") for path in paths}
    silent = (
        "/v1/model",
        "/v1/webhooks",
        "/v1/audit",
        "/v1/tiers",
        "/v1/schemes",
        "/v1/kpis",
        "/v1/exports",
        "/v1/access",
        "/v1/drift",
    )
    silent += ("/v1/alerts/{alert_id}/", "/v1/reviews:summary", "/healthz", "/readyz", "/metrics")
    silent += ("/v1/audit/head", "/v1/audit/consistency")
    # Shows what was posted, and nothing that is stored.
    silent += (FROM_EVENTS,)
    unknown = [p for p in shown if p not in LOOKS and not p.startswith(silent)]
    assert unknown == []


@pytest.mark.parametrize(("moment", "limit"), [(NIGHT, 200), (NOON, 5000)])
def test_bulk_reading_raises_one_alarm_a_window(
    store: Database, moment: datetime, limit: int
) -> None:
    clock = Clock(moment)
    log = ReadLog(store, packaged_governance().reading, clock)
    log.note(EXPERT, "grade", "r", customer_id="c-1")
    log.note(ANALYST, "list", "r", customers=limit - 1)
    log.note(ANALYST, "grade", "r", customer_id="c-1")
    assert log.flush() == 3
    (alarm,) = alarms(store)
    assert alarm["principal"] == ANALYST.id
    assert (alarm["customers"], alarm["off_hours"]) == (limit, moment is NIGHT)
    log.note(ANALYST, "list", "r", customers=50)
    log.flush()
    assert len(alarms(store)) == 1
    clock.now += timedelta(minutes=61)
    log.note(ANALYST, "list", "r", customers=limit)
    log.flush()
    assert len(alarms(store)) == 2


def test_the_same_customer_again_is_not_bulk(store: Database) -> None:
    log = ReadLog(store, packaged_governance().reading, Clock(NIGHT))
    for _ in range(500):
        log.note(ANALYST, "grade", "r", customer_id="c-1")
    log.flush()
    assert alarms(store) == []


def test_a_store_that_is_away_loses_no_read(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BOUND", 3)
    log = ReadLog(store, packaged_governance().reading, Clock(NOON))
    before = store.revision()
    store.downgrade("0010")
    for n in range(3):
        log.note(ANALYST, "grade", "r", customer_id=f"c-{n}")
    log.stop()
    assert log.waiting == 3
    with pytest.raises(StoreError, match="cannot be logged"):
        log.note(ANALYST, "grade", "r", customer_id="c-9")
    store.upgrade()
    assert store.revision() == before
    assert log.flush() == 3


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        ("UPDATE read_event SET principal = 'x' WHERE customer_id = 'c-0'", "changed"),
        ("DELETE FROM read_event WHERE customer_id = 'c-2'", "gone"),
        ("UPDATE read_event SET page_id = 'none' WHERE customer_id = 'c-1'", "not in the trail"),
        (
            "INSERT INTO read_event (page_id, at, principal, action, customers, request_id) "
            "SELECT page_id, at, principal, action, 1, 'r' FROM read_event LIMIT 1",
            "changed",
        ),
    ],
)
def test_a_look_that_was_changed_added_or_taken_is_found(
    store: Database, edit: str, told: str
) -> None:
    log = ReadLog(store, packaged_governance().reading, Clock(NOON))
    for n in range(3):
        log.note(ANALYST, "grade", "r", customer_id=f"c-{n}")
        log.flush()
    seen: list[tuple[int, int]] = []
    with store.read() as session:
        assert verify_reads(session, lambda *each: seen.append(each)) == Logged(reads=3, pages=3)
    assert seen == [(0, 3), (3, 3)]
    with store.write() as session:
        session.execute(text(edit))
    with store.read() as session, pytest.raises(AuditError, match=told) as caught:
        verify_reads(session)
    assert len(caught.value.context["wrong"]) == (2 if told.startswith("not") else 1)
