"""What a simple analyst would predict; the trees only correct it.

Trees cannot extrapolate amounts, and a few accounts carry most of the money, so the
models start from a baseline that keeps the customer's scale: half purchase model,
half run-rate for LTV, and the purchase model's probability for churn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, gammaln

from features.schema import FloatArray
from tiering.compiled import available
from training.models import btyd, gamma_gamma, portable
from training.models.btyd import BtydFit
from training.models.gamma_gamma import GammaGammaFit
from training.recipe import Baseline as Mix
from training.recipe import Btyd

_DAYS_PER_YEAR = 365.0
# Odds beyond 1:1000 are more than a four-parameter model can know.
_MAX_LOG_ODDS = float(np.log(1000.0))

INPUTS = (
    "repeat_count",
    "last_order_age_days",
    "tenure_days",
    "repeat_order_value_mean",
    "net_amount_365d",
)
"""Indicators the baseline is computed from."""


@dataclass(frozen=True, slots=True)
class PurchaseModel:
    """How often customers buy and what a purchase is worth."""

    btyd: BtydFit
    spend: GammaGammaFit

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict."""
        return {"btyd": self.btyd.to_dict(), "gamma_gamma": self.spend.to_dict()}

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> PurchaseModel:
        """Read :meth:`to_dict`."""
        return cls(
            BtydFit.from_dict(document["btyd"]), GammaGammaFit.from_dict(document["gamma_gamma"])
        )


@dataclass(frozen=True, slots=True)
class Baseline:
    """The baseline's view of ``n`` customers over one horizon.

    Attributes
    ----------
    p_alive
        ``(n,)`` probability of not having left yet.
    purchases
        ``(n,)`` expected purchase days in the horizon.
    churn_log_odds
        ``(n,)`` log-odds of no purchase in the horizon, within ±log(1000).
    btyd_value, run_rate
        ``(n,)`` expected spend by the purchase model and by the last 365 days, money.
    value
        ``(n,)`` the mix of both, money, > 0.
    """

    p_alive: FloatArray
    purchases: FloatArray
    churn_log_odds: FloatArray
    btyd_value: FloatArray
    run_rate: FloatArray
    value: FloatArray


def fit_purchase_model(
    columns: Sequence[str],
    values: FloatArray,
    recipe: Btyd,
    *,
    doubted: npt.NDArray[np.bool_] | None = None,
) -> PurchaseModel:
    """Fit both models to all customers of one snapshot, those who left included.

    Parameters
    ----------
    doubted
        ``(n,)`` customers whose purchase days count, but whose amounts are not learned from.

    Raises
    ------
    FitError
        If too few customers came back, or none with a positive amount.
    """
    x, t_x, T, m_x, _ = histories(columns, values)
    return PurchaseModel(
        btyd.fit_btyd(recipe.model, x, t_x, T, penalty=recipe.penalty),
        gamma_gamma.fit_gamma_gamma(
            x, m_x if doubted is None else np.where(doubted, np.nan, m_x), penalty=recipe.penalty
        ),
    )


def baseline(
    model: PurchaseModel, columns: Sequence[str], values: FloatArray, horizon_days: int, mix: Mix
) -> Baseline:
    """Return the baseline of ``(n, k)`` customers for the next ``horizon_days``."""
    if available():
        return _compiled(model, columns, values, horizon_days, mix)
    return plain(model, columns, values, horizon_days, mix)


def plain(
    model: PurchaseModel, columns: Sequence[str], values: FloatArray, horizon_days: int, mix: Mix
) -> Baseline:
    """Return :func:`baseline` step by step; compiled, the same steps give the same bits."""
    x, t_x, T, m_x, spend = histories(columns, values)
    purchases = btyd.expected_transactions(model.btyd, x, t_x, T, horizon_days)
    order_value = gamma_gamma.expected_order_value(model.spend, x, m_x)
    none = btyd.no_purchase_probability(model.btyd, x, t_x, T, horizon_days)
    with np.errstate(divide="ignore"):
        log_odds = portable.log(none) - portable.log1p(-none)
    observed = np.clip(T, mix.min_observed_days, _DAYS_PER_YEAR)
    run_rate = np.maximum(spend, 0.0) * horizon_days / observed
    expected = purchases * order_value
    value = (
        mix.btyd_weight * expected
        + (1.0 - mix.btyd_weight) * run_rate
        + mix.order_value_share * order_value
    )
    return Baseline(
        p_alive=btyd.p_alive(model.btyd, x, t_x, T),
        purchases=purchases,
        churn_log_odds=np.clip(log_odds, -_MAX_LOG_ODDS, _MAX_LOG_ODDS),
        btyd_value=expected,
        run_rate=run_rate,
        value=value,
    )


def _compiled(
    model: PurchaseModel, columns: Sequence[str], values: FloatArray, horizon_days: int, mix: Mix
) -> Baseline:
    from training.models import baseline_loops

    fit, spend = model.btyd, model.spend
    given = np.empty((5, len(values)))
    baseline_loops.inputs(np.asarray(values, dtype=np.float64), places_of(tuple(columns)), given)
    x, weeks = given[0], given[2] / btyd.DAYS_PER_WEEK
    a, _, _, hypergeometric = btyd.transformed(fit, x, weeks, horizon_days / btyd.DAYS_PER_WEEK)
    beta = betaln(fit.a, fit.b + btyd.chances(fit.kind, x))
    found = np.empty((6, len(values)))
    baseline_loops.baseline(
        *(given, beta, gammaln(fit.r + x), hypergeometric, constants_of(fit, spend), a),
        *(mix.btyd_weight, mix.order_value_share, float(mix.min_observed_days)),
        *(float(horizon_days), found),
    )
    return Baseline(*found)


# Arrays: numba looks at every member of a tuple, each time.
@lru_cache(maxsize=32)
def constants_of(fit: BtydFit, spend: GammaGammaFit) -> FloatArray:
    """Return r, α, b, chances before the first purchase, functions of these, then p, q, v."""
    first = 0.0 if fit.kind == "bgnbd" else 1.0
    logs = (float(portable.log(fit.a)), float(portable.log(fit.alpha)))
    special = (float(betaln(fit.a, fit.b)), float(gammaln(fit.r)))
    told = (fit.r, fit.alpha, fit.b, first, *special, *logs, spend.p, spend.q, spend.v)
    return np.array(told, dtype=np.float64)


@lru_cache(maxsize=8)
def places_of(columns: tuple[str, ...]) -> npt.NDArray[np.intp]:
    """Return where :data:`INPUTS` stand among columns."""
    return np.array([columns.index(name) for name in INPUTS], dtype=np.intp)


def histories(columns: Sequence[str], values: FloatArray) -> tuple[FloatArray, ...]:
    """Return :data:`INPUTS` of ``(n, k)`` customers, each ``(n,)``, unknown only in m_x."""
    names = list(columns)
    x, t_x, T, m_x, spend = (
        np.ascontiguousarray(values[:, names.index(name)], dtype=np.float64) for name in INPUTS
    )
    # what-if rows may be incomplete: an unknown history is that of a first purchase today
    x, t_x, T = (np.maximum(np.nan_to_num(v, nan=0.0), 0.0) for v in (x, t_x, T))
    return x, np.minimum(t_x, T), T, m_x, np.nan_to_num(spend, nan=0.0)
