"""What a run counts while its customers pass by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from serving.domain.grade import Grade, TierSummary
from serving.domain.labels import TierLabel

_BITS = 53
"""Bits of a float64's significand."""


class ExactSum:
    """A sum of float64 that is rounded once, at the end, as by ``math.fsum``.

    It does not depend on the order or on how the numbers came in groups.
    """

    def __init__(self) -> None:
        self._parts: Counter[int] = Counter()

    def add(self, numbers: Sequence[float]) -> None:
        """Add finite numbers."""
        significand, exponent = np.frexp(np.asarray(numbers, dtype=np.float64))
        whole = np.ldexp(significand, _BITS).astype(np.int64)
        for each in np.unique(exponent).tolist():
            self._parts[each - _BITS] += sum(whole[exponent == each].tolist())

    @property
    def value(self) -> float:
        """The sum."""
        if not self._parts:
            return 0.0
        least = min(self._parts)
        total = sum(part << (power - least) for power, part in self._parts.items())
        return float(Fraction(total) * Fraction(2) ** least)


@dataclass(slots=True)
class _OfTier:
    customers: int = 0
    referred: int = 0
    likely: int = 0
    """Customers whose churn probability is known."""
    ltv: ExactSum = field(default_factory=ExactSum)
    net_amount: ExactSum = field(default_factory=ExactSum)
    score: ExactSum = field(default_factory=ExactSum)
    churn: ExactSum = field(default_factory=ExactSum)

    def add(self, grades: Sequence[Grade]) -> None:
        churn = [g.churn_probability for g in grades if g.churn_probability is not None]
        self.customers += len(grades)
        self.referred += sum(g.referred for g in grades)
        self.likely += len(churn)
        self.ltv.add([g.ltv or 0.0 for g in grades])
        self.net_amount.add([g.indicators.get("net_amount_365d") or 0.0 for g in grades])
        self.score.add([g.score for g in grades])
        self.churn.add(churn)

    def summary(self, tier: TierLabel) -> TierSummary:
        return TierSummary(
            tier=tier,
            customers=self.customers,
            referred=self.referred,
            ltv=self.ltv.value,
            net_amount_365d=self.net_amount.value,
            score_mean=self.score.value / self.customers if self.customers else None,
            churn_probability_mean=self.churn.value / self.likely if self.likely else None,
        )


class Tally:
    """Counts and sums over the grades of a run.

    Attributes
    ----------
    customers, referred
        How many there are, and how many of them people look at.
    moves
        By event of ``tiering.migration.reasons``, how many customers it happened to.
    """

    def __init__(self, tiers: Sequence[TierLabel]) -> None:
        self._tiers = tiers
        self._of = [_OfTier() for _ in tiers]
        self.customers = 0
        self.referred = 0
        self.moves: Counter[str] = Counter()

    def add(self, grades: Sequence[Grade]) -> None:
        """Count some grades."""
        self.customers += len(grades)
        self.referred += sum(grade.referred for grade in grades)
        self.moves.update(grade.tenure.event for grade in grades if grade.tenure)
        for tier, of in zip(self._tiers, self._of, strict=True):
            own = [grade for grade in grades if grade.tier.index == tier.index]
            if own:
                of.add(own)

    @property
    def summaries(self) -> tuple[TierSummary, ...]:
        """One per tier, best first, empty tiers included."""
        return tuple(of.summary(tier) for tier, of in zip(self._tiers, self._of, strict=True))
