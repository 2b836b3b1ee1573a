"""The few verbs every dimension uses: windows, safe division, change, trend.

All of them build lazy expressions. Age is the number of whole calendar days before the day
of a snapshot: an event lies in the trailing window of N days exactly when ``0 <= age < N``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import ibis
import ibis.expr.types as ir

MONTH_DAYS = 30
"""Length of a "month" bucket; calendar months differ by a tenth in length."""

_EVER = 1_000_000


def window_days(window: str) -> int:
    """Return the days of a catalogue window such as ``90d``, ``12m`` or ``all``."""
    if window == "all":
        return _EVER
    number, unit = int(window[:-1]), window[-1]
    return number * (MONTH_DAYS if unit == "m" else 1)


def aged(age: ir.IntegerColumn, days: int, *, ending: int = 0) -> ir.BooleanColumn:
    """Say which ages lie in the ``days`` days that end ``ending`` days before the snapshot."""
    return (age >= ending) & (age < ending + days)


def instant(moment: datetime) -> ir.TimestampScalar:
    """Return a naive UTC instant as an expression, exact to the microsecond."""
    return ibis.literal(moment, type="timestamp(6)")


def ratio(numerator: ir.NumericValue, denominator: ir.NumericValue) -> ir.FloatingValue:
    """Divide in float64; null where the denominator is 0."""
    return numerator.cast("float64") / denominator.cast("float64").nullif(0.0)


def known_if(condition: ir.BooleanValue, measured: ir.NumericValue) -> ir.NumericValue:
    """Return the measurement as float64 where the condition holds, null elsewhere.

    The measurement stands outside the condition, times a 1 that changes no bit of it: within
    the branch of a condition an engine computes what repeats as often as it is written.
    """
    one = ibis.ifelse(condition, ibis.literal(1.0, "float64"), ibis.null("float64"))
    return measured.cast("float64") * one


def positive(amount: ir.NumericValue) -> ir.NumericValue:
    """Return the amount as float64 where it is above 0, null elsewhere."""
    return known_if(amount > 0, amount)


def change(now: ir.NumericValue, before: ir.NumericValue) -> ir.FloatingValue:
    """Return ``(now - before) / (|now| + |before|)``, -1 to 1; null when both are 0.

    A missing side counts as 0. Unlike a growth rate it is bounded, symmetric and
    defined for a customer who starts from nothing.
    """
    a = now.cast("float64").fill_null(0.0)
    b = before.cast("float64").fill_null(0.0)
    return (a - b) / (a.abs() + b.abs()).nullif(0.0)


def mean(months: Sequence[ir.FloatingValue]) -> ir.FloatingValue:
    """Return the mean of columns of one row, added in the given order."""
    return _total(months) / float(len(months))


def relative_slope(months: Sequence[ir.FloatingValue]) -> ir.FloatingValue:
    """Return the least-squares slope per month over the mean; null unless the mean is > 0.

    Parameters
    ----------
    months
        One float64 column a month, oldest first.
    """
    centre = (len(months) - 1) / 2
    spread = sum((i - centre) ** 2 for i in range(len(months)))
    slope = _total([m * ((i - centre) / spread) for i, m in enumerate(months)])
    return slope / positive(mean(months))


def variation(months: Sequence[ir.FloatingValue]) -> ir.FloatingValue:
    """Return the population standard deviation over the mean; null unless the mean is > 0."""
    centre = mean(months)
    deviations = [(m - centre) * (m - centre) for m in months]
    return mean(deviations).sqrt() / positive(centre)


def falls_in_a_row(months: Sequence[ir.NumericValue]) -> ir.IntegerValue:
    """Count the latest consecutive month-on-month falls, 0 to ``len(months) - 1``.

    Parameters
    ----------
    months
        One column a month, oldest first.
    """
    steps = zip(reversed(months), reversed(months[:-1]), strict=False)
    broken = [~(later < earlier).fill_null(False) for later, earlier in steps]
    return ibis.cases(*((here, count) for count, here in enumerate(broken)), else_=len(broken))


def _total(values: Sequence[ir.NumericValue]) -> ir.NumericValue:
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total
