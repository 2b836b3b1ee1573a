"""Customers after the simulated company's, with a planted effect of tier service.

The simulated company serves nobody better for his tier, so the effect is a layer on top. Scores,
and the spread, skew and tails of growth at each score, are the company's; the means follow a smooth
curve fitted to it; what tier service adds is ours, and known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numpy.polynomial import Polynomial

from features.parquet import read_frame, read_outcomes
from features.schema import FloatArray, IndicatorFrame
from tiering.assign import decide
from tiering.scheme import load_scheme
from tiering.scores import Reference
from training.attribution.study import CAP, Observed

HORIZON = 90
PREDICTIONS = ("ltv", "churn_probability")
NEIGHBOURS = 200
"""Rows of the company among which a drawn customer finds his spend: those of nearest score."""
JITTER = 1.5
"""Points of noise on a drawn score: scores of the company lie on no grid then."""
DEGREE = 4
"""Of the polynomial in the score that means follow: smooth at every cut, so that what is planted
is all there is to find. The means of the company's own 200 rows wiggle by chance."""


@dataclass(frozen=True, slots=True, eq=False)
class Company:
    """Gradings of the company, ``(n,)`` rows each by score.

    Attributes
    ----------
    score
        Composite of the default scheme without predictions, rising.
    before, growth
        Net spend of the 90 days before, and that of the 90 after less it, capped as a study
        caps it.
    tenure
        Days since the first order.
    panel
        ``(c, t)`` spend of the customers of all gradings in successive 90 days.
    """

    score: FloatArray
    before: FloatArray
    growth: FloatArray
    tenure: FloatArray
    panel: FloatArray


def grade(
    published: Path, day: date, reference: Reference | None
) -> tuple[IndicatorFrame, FloatArray, Reference]:
    """Grade a day by the default scheme without predictions; the first day is the reference."""
    scheme = load_scheme("default")
    frame = read_frame(published / "indicators" / f"{day}.parquet")
    values = {name: frame.column(name) for name in frame.columns}
    values |= {name: np.full(len(frame), np.nan) for name in PREDICTIONS}
    known = reference or Reference.fit({name: values[name] for name in scheme.indicators})
    return frame, decide(scheme, known, values).composite.score, known


def read_company(published: Path) -> Company:
    """Grade every third monthly snapshot whose 90 days after are known."""
    days = sorted(date.fromisoformat(p.stem) for p in (published / "indicators").glob("*.parquet"))
    closed = [d for d in days if (published / "outcomes" / f"{d}-{HORIZON}d.parquet").is_file()]
    reference, rows, people = None, [], []
    for day in closed[::-3][::-1]:
        frame, score, reference = grade(published, day, reference)
        after = read_outcomes(published / "outcomes" / f"{day}-{HORIZON}d.parquet")
        before = frame.column("net_amount_90d")
        # Who has been silent for a year spends nothing before or after: no growth to tell apart.
        alive = frame.column("days_since_last_order") < 365
        columns = (score, before, after.net_value - before, frame.column("tenure_days"))
        rows.append([column[alive] for column in columns])
        names = frame.customer_id.tolist()
        people.append(dict(zip(names, before, strict=True)))
    shared = sorted(set.intersection(*(set(each) for each in people)))
    score, before, growth, tenure = (np.concatenate(column) for column in zip(*rows, strict=True))
    order = np.argsort(score)
    return Company(
        score=score[order],
        before=before[order],
        growth=np.clip(growth, *np.quantile(growth, [CAP, 1 - CAP]))[order],
        tenure=tenure[order],
        panel=np.array([[each[name] for each in people] for name in shared]),
    )


@dataclass(frozen=True, slots=True)
class Planted:
    """What tier service adds to a customer above the cut, and what the market adds to all.

    Attributes
    ----------
    service
        Money per customer and 90 days, at the cut.
    market
        The same for everybody.
    slope
        How much more service adds for each point above the cut: 0 is the same for all.
    steered
        Share of those up to 1.5 points below the cut who are lifted over it.
    """

    service: float
    market: float
    slope: float = 0.0
    steered: float = 0.0


def draw(
    company: Company, n: int, cut: float, planted: Planted, rng: np.random.Generator
) -> Observed:
    """Draw customers of one grading, each once."""
    score = rng.choice(company.score, n) + rng.normal(0, JITTER, n)
    score = np.clip(score, 0, 99.999)
    place = np.searchsorted(company.score, score)
    low = np.clip(place - NEIGHBOURS // 2, 0, company.score.size - NEIGHBOURS)
    row = low + rng.integers(0, NEIGHBOURS, n)
    growth, before, tenure = (
        _smooth(company.score, column, score) + column[row] - _means(column)[low]
        for column in (company.growth, company.before, company.tenure)
    )
    below = (score < cut) & (score > cut - 1.5) & (rng.random(n) < planted.steered)
    score = np.where(below, 2 * cut - score, score)
    served = score >= cut
    service = np.where(served, planted.service + planted.slope * (score - cut), 0.0)
    growth = growth + planted.market + service
    return Observed(
        customer=np.arange(n),
        grading=np.zeros(n, dtype=np.int64),
        score=score,
        growth=growth,
        before={"net_amount_90d": before, "tenure_days": tenure},
    )


def _smooth(score: FloatArray, column: FloatArray, at: FloatArray) -> FloatArray:
    return Polynomial.fit(score, column, DEGREE)(at)


def _means(column: FloatArray) -> FloatArray:
    """Return the mean of the ``NEIGHBOURS`` rows from each row on."""
    sums = np.concatenate([[0.0], np.cumsum(column)])
    return (sums[NEIGHBOURS:] - sums[:-NEIGHBOURS]) / NEIGHBOURS


def risen(
    company: Company, effect: float, chosen: str, rng: np.random.Generator
) -> tuple[FloatArray, npt.NDArray[np.bool_], FloatArray, int]:
    """Draw customers with their spend by period, some of whom rise halfway.

    Parameters
    ----------
    effect
        Money that rising adds in each period after.
    chosen
        ``luck``: who rises does not depend on the last period's spend; ``spend``: those rise
        who spent more in it than in the one before, as a score that counts spend would have it.

    Returns
    -------
    spend, rose, covariates, first_after
        ``(n, t)``, ``(n,)``, ``(n, k)`` known before the rise, and the first period after.
    """
    rows = rng.integers(0, len(company.panel), 1_500)
    spend = company.panel[rows].copy()
    first = spend.shape[1] // 2 + 1
    last, earlier = spend[:, first - 1], spend[:, first - 2]
    level = spend[:, : first - 1].mean(axis=1)
    odds = rng.random(len(rows)) if chosen == "luck" else rng.random(len(rows)) - (last > earlier)
    rose = np.zeros(len(rows), dtype=np.bool_)
    active = np.flatnonzero(level > 0)
    rose[active[np.argsort(odds[active])[: active.size // 5]]] = True
    spend[np.ix_(np.flatnonzero(rose), np.arange(first, spend.shape[1]))] += effect
    covariates = np.column_stack([np.log1p(np.maximum(level, 0)), np.log1p(np.maximum(earlier, 0))])
    return spend, rose, covariates, first
