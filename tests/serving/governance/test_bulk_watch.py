"""Counting as it goes finds what counting in the store would; lines are what they were."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.domain.access import Principal
from serving.domain.reading import Read, line_of, page_digest, page_of
from serving.governance.anchors import verify_reads
from serving.governance.bulk import BulkWatch, Seen
from serving.governance.gathering import Page
from serving.governance.policy import packaged_governance
from serving.governance.reads import ReadLog
from serving.store.audit_events import AuditEvents
from serving.store.reads import Reads
from serving.store.session import Database
from tests.serving.governance.conftest import ANALYST, EXPERT

NIGHT = datetime(2026, 11, 22, 18)
WORDS = st.text(max_size=8) | st.sampled_from(["c-1", "客户", '"\\', "\x7f", "a\x00b", "\n"])
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)) | st.just(NIGHT)


@given(at=INSTANTS, words=st.tuples(WORDS, WORDS, WORDS | st.none(), WORDS), count=st.integers(0))
def test_a_line_is_the_json_it_always_was(
    at: datetime, words: tuple[str, str, str | None, str], count: int
) -> None:
    principal, action, customer_id, request_id = words
    read = Read(at, principal, action, customer_id, count, request_id)
    parts = [at.isoformat(), principal, action, customer_id, count, request_id]
    text = json.dumps(parts, separators=(",", ":"))
    assert line_of(read) == text
    assert page_digest([read, read]) == hashlib.sha256(f"{text}\n{text}\n".encode()).hexdigest()


@pytest.mark.parametrize("customer", ["c-1", "客户 7", '"quoted\\"', "\x7f\x85\u2028", "𝄞", None])
@pytest.mark.parametrize("at", [NIGHT, NIGHT + timedelta(microseconds=7)])
def test_what_is_read_back_is_what_was_noted(
    database: Database, customer: str | None, at: datetime
) -> None:
    reads = [Read(at, "key:客户", "grade", each, 3, "r-1") for each in (customer, None, "z")]
    with database.write() as session:
        Reads(session).add("p" * 32, page_of(line_of(read) for read in reads))
    with database.read() as session:
        assert Reads(session).pages(["p" * 32]) == {"p" * 32: list(reads)}
        found = Reads(session).latest_of("key:客户", at)
    told = Counter((each.customer_id, at, 1 if each.customer_id else 3) for each in reads)
    assert Counter(found) == told


def test_a_text_that_has_the_character_zero_is_kept_whole(store: Database) -> None:
    read = Read(NIGHT, "key:x", "grade", "a\x00b", 1, "r")
    with store.write() as session:
        Reads(session).add("p" * 32, page_of([line_of(read)]))
    with store.read() as session:
        assert Reads(session).pages(["p" * 32]) == {"p" * 32: [read]}


# Every example rolls back what it wrote.
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    pages=st.lists(
        st.tuples(
            st.booleans(),  # by this process, or by another
            st.integers(0, 40),  # minutes since the page before
            st.lists(
                st.tuples(st.sampled_from("ab"), st.integers(0, 5) | st.none(), st.integers(0, 3)),
                min_size=1,
                max_size=4,
            ),
        ),
        max_size=12,
    ),
    limit=st.integers(2, 7),
)
def test_counted_as_it_goes_is_counted_in_the_store(
    store: Database, pages: list[tuple[bool, int, list[tuple[str, int | None, int]]]], limit: int
) -> None:
    reading = packaged_governance().reading.model_copy(
        update={"customers_off_hours": limit, "customers_at_work": limit}
    )
    watch, now = BulkWatch(reading), NIGHT
    with store.write() as session:
        log = Reads(session)
        for ours, minutes, looks in pages:
            now += timedelta(minutes=minutes)
            page = [
                Read(now, who, "list", None, n, "r")
                if c is None
                else Read(now, who, "grade", f"c-{c}", 1, "r")
                for who, c, n in looks
            ]
            if not ours:
                log.add("q" * 32, page_of(line_of(read) for read in page))
                continue
            watch.others(log)
            log.add("p" * 32, page_of(line_of(read) for read in page))
            counts = {who: log.customers_read(who, watch.since(now)) for who in "ab"}
            present = {read.principal for read in page}
            expected = {who: n for who, n in counts.items() if who in present and n >= limit}
            assert dict(watch.over(log, seen_of(page), now)) == expected
        session.rollback()


def test_an_alarm_that_another_process_raised_is_not_raised_again(store: Database) -> None:
    reading = packaged_governance().reading
    logs = [ReadLog(store, reading, lambda: NIGHT) for _ in range(2)]
    for log in (*logs, *logs):
        log.note(ANALYST, "list", "r", customers=150)
        log.note(EXPERT, "grade", "r", customer_id="c-1")
        log.flush()
    with store.read() as session:
        alarms = [e for e in AuditEvents(session).all() if e.action == "reads.alarm"]
        assert [e.payload["customers"] for e in alarms] == [300]
        verify_reads(session)


def seen_of(page: list[Read]) -> dict[str, Seen]:
    gathered = Page()
    for read in page:
        gathered.add(read)
    return gathered.seen


def test_who_reads_no_more_is_forgotten(store: Database) -> None:
    watch = BulkWatch(packaged_governance().reading)
    with store.write() as session:
        log = Reads(session)
        for who, now in (("a", NIGHT), ("b", NIGHT + timedelta(minutes=61))):
            page = [Read(now, who, "grade", "c-1", 1, "r")]
            log.add("p" * 32, page_of(line_of(read) for read in page))
            assert watch.over(log, seen_of(page), now) == []
        assert list(watch._seen) == ["b"]
        session.rollback()


def test_a_flush_writes_what_there_was_and_not_what_comes_by(store: Database) -> None:
    # Else, under load, it would write small pages without end, each an event of the trail.
    log = ReadLog(store, packaged_governance().reading, lambda: NIGHT)
    going = threading.Event()

    def reading(who: Principal) -> None:
        while not going.is_set():
            if log.waiting < 50:
                log.note(who, "grade", "r", customer_id="c-1")

    crowd = threading.Thread(target=reading, args=(EXPERT,))
    crowd.start()
    try:
        while not log.waiting:
            pass
        assert log.flush() <= 50
    finally:
        going.set()
        crowd.join()
    with store.read() as session:
        assert sum(e.action == "reads.logged" for e in AuditEvents(session).all()) == 1
