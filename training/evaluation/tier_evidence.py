"""Tiers given beside those that customers should have had, and how steady they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from features.schema import FloatArray
from tiering.assign import decide
from tiering.population.stability import migration_matrix
from tiering.scores import Reference
from training.evaluation.judged import IntArray, Judged
from training.evaluation.rows import TierRow

if TYPE_CHECKING:
    from training.bundle import Bundle
    from training.dataset import TrainingSet
    from training.scores import Scores


def value_tiers(net_value: FloatArray, tier: IntArray, tiers: int) -> IntArray:
    """Return tiers ``(n,)`` cut on realised net value alone, as large as those given.

    The value that opens a tier is the one below which the first customer of the next tier
    stands; customers of equal value are never parted, they share the lower tier. So half of a
    log that bought nothing lands in one tier, and a tier may come out smaller than it was given.

    Parameters
    ----------
    net_value
        ``(n,)`` money.
    tier
        ``(n,)`` tiers that the scheme gave, 0 is the best.
    tiers
        How many tiers the scheme has.
    """
    descending = np.sort(net_value)[::-1]
    ends = np.cumsum(np.bincount(tier, minlength=tiers))[:-1]
    right = np.zeros(len(tier), dtype=np.int64)
    for end in ends:
        if end < len(descending):
            right += net_value <= descending[end]
    return right


def in_hindsight(bundle: Bundle, rows: TrainingSet, scores: Scores) -> tuple[IntArray, IntArray]:
    """Return the tiers that customers should have had, with outcomes in the place of predictions.

    Parameters
    ----------
    rows
        Customers whose outcomes have closed.
    scores
        What the bundle predicted for them.

    Returns
    -------
    hindsight, strict
        ``(n,)`` tiers; outcomes ranked among outcomes, and among the expectations that the
        reference population had.
    """
    outcome = {"ltv": rows.net_value, "churn_probability": rows.churned}
    known = {**bundle.indicator_values(rows.values, scores), **outcome}
    # A grade ranks a customer among expectations; in hindsight it ranks among outcomes. Ranked
    # among expectations, everyone who stayed would seem better than the best expectation.
    ranks = {**bundle.reference.knots, **Reference.fit(outcome).knots}
    hindsight = decide(bundle.scheme, Reference(ranks), known)
    strict = decide(bundle.scheme, bundle.reference, known)
    return hindsight.tier.astype(np.int64), strict.tier.astype(np.int64)


def tier_row(judged: Judged, tiers: int) -> TierRow:
    """Compare the tiers given with those of hindsight."""
    row = _row(judged, judged.hindsight, tiers)
    return TierRow(**row, strict_accuracy=float((judged.tier == judged.strict).mean()))


def value_tier_row(judged: Judged, tiers: int) -> TierRow:
    """Compare the tiers given with those by realised net value alone."""
    return TierRow(**_row(judged, judged.value_tier, tiers), strict_accuracy=float("nan"))


def _row(judged: Judged, right: IntArray, tiers: int) -> dict[str, Any]:
    given, auto = judged.tier, ~judged.referred
    matrix = migration_matrix(given, right, tiers)
    return {
        "origin": judged.origin,
        "n": len(given),
        "accuracy": float((given == right).mean()),
        "within_one": float((np.abs(given - right) <= 1).mean()),
        "too_high": float((given < right).mean()),
        "too_low": float((given > right).mean()),
        "majority": float(matrix.sum(axis=0).max() / len(given)),
        "referred": float(judged.referred.mean()),
        "auto_accuracy": float((given == right)[auto].mean()) if auto.any() else float("nan"),
        "confusion": tuple(tuple(int(cell) for cell in row) for row in matrix),
    }


def stability(parts: Sequence[Judged]) -> Mapping[str, Any]:
    """Return how often tiers changed from origin to origin, and changed back.

    Returns
    -------
    mapping
        ``pairs``: customers graded at two consecutive origins; ``change_rate``: share of them
        whose tier differs. ``triples``: graded at three; ``reversal_rate``: share of them that
        went A, B, A. The same of the hindsight tiers as ``hindsight_change_rate`` and
        ``hindsight_reversal_rate``: what cannot be steady is not the model's fault. None where
        there is no pair or triple.
    """
    found: dict[str, Any] = {}
    for name, prefix in (("tier", ""), ("hindsight", "hindsight_")):
        tiers = [
            dict(zip(part.customer_id.tolist(), getattr(part, name).tolist(), strict=True))
            for part in parts
        ]
        pairs = [(a[c], b[c]) for a, b in pairwise(tiers) for c in a if c in b]
        triples = [
            (a[c], b[c], d[c])
            for a, b, d in zip(tiers, tiers[1:], tiers[2:], strict=False)
            for c in a
            if c in b and c in d
        ]
        changed = sum(a != b for a, b in pairs)
        reversed_ = sum(a == d != b for a, b, d in triples)
        found |= {
            "pairs": len(pairs),
            "triples": len(triples),
            f"{prefix}change_rate": changed / len(pairs) if pairs else None,
            f"{prefix}reversal_rate": reversed_ / len(triples) if triples else None,
        }
    return found
