"""Review cases and votes: the only queries over both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, insert, or_, select, update
from sqlalchemy.orm import Session

from serving.domain.case import CaseKind, CaseStatus, ReviewCase
from serving.domain.vote import Vote
from serving.store.case_rows import case_of, case_values
from serving.store.paging import Page, decode_cursor, encode_cursor, instant_of
from serving.store.review_tables import ReviewVoteRow
from serving.store.tables import ReviewCaseRow
from tiering.panel.steps import LIVE

Between = tuple[str, str | None]
"""Customers by their ids: behind the first, up to and with the second; None: to the last."""
EVERYBODY: Between = ("", None)

_LIVE_STATUSES = sorted(status.value for status in LIVE)
_LIVE = ReviewCaseRow.status.in_(_LIVE_STATUSES)
_COLUMNS = ReviewCaseRow.__table__.c
# Asked with every grade that is read, so made once.
_OPEN = select(*_COLUMNS).where(
    _COLUMNS.customer_id.in_(bindparam("customers", expanding=True)),
    _COLUMNS.status.in_(_LIVE_STATUSES),
)


@dataclass(frozen=True, slots=True)
class WantedCases:
    """What a list of cases is narrowed to; None is everything.

    Attributes
    ----------
    due_before
        Only cases due before this instant.
    late_at
        Only live cases that were due before this instant.
    claimed_by
        Only cases that somebody leads, or led when they were decided.
    """

    status: CaseStatus | None = None
    kind: CaseKind | None = None
    customer_id: str | None = None
    tier_id: str | None = None
    due_before: datetime | None = None
    late_at: datetime | None = None
    claimed_by: str | None = None


class Reviews:
    """Review cases as of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, case_id: str) -> ReviewCase | None:
        """Return a case."""
        row = self._session.get(ReviewCaseRow, case_id)
        return None if row is None else case_of(row)

    def locked(self, case_id: str) -> ReviewCase | None:
        """Return a case that nobody else can change before this transaction ends.

        On SQLite a transaction that writes is alone anyhow.
        """
        wanted = select(ReviewCaseRow).where(ReviewCaseRow.case_id == case_id).with_for_update()
        row = self._session.scalars(wanted).one_or_none()
        return None if row is None else case_of(row)

    def open_case_of(self, customer_id: str) -> ReviewCase | None:
        """Return the customer's live case; there is at most one."""
        return self.open_cases_of([customer_id]).get(customer_id)

    def open_cases_of(self, customer_ids: Sequence[str]) -> dict[str, ReviewCase]:
        """Return the live cases of some customers (a page of them) by customer id."""
        rows: Any = self._session.connection().execute(_OPEN, {"customers": list(customer_ids)})
        return {row.customer_id: case_of(row) for row in rows}

    def open_cases(self) -> dict[str, ReviewCase]:
        """Return all live cases by customer id."""
        found = self._session.scalars(select(ReviewCaseRow).where(_LIVE))
        return {row.customer_id: case_of(row) for row in found}

    def locked_cases(self, customers: Between) -> dict[str, ReviewCase]:
        """Return live cases by customer id, which nobody else can change before this ends."""
        # As an expression: else SQLite would rather look through all live cases of everybody.
        live = func.coalesce(ReviewCaseRow.status, "").in_(_LIVE_STATUSES)
        rows = select(ReviewCaseRow).where(live, *_between(customers)).with_for_update()
        return {row.customer_id: case_of(row) for row in self._session.scalars(rows)}

    def decided_last(self, customer_id: str) -> ReviewCase | None:
        """Return the customer's latest decided case, closed and appealed ones included."""
        wanted = (
            select(ReviewCaseRow)
            .where(ReviewCaseRow.customer_id == customer_id, ReviewCaseRow.decided_at.is_not(None))
            .order_by(ReviewCaseRow.decided_at.desc(), ReviewCaseRow.case_id)
            .limit(1)
            .with_for_update()
        )
        row = self._session.scalars(wanted).one_or_none()
        return None if row is None else case_of(row)

    def resting(self, now: datetime, customers: Between = EVERYBODY) -> dict[str, ReviewCase]:
        """Return the latest case with a decision that still holds, by customer."""
        rows = (
            select(ReviewCaseRow)
            .where(ReviewCaseRow.holds_until > now, *_between(customers))
            .order_by(ReviewCaseRow.decided_at, ReviewCaseRow.case_id)
        )
        return {row.customer_id: case_of(row) for row in self._session.scalars(rows)}

    def count(self, status: CaseStatus | None = None) -> int:
        """Return how many cases there are, of one status or of all."""
        return self._count(WantedCases(status=status))

    def page(
        self,
        wanted: WantedCases | None = None,
        *,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[ReviewCase]:
        """Return cases, the earliest due first, ties by case id.

        Raises
        ------
        InvalidRequestError
            If the cursor is not one of this list.
        """
        wanted = wanted or WantedCases()
        rows = select(ReviewCaseRow).where(*_clauses(wanted))
        if cursor is not None:
            text, case_id = decode_cursor(cursor, (str, str))
            due = instant_of(str(text))
            rows = rows.where(
                or_(
                    ReviewCaseRow.due_at > due,
                    and_(ReviewCaseRow.due_at == due, ReviewCaseRow.case_id > case_id),
                )
            )
        ordered = rows.order_by(ReviewCaseRow.due_at, ReviewCaseRow.case_id).limit(limit + 1)
        found = self._session.scalars(ordered).all()
        last = found[limit - 1] if len(found) > limit else None
        return Page(
            items=tuple(case_of(row) for row in found[:limit]),
            total=self._count(wanted),
            cursor=None if last is None else encode_cursor(last.due_at.isoformat(), last.case_id),
        )

    def votes(self, case_id: str) -> tuple[Vote, ...]:
        """Return every vote ever cast in a case, in the order they came."""
        rows = (
            select(ReviewVoteRow)
            .where(ReviewVoteRow.case_id == case_id)
            .order_by(ReviewVoteRow.sequence)
        )
        return tuple(_vote(row) for row in self._session.scalars(rows))

    def voters(self, case_ids: Sequence[str]) -> dict[str, set[tuple[int, str]]]:
        """Return who voted at which level, by case: nothing of what they said."""
        found: dict[str, set[tuple[int, str]]] = {case_id: set() for case_id in case_ids}
        rows = select(ReviewVoteRow.case_id, ReviewVoteRow.level, ReviewVoteRow.voter).where(
            ReviewVoteRow.case_id.in_(case_ids)
        )
        for case_id, level, voter in self._session.execute(rows):
            found[case_id].add((level, voter))
        return found

    def decided_since(self, since: datetime) -> tuple[ReviewCase, ...]:
        """Return the cases decided since an instant."""
        rows = select(ReviewCaseRow).where(ReviewCaseRow.decided_at >= since)
        return tuple(case_of(row) for row in self._session.scalars(rows))

    def escalated_since(self, since: datetime) -> int:
        """Return how many cases went to a level above since an instant."""
        rows = select(func.count()).select_from(ReviewCaseRow)
        return self._session.scalar(rows.where(ReviewCaseRow.escalated_at >= since)) or 0

    # Writing -----------------------------------------------------------------------

    def add(self, cases: Iterable[ReviewCase]) -> None:
        """Add new cases in bulk."""
        values = [case_values(case) for case in cases]
        if values:
            self._session.execute(insert(ReviewCaseRow), values)

    def replace(self, cases: Iterable[ReviewCase]) -> None:
        """Write the present state of cases that are locked by this transaction, in bulk."""
        values = [case_values(case) for case in cases]
        if values:
            self._session.execute(update(ReviewCaseRow), values)

    def step(self, case: ReviewCase, version: int) -> bool:
        """Write a case that was read at a version; False if it has moved on since."""
        changed = self._session.connection().execute(
            update(ReviewCaseRow)
            .where(ReviewCaseRow.case_id == case.case_id, ReviewCaseRow.version == version)
            .values(**case_values(case))
        )
        return changed.rowcount == 1

    def vote(self, vote: Vote) -> None:
        """Add a vote."""
        self._session.execute(insert(ReviewVoteRow), [asdict(vote)])

    def _count(self, wanted: WantedCases) -> int:
        rows = select(func.count()).select_from(ReviewCaseRow).where(*_clauses(wanted))
        return self._session.scalar(rows) or 0


def _between(customers: Between) -> list[ColumnElement[bool]]:
    after, upto = customers
    kept = [ReviewCaseRow.customer_id > after]
    return kept if upto is None else [*kept, ReviewCaseRow.customer_id <= upto]


def _clauses(wanted: WantedCases) -> list[ColumnElement[bool]]:
    clauses: list[ColumnElement[bool]] = []
    for column, value in (
        (ReviewCaseRow.status, wanted.status and wanted.status.value),
        (ReviewCaseRow.kind, wanted.kind and wanted.kind.value),
        (ReviewCaseRow.customer_id, wanted.customer_id),
        (ReviewCaseRow.tier_id, wanted.tier_id),
        (ReviewCaseRow.claimed_by, wanted.claimed_by),
    ):
        if value is not None:
            clauses.append(column == value)
    if wanted.due_before is not None:
        clauses.append(ReviewCaseRow.due_at < wanted.due_before)
    if wanted.late_at is not None:
        clauses += [_LIVE, ReviewCaseRow.due_at < wanted.late_at]
    return clauses


def _vote(row: ReviewVoteRow) -> Vote:
    return Vote(
        case_id=row.case_id,
        level=row.level,
        sequence=row.sequence,
        voter=row.voter,
        seat=row.seat,
        tier_id=row.tier_id,
        reason=row.reason,
        text=row.text,
        confidence=row.confidence,
        at=row.at,
        salt=row.salt,
    )
