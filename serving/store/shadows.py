"""Shadow grades: the only queries over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from serving.domain.grade import Run
from serving.domain.shadow import Pair, ShadowGrade, ShadowRun
from serving.store.shadow_tables import ShadowGradeRow, ShadowRunRow
from serving.store.tables import GradeRow

_FIELDS = tuple(field.name for field in fields(ShadowRun))
_GRADE = tuple(field.name for field in fields(ShadowGrade))


class Shadows:
    """Shadow grades as of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def last(self) -> tuple[str, ShadowRun] | None:
        """Return the pass that finished last, of whichever run, with that run's id."""
        newest = select(ShadowRunRow.run_id).order_by(ShadowRunRow.finished_at.desc()).limit(1)
        run_id = self._session.scalars(newest).one_or_none()
        shadow = None if run_id is None else self.run(run_id)
        return None if run_id is None or shadow is None else (run_id, shadow)

    def run(self, run_id: str, bundle_digest: str | None = None) -> ShadowRun | None:
        """Return a shadow's pass over a run, by default the one that finished last."""
        rows = select(ShadowRunRow).where(ShadowRunRow.run_id == run_id)
        if bundle_digest is not None:
            rows = rows.where(ShadowRunRow.bundle_digest == bundle_digest)
        row = self._session.scalars(
            rows.order_by(ShadowRunRow.finished_at.desc()).limit(1)
        ).one_or_none()
        if row is None:
            return None
        values = {name: getattr(row, name) for name in _FIELDS}
        return ShadowRun(**{**values, "tiers": tuple(row.tiers)})

    def clear(self, run_id: str, bundle_digest: str) -> None:
        """Remove what a pass left that did not finish."""
        for table in (ShadowRunRow, ShadowGradeRow):
            self._session.execute(
                delete(table).where(table.run_id == run_id, table.bundle_digest == bundle_digest)
            )

    def add(self, run_id: str, bundle_digest: str, grades: Sequence[ShadowGrade]) -> None:
        """Add grades of a pass."""
        place = {"run_id": run_id, "bundle_digest": bundle_digest}
        values = [asdict(grade) | place for grade in grades]
        if values:
            self._session.execute(insert(ShadowGradeRow), values)

    def finish(self, shadow: ShadowRun) -> None:
        """Write that a pass is whole; until then nobody sees it."""
        values = asdict(shadow) | {"tiers": list(shadow.tiers)}
        self._session.execute(insert(ShadowRunRow), [values])

    def pairs(self, run: Run, bundle_digest: str) -> Iterator[Pair]:
        """Yield the champion's grade of each customer beside the shadow's, by customer.

        Customers that a canary graded are left out: a shadow is compared with the champion.
        """
        ids = [tier.id for tier in run.basis.tiers]
        rows = (
            select(
                GradeRow.score,
                GradeRow.tier_index,
                GradeRow.raw_tier,
                GradeRow.referred,
                GradeRow.stage,
                ShadowGradeRow,
            )
            .join(
                ShadowGradeRow,
                (ShadowGradeRow.run_id == GradeRow.run_id)
                & (ShadowGradeRow.customer_id == GradeRow.customer_id),
            )
            .where(
                GradeRow.run_id == run.run_id,
                GradeRow.side.is_(None),
                ShadowGradeRow.bundle_digest == bundle_digest,
            )
            .order_by(GradeRow.customer_id)
        )
        found = self._session.execute(rows.execution_options(yield_per=5_000))
        for score, index, raw, referred, stage, row in found:
            told = ShadowGrade(**{name: getattr(row, name) for name in _GRADE})
            yield Pair(score, raw or ids[index], referred, stage, told)
