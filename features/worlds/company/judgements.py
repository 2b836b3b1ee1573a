"""Assessments by account managers: yearly judgements that see the latent truth through noise."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features.schema import FloatArray
from features.worlds.company.accounts import Accounts
from features.worlds.company.columns import ids, pick, table
from features.worlds.company.orders import Orders
from features.worlds.company.seasons import DAYS, WORKDAY, IntArray, clock, lateness
from features.worlds.company.streams import arrivals, stream

KINDS = (
    "strategic_match", "co_innovation", "innovation_cost_share", "patent_count", "rd_spend_rate",
    "industry_standing", "word_of_mouth", "demand_complexity", "expansion_plan", "size_fit",
    "digital_maturity", "esg", "competitor_substitution_risk", "share_of_wallet",
    "capital_strength", "team_strength", "stability", "jump_explained",
)  # fmt: skip
"""Scores from 0 to 100, but for shares (``innovation_cost_share``, ``rd_spend_rate``,
``share_of_wallet``, 0 to 1), ``patent_count`` (0 and up) and ``jump_explained`` (1)."""

JUDGED = 0.6
"""Share of the kinds that a review fills."""

_NUMBERS = 100_000
_EVIDENCE = ("annual review", "site visit", "客户访谈", "年度评估", "public filings")
_EXPLANATION = len(_EVIDENCE)


def assessments(seed: int, block: int, a: Accounts, ordered: Orders, accounts: int) -> pa.Table:
    """Return the assessments of a block: about one review in two years and account.

    An explained tenfold order is followed by ``jump_explained`` within three weeks; a slip of
    the keys is not.
    """
    rng = stream(seed, block, "assessments")
    per_day = np.full(len(a.start), 0.55 / 365 * WORKDAY.max())
    who, day = arrivals(rng, per_day, a.start, np.minimum(a.churn, DAYS))
    kept = rng.random(len(who)) < WORKDAY[day] / WORKDAY.max()
    who, day = who[kept], day[kept]
    review = day + clock(rng, len(who))
    values = _values(rng, a, who, day)
    filled = rng.random(values.shape) < JUDGED
    row, kind = np.nonzero(filled)

    jump = ordered.tenfold[ordered.explained]
    told = ordered.at[jump] + rng.uniform(1, 20, len(jump))
    owner = np.concatenate([who[row], ordered.who[jump]])
    at = np.concatenate([review[row], told])
    n = len(at)
    columns = {
        "assessment_id": ids("E", block * _NUMBERS + np.arange(n) + 1, 10),
        "occurred_at": at,
        "recorded_at": at + lateness(rng, n),
        "kind": pick(KINDS, np.concatenate([kind, np.full(len(jump), len(KINDS) - 1)])),
        "value": np.concatenate([values[row, kind], np.ones(len(jump))]),
        "author": pick([f"manager-{i}" for i in range(1, 25)], (owner + block) % 24),
        "evidence": pick(
            (*_EVIDENCE, "一次性项目采购，合同已核对"),
            np.concatenate(
                [rng.integers(0, len(_EVIDENCE), len(row)), np.full(len(jump), _EXPLANATION)]
            ),
        ),
    }
    return table("assessments", owner, a.first, columns, accounts=accounts)


def _values(rng: np.random.Generator, a: Accounts, who: IntArray, day: IntArray) -> FloatArray:
    """Return the judged value of each review and kind but the last, ``(reviews, kinds - 1)``."""
    n = len(who)
    mood, new, size = a.satisfaction[who], a.inventive[who], np.log(a.yearly[who] / 50_000)
    trouble = a.distress(who, day)
    hit = np.where(a.shocked[who], 12, 0)

    def score(mean: FloatArray, noise: float = 9) -> FloatArray:
        return np.clip(np.round(mean + rng.normal(0, noise, n)), 0, 100)

    def share(mean: FloatArray, noise: float) -> FloatArray:
        return np.clip(np.round(mean + rng.normal(0, noise, n), 2), 0, 1)

    columns = (
        score(52 + 9 * new + 5 * size),
        score(45 + 14 * new + 4 * mood),
        share(0.15 + 0.08 * new, 0.05),
        rng.poisson(np.exp(0.8 + 0.9 * new + 0.3 * size)).astype(np.float64),
        share(0.04 + 0.02 * new, 0.01),
        score(50 + 12 * size),
        score(60 + 11 * mood),
        score(30 + 80 * a.custom[who]),
        score(48 + 55 * a.growth[who] - hit),
        score(55 + 10 * size),
        score(50 + 8 * new),
        score(np.full(n, 55.0), 14),
        score(35 - 8 * mood + 40 * trouble),
        share(0.55 + 0.08 * mood - 0.35 * trouble, 0.12),
        score(50 + 9 * size),
        score(50 + 6 * new + 4 * mood),
        score(62 + 7 * mood - 30 * trouble),
    )
    return np.stack(columns, axis=1)
