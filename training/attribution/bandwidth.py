"""How far from the cut to look: the bandwidth with the least mean squared error.

Calonico, Cattaneo and Titiunik (Econometrica 2014) with the regularisation of Imbens and
Kalyanaraman (Review of Economic Studies 2012), for a jump in the level: each bandwidth
balances the variance against a bias that is itself estimated, with a wider bandwidth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.schema import FloatArray
from training.attribution.local_polynomial import Clusters, fit_local, variance
from training.errors import FitError

_PILOT = 2.58
"""Rule of thumb for the triangular kernel: pilot = 2.58 · spread · n**(-1/5)."""


@dataclass(frozen=True, slots=True)
class Bandwidths:
    """``main`` for the local line, ``bias`` for the curvature that corrects it."""

    main: float
    bias: float


@dataclass(frozen=True, slots=True)
class _Stage:
    """What one side adds to the choice of one bandwidth."""

    variance: float
    bias: float
    noise: float


def choose(x: FloatArray, y: FloatArray, cluster: Clusters) -> Bandwidths:
    """Choose the bandwidths of a jump of ``y`` at ``x == 0``, the same on both sides.

    Parameters
    ----------
    x
        ``(n,)`` score less the cut; 0 and up is treated.
    y
        ``(n,)`` outcome.
    cluster
        ``(n,)`` codes from 0 of the customers.

    Raises
    ------
    FitError
        If a side has too few different scores.
    """
    sides = [x < 0, x >= 0]
    reach = [float(np.abs(x[side]).max(initial=0.0)) for side in sides]
    quartiles = np.quantile(x, [0.25, 0.75])
    spread = min(float(x.std()), float(quartiles[1] - quartiles[0]) / 1.349)
    pilot = _PILOT * (spread or float(x.std())) * x.size ** (-1 / 5)
    widest = max(reach)
    pilot = min(pilot, widest)
    if pilot == 0:
        raise FitError("All scores are at the cut.")
    data = [(x[side], y[side], cluster[side]) for side in sides]

    def best(order: int, derivative: int, wider: tuple[float, float], regular: bool) -> float:
        left, right = (
            _stage(*side, order, derivative, pilot, wide)
            for side, wide in zip(data, wider, strict=True)
        )
        bias = (right.bias - left.bias) ** 2
        if regular:
            bias += left.noise + right.noise
        chosen = ((left.variance + right.variance) / bias) ** (1 / (2 * order + 3))
        return float(min(chosen, widest))

    whole = (reach[0] * (1 + 1e-8), reach[1] * (1 + 1e-8))
    third = best(3, 3, whole, regular=False)
    bias = best(2, 2, (third, third), regular=True)
    return Bandwidths(main=best(1, 0, (bias, bias), regular=True), bias=bias)


def _stage(
    x: FloatArray,
    y: FloatArray,
    cluster: Clusters,
    order: int,
    derivative: int,
    pilot: float,
    wider: float,
) -> _Stage:
    near = fit_local(x, pilot, order)
    chance = near.weights[derivative] * near.residuals(y)
    constant = pilot**derivative * float(near.weights[derivative] @ (x / pilot) ** (order + 1))
    wide = fit_local(x, wider, order + 1)
    curvature = wide.weights[order + 1]
    doubt = variance(curvature * wide.residuals(y), cluster)
    free = 2 * (order + 1 - derivative)
    power = 2 * derivative + 1
    return _Stage(
        variance=power * pilot**power * variance(chance, cluster),
        bias=float(np.sqrt(free)) * constant * float(curvature @ y),
        noise=free * 3 * constant**2 * doubt,
    )
