"""The grades of a run as what follows from it asks for them: little of each, by customer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from serving.domain.grade import Grade, Run
from serving.store.rows import brief_grade
from serving.store.tables import GradeRow


@dataclass(frozen=True, slots=True)
class Followed:
    """One grade, as far as it matters to the desk and to followers."""

    customer_id: str
    grade_id: str
    score: float
    tier_index: int
    referred: bool
    reasons: Sequence[str]
    side: str | None

    def brief(self, run: Run) -> Grade:
        """Return what the review queue asks for; indicators, texts and margins are left out."""
        basis = run.graded_by(self.side).basis
        return brief_grade(
            basis, self.grade_id, self.customer_id, self.score, self.tier_index, self.reasons
        )


def followed(session: Session, run: Run, after: str, limit: int) -> list[Followed]:
    """Return up to ``limit`` grades of a run, by customer, from behind a customer's id."""
    row = GradeRow
    wanted = (
        select(
            *(row.customer_id, row.grade_id, row.score, row.tier_index),
            *(row.referred, row.reasons, row.side),
        )
        .where(row.run_id == run.run_id, row.customer_id > after)
        .order_by(row.customer_id)
        .limit(limit)
    )
    return [Followed(*found) for found in session.execute(wanted)]
