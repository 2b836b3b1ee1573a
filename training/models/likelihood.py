"""Maximum likelihood in the logarithms of parameters, as the purchase models are fitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from features.schema import FloatArray

LOG_BOUND = 9.0
"""exp(±9) spans 1e-4 to 8e3 for every parameter: outside it the likelihood is flat and a fit that
gets there has not identified the parameter."""


def minimised(
    objective: Callable[..., tuple[float, FloatArray]], start: FloatArray, *given: Any
) -> tuple[FloatArray, float, bool]:
    """Return the log-parameters ``(p,)`` of the least value, it, and whether it is a minimum.

    Parameters
    ----------
    objective
        Value and gradient at log-parameters, and at what is ``given``.
    """
    from scipy.optimize import minimize  # heavy, and only fitting takes it

    result = minimize(
        objective,
        start,
        args=given,
        jac=True,
        method="L-BFGS-B",
        bounds=[(-LOG_BOUND, LOG_BOUND)] * len(start),
        options={"maxiter": 2000, "ftol": 1e-13, "gtol": 1e-7},
    )
    theta = np.asarray(result.x, dtype=np.float64)
    inside = bool(np.all(np.abs(theta) < LOG_BOUND - 1e-6))
    steep = float(np.max(np.abs(result.jac)))
    return theta, float(result.fun), inside and steep < 1e-4
