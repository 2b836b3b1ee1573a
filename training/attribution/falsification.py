"""What must not jump at a cut, and where nothing must jump at all.

A design that finds jumps in what was settled before the grade, or at scores where no tier
changes, measures something else than tier service. Looking at many of them finds one in
twenty by chance, so p-values are corrected (Holm, Scandinavian J. Statistics 1979).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from features.schema import FloatArray
from training.attribution.discontinuity import jump
from training.attribution.local_polynomial import Clusters
from training.errors import FitError


@dataclass(frozen=True, slots=True)
class Check:
    """One jump that should not be there.

    Attributes
    ----------
    name
        Indicator, or the placebo cut in score points from the true one.
    estimate, lower, upper
        The jump with its interval.
    p_value, holm
        Of no jump; the second corrected for the number of checks.
    """

    name: str
    estimate: float
    lower: float
    upper: float
    p_value: float
    holm: float


def balance(
    x: FloatArray, covariates: Mapping[str, FloatArray], cluster: Clusters | None = None
) -> tuple[Check, ...]:
    """Look for jumps at the cut in what was settled before the grade.

    Parameters
    ----------
    covariates
        Name to ``(n,)`` values; rows with NaN are left out, and so are covariates too little
        of which is known near the cut.
    """
    return _checked(
        (name, x[known], values[known], None if cluster is None else _codes(cluster[known]))
        for name, values in covariates.items()
        if (known := ~np.isnan(values)).any()
    )


def placebo_cuts(
    x: FloatArray,
    y: FloatArray,
    cuts: Sequence[float] = (),
    *,
    cluster: Clusters | None = None,
    number: int = 4,
) -> tuple[Check, ...]:
    """Look for jumps at scores where no tier changes.

    Only customers on the cut's own side of the true cut are used, so that its jump does not
    leak in.

    Parameters
    ----------
    cuts
        Where to look, in points from the true cut; quantiles of each side if empty.
    number
        How many on each side in that case.
    """
    shares = np.arange(1, number + 1) / (number + 1)
    places = cuts or [
        float(q) for side in (x < 0, x >= 0) if side.any() for q in np.quantile(x[side], shares)
    ]
    return _checked(
        (f"{cut:+.2f}", x[own] - cut, y[own], None if cluster is None else _codes(cluster[own]))
        for cut in places
        if (own := (x < 0) if cut < 0 else (x >= 0)).any()
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's corrected p-values, in the order given."""
    order = np.argsort(p_values)
    scaled = np.asarray(p_values)[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return [float(p) for p in corrected]


def _checked(
    parts: Iterable[tuple[str, FloatArray, FloatArray, Clusters | None]],
) -> tuple[Check, ...]:
    found = []
    for name, x, y, cluster in parts:
        try:
            at = jump(x, y, cluster=cluster)
        except FitError:
            continue  # too few customers there: nothing is learned, for or against
        found.append((name, at.estimate, at.lower, at.upper, at.p_value))
    corrected = holm([row[-1] for row in found])
    return tuple(Check(*row, p) for row, p in zip(found, corrected, strict=True))


def _codes(cluster: Clusters) -> Clusters:
    return np.unique(cluster, return_inverse=True)[1]
