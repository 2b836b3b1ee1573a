"""Local polynomials at a boundary: the weights that turn outcomes into a level or a slope."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from training.errors import FitError

Clusters = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class LocalFit:
    """A weighted polynomial in ``x`` on one side of 0, as a linear map of the outcomes.

    Attributes
    ----------
    weights
        ``(order + 1, n)``: coefficient ``j`` of ``x**j`` is ``weights[j] @ y``.
    design
        ``(n, order + 1)`` powers of ``x``.
    leverage
        ``(n,)`` how much of its own fitted value an outcome makes, 0 to below 1.
    """

    weights: FloatArray
    design: FloatArray
    leverage: FloatArray

    def coefficients(self, y: FloatArray) -> FloatArray:
        """Return ``(order + 1,)`` coefficients."""
        return self.weights @ y

    def residuals(self, y: FloatArray) -> FloatArray:
        """Return ``(n,)`` residuals, enlarged for leverage as a jackknife would (HC3).

        Spend has tails so heavy that milder corrections understate the error.
        """
        raw = y - self.design @ self.coefficients(y)
        enlarged: FloatArray = raw / (1 - self.leverage)
        return enlarged


def triangular(distance: FloatArray) -> FloatArray:
    """Return the triangular kernel, optimal at a boundary (Cheng, Fan and Marron 1997)."""
    height: FloatArray = np.maximum(1 - np.abs(distance), 0.0)
    return height


def fit_local(
    x: FloatArray,
    bandwidth: float,
    order: int,
    kernel: Callable[[FloatArray], FloatArray] = triangular,
) -> LocalFit:
    """Fit a polynomial within a bandwidth of 0.

    Parameters
    ----------
    x
        ``(n,)`` distances from the boundary, all on one side.
    bandwidth
        Reach of the kernel in units of ``x``.
    order
        Degree, 0 and up.

    Raises
    ------
    FitError
        If too few different values lie within the bandwidth.
    """
    weight = kernel(x / bandwidth)
    inside = np.unique(x[weight > 0]).size
    if inside <= order + 1:
        raise FitError(
            f"Only {inside} different scores lie within {bandwidth:g} of the cut.",
            hint="Pool more snapshots, or look at a cut with more customers around it.",
            order=order,
        )
    scaled = np.vander(x / bandwidth, order + 1, increasing=True)
    weighted = scaled * weight[:, None]
    solved = np.linalg.solve(scaled.T @ weighted, weighted.T)
    powers = bandwidth ** np.arange(order + 1)
    return LocalFit(
        weights=solved / powers[:, None],
        design=scaled * powers,
        leverage=np.minimum(np.einsum("ij,ji->i", scaled, solved), 0.999),
    )


def variance(influence: FloatArray, cluster: Clusters) -> float:
    """Return the variance of a sum of influences that are independent between clusters.

    Parameters
    ----------
    influence
        ``(n,)`` what each observation's chance adds to the estimate.
    cluster
        ``(n,)`` codes from 0; observations of one code may move together.
    """
    return covariance(influence, influence, cluster)


def covariance(first: FloatArray, second: FloatArray, cluster: Clusters) -> float:
    """Return the covariance of two such sums; with few clusters a little enlarged (HC1)."""
    sums = [np.bincount(cluster, weights=each) for each in (first, second)]
    groups = int(np.count_nonzero(sums[0] != 0))
    return float(sums[0] @ sums[1]) * groups / max(groups - 1, 1)
