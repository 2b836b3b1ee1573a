"""The audit trail: chained, append-only, and found out when tampered with."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from serving.audit import Proof, prove, record, verify
from serving.domain.event import GENESIS, Happening, chain, first_broken
from serving.domain.merkle import EMPTY_ROOT, Head
from serving.errors import AuditError
from serving.store.audit_events import AuditEvents
from serving.store.session import Database, Session

AT = datetime(2024, 7, 1, 2, 0, 0, 123)
THINGS = [Happening("run.finished", f"run:{i}", {"客户": i, "share": 0.1}) for i in range(4)]


def unprotected(session: Session) -> None:
    """Do what somebody with the rights of the store's owner can do."""
    on = "" if session.get_bind().dialect.name == "sqlite" else " ON audit_event"
    for verb in ("update", "delete"):
        session.execute(text(f"DROP TRIGGER audit_event_no_{verb}{on}"))


def test_a_chain_holds_and_grows() -> None:
    first = chain(THINGS[:2], at=AT, actor="a", last=None)
    second = chain(THINGS[2:], at=AT, actor="b", last=first[-1])
    assert [e.sequence for e in first + second] == [1, 2, 3, 4]
    assert first[0].previous_hash == GENESIS
    assert first_broken(first + second) is None
    assert first_broken([]) is None


@pytest.mark.parametrize(
    "change",
    [
        {"actor": "x"},
        {"action": "x"},
        {"subject": "x"},
        {"payload": {"客户": 99, "share": 0.1}},
        {"at": datetime(2024, 7, 1)},
        {"hash": "0" * 64},
        {"previous_hash": "0" * 64},
        {"sequence": 7},
    ],
)
def test_any_change_breaks_it(change: dict[str, object]) -> None:
    events = chain(THINGS, at=AT, actor="a", last=None)
    assert first_broken([*events[:1], replace(events[1], **change), *events[2:]]) is not None


def test_a_lost_or_doubled_event_breaks_it() -> None:
    events = chain(THINGS, at=AT, actor="a", last=None)
    assert first_broken([events[0], *events[2:]]) == 3
    assert first_broken(events[1:]) == 2
    assert first_broken([*events[:2], *events[1:]]) == 2


def test_the_trail_survives_the_store(database: Database) -> None:
    with database.write() as session:
        record(session, THINGS[:3], at=AT, actor="a")
    with database.write() as session:
        record(session, THINGS[3:], at=AT, actor="b")
    with database.read() as session:
        assert verify(session).size == 4
        assert [e.actor for e in AuditEvents(session).all()] == ["a", "a", "a", "b"]
        assert AuditEvents(session).about("run:3")[0].payload == {"客户": 3, "share": 0.1}


def test_an_empty_trail_verifies(database: Database) -> None:
    with database.read() as session:
        assert verify(session) == Head(0, EMPTY_ROOT)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_event SET actor = 'x'", "DELETE FROM audit_event", "TRUNCATE audit_event"],
)
def test_the_store_refuses_changes(database: Database, engine: str, statement: str) -> None:
    if engine == "sqlite" and statement.startswith("TRUNCATE"):
        return  # SQLite has no such statement
    with database.write() as session:
        record(session, THINGS, at=AT, actor="a")
    with pytest.raises(IntegrityError, match="append-only"), database.write() as session:
        session.execute(text(statement))


def test_tampering_past_the_trigger_is_found(database: Database) -> None:
    with database.write() as session:
        record(session, THINGS, at=AT, actor="a")
        unprotected(session)
        session.execute(text("UPDATE audit_event SET actor = 'x' WHERE sequence = 2"))
    with database.read() as session, pytest.raises(AuditError) as caught:
        verify(session)
    assert caught.value.context["sequence"] == 2


def test_an_event_is_proved_without_the_store(database: Database) -> None:
    with database.write() as session:
        record(session, THINGS, at=AT, actor="a")
    with database.read() as session:
        head = verify(session)
        proof = prove(session, 3)
        with pytest.raises(AuditError, match="no event 5"):
            prove(session, 5)
    assert proof.event.subject == "run:2"
    assert proof.head == head
    assert proof.holds()
    assert proof.holds(kept=head)
    assert not proof.holds(kept=replace(head, root="0" * 64))
    for change in ({"actor": "x"}, {"payload": {"share": 0.2}}, {"sequence": 2}):
        forged = Proof(replace(proof.event, **change), proof.head, proof.path)
        assert not forged.holds()


def test_a_kept_head_finds_a_trail_cut_short_or_written_anew(database: Database) -> None:
    with database.write() as session:
        record(session, THINGS[:3], at=AT, actor="a")
    with database.read() as session:
        kept = verify(session)
    with database.write() as session:
        record(session, THINGS[3:], at=AT, actor="a")
    with database.read() as session:
        assert verify(session, kept).size == 4
        assert verify(session, Head(0, EMPTY_ROOT)).size == 4
    with database.write() as session:
        unprotected(session)
        session.execute(text("DELETE FROM audit_event WHERE sequence > 2"))
    with database.read() as session:
        assert verify(session).size == 2, "the chain alone cannot see it"
        with pytest.raises(AuditError, match="cut off"):
            verify(session, kept)
    with database.write() as session:
        session.execute(text("DELETE FROM audit_event"))
        record(session, THINGS, at=AT, actor="somebody else")
    with database.read() as session, pytest.raises(AuditError, match="written anew"):
        verify(session, kept)
