"""Appeals: the only queries over them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy.orm import Session

from serving.domain.appeal import Appeal, AppealOutcome
from serving.store.paging import Page, decode_cursor, encode_cursor, instant_of
from serving.store.review_tables import AppealRow


class Appeals:
    """Appeals as of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, appeal_id: str) -> Appeal | None:
        """Return an appeal."""
        row = self._session.get(AppealRow, appeal_id)
        return None if row is None else _appeal(row)

    def of_case(self, case_id: str) -> Appeal | None:
        """Return the appeal that a case answers; None of any other case."""
        row = self._session.scalars(
            select(AppealRow).where(AppealRow.case_id == case_id)
        ).one_or_none()
        return None if row is None else _appeal(row)

    def page(
        self,
        *,
        customer_id: str | None = None,
        answered: bool | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Appeal]:
        """Return appeals, the latest filed first, ties by id.

        Raises
        ------
        InvalidRequestError
            If the cursor is not one of this list.
        """
        kept = [] if customer_id is None else [AppealRow.customer_id == customer_id]
        if answered is not None:
            none = AppealRow.answered_at.is_(None)
            kept.append(~none if answered else none)
        total = select(func.count()).select_from(AppealRow).where(*kept)
        rows = select(AppealRow).where(*kept)
        if cursor is not None:
            text, appeal_id = decode_cursor(cursor, (str, str))
            filed = instant_of(str(text))
            rows = rows.where(
                or_(
                    AppealRow.filed_at < filed,
                    and_(AppealRow.filed_at == filed, AppealRow.appeal_id < appeal_id),
                )
            )
        ordered = rows.order_by(AppealRow.filed_at.desc(), AppealRow.appeal_id.desc())
        found = self._session.scalars(ordered.limit(limit + 1)).all()
        last = found[limit - 1] if len(found) > limit else None
        return Page(
            items=tuple(_appeal(row) for row in found[:limit]),
            total=self._session.scalar(total) or 0,
            cursor=None
            if last is None
            else encode_cursor(last.filed_at.isoformat(), last.appeal_id),
        )

    def answered_since(self, since: datetime) -> tuple[Appeal, ...]:
        """Return the appeals answered since an instant."""
        rows = select(AppealRow).where(AppealRow.answered_at >= since)
        return tuple(_appeal(row) for row in self._session.scalars(rows))

    def add(self, appeal: Appeal) -> None:
        """Add an appeal."""
        self._session.execute(insert(AppealRow), [_values(appeal)])

    def answer(self, appeal: Appeal) -> None:
        """Write the answer of an appeal whose case is locked by this transaction."""
        self._session.execute(update(AppealRow), [_values(appeal)])


def _values(appeal: Appeal) -> dict[str, object]:
    answer = appeal.answer
    return asdict(appeal) | {
        "evidence": list(appeal.evidence),
        "answer": None if answer is None else {lang: list(said) for lang, said in answer.items()},
    }


def _appeal(row: AppealRow) -> Appeal:
    return Appeal(
        appeal_id=row.appeal_id,
        customer_id=row.customer_id,
        case_id=row.case_id,
        contested_case_id=row.contested_case_id,
        contested_tier_id=row.contested_tier_id,
        wanted_tier_id=row.wanted_tier_id,
        reason=row.reason,
        evidence=tuple(row.evidence),
        filed_at=row.filed_at,
        filed_by=row.filed_by,
        outcome=None if row.outcome is None else AppealOutcome(row.outcome),
        answered_at=row.answered_at,
        answered_by=row.answered_by,
        answer=row.answer,
    )
