"""How much of the money comes from how few customers (requirement #117).

Profit can be negative, and then "the top 20 % make 75 %" means less than it seems: the losses
of others push the share up, above 100 % even. So the share of the net total stands beside the
share of the gains alone, and Gini's index is normalised by gains and losses together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.schema import FloatArray
from tiering.errors import PopulationError
from tiering.population.intervals import LEVEL, normal_quantile

TOP_SHARE = 0.2
"""Share of customers whose share of the money is told: the source's "top 20 % = 75 %"."""


@dataclass(frozen=True, slots=True)
class Concentration:
    """How unevenly a sum is spread over customers.

    Attributes
    ----------
    n, unknown
        Customers with a value, and without.
    total, gains, losses
        Sum of all values, of the positive ones, and of the negative ones (0 or below).
    top
        Share of customers at the top that is looked at, 0 to 1.
    top_share, top_share_interval
        Their share of ``total``, with its interval; above 1 where others lose. NaN unless
        ``total`` is above 0.
    top_gain_share
        Their share of ``gains``, 0 to 1; NaN without any.
    gini, gini_interval
        0 where all have the same, towards 1 where one has it all. With losses, that of
        Raffinetti, Siletti and Vernizzi (2015). NaN where all values are 0.
    """

    n: int
    unknown: int
    total: float
    gains: float
    losses: float
    top: float
    top_share: float
    top_share_interval: tuple[float, float]
    top_gain_share: float
    gini: float
    gini_interval: tuple[float, float]


def concentration(
    values: FloatArray, top: float = TOP_SHARE, level: float = LEVEL
) -> Concentration:
    """Measure how concentrated a sum is.

    Intervals are those of the statistics' influence functions (Davidson, J. Econometrics
    2009; Langel and Tillé, JRSS A 2013): the customers at hand are a sample of such customers.
    Where a few customers hold the money they are somewhat too narrow: 92 to 93 % of them hold
    the truth for 400 exponential draws.

    Parameters
    ----------
    values
        ``(n,)`` money of each customer; NaN (unknown) is left out and counted.
    top
        Share of customers, above 0 and below 1; the last of them may count in part.
    level
        Confidence of the intervals.

    Raises
    ------
    PopulationError
        If nobody has a value, a value is infinite, or ``top`` is not between 0 and 1.
    """
    y = np.sort(_known(values))
    if not 0 < top < 1:
        raise PopulationError("The top share must lie between 0 and 1.", top=top)
    z = normal_quantile(level)
    total, gains = float(y.sum()), float(y[y > 0].sum())
    share, share_error = _top_share(y, top, total)
    index, index_error = _gini(y)
    return Concentration(
        n=y.size,
        unknown=values.size - y.size,
        total=total,
        gains=gains,
        losses=float(y[y < 0].sum()),
        top=top,
        top_share=share,
        top_share_interval=(share - z * share_error, share + z * share_error),
        top_gain_share=_top_sum(np.maximum(y, 0.0), top) / gains if gains > 0 else np.nan,
        gini=index,
        gini_interval=(
            float(np.maximum(index - z * index_error, 0.0)),  # NaN stays NaN
            float(np.minimum(index + z * index_error, 1.0)),
        ),
    )


def lorenz(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return Lorenz's curve: share of customers, smallest first, against share of the sum.

    Returns
    -------
    customers, money
        ``(m + 1,)`` each, from 0 to 1, for the ``m`` known values. With losses ``money`` first
        falls below 0; it is convex always.

    Raises
    ------
    PopulationError
        If nobody has a value, a value is infinite, or the sum is not above 0.
    """
    y = np.sort(_known(values))
    total = float(y.sum())
    if total <= 0:
        raise PopulationError("Lorenz's curve needs a sum above 0.", total=total)
    customers = np.arange(y.size + 1) / y.size
    return customers, np.concatenate([[0.0], np.cumsum(y) / total])


def _known(values: FloatArray) -> FloatArray:
    known: FloatArray = values[~np.isnan(values)]
    if known.size == 0 or np.isinf(known).any():
        raise PopulationError("Concentration needs finite values of at least one customer.")
    return known


def _top_sum(y: FloatArray, top: float) -> float:
    """Return the sum of the largest ``top * n`` of sorted values, the last one in part."""
    heads = top * y.size
    whole = int(heads)
    part = (heads - whole) * y[-whole - 1]  # whole < n, as top < 1
    return float(y[y.size - whole :].sum() + part)


def _top_share(y: FloatArray, top: float, total: float) -> tuple[float, float]:
    if total <= 0:
        return np.nan, np.nan
    share = _top_sum(y, top) / total
    cut = y[-int(top * y.size) - 1]
    influence = np.maximum(y - cut, 0.0) + cut * top - share * y
    return share, _error(influence, total / y.size)


def _gini(y: FloatArray) -> tuple[float, float]:
    size = float(np.abs(y).mean())
    if size == 0:
        return np.nan, np.nan
    below = (np.arange(y.size) + 0.5) / y.size
    index = float(np.mean((2 * below - 1) * y)) / size
    above = np.cumsum(y[::-1])[::-1] / y.size - y / (2 * y.size)
    influence = 2 * (y * below + above) - y - index * np.abs(y)
    return index, _error(influence, size)


def _error(influence: FloatArray, size: float) -> float:
    return float(influence.std() / np.sqrt(influence.size) / size)
