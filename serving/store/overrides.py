"""Overrides: the only queries over them, and what lists of grades are narrowed by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, insert, or_, select, update
from sqlalchemy.orm import Session

from serving.domain.grade import Run
from serving.domain.override import Ending, Override
from serving.store.paging import Page, decode_cursor, encode_cursor, instant_of
from serving.store.review_tables import GradeOverrideRow
from serving.store.tables import RankRow

_COLUMNS = GradeOverrideRow.__table__.c
# Asked with every grade that is read, so made once.
_IN_FORCE = select(*_COLUMNS).where(
    _COLUMNS.customer_id.in_(bindparam("customers", expanding=True)),
    _COLUMNS.ended_at.is_(None),
    _COLUMNS.expires_at > bindparam("now"),
)


class Overrides:
    """Overrides as of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, override_id: str) -> Override | None:
        """Return an override."""
        row = self._session.get(GradeOverrideRow, override_id)
        return None if row is None else _override(row)

    def all(self) -> Iterator[Override]:
        """Yield every override, ended or not."""
        rows = select(GradeOverrideRow).order_by(GradeOverrideRow.override_id)
        with self._session.scalars(rows.execution_options(yield_per=1_000)) as found:
            yield from map(_override, found)

    def in_force(self, customer_ids: Sequence[str], now: datetime) -> dict[str, Override]:
        """Return the overrides of some customers (a page of them) that hold, by customer."""
        asked = {"customers": list(customer_ids), "now": now}
        rows: Any = self._session.connection().execute(_IN_FORCE, asked)
        return {row.customer_id: _override(row) for row in rows}

    def standing_of(self, customer_id: str) -> Override | None:
        """Return the customer's override that has not ended, expired or not; locked."""
        wanted = (
            select(GradeOverrideRow)
            .where(GradeOverrideRow.customer_id == customer_id, GradeOverrideRow.ended_at.is_(None))
            .with_for_update()
        )
        row = self._session.scalars(wanted).one_or_none()
        return None if row is None else _override(row)

    def of_case(self, case_id: str) -> Override | None:
        """Return the override that a case granted."""
        wanted = select(GradeOverrideRow).where(GradeOverrideRow.case_id == case_id)
        row = self._session.scalars(wanted).one_or_none()
        return None if row is None else _override(row)

    def expired(self, now: datetime) -> tuple[Override, ...]:
        """Return the overrides that are over and have not been noted as such; locked."""
        wanted = (
            select(GradeOverrideRow)
            .where(GradeOverrideRow.ended_at.is_(None), GradeOverrideRow.expires_at <= now)
            .order_by(GradeOverrideRow.expires_at, GradeOverrideRow.override_id)
            .with_for_update()
        )
        return tuple(_override(row) for row in self._session.scalars(wanted))

    def page(
        self,
        *,
        customer_id: str | None = None,
        in_force_at: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Override]:
        """Return overrides, the latest decided first, ties by id.

        Parameters
        ----------
        in_force_at
            Only those that hold at this instant.

        Raises
        ------
        InvalidRequestError
            If the cursor is not one of this list.
        """
        kept = [] if customer_id is None else [GradeOverrideRow.customer_id == customer_id]
        if in_force_at is not None:
            kept += _holding(in_force_at)
        total = select(func.count()).select_from(GradeOverrideRow).where(*kept)
        rows = select(GradeOverrideRow).where(*kept)
        if cursor is not None:
            text, override_id = decode_cursor(cursor, (str, str))
            decided = instant_of(str(text))
            rows = rows.where(
                or_(
                    GradeOverrideRow.decided_at < decided,
                    and_(
                        GradeOverrideRow.decided_at == decided,
                        GradeOverrideRow.override_id < override_id,
                    ),
                )
            )
        ordered = rows.order_by(
            GradeOverrideRow.decided_at.desc(), GradeOverrideRow.override_id.desc()
        )
        found = self._session.scalars(ordered.limit(limit + 1)).all()
        last = found[limit - 1] if len(found) > limit else None
        return Page(
            items=tuple(_override(row) for row in found[:limit]),
            total=self._session.scalar(total) or 0,
            cursor=None
            if last is None
            else encode_cursor(last.decided_at.isoformat(), last.override_id),
        )

    def add(self, override: Override) -> None:
        """Add an override."""
        self._session.execute(insert(GradeOverrideRow), [asdict(override)])

    def end(self, override: Override) -> bool:
        """Write how an override ended; False if it had ended before."""
        changed = self._session.connection().execute(
            update(GradeOverrideRow)
            .where(
                GradeOverrideRow.override_id == override.override_id,
                GradeOverrideRow.ended_at.is_(None),
            )
            .values(
                ended_at=override.ended_at,
                ended_by=override.ended_by,
                ending=override.ending,
                ended_text=override.ended_text,
            )
        )
        return changed.rowcount == 1


def standing_in(
    session: Session, run: Run, tier_id: str | None, now: datetime
) -> ColumnElement[bool]:
    """Return the clause that keeps the places of a tier, as panels overruled it.

    Parameters
    ----------
    tier_id
        A tier the run does not have keeps nothing.
    """
    indexes = {tier.id: tier.index for tier in run.basis.tiers}
    by_model = RankRow.tier_index == indexes.get(str(tier_id), -1)
    meant = [
        *_holding(now),
        GradeOverrideRow.scheme_id == run.basis.scheme_id,
        GradeOverrideRow.tier_id.in_(sorted(indexes)),
    ]
    overruled = select(GradeOverrideRow.customer_id).where(*meant)
    if session.scalar(overruled.limit(1)) is None:
        return by_model
    given = overruled.where(GradeOverrideRow.tier_id == tier_id)
    return or_(
        RankRow.customer_id.in_(given),
        and_(by_model, RankRow.customer_id.not_in(overruled)),
    )


def _holding(now: datetime) -> list[ColumnElement[bool]]:
    return [GradeOverrideRow.ended_at.is_(None), GradeOverrideRow.expires_at > now]


def _override(row: GradeOverrideRow) -> Override:
    return Override(
        override_id=row.override_id,
        customer_id=row.customer_id,
        grade_id=row.grade_id,
        run_id=row.run_id,
        case_id=row.case_id,
        scheme_id=row.scheme_id,
        tier_id=row.tier_id,
        model_tier_id=row.model_tier_id,
        reason=row.reason,
        texts=row.texts,
        decided_at=row.decided_at,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
        ending=None if row.ending is None else Ending(row.ending),
        ended_text=row.ended_text,
    )
