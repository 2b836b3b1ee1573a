"""Review cases: the only queries over them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy.orm import Session

from serving.domain.case import CaseStatus, ReviewCase
from serving.store.paging import Page, bad_cursor, decode_cursor, encode_cursor
from serving.store.tables import ReviewCaseRow


class Reviews:
    """Review cases as of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, case_id: str) -> ReviewCase | None:
        """Return a case."""
        row = self._session.get(ReviewCaseRow, case_id)
        return None if row is None else _case(row)

    def open_case_of(self, customer_id: str) -> ReviewCase | None:
        """Return the customer's open case; there is at most one."""
        wanted = select(ReviewCaseRow).where(
            ReviewCaseRow.customer_id == customer_id,
            ReviewCaseRow.status == CaseStatus.OPEN.value,
        )
        row = self._session.scalars(wanted).one_or_none()
        return None if row is None else _case(row)

    def open_cases_of(self, customer_ids: Sequence[str]) -> dict[str, ReviewCase]:
        """Return the open cases of some customers (a page of them) by customer id."""
        wanted = select(ReviewCaseRow).where(
            ReviewCaseRow.customer_id.in_(customer_ids),
            ReviewCaseRow.status == CaseStatus.OPEN.value,
        )
        return {row.customer_id: _case(row) for row in self._session.scalars(wanted)}

    def open_cases(self) -> dict[str, ReviewCase]:
        """Return all open cases by customer id."""
        rows = select(ReviewCaseRow).where(ReviewCaseRow.status == CaseStatus.OPEN.value)
        return {row.customer_id: _case(row) for row in self._session.scalars(rows)}

    def count(self, status: CaseStatus | None = None) -> int:
        """Return how many cases there are, of one status or of all."""
        rows = select(func.count()).select_from(ReviewCaseRow)
        if status is not None:
            rows = rows.where(ReviewCaseRow.status == status.value)
        return self._session.scalar(rows) or 0

    def page(
        self, *, status: CaseStatus | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[ReviewCase]:
        """Return cases, the earliest due first, ties by case id.

        Raises
        ------
        InvalidRequestError
            If the cursor is not one of this list.
        """
        rows = select(ReviewCaseRow)
        if status is not None:
            rows = rows.where(ReviewCaseRow.status == status.value)
        if cursor is not None:
            due, case_id = _decode(cursor)
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
            items=tuple(_case(row) for row in found[:limit]),
            total=self.count(status),
            cursor=None if last is None else encode_cursor(last.due_at.isoformat(), last.case_id),
        )

    def add(self, cases: Iterable[ReviewCase]) -> None:
        """Add new cases in bulk."""
        values = [
            {
                "case_id": case.case_id,
                "grade_id": case.grade_id,
                "run_id": case.run_id,
                "customer_id": case.customer_id,
                "status": case.status.value,
                "reasons": list(case.reasons),
                "score": case.score,
                "tier_id": case.tier_id,
                "opened_at": case.opened_at,
                "due_at": case.due_at,
                "closed_at": case.closed_at,
            }
            for case in cases
        ]
        if values:
            self._session.execute(insert(ReviewCaseRow), values)

    def replace(self, cases: Iterable[ReviewCase]) -> None:
        """Write the present state of cases that exist (grade, reasons, status, closing)."""
        values = [
            {
                "case_id": case.case_id,
                "grade_id": case.grade_id,
                "run_id": case.run_id,
                "status": case.status.value,
                "reasons": list(case.reasons),
                "score": case.score,
                "tier_id": case.tier_id,
                "closed_at": case.closed_at,
            }
            for case in cases
        ]
        if values:
            self._session.execute(update(ReviewCaseRow), values)


def _decode(cursor: str) -> tuple[datetime, str]:
    due, case_id = decode_cursor(cursor, (str, str))
    try:
        instant = datetime.fromisoformat(str(due))
    except ValueError as error:
        raise bad_cursor() from error
    if instant.tzinfo is not None:
        raise bad_cursor()
    return instant, str(case_id)


def _case(row: ReviewCaseRow) -> ReviewCase:
    return ReviewCase(
        case_id=row.case_id,
        grade_id=row.grade_id,
        run_id=row.run_id,
        customer_id=row.customer_id,
        status=CaseStatus(row.status),
        reasons=tuple(row.reasons),
        score=row.score,
        tier_id=row.tier_id,
        opened_at=row.opened_at,
        due_at=row.due_at,
        closed_at=row.closed_at,
    )
