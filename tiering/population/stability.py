"""How much grades and distributions move between two occasions (requirement #67)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from tiering.errors import PopulationError

IntArray = npt.NDArray[np.integer]


def migration_matrix(before: IntArray, after: IntArray, n_tiers: int) -> npt.NDArray[np.int64]:
    """Count customers by tier before (rows) and after (columns), ``(t, t)``.

    Parameters
    ----------
    before, after
        ``(n,)`` tier indices of the same customers in the same order.

    Raises
    ------
    PopulationError
        If the lengths differ or an index is outside ``0 .. n_tiers - 1``.
    """
    _same_customers(before, after)
    both = np.concatenate([before, after])
    if both.size and (both.min() < 0 or both.max() >= n_tiers):
        raise PopulationError(
            f"Tier indices must lie in 0 to {n_tiers - 1}, got {both.min()} to {both.max()}."
        )
    cells = np.bincount(before * n_tiers + after, minlength=n_tiers * n_tiers)
    return cells.reshape(n_tiers, n_tiers).astype(np.int64)


def unchanged_share(before: IntArray, after: IntArray) -> float:
    """Return the share (0 to 1) of customers whose tier stayed.

    Raises
    ------
    PopulationError
        If the lengths differ or there are no customers.
    """
    _same_customers(before, after)
    if before.size == 0:
        raise PopulationError("No customers to compare.")
    return float(np.mean(before == after))


def psi(expected: FloatArray, actual: FloatArray, bins: int = 10) -> float:
    """Return the population stability index, 0 and up; an effect size, not a test.

    ``sum((a - e) * ln(a / e))`` over bins cut at quantiles of ``expected``. A value held by
    more than one quantile gets a bin of its own, and so do unknown values (NaN). Half a
    customer is added to each bin in use (as in Jeffreys' prior): an empty bin stays finite.
    Read it as Siddiqi does (Credit Risk Scorecards, 2006): below 0.1 stable, above 0.25 moved.

    Parameters
    ----------
    expected, actual
        ``(n,)`` and ``(m,)`` values; the customers need not be the same.
    bins
        Quantile bins, at least 2.

    Raises
    ------
    PopulationError
        If ``bins`` is below 2, ``actual`` is empty or ``expected`` has no known value.
    """
    counts = bin_counts(expected, actual, bins) + 0.5
    e, a = counts / counts.sum(axis=1, keepdims=True)
    return float(np.sum((a - e) * np.log(a / e)))


def bin_counts(expected: FloatArray, actual: FloatArray, bins: int = 10) -> npt.NDArray[np.int64]:
    """Count both samples in the bins of :func:`psi`, ``(2, b)``; no bin is empty in both.

    Raises
    ------
    PopulationError
        As :func:`psi`.
    """
    known = expected[~np.isnan(expected)]
    if bins < 2 or known.size == 0 or actual.size == 0:
        raise PopulationError(
            "PSI needs at least 2 bins, expected values that are known, and actual values.",
            bins=bins,
        )
    # Quantiles that are observed values, each the last of its bin: ties are equal to the bit.
    quantiles = np.quantile(known, np.arange(1, bins) / bins, method="inverted_cdf")
    repeated = quantiles[1:][np.diff(quantiles) == 0]
    if known.min() == known.max():
        repeated = known[:1]  # two bins have a single quantile, which cannot repeat itself
    edges = np.unique(np.concatenate([quantiles, repeated, np.nextafter(repeated, -np.inf)]))
    counts = np.stack([_counts(expected, edges), _counts(actual, edges)])
    return counts[:, counts.any(axis=0)]


def _counts(values: FloatArray, edges: FloatArray) -> npt.NDArray[np.int64]:
    """Count values per bin; the last bin holds the unknown ones."""
    known = values[~np.isnan(values)]
    cells = np.bincount(np.searchsorted(edges, known, side="left"), minlength=edges.size + 1)
    return np.append(cells, values.size - known.size)


def _same_customers(before: IntArray, after: IntArray) -> None:
    if before.shape != after.shape or before.ndim != 1:
        raise PopulationError(
            f"Tiers before and after must be of the same customers, got {before.shape} "
            f"and {after.shape}."
        )
