"""From net value to contribution: what a customer leaves after rebate, cost, service and waiting.

Net value is predicted well, its share that stays is not seen in a few orders: a customer's
own rate of the last year is shrunk to that of its size class, the more the less it spent. Spend
stands for the number of orders (the credibility of Bühlmann and Straub 1970); how much of it
makes a rate half credible is learned from outcomes that have closed::

    rate_i = (spend_i · own_i + k · class_i) / (spend_i + k)

so that contribution = net value · rate, which may be negative.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from training.errors import FitError

MIN_CUSTOMERS = 20
# Candidates of prior spend, in mean spends: from own rates as they are to none of them.
_GRID = tuple(np.geomspace(1e-4, 1e6, 61).tolist())
# One year may be special (a price rise): the level never follows it further than this.
_MAX_CARRIED = 1.5
# A loss of more than twice the spend, or a gain above it, is an accident of few orders.
_LEAST_RATE, _MOST_RATE = -2.0, 1.0


@dataclass(frozen=True, slots=True)
class ContributionModel:
    """Shrunken contribution rates.

    Attributes
    ----------
    population_rate
        Contribution over net value of everybody.
    class_edges
        ``(c - 1,)`` ascending net amounts of 365 days at which a larger class begins, money.
    class_rates
        ``(c,)`` shrunken rate of each size class, smallest first.
    prior_spend
        Spend in 365 days, money, at which a customer's own rate weighs half.
    carried
        What the shrunken rate of a year ago is multiplied by, so that predictions add up to
        what was realised.
    n
        Customers it was fitted on.
    """

    population_rate: float
    class_edges: tuple[float, ...]
    class_rates: tuple[float, ...]
    prior_spend: float
    carried: float
    n: int

    def rate(self, contribution_365d: FloatArray, net_amount_365d: FloatArray) -> FloatArray:
        """Return the expected contribution rate ``(n,)``, share of net value, may be negative.

        An unknown contribution, or a spend that is not positive, is no observation.
        """
        spend, own = _observed(contribution_365d, net_amount_365d)
        start = np.asarray(self.class_rates)[_class_of(net_amount_365d, self.class_edges)]
        return self.carried * _shrunk(own, spend, start, self.prior_spend)

    def predict(
        self, net_value: FloatArray, contribution_365d: FloatArray, net_amount_365d: FloatArray
    ) -> FloatArray:
        """Return the expected contribution ``(n,)`` of an expected net value ``(n,)``, money."""
        return net_value * self.rate(contribution_365d, net_amount_365d)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> ContributionModel:
        """Read :meth:`to_dict`."""
        lists = {name: tuple(document[name]) for name in ("class_edges", "class_rates")}
        return cls(**{**document, **lists})


def fit_contribution(
    contribution_365d: FloatArray,
    net_amount_365d: FloatArray,
    contribution: FloatArray,
    net_value: FloatArray,
    *,
    classes: int = 3,
) -> ContributionModel:
    """Fit on customers whose outcomes have closed.

    Parameters
    ----------
    contribution_365d, net_amount_365d
        ``(n,)`` indicators at the snapshot, money.
    contribution, net_value
        ``(n,)`` outcomes of one horizon after it, money; NaN where unknown.
    classes
        Size classes of equal spend, so that each has as much to learn from.

    Raises
    ------
    FitError
        If fewer than 20 customers have a contribution on both sides, or they spent nothing.
    """
    spend, own = _observed(contribution_365d, net_amount_365d)
    seen = spend > 0.0
    judged = np.isfinite(contribution) & (np.nan_to_num(net_value) > 0.0)
    if int((seen & judged).sum()) < MIN_CUSTOMERS:
        raise FitError(
            f"A contribution rate needs {MIN_CUSTOMERS} customers with a contribution before and "
            f"after the snapshot; there are {int((seen & judged).sum())}.",
            hint="Map orders.cost, orders.rebate, tickets and invoices, or publish earlier days.",
            customers=int((seen & judged).sum()),
        )
    population = float((spend * own).sum() / spend.sum())
    edges = _edges(net_amount_365d[seen], classes)
    of = _class_of(net_amount_365d, edges)
    by_class = _sums(of, spend, len(edges) + 1)
    own_class = _sums(of, spend * own, len(edges) + 1) / np.where(by_class > 0.0, by_class, 1.0)
    now = np.clip(contribution[judged] / net_value[judged], _LEAST_RATE, _MOST_RATE)
    weight = net_value[judged]
    mean_spend = float(spend[seen].mean())

    def attempt(prior: float) -> tuple[float, float, FloatArray]:
        rates = _shrunk(own_class, by_class, np.full(len(by_class), population), prior)
        rate = _shrunk(own, spend, rates[of], prior)[judged]
        carried = _carried(float(weight @ now), float(weight @ rate))
        return float(weight @ (now - carried * rate) ** 2), carried, rates

    priors = [share * mean_spend for share in _GRID]
    prior = min(priors, key=lambda candidate: attempt(candidate)[0])
    _, carried, rates = attempt(prior)
    return ContributionModel(
        population_rate=population,
        class_edges=edges,
        class_rates=tuple(rates.tolist()),
        prior_spend=prior,
        carried=carried,
        n=int(judged.sum()),
    )


def _observed(
    contribution_365d: FloatArray, net_amount_365d: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return spend ``(n,)``, 0 where there is no observation, and the rate observed on it."""
    seen = np.isfinite(contribution_365d) & (np.nan_to_num(net_amount_365d) > 0.0)
    spend = np.where(seen, net_amount_365d, 0.0)
    with np.errstate(over="ignore"):
        own = np.where(seen, contribution_365d, 0.0) / np.where(seen, net_amount_365d, 1.0)
    return spend, np.clip(own, _LEAST_RATE, _MOST_RATE)


def _shrunk(own: FloatArray, spend: FloatArray, start: FloatArray, prior: float) -> FloatArray:
    # a prior of no spend and no spend at all: nothing is known but the start
    share = spend / np.where(spend + prior > 0.0, spend + prior, 1.0)
    return start + share * (own - start)


def _edges(spend: FloatArray, classes: int) -> tuple[float, ...]:
    ordered = np.sort(spend)
    reached = np.cumsum(ordered) / ordered.sum()
    wanted = np.arange(1, classes) / classes
    return tuple(np.unique(ordered[np.searchsorted(reached, wanted)]).tolist())


def _class_of(spend: FloatArray, edges: tuple[float, ...]) -> npt.NDArray[np.intp]:
    # an unknown spend counts as none
    return np.searchsorted(np.asarray(edges), np.nan_to_num(spend), side="right")


def _sums(of: npt.NDArray[np.intp], amount: FloatArray, classes: int) -> FloatArray:
    return np.asarray(np.bincount(of, weights=amount, minlength=classes), dtype=np.float64)


def _carried(realised: float, expected: float) -> float:
    """Return realised over expected, 1 where their signs say that the rates do not carry."""
    if realised * expected <= 0.0:
        return 1.0
    return float(np.clip(realised / expected, 1.0 / _MAX_CARRIED, _MAX_CARRIED))
