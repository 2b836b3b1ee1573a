"""Rows as the store holds them: texts of JSON columns letter by letter, nothing interpreted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import JSON, ColumnElement, Text, cast, literal_column, select, type_coerce
from sqlalchemy import Table as AnyTable
from sqlalchemy.orm import Session

from serving.domain.seal import Record
from serving.store.steps import FINISHED, IN_FINISHED
from serving.store.tables import ExplanationRow, GradeRow, RunRow

_GRADE, _EXPLANATION, _RUN = GradeRow.__table__, ExplanationRow.__table__, RunRow.__table__


def columns_of(table: Any, dialect: str) -> list[ColumnElement[Any]]:
    """Return what to select for the columns of a table as they are stored."""
    found: list[ColumnElement[Any]] = []
    for column in table.columns:
        if isinstance(column.type, JSON):
            whole = cast(column, Text) if dialect == "postgresql" else type_coerce(column, Text)
            found.append(whole.label(column.name))
        else:
            found.append(column)
    return found


def raw_run(session: Session, run_id: str) -> Record | None:
    """Return the row of a run; None if there is none."""
    wanted = select(*columns_of(_RUN, _dialect(session))).where(RunRow.run_id == run_id)
    row = session.execute(wanted).mappings().one_or_none()
    return None if row is None else dict(row)


def run_ids(session: Session) -> list[str]:
    """Return the ids of all runs, as they finished."""
    wanted = select(RunRow.run_id).where(FINISHED)
    return list(session.scalars(wanted.order_by(RunRow.finished_at, RunRow.run_id)))


def grade_ids(session: Session) -> Iterator[tuple[str, str]]:
    """Yield the id of every grade with that of its run, by the id of the grade."""
    wanted = select(GradeRow.grade_id, GradeRow.run_id).where(IN_FINISHED)
    wanted = wanted.order_by(GradeRow.grade_id)
    with session.execute(wanted.execution_options(yield_per=10_000)) as found:
        yield from ((grade_id, run_id) for grade_id, run_id in found)


def raw_grades(session: Session, run_id: str) -> Iterator[tuple[Record, Record]]:
    """Yield the rows of a run's grades with those of their explanations ({}: there is none)."""
    grade, explanation = (columns_of(t, _dialect(session)) for t in (_GRADE, _EXPLANATION))
    wanted = (
        select(*grade, *(column.label(f"e_{column.name}") for column in explanation))
        .select_from(_GRADE)
        .join(_EXPLANATION, isouter=True)
        .where(GradeRow.run_id == run_id)
    )
    names = [column.name for column in grade], [column.name for column in explanation]
    with session.execute(wanted.execution_options(yield_per=1_000)) as found:
        for row in found:
            values = tuple(row)
            cut = len(names[0])
            yield (
                dict(zip(names[0], values[:cut], strict=True)),
                dict(zip(names[1], values[cut:], strict=True)) if values[cut] else {},
            )


def strays(session: Session) -> list[str]:
    """Return what belongs to nothing: grades without a run, explanations without a grade."""
    found = []
    for child, parent, key in ((_GRADE, _RUN, "run_id"), (_EXPLANATION, _GRADE, "grade_id")):
        missing = ~select(literal_column("1")).where(parent.c[key] == child.c[key]).exists()
        ids = session.scalars(select(child.c.grade_id).where(missing).limit(5))
        found += [f"{_name(child)} {grade_id}" for grade_id in ids]
    return found


def _name(table: Any) -> str:
    named: AnyTable = table
    return named.name


def _dialect(session: Session) -> str:
    return session.get_bind().dialect.name
