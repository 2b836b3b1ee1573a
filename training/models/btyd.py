"""BG/NBD and MBG/NBD: purchases of customers who may silently have left.

While alive a customer buys by a Poisson process of rate λ ~ Gamma(r, α); at each
chance to leave, it leaves with probability p ~ Beta(a, b). BG/NBD (Fader, Hardie and
Lee 2005) gives a chance after every repeat purchase, so a one-time buyer is surely
alive; MBG/NBD (Batislam, Denizel and Filiztekin 2007) gives one after the first
purchase too, which is why it is the default here. With c chances survived (c = x for
BG, x + 1 for MBG) both have one likelihood::

    L = Γ(r+x)/Γ(r) · α^r · [ B(a, b+c)/B(a,b) · (α+T)^-(r+x)
                              + 1{c>0} · B(a+1, b+c-1)/B(a,b) · (α+t_x)^-(r+x) ]

Units: days come in; inside, time is in weeks (the unit of the published parameters).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, expit, gammaln, hyp2f1, psi

from features.schema import FloatArray
from training.errors import FitError
from training.models import portable
from training.models.likelihood import LOG_BOUND, minimised

Kind = Literal["bgnbd", "mbgnbd"]
Numbers = TypeVar("Numbers", FloatArray, float)
DAYS_PER_WEEK = 7.0
_STARTS = ((0.0, 1.0, 0.0, 1.0), (-1.0, 1.5, -0.5, 0.5), (1.0, 2.0, -2.0, 1.0))
MIN_CUSTOMERS = 20  # fewer cannot carry four parameters


@dataclass(frozen=True, slots=True)
class BtydFit:
    """A fitted purchase model.

    Attributes
    ----------
    kind
        ``bgnbd`` or ``mbgnbd``.
    r, alpha, a, b
        Parameters; ``alpha`` in weeks.
    log_likelihood
        Without the penalty.
    converged
        Whether plain maximum likelihood converged inside its bounds. If not, the
        parameters come from the penalised likelihood.
    n
        Customers it was fitted on.
    """

    kind: Kind
    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    converged: bool
    n: int

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict; floats survive JSON bit for bit."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> BtydFit:
        """Read :meth:`to_dict`."""
        return cls(**document)


def fit_bgnbd(x: FloatArray, t_x: FloatArray, T: FloatArray, *, penalty: float = 0.01) -> BtydFit:
    """Fit BG/NBD by maximum likelihood; see :func:`fit_btyd`."""
    return fit_btyd("bgnbd", x, t_x, T, penalty=penalty)


def fit_mbgnbd(x: FloatArray, t_x: FloatArray, T: FloatArray, *, penalty: float = 0.01) -> BtydFit:
    """Fit MBG/NBD; see :func:`fit_btyd`."""
    return fit_btyd("mbgnbd", x, t_x, T, penalty=penalty)


def fit_btyd(
    kind: Kind, x: FloatArray, t_x: FloatArray, T: FloatArray, *, penalty: float = 0.01
) -> BtydFit:
    """Fit a purchase model to ``(n,)`` customers.

    Parameters
    ----------
    x
        Repeat purchase days.
    t_x
        Days from the first purchase day to the last.
    T
        Days from the first purchase day to the snapshot.
    penalty
        Weight per customer on the squared log-parameters; used only when plain
        maximum likelihood does not converge inside its bounds.

    Raises
    ------
    FitError
        If there are fewer than 20 customers, values are impossible, or nobody ever
        came back.
    """
    history = _Histories.of(x, t_x, T)
    theta, converged = _best(kind, history, 0.0)
    theta = theta if converged else _best(kind, history, penalty)[0]
    value, _ = _objective(theta, kind, history, 0.0)
    r, alpha, a, b = (float(v) for v in np.exp(theta))
    return BtydFit(kind, r, alpha, a, b, -value * history.n, converged, history.n)


def log_likelihood(fit: BtydFit, x: FloatArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
    """Return each customer's log-likelihood ``(n,)`` (days in)."""
    return _log_likelihood(fit, x, t_x / DAYS_PER_WEEK, T / DAYS_PER_WEEK)


def p_alive(fit: BtydFit, x: FloatArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
    """Return the probability ``(n,)`` that a customer has not left by the snapshot."""
    return portable.expit(-_log_odds_gone(fit, x, t_x / DAYS_PER_WEEK, T / DAYS_PER_WEEK))


def no_purchase_probability(
    fit: BtydFit, x: FloatArray, t_x: FloatArray, T: FloatArray, horizon_days: float
) -> FloatArray:
    """Return the probability ``(n,)`` of no purchase in the next ``horizon_days``.

    Having bought nothing more by T + h is the same history seen later, so the
    probability is the ratio of the two likelihoods.
    """
    week_x, weeks = t_x / DAYS_PER_WEEK, T / DAYS_PER_WEEK
    later = _log_likelihood(fit, x, week_x, weeks + horizon_days / DAYS_PER_WEEK)
    return np.minimum(portable.exp(later - _log_likelihood(fit, x, week_x, weeks)), 1.0)


def expected_transactions(
    fit: BtydFit, x: FloatArray, t_x: FloatArray, T: FloatArray, horizon_days: float
) -> FloatArray:
    """Return the expected purchase days ``(n,)`` in the next ``horizon_days``.

    The published formula holds ₂F₁(r+x, b+c; a+b+c-1; z), which overflows for busy
    customers. By Euler's transformation its product with (1-z)^(r+x) is
    (1-z)^(a-1) ₂F₁(a+b+c-1-r-x, a-1; a+b+c-1; z), tame for any x and T.
    """
    h = horizon_days / DAYS_PER_WEEK
    a, top, z, hypergeometric = transformed(fit, x, T / DAYS_PER_WEEK, h)
    decay = portable.exp((a - 1.0) * portable.log1p(-z)) * hypergeometric
    alive = p_alive(fit, x, t_x, T)
    return np.asarray(np.maximum(top / (a - 1.0) * (1.0 - decay) * alive, 0.0))


@dataclass(frozen=True, slots=True)
class _Histories:
    """Distinct histories ``(m,)`` in weeks, how many customers share each, and distinct x."""

    x: FloatArray
    t_x: FloatArray
    T: FloatArray
    weight: FloatArray
    count: FloatArray
    of_x: npt.NDArray[np.intp]
    weight_x: FloatArray
    n: int

    @classmethod
    def of(cls, x: FloatArray, t_x: FloatArray, T: FloatArray) -> _Histories:
        rows = np.column_stack([x, t_x, T]).astype(np.float64)
        if len(rows) < MIN_CUSTOMERS:
            raise FitError(
                f"A purchase model needs {MIN_CUSTOMERS} customers; there are {len(rows)}.",
                hint="Give more customers or an earlier first snapshot day.",
                customers=len(rows),
            )
        good = np.isfinite(rows).all(axis=1) & (rows >= 0).all(axis=1) & (rows[:, 1] <= rows[:, 2])
        if not good.all():
            raise FitError(
                f"{int((~good).sum())} of {len(rows)} purchase histories are impossible "
                "(negative, unknown, or a last purchase after the snapshot).",
                hint="Check repeat_count, last_order_age_days and tenure_days.",
                customers=int((~good).sum()),
            )
        if not (rows[:, 0] > 0).any():
            raise FitError(
                f"None of {len(rows)} customers ever bought twice.",
                hint="A repeat-purchase model cannot be learned; give a longer history.",
                customers=len(rows),
            )
        distinct, counts = np.unique(rows, axis=0, return_counts=True)
        x, weeks = distinct[:, 0].copy(), (distinct[:, 1:] / DAYS_PER_WEEK).T.copy()
        weight = counts.astype(np.float64)
        count, of_x = np.unique(x, return_inverse=True)
        by_x = np.asarray(np.bincount(of_x, weights=weight), dtype=np.float64)
        return cls(x, weeks[0], weeks[1], weight, count, of_x, by_x, len(rows))


def transformed(
    fit: BtydFit, x: Numbers, weeks: Numbers, h: float
) -> tuple[float, Numbers, Numbers, Numbers]:
    """Return a, a+b+c-1, z and ₂F₁ of :func:`expected_transactions`, for weeks."""
    # a = 1 is a removable singularity; next to it the two terms cancel.
    a = fit.a if abs(fit.a - 1.0) > 1e-5 else 1.0 + 1e-5
    z = h / (fit.alpha + weeks + h)
    top = a + fit.b + chances(fit.kind, x) - 1.0
    return a, top, z, hyp2f1(top - fit.r - x, a - 1.0, top, z)


def chances(kind: Kind, x: Numbers) -> Numbers:
    """Return how often each customer ``(n,)`` could have left."""
    return x if kind == "bgnbd" else x + 1.0


def _log_odds_gone(fit: BtydFit, x: FloatArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
    c = chances(fit.kind, x)
    with np.errstate(divide="ignore", invalid="ignore"):
        start = portable.log(fit.a) - portable.log(fit.b + c - 1.0)
        since = portable.log(fit.alpha + T) - portable.log(fit.alpha + t_x)
        return np.where(c > 0, start + (fit.r + x) * since, -np.inf)


def _log_likelihood(fit: BtydFit, x: FloatArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
    c = chances(fit.kind, x)
    alive = (
        betaln(fit.a, fit.b + c)
        - betaln(fit.a, fit.b)
        + gammaln(fit.r + x)
        - gammaln(fit.r)
        + fit.r * portable.log(fit.alpha)
        - (fit.r + x) * portable.log(fit.alpha + T)
    )
    return np.asarray(alive + portable.softplus(_log_odds_gone(fit, x, t_x, T)), dtype=np.float64)


def _objective(
    theta: FloatArray, kind: Kind, history: _Histories, penalty: float
) -> tuple[float, FloatArray]:
    """Mean negative log-likelihood (+ penalty) and its gradient in log-parameters.

    Special functions depend on x alone, so they are taken once for each distinct x.
    """
    r, alpha, a, b = (float(v) for v in np.exp(theta))
    t_x, T, weight, count, of = history.t_x, history.T, history.weight, history.count, history.of_x
    c = chances(kind, count)
    # b + c - 1 can vanish only where c = 0, and there nobody can be gone
    rest = np.where(c > 0, b + c - 1.0, 1.0)
    start = np.where(c > 0, np.log(a) - np.log(rest), -np.inf)
    constant = betaln(a, b + c) - betaln(a, b) + gammaln(r + count) - gammaln(r) + r * np.log(alpha)
    power = r + history.x
    log_now, log_last = np.log(alpha + T), np.log(alpha + t_x)
    odds = start[of] + power * (log_now - log_last)
    gone = expit(odds)
    gone_by_x = np.bincount(of, weights=weight * gone, minlength=len(count))
    value = history.weight_x @ constant + weight @ (np.logaddexp(0.0, odds) - power * log_now)
    by_r = history.weight_x @ (psi(r + count) - psi(r) + np.log(alpha)) + weight @ (
        gone * (log_now - log_last) - log_now
    )
    by_alpha = weight @ (
        r / alpha - power / (alpha + T) + gone * power * (1.0 / (alpha + T) - 1.0 / (alpha + t_x))
    )
    spread = psi(a + b) - psi(a + b + c)
    by_a = history.weight_x @ spread + gone_by_x.sum() / a
    by_b = history.weight_x @ (spread + psi(b + c) - psi(b)) - (gone_by_x / rest).sum()
    gradient = -np.array([r * by_r, alpha * by_alpha, a * by_a, b * by_b]) / history.n
    total = -float(value) / history.n + penalty * float(theta @ theta)
    return total, gradient + 2.0 * penalty * theta


def _best(kind: Kind, history: _Histories, penalty: float) -> tuple[FloatArray, bool]:
    starts = _STARTS[:1] if penalty else _STARTS  # the penalty leaves one optimum
    attempts = [_minimise(kind, history, np.array(start), penalty) for start in starts]
    return min(attempts, key=lambda attempt: attempt[1])[::2]


def _minimise(
    kind: Kind, history: _Histories, start: npt.NDArray[np.float64], penalty: float
) -> tuple[FloatArray, float, bool]:
    # purchase rates differ between businesses by orders of magnitude: begin at theirs
    bought = max(float(history.weight @ history.x), 1.0)
    pace = max(float(history.weight @ history.T) / bought, 1e-3)
    begin = start.copy()
    begin[1] = np.clip(start[0] + np.log(pace), -LOG_BOUND + 1, LOG_BOUND - 1)
    return minimised(_objective, begin, kind, history, penalty)
