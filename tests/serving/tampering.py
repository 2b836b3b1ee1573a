"""Tampering with a store, in every way that rows can be: for tests and for experiments.

Each is done inside a transaction that is rolled back, by somebody who may do all, triggers too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import JSON as ANY_JSON
from sqlalchemy import (
    Boolean,
    Date,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    delete,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from serving.audit import verify
from serving.domain.event import Happening, chain
from serving.domain.merkle import Head
from serving.errors import AuditError
from serving.sealing import verify_runs
from serving.store.audit_events import AuditEvents
from serving.store.session import Database
from serving.store.tables import AuditEventRow, ExplanationRow, GradeRow, RunRow

TABLES: tuple[Any, ...] = (
    *(row.__table__ for row in (AuditEventRow, GradeRow, ExplanationRow, RunRow)),
)
KEYS = {"audit_event": "sequence", "run": "run_id"}
Tampering = Callable[[Session, Random], None]


class _UndoneError(Exception):
    pass


@contextmanager
def undone(database: Database) -> Iterator[Session]:
    """Open a transaction without triggers and foreign keys; nothing of it stays."""
    try:
        with database.write() as session:
            if session.get_bind().dialect.name == "sqlite":
                session.execute(text("PRAGMA defer_foreign_keys = ON"))
                for verb in ("update", "delete"):
                    session.execute(text(f"DROP TRIGGER audit_event_no_{verb}"))
            else:
                session.execute(text("SET LOCAL session_replication_role = replica"))
            yield session
            raise _UndoneError
    except _UndoneError:
        return


def found(session: Session, kept: Head) -> bool:
    """Tell whether an audit, which has kept a head, finds the store changed."""
    try:
        verify(session, kept)
        verify_runs(session)
    except (AuditError, KeyError, ValueError, TypeError):
        return True
    return False


def tamperings() -> list[tuple[str, Tampering]]:
    """Return every way by its name."""
    ways: list[tuple[str, Tampering]] = []
    for table in TABLES:
        ways += [
            (f"edit {table.name}.{column.name}", _edit(table, column)) for column in table.columns
        ]
        ways += [
            (f"delete {table.name}", _delete(table)),
            (f"insert {table.name}", _insert(table)),
            (f"swap {table.name}", _swap(table)),
        ]
    return [
        *ways,
        ("reorder audit_event", _reorder),
        ("cut off audit_event", _cut_off),
        ("write anew audit_event", _write_anew),
    ]


def try_all(database: Database, count: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Tamper ``count`` times, every way in turn; return how often each, and what was not found."""
    random, ways = Random(seed), tamperings()
    with database.read() as session:
        kept = verify(session)
        verify_runs(session)
    tried, missed = Counter[str](), []
    for number in range(count):
        name, tamper = ways[number % len(ways)]
        tried[name.split(".")[0]] += 1
        with undone(database) as session:
            tamper(session, random)
            session.expire_all()
            if not found(session, kept):
                missed.append(name)
    with database.read() as session:
        assert verify(session) == kept
    return tried, missed


def _key(table: Any) -> Any:
    return table.c[KEYS.get(table.name, "grade_id")]


def _rows(session: Session, table: Any, random: Random, count: int) -> list[dict[str, Any]]:
    every = session.scalars(select(_key(table)).order_by(_key(table))).all()
    chosen = random.sample(list(every), min(count, len(every)))
    return [
        dict(session.execute(select(table).where(_key(table) == key)).mappings().one())
        for key in chosen
    ]


def _edit(table: Any, column: Any) -> Tampering:
    def tamper(session: Session, random: Random) -> None:
        (row,) = _rows(session, table, random, 1)
        values = {column.name: _other(column, row[column.name], random)}
        session.execute(update(table).where(_key(table) == row[_key(table).name]).values(values))

    return tamper


def _other(column: Any, value: Any, random: Random) -> Any:
    """Return a value that is not the one there, as near to it as its type has one."""
    kind = column.type
    if isinstance(kind, Boolean):
        return not value
    if isinstance(kind, Integer):
        # A number that is taken the store itself refuses.
        return (value or 0) + (1_000_000 if column.primary_key else random.choice((1, 1_000_000)))
    if isinstance(kind, Float):
        return 1.0 if value is None else value + max(abs(value), 1.0) * 2.0**-50
    if isinstance(kind, DateTime):
        return (value or datetime(2026, 1, 1)) + timedelta(microseconds=1)
    if isinstance(kind, Date):
        return (value or date(2026, 1, 1)) + timedelta(days=1)
    if isinstance(kind, LargeBinary):
        whole = bytearray(value or b"\0")
        whole[-1] ^= 1 << random.randrange(8)
        return bytes(whole)
    if isinstance(kind, ANY_JSON):
        return [*value, "x"] if isinstance(value, list) else {**(value or {}), "x": 1}
    return (value or "")[:-1] + random.choice("xyz") if value != "x" else "y"


def _delete(table: Any) -> Tampering:
    def tamper(session: Session, random: Random) -> None:
        (row,) = _rows(session, table, random, 1)
        session.execute(delete(table).where(_key(table) == row[_key(table).name]))

    return tamper


def _insert(table: Any) -> Tampering:
    def tamper(session: Session, random: Random) -> None:
        (row,) = _rows(session, table, random, 1)
        key = _key(table).name
        fresh = {"grade_id": "forged", "run_id": "forged"}
        if table.name == "audit_event":
            fresh = {"sequence": 10**6, "hash": "0" * 64}
        elif table.name == "grade":
            fresh = {"grade_id": "forged", "customer_id": "forged"}
        session.execute(insert(table), [row | {k: v for k, v in fresh.items() if k in row}])
        assert key in row

    return tamper


def _swap(table: Any) -> Tampering:
    """Give two rows all that the other had, but its keys."""
    kept = {_key(table).name, "hash", "customer_id", "run_id"}

    def tamper(session: Session, random: Random) -> None:
        first, second = _rows(session, table, random, 2)
        for mine, other in ((first, second), (second, first)):
            values = {name: value for name, value in other.items() if name not in kept}
            where = _key(table) == mine[_key(table).name]
            session.execute(update(table).where(where).values(values))

    return tamper


def _reorder(session: Session, random: Random) -> None:
    table = TABLES[0]
    first, second = (row["sequence"] for row in _rows(session, table, random, 2))
    for was, becomes in ((first, -1), (second, first), (-1, second)):
        session.execute(update(table).where(table.c.sequence == was).values(sequence=becomes))


def _cut_off(session: Session, random: Random) -> None:
    last = AuditEvents(session).last()
    assert last is not None
    cut = random.randint(1, min(20, last.sequence))
    session.execute(delete(TABLES[0]).where(TABLES[0].c.sequence > last.sequence - cut))


def _write_anew(session: Session, random: Random) -> None:
    """Change one event and chain the whole trail again, so that it verifies by itself."""
    events = list(AuditEvents(session).all())
    place = random.randrange(len(events))
    session.execute(delete(TABLES[0]))
    last = None
    for number, event in enumerate(events):
        actor = "somebody else" if number == place else event.actor
        told = [Happening(event.action, event.subject, event.payload)]
        (last,) = chain(told, at=event.at, actor=actor, last=last)
        AuditEvents(session).add([last])
