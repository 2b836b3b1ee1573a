"""Gamma-Gamma: what a purchase is worth, shrunk towards everybody's mean.

A customer's purchases are Gamma(p, ν) with ν ~ Gamma(q, v) between customers, so the
mean of x observed purchases is pulled to the population's mean v·p/(q-1) the more,
the smaller x is. Source: Fader and Hardie, "The Gamma-Gamma model of monetary value"
(2013); p, q without unit, v in money.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import gammaln, psi

from features.schema import FloatArray
from training.errors import FitError
from training.models.likelihood import minimised

_STARTS = ((0.0, 0.0, 0.0), (1.5, 1.0, 0.5), (-0.5, 1.5, 1.0))
MIN_CUSTOMERS = 10


@dataclass(frozen=True, slots=True)
class GammaGammaFit:
    """A fitted spend model: shapes ``p``, ``q`` (> 1), scale ``v`` in money."""

    p: float
    q: float
    v: float
    log_likelihood: float
    converged: bool
    n: int

    @property
    def population_mean(self) -> float:
        """Expected value of a purchase of a customer not yet observed."""
        return self.v * self.p / (self.q - 1.0)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict; floats survive JSON bit for bit."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> GammaGammaFit:
        """Read :meth:`to_dict`."""
        return cls(**document)


def fit_gamma_gamma(x: FloatArray, m_x: FloatArray, *, penalty: float = 0.01) -> GammaGammaFit:
    """Fit the spend model to the customers with repeat purchases of positive value.

    Parameters
    ----------
    x
        ``(n,)`` repeat purchase days.
    m_x
        ``(n,)`` mean value of those days; NaN where there are none.
    penalty
        Weight per customer on the squared log-parameters; used only when plain
        maximum likelihood does not converge inside its bounds.

    Raises
    ------
    FitError
        If fewer than 10 customers have a repeat purchase of positive value.
    """
    used = (x > 0) & np.isfinite(m_x) & (np.nan_to_num(m_x) > 0)
    x, m_x = x[used], m_x[used]
    if len(x) < MIN_CUSTOMERS:
        raise FitError(
            f"A spend model needs {MIN_CUSTOMERS} customers with repeat purchases of positive "
            f"value; there are {len(x)}.",
            hint="Give a longer history, or check the amounts of repeat orders.",
            customers=len(x),
        )
    # in units of the mean purchase, so one set of starts and bounds serves any currency
    scale = float(np.mean(m_x))
    m = m_x / scale
    attempts = [minimised(_objective, np.array(start), x, m, 0.0) for start in _STARTS]
    best = min(attempts, key=lambda attempt: attempt[1])
    converged = best[2]
    if not converged:
        attempts = [minimised(_objective, np.array(start), x, m, penalty) for start in _STARTS]
        best = min(attempts, key=lambda attempt: attempt[1])
    theta = best[0]
    p, q, v = _parameters(theta)
    value, _ = _objective(theta, x, m, 0.0)
    log_likelihood = -value * len(x) - len(x) * float(np.log(scale))
    return GammaGammaFit(p, q, v * scale, log_likelihood, converged, len(x))


def expected_order_value(fit: GammaGammaFit, x: FloatArray, m_x: FloatArray) -> FloatArray:
    """Return the expected value ``(n,)`` of a customer's next purchase, money, > 0.

    Unknown or negative means (no repeat purchase, more returned than bought) count as
    no observation and as zero.
    """
    seen = np.where(np.isfinite(m_x), x, 0.0)
    mean = np.maximum(np.nan_to_num(m_x, nan=0.0), 0.0)
    return np.asarray(
        fit.p * (fit.v + seen * mean) / (fit.p * seen + fit.q - 1.0), dtype=np.float64
    )


def _parameters(theta: FloatArray) -> tuple[float, float, float]:
    # q > 1, or the population's mean value does not exist
    p, excess, v = (float(value) for value in np.exp(theta))
    return p, 1.0 + excess, v


def _objective(
    theta: FloatArray, x: FloatArray, m: FloatArray, penalty: float
) -> tuple[float, FloatArray]:
    p, q, v = _parameters(theta)
    px = p * x
    total = px + q
    log_scale = np.log(v + m * x)
    value = (
        gammaln(total)
        - gammaln(px)
        - gammaln(q)
        + q * np.log(v)
        + (px - 1.0) * np.log(m)
        + px * np.log(x)
        - total * log_scale
    )
    by_parameter = (
        p * x * (psi(total) - psi(px) + np.log(m) + np.log(x) - log_scale),
        (q - 1.0) * (psi(total) - psi(q) + np.log(v) - log_scale),
        q - v * total / (v + m * x),
    )
    gradient = -np.array([float(np.mean(g)) for g in by_parameter])
    return (
        -float(np.mean(value)) + penalty * float(theta @ theta),
        gradient + 2.0 * penalty * theta,
    )
