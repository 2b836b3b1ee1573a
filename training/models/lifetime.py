"""Lifetime value: the near-term expectation carried to 12, 36 and 60 months.

The trees are trained on outcomes that have closed, a few months ahead; no log closes five
years. Beyond that the purchase model knows how a customer's rate fades as it may have left,
so the long value is the corrected near-term value times the ratio of expected purchases::

    value(h) = near_term · D(h) / E(near_days)
    D(h) = ∫₀ʰ exp(-δt) dE(t),   δ = log(1 + annual_rate) / 365

with E(t) the purchases expected of a customer who is active today. Its chance to be active
cancels: what the trees know of that, they know better. D grows with h, so values of several
horizons are coherent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from features.schema import FloatArray
from training.errors import FitError
from training.models import btyd, gamma_gamma
from training.models.baseline import INPUTS, PurchaseModel
from training.models.btyd import BtydFit

_DAYS_PER_YEAR = 365.0
# Days at which purchases are expected anew, then yearly. In between they are
# taken to come evenly, which errs by less than 0.1 % of the value at 10 % a year.
_GRID = (45.0, 90.0, 180.0, 270.0, 365.0, 540.0)
# Smaller chances are beyond what the model can know, and would make the correction infinite.
_LEAST_CHANCE = 1e-12


@dataclass(frozen=True, slots=True)
class LifetimeTerms:
    """How far to look, and what money costs.

    Attributes
    ----------
    horizons_days
        Ascending horizons in days.
    annual_rate
        Discount per year, 0 for none: an amount in a year counts ``1 / (1 + annual_rate)``.

    Raises
    ------
    FitError
        If there is no horizon, they do not ascend from 1, or the rate is negative.
    """

    horizons_days: tuple[int, ...] = (90, 365, 1095, 1825)
    annual_rate: float = 0.0

    def __post_init__(self) -> None:
        grow = np.diff([0, *self.horizons_days])
        if not self.horizons_days or np.any(grow < 1) or not self.annual_rate >= 0.0:
            raise FitError(
                f"Lifetime value cannot be told for horizons {self.horizons_days} "
                f"at {self.annual_rate} a year.",
                hint="Give ascending horizons of a day or more, and a rate of 0 or more.",
                horizons_days=list(self.horizons_days),
                annual_rate=self.annual_rate,
            )

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> LifetimeTerms:
        """Read :meth:`to_dict`."""
        return cls(tuple(document["horizons_days"]), document["annual_rate"])


@dataclass(frozen=True, slots=True)
class Lifetime:
    """The value of ``n`` customers at ``m`` horizons, and how it is made up.

    ``value = p_active · frequency · order_value · correction``, exactly.

    Attributes
    ----------
    horizons_days
        ``(m,)`` ascending.
    value
        ``(n, m)`` discounted expected net value, money; non-decreasing in the horizon where
        the near-term value is not negative.
    p_active
        ``(n,)`` probability of not having left, 0 to 1, by the purchase model.
    frequency
        ``(n, m)`` purchase days expected of the customer if active, discounted as the value.
    order_value
        ``(n,)`` expected value of a purchase day, money, by the purchase model.
    correction
        ``(n,)`` what the trees know beyond the purchase model: their near-term value over
        its; 1 where they agree.
    near_frequency
        ``(n,)`` purchase days expected within the near term of the customer if active.
    """

    horizons_days: tuple[int, ...]
    value: FloatArray
    p_active: FloatArray
    frequency: FloatArray
    order_value: FloatArray
    correction: FloatArray
    near_frequency: FloatArray

    def at(self, horizon_days: int) -> FloatArray:
        """Return the value ``(n,)`` at one of the horizons."""
        return self.value[:, self.horizons_days.index(horizon_days)]


def lifetime(
    purchase: PurchaseModel,
    columns: Sequence[str],
    values: FloatArray,
    near_term: FloatArray,
    near_days: int,
    terms: LifetimeTerms,
) -> Lifetime:
    """Carry the expected value of the next ``near_days`` to longer horizons.

    Parameters
    ----------
    purchase
        The fitted purchase model.
    columns, values
        ``(k,)`` indicator names and ``(n, k)`` indicators.
    near_term
        ``(n,)`` expected net value of the next ``near_days``, undiscounted, money.
    """
    x, t_x, T, m_x = _histories(columns, values)
    frequency, near_purchases = _purchases_if_active(purchase.btyd, x, T, near_days, terms)
    p_active = np.maximum(btyd.p_alive(purchase.btyd, x, t_x, T), _LEAST_CHANCE)
    order_value = gamma_gamma.expected_order_value(purchase.spend, x, m_x)
    correction = near_term / (p_active * near_purchases * order_value)
    value = p_active[:, None] * frequency * order_value[:, None] * correction[:, None]
    return Lifetime(
        terms.horizons_days, value, p_active, frequency, order_value, correction, near_purchases
    )


def value_to_acquisition_cost(value: FloatArray, acquisition_cost: FloatArray) -> FloatArray:
    """Return LTV/CAC ``(n,)``; NaN where the cost is unknown or not positive."""
    paid = np.where(acquisition_cost > 0.0, acquisition_cost, np.nan)
    return np.asarray(value / paid, dtype=np.float64)


def _purchases_if_active(
    fit: BtydFit, x: FloatArray, T: FloatArray, near_days: int, terms: LifetimeTerms
) -> tuple[FloatArray, FloatArray]:
    """Return discounted purchases ``(n, m)`` by horizon and plain ones ``(n,)`` by near_days."""
    # customers of one x and T expect the same: few of a million are different
    _, first, same = np.unique(x + 1j * T, return_index=True, return_inverse=True)
    x, T = x[first], T[first]
    # the chance to be active, taken out again, is that of somebody who bought today
    alive = btyd.p_alive(fit, x, T, T)

    def expected(days: float) -> FloatArray:
        return np.asarray(btyd.expected_transactions(fit, x, T, T, days) / alive)

    last = terms.horizons_days[-1]
    years = range(2, int(np.ceil(last / _DAYS_PER_YEAR)) + 1)
    days = {*_GRID, *(year * _DAYS_PER_YEAR for year in years), *map(float, terms.horizons_days)}
    force = np.log1p(terms.annual_rate) / _DAYS_PER_YEAR
    found = np.empty((len(x), len(terms.horizons_days)))
    begin, before, total = 0.0, np.zeros(len(x)), np.zeros(len(x))
    for end in sorted(day for day in days if day <= last):
        now = np.maximum(expected(end), before)
        total = total + (now - before) * _mean_discount(force, begin, end)
        begin, before = end, now
        if end in terms.horizons_days:
            found[:, terms.horizons_days.index(int(end))] = total
    return found[same], expected(float(near_days))[same]


def _mean_discount(force: float, begin: float, end: float) -> float:
    """Return the mean of ``exp(-force · t)`` between two days."""
    width = force * (end - begin)
    return float(np.exp(-force * begin) * (-np.expm1(-width) / width if width else 1.0))


def _histories(columns: Sequence[str], values: FloatArray) -> tuple[FloatArray, ...]:
    """Return repeat purchases, days to the last one, days observed and their mean value."""
    names = list(columns)
    x, since, T, m_x = (values[:, names.index(name)] for name in INPUTS[:4])
    # what-if rows may be incomplete: an unknown history is that of a first purchase today
    x, since, T = (np.maximum(np.nan_to_num(v, nan=0.0), 0.0) for v in (x, since, T))
    return x, np.minimum(since, T), T, m_x
