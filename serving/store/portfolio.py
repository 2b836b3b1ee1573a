"""One run's grades as columns, for the pages that look at all customers at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from sqlalchemy import select

from features.schema import FloatArray
from serving.domain.canary import CANARY
from serving.domain.grade import Run
from serving.store.numbers import UNKNOWN, Named, unpack
from serving.store.overrides import Overrides, standing_in
from serving.store.ranks import Narrowed, Ranks, in_places
from serving.store.session import Session
from serving.store.tables import GradeRow, RunRow


@dataclass(frozen=True, slots=True)
class Population:
    """All graded customers of a run, highest score first.

    Attributes
    ----------
    customer_id
        ``(n,)``.
    score, churn_probability, ltv
        ``(n,)`` float64; NaN is unknown.
    tier_index
        ``(n,)``; 0 is the best tier.
    dimension_scores
        By dimension id, ``(n,)`` float64; NaN where the dimension has no data.
    stage
        ``(n,)`` stage ids of the run's first lifecycle policy; empty without one.
    """

    customer_id: tuple[str, ...]
    score: FloatArray
    tier_index: npt.NDArray[np.int64]
    churn_probability: FloatArray
    ltv: FloatArray
    dimension_scores: dict[str, FloatArray]
    stage: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.customer_id)


def read_population(session: Session, run_id: str, dimensions: Sequence[str]) -> Population:
    """Read the columns of a run; empty for a run that is not there.

    Parameters
    ----------
    dimensions
        Ids of the run's dimensions, in its order.
    """
    query = (
        select(
            GradeRow.customer_id,
            GradeRow.score,
            GradeRow.tier_index,
            GradeRow.churn_probability,
            GradeRow.ltv,
            GradeRow.dimension_scores,
            GradeRow.stage,
        )
        .where(GradeRow.run_id == run_id)
        .order_by(GradeRow.customer_id)
    )
    # Read in the order in which they lie; a stable sort leaves ties by customer.
    rows = sorted(session.execute(query), key=lambda row: -row.score)
    scores = np.full((len(rows), len(dimensions)), np.nan)
    for place, row in enumerate(rows):
        scores[place] = unpack(row.dimension_scores, len(dimensions), UNKNOWN)
    # None becomes NaN in a float array, which is how the pages know "unknown".
    return Population(
        customer_id=tuple(row.customer_id for row in rows),
        score=np.array([row.score for row in rows], dtype=np.float64),
        tier_index=np.array([row.tier_index for row in rows], dtype=np.int64),
        churn_probability=np.array([row.churn_probability for row in rows], dtype=np.float64),
        ltv=np.array([row.ltv for row in rows], dtype=np.float64),
        dimension_scores={name: scores[:, place] for place, name in enumerate(dimensions)},
        stage=np.array([row.stage or "" for row in rows], dtype=np.str_),
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list of customers shows of one grade (fields: `serving.domain.grade.Grade`)."""

    customer_id: str
    tier_index: int
    score: float
    margin_up: float | None
    churn_probability: float | None
    ltv: float | None
    net_amount_365d: float | None
    referred: bool
    stage: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list of customers.

    Attributes
    ----------
    total
        Customers that fit, on all pages.
    offset
        Place of the first row among them, from 0.
    """

    rows: tuple[Listed, ...]
    total: int
    offset: int


def list_customers(
    session: Session,
    run_id: str,
    *,
    tier_index: int | None = None,
    stage: str | None = None,
    search: str = "",
    page: int = 1,
    size: int = 25,
    overruled: tuple[Run, datetime] | None = None,
) -> Listing:
    """Read one page of a run's customers, highest score first.

    Unlike the API's cursor, a page number lets a reader go back; a page behind the end
    shows the last one.

    Parameters
    ----------
    tier_index, stage
        Only this tier, this stage.
    search
        Only customers whose id contains it, letter case aside.
    page
        From 1.
    overruled
        The run, and the instant: tiers as panels overruled them. As the run gave them by default.
    """
    narrowed = Narrowed(
        tier_index=tier_index if overruled is None else None, stage=stage, part=search
    )
    kept = narrowed.clauses(run_id)
    if tier_index is not None and overruled is not None:
        run, now = overruled
        kept.append(standing_in(session, run, run.basis.tiers[tier_index].id, now))
    ranks = Ranks(session)
    total = ranks.count(kept)
    last_page = max(1, -(-total // size))
    offset = (min(max(page, 1), last_page) - 1) * size
    customers = ranks.customers(kept, size, offset=offset)
    wanted = select(GradeRow).where(GradeRow.run_id == run_id, GradeRow.customer_id.in_(customers))
    by_customer = {row.customer_id: row for row in session.scalars(wanted)}
    found = in_places(customers, by_customer)
    given = _given(session, customers, overruled)
    columns = _columns(session, run_id)
    rows = tuple(
        Listed(
            customer_id=row.customer_id,
            tier_index=given.get(row.customer_id, row.tier_index),
            score=row.score,
            margin_up=_margin_up(row, given.get(row.customer_id), overruled),
            churn_probability=row.churn_probability,
            ltv=row.ltv,
            net_amount_365d=Named(columns[row.side], row.indicators).get("net_amount_365d"),
            referred=row.referred,
            stage=row.stage,
        )
        for row in found
    )
    return Listing(rows=rows, total=total, offset=offset)


def _columns(session: Session, run_id: str) -> Mapping[str | None, Sequence[str]]:
    """Return the names of the indicators of a run's grades, by the side of a grade."""
    told = select(RunRow.columns, RunRow.canary).where(RunRow.run_id == run_id)
    champion, canary = session.execute(told).one_or_none() or ([], None)
    return {None: champion, CANARY: canary["columns"] if canary else champion}


def _margin_up(
    row: GradeRow, given: int | None, overruled: tuple[Run, datetime] | None
) -> float | None:
    if given is None or overruled is None:
        return row.margin_up
    above = overruled[0].basis.tiers[given - 1].cut if given > 0 else None
    return None if above is None else above - row.score


def _given(
    session: Session, customers: list[str], overruled: tuple[Run, datetime] | None
) -> dict[str, int]:
    """Return the index of the tier that a panel gave, by customer."""
    if overruled is None:
        return {}
    run, now = overruled
    place = {tier.id: tier.index for tier in run.basis.tiers}
    return {
        customer: place[override.tier_id]
        for customer, override in Overrides(session).in_force(customers, now).items()
        if override.scheme_id == run.basis.scheme_id and override.tier_id in place
    }
