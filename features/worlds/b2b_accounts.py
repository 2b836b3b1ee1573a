"""The latent truths of the simulated company: its accounts, and when they order.

What an account is like (rate, size, satisfaction, payment quality, the day it churns) is
drawn here; :mod:`features.worlds.b2b` writes the documents that follow from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray

IntArray = npt.NDArray[np.int64]

FIRST_DAY = date(2023, 11, 1)
LAST_DAY = date(2026, 10, 31)
DAYS = (LAST_DAY - FIRST_DAY).days + 1

DECLINE_DAYS = 150
"""Days before its churn over which an account gets worse."""

N_CATEGORIES = 14

_NEW_YEARS = (date(2024, 2, 10), date(2025, 1, 29), date(2026, 2, 17))


@dataclass(frozen=True)
class Accounts:
    """Latent truths, ``(n,)`` each; days count from :data:`FIRST_DAY`."""

    start: IntArray
    churn: FloatArray
    rate: FloatArray
    growth: FloatArray
    value: FloatArray
    satisfaction: FloatArray
    payment: FloatArray
    taste: FloatArray  # (n, categories), rows sum to 1

    def distress(self, who: IntArray, day: FloatArray | IntArray) -> FloatArray:
        """Return 0 for a sound account, rising to 1 at its churn; arguments broadcast."""
        return np.clip(1 - (self.churn[who] - day) / DECLINE_DAYS, 0, 1)


def draw_accounts(rng: np.random.Generator, n: int) -> Accounts:
    """Draw ``n`` accounts; some churn before the last day, some after it."""
    satisfaction = rng.normal(size=n)
    start = np.where(rng.random(n) < 0.55, 0, rng.integers(1, DAYS - 60, n))
    hazard = np.exp(-7.4 - 0.9 * satisfaction)  # per day
    return Accounts(
        start=start.astype(np.int64),
        churn=start + 60 + rng.exponential(1 / hazard),
        rate=np.maximum(rng.gamma(1.1, 12 / 1.1, n), 0.8) / 365,
        growth=rng.normal(0.03, 0.22, n),
        value=np.exp(rng.normal(7.8, 1.15, n)),
        satisfaction=satisfaction,
        payment=0.5 * satisfaction + np.sqrt(0.75) * rng.normal(size=n),
        taste=rng.dirichlet(np.full(N_CATEGORIES, 0.35), n),
    )


def _season() -> FloatArray:
    """Return the demand of each day relative to an average one, ``(days,)``."""
    days = np.arange(DAYS)
    year = 2 * np.pi * (days + FIRST_DAY.timetuple().tm_yday) / 365.25
    weekday = (days + FIRST_DAY.weekday()) % 7
    demand = (1 + 0.18 * np.cos(year - 1.9 * np.pi)) * np.where(weekday < 5, 1.3, 0.25)
    for holiday in _NEW_YEARS:
        first = (holiday - FIRST_DAY).days
        demand[first - 3 : first + 9] *= 0.15
    return np.asarray(demand / demand.mean())


def order_days(rng: np.random.Generator, a: Accounts) -> tuple[IntArray, IntArray]:
    """Return account and day of each order, by account and day."""
    days = np.arange(DAYS)
    age = (days - a.start[:, None]) / 365
    left = (a.churn[:, None] - days) / DECLINE_DAYS
    intensity = a.rate[:, None] * np.exp(a.growth[:, None] * age) * _season()
    intensity *= np.clip(left, 0.12, 1) * (left > 0) * (age >= 0)
    counts = rng.poisson(intensity)
    new = np.flatnonzero(a.start > 0)
    counts[new, a.start[new]] += 1  # a new account starts with an order
    who, day = np.nonzero(counts)
    repeats = counts[who, day]
    return np.repeat(who, repeats), np.repeat(day, repeats)
