"""Platt calibration: a probability from a margin, smooth and strictly increasing.

Isotonic regression would fit closer, but its steps have no inverse: an explanation of
the margin could not be carried to the probability. Source: Platt (1999), with the
smoothed targets of that paper.

The slope is taken whole, the level only in part: the calibrated model was fitted on
older days than the served one, which has seen the newer level itself, and the level of
one day is that of its season.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from features.schema import FloatArray
from training.errors import FitError
from training.models import portable

# A slope of 0 would forget the model, a negative one would turn it upside down.
_MIN_SLOPE = 0.05
_MAX_SLOPE = 20.0
MIN_ROWS = 20


@dataclass(frozen=True, slots=True)
class Platt:
    """probability = sigmoid(slope · margin + intercept), slope > 0."""

    slope: float
    intercept: float

    def probability(self, margin: FloatArray) -> FloatArray:
        """Return the calibrated probability ``(n,)``."""
        return portable.expit(self.slope * margin + self.intercept)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Platt:
        """Read :meth:`to_dict`."""
        return cls(**document)


def fit_platt(margin: FloatArray, label: FloatArray, *, level_share: float = 1.0) -> Platt:
    """Fit on out-of-time margins ``(n,)`` and labels ``(n,)`` in {0, 1}.

    Parameters
    ----------
    level_share
        Share, 0 to 1, of the shift of the mean probability that is kept, in log-odds; 1 is
        plain Platt, 0 changes the slope only.

    Raises
    ------
    FitError
        If there are fewer than 20 rows.
    """
    from scipy.optimize import minimize  # heavy, and only fitting takes it

    if len(margin) < MIN_ROWS:
        raise FitError(
            f"Calibration needs {MIN_ROWS} eligible customers on its day; there are {len(margin)}.",
            hint="Widen eligibility.active_within_days or lower eligibility.min_tenure_days.",
            customers=len(margin),
        )
    positive = float(label.sum())
    negative = len(label) - positive
    # Platt's targets keep the fit finite where one class is missing or separable.
    target = np.where(label > 0.5, (positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0))

    def objective(theta: FloatArray) -> tuple[float, FloatArray]:
        score = theta[0] * margin + theta[1]
        value = float(np.mean(np.logaddexp(0.0, score) - target * score))
        residual = expit(score) - target
        return value, np.array([float(np.mean(residual * margin)), float(np.mean(residual))])

    result = minimize(
        objective,
        np.array([1.0, 0.0]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(_MIN_SLOPE, _MAX_SLOPE), (None, None)],
        options={"ftol": 1e-14, "gtol": 1e-9},
    )
    slope, intercept = (float(value) for value in result.x)
    level = _keeping_level(slope, margin)
    return Platt(slope, level + level_share * (intercept - level))


def _keeping_level(slope: float, margin: FloatArray) -> float:
    """Intercept at which the slope leaves the mean probability as it was."""
    from scipy.optimize import brentq  # heavy, and only fitting takes it

    mean = float(np.mean(expit(margin)))

    def excess(intercept: float) -> float:
        return float(np.mean(expit(slope * margin + intercept))) - mean

    # the answer lies between those for the lowest and for the highest margin alone
    ends = (1.0 - slope) * np.array([np.min(margin), np.max(margin)])
    return float(brentq(excess, ends.min() - 1e-6, ends.max() + 1e-6, xtol=1e-12))
