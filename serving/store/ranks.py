"""The lists of a run's grades, best score first: the only queries over them.

What a list narrows by stands beside the grade in a table of its own, in the order of the list.
Its rows are found here, by customer; the grades themselves are read by customer too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, tuple_
from sqlalchemy.orm import Session

from serving.errors import StoreError
from serving.store.loading import Row, load
from serving.store.rows import GRADE_COLUMNS
from serving.store.tables import GradeRow, RankRow

RANK_COLUMNS = ("run_id", "minus_score", "customer_id", "tier_index", "referred", "stage")
"""Columns of a place, in the order of :func:`rank_row`."""
_RUN, _SCORE, *_SAME = (
    GRADE_COLUMNS.index(name)
    for name in ("run_id", "score", "customer_id", "tier_index", "referred", "stage")
)
_Found = TypeVar("_Found")
_PLACE = (RankRow.minus_score, RankRow.customer_id)


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What a list of grades is narrowed to; None is everything.

    Attributes
    ----------
    tier_index, stage, referred
        Only these.
    prefix
        Only customers whose id starts with it.
    part
        Only customers whose id contains it, letter case aside.
    scores
        Only from the first (inclusive) to below the second; None: no border.
    """

    tier_index: int | None = None
    stage: str | None = None
    referred: bool | None = None
    prefix: str = ""
    part: str = ""
    scores: tuple[float | None, float | None] = (None, None)

    def clauses(self, run_id: str) -> list[ColumnElement[bool]]:
        """Return what narrows the places of a run."""
        row, kept = RankRow, [RankRow.run_id == run_id]
        equal = (
            (row.tier_index, self.tier_index),
            (row.stage, self.stage),
            (row.referred, self.referred),
        )
        kept += [column == value for column, value in equal if value is not None]
        if self.prefix:
            # LIKE would fold letters on SQLite and not on PostgreSQL; ids are told apart by case.
            kept.append(func.substr(row.customer_id, 1, len(self.prefix)) == self.prefix)
        if self.part:
            kept.append(row.customer_id.icontains(self.part, autoescape=True))
        least, below = self.scores
        kept += [] if least is None else [row.minus_score <= -least]
        return kept if below is None else [*kept, row.minus_score > -below]


def in_places(customers: Sequence[str], found: Mapping[str, _Found]) -> tuple[_Found, ...]:
    """Return what was found of customers in the order of their places.

    Raises
    ------
    StoreError
        If one has no grade: places were written past the service.
    """
    try:
        return tuple(found[customer] for customer in customers)
    except KeyError as error:
        raise StoreError(
            f"A list names the customer {error.args[0]!r}, who has no grade in its run.",
            hint="It was changed past the service: `tierwise audit verify` tells what else was.",
        ) from error


def rank_row(grade: Row) -> Row:
    """Return the place of a grade's row (of ``GRADE_COLUMNS``)."""
    score = grade[_SCORE]
    assert isinstance(score, float)
    customer, *others = (grade[place] for place in _SAME)
    return (grade[_RUN], 0.0 - score, customer, *others)  # no negative zero


class Ranks:
    """Lists of grades as of a session.

    What is narrowed to is given as clauses: those of :class:`Narrowed`, and others over
    ``RankRow``.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def count(self, kept: Sequence[ColumnElement[bool]]) -> int:
        """Return how many grades a list has."""
        return self._session.scalar(select(func.count()).select_from(RankRow).where(*kept)) or 0

    def customers(
        self,
        kept: Sequence[ColumnElement[bool]],
        limit: int,
        *,
        after: tuple[float, str] | None = None,
        offset: int = 0,
    ) -> list[str]:
        """Return up to ``limit`` customers of a list, ties by their ids.

        Parameters
        ----------
        after
            Only behind the place of this score and customer.
        offset
            How many are passed over.
        """
        rows = select(RankRow.customer_id).where(*kept)
        if after is not None:
            rows = rows.where(tuple_(*_PLACE) > tuple_(-after[0], after[1]))
        ordered = rows.order_by(*_PLACE).limit(limit).offset(offset or None)
        return list(self._session.scalars(ordered))

    def scores(self, run_id: str) -> tuple[tuple[int, float], ...]:
        """Return ``(tier index, score)`` of every grade of a run, best first."""
        rows = select(RankRow.tier_index, RankRow.minus_score).where(RankRow.run_id == run_id)
        return tuple((t, 0.0 - s) for t, s in self._session.execute(rows.order_by(*_PLACE)))

    def wrong(self, run_id: str) -> bool:
        """Tell whether the lists of a run are others than those of its grades."""
        grade, rank = GradeRow, RankRow
        same = and_(
            rank.run_id == grade.run_id,
            rank.minus_score == -grade.score,
            rank.customer_id == grade.customer_id,
            rank.tier_index == grade.tier_index,
            rank.referred == grade.referred,
            or_(rank.stage == grade.stage, and_(rank.stage.is_(None), grade.stage.is_(None))),
        )
        unlisted = select(grade.grade_id).where(
            grade.run_id == run_id, ~select(rank).where(same).exists()
        )
        if self._session.scalar(unlisted.limit(1)) is not None:
            return True
        graded = select(func.count()).select_from(grade).where(grade.run_id == run_id)
        return self._session.scalar(graded) != self.count([rank.run_id == run_id])

    # Writing -----------------------------------------------------------------------

    def load(self, rows: Sequence[Row]) -> None:
        """Add places of a run's grades, as :func:`rank_row` makes them."""
        load(self._session, RankRow.__tablename__, RANK_COLUMNS, rows)

    def discard(self, run_id: str, limit: int) -> bool:
        """Take away up to ``limit`` places of a run; tell whether all are gone."""
        own = RankRow.run_id == run_id
        places = select(*_PLACE).where(own).order_by(*_PLACE).offset(limit).limit(1)
        rest = self._session.execute(places).one_or_none()
        before: Iterable[Any] = () if rest is None else (tuple_(*_PLACE) < tuple_(*rest),)
        self._session.execute(delete(RankRow).where(own, *before))
        return rest is None
