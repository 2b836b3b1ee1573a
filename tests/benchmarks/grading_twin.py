"""The grade as a loop over customers in plain Python: what the arrays must equal."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

from features.schema import Direction, describe
from tiering.policy import Scheme
from tiering.scores import Reference


@dataclass(frozen=True, slots=True)
class Row:
    """All that a decision says of one customer."""

    points: list[float]
    weight: list[float]
    dimension_score: list[float]
    score: float
    missing_weight: float
    tier: int
    margin_up: float
    margin_down: float
    reasons: tuple[str, ...]


class Twin:
    """Grades one customer at a time by a scheme of percentiles that decides by score."""

    def __init__(self, scheme: Scheme, reference: Reference) -> None:
        self.scheme = scheme
        self.dimensions = [
            (
                each.weight,
                [
                    (
                        i.weight,
                        reference.knots[i.name].x.tolist(),
                        reference.knots[i.name].percentile.tolist(),
                        describe(i.name).direction is Direction.LOWER_IS_BETTER,
                    )
                    for i in each.indicators
                ],
            )
            for each in scheme.dimensions
        ]
        self.cuts = [tier.cut or 0.0 for tier in scheme.tiers]

    def grade(self, values: list[float]) -> Row:
        """Grade the values of a customer, in the order of the scheme, NaN where unknown."""
        points: list[float] = []
        inside: list[float] = []
        scores: list[float] = []
        shares: list[float] = []
        at = iter(values)
        missing_weight = 0.0
        for share, indicators in self.dimensions:
            own, known = [], 0.0
            for weight, x, percentile, lower in indicators:
                value = next(at)
                if value != value:
                    own.append(math.nan)
                    missing_weight += share * weight
                    continue
                place = _percentile(x, percentile, value)
                own.append(100.0 - place if lower else place)
                known += weight
            weights = [
                0.0 if p != p else weight / known
                for p, (weight, *_) in zip(own, indicators, strict=True)
            ]
            points += own
            inside += weights
            shares.append(share if known else 0.0)
            scores.append(
                sum(w * p for w, p in zip(weights, own, strict=True) if p == p)
                if known
                else math.nan
            )
        missing_weight = round(missing_weight, 10)
        whole = sum(shares)
        sizes = [len(indicators) for _, indicators in self.dimensions]
        outer = [s / whole for s, size in zip(shares, sizes, strict=True) for _ in range(size)]
        weight = [i * o for i, o in zip(inside, outer, strict=True)]
        score = round(sum(w * p for w, p in zip(weight, points, strict=True) if p == p), 10)
        tier = next(i for i, cut in enumerate(self.cuts) if score >= cut)
        up = math.nan if tier == 0 else self.cuts[tier - 1] - score
        down = math.nan if tier == len(self.cuts) - 1 else score - self.cuts[tier]
        reasons = []
        if min(d for d in (up, down) if d == d) < self.scheme.referral.band:
            reasons.append("border_margin")
        if missing_weight > self.scheme.referral.max_missing_weight:
            reasons.append("missing_weight")
        if any(s != s for s in scores):
            reasons.append("missing_dimension")
        return Row(points, weight, scores, score, missing_weight, tier, up, down, tuple(reasons))


def _percentile(x: list[float], percentile: list[float], value: float) -> float:
    if value <= x[0]:
        return percentile[0]
    if value >= x[-1]:
        return percentile[-1]
    left = bisect_right(x, value) - 1
    share = (value - x[left]) / (x[left + 1] - x[left])
    return percentile[left] + share * (percentile[left + 1] - percentile[left])
