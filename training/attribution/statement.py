"""The sentence "x % of core growth comes from tier service" (#110), or why it cannot be said.

The share is the effect of the tier at its cut, taken for every customer of the tier, over the
growth of the tier's customers. Its interval is Fieller's: both are estimates from the same
customers, and growth near nothing makes any share possible.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.stats import norm

from features.schema import FloatArray
from training.attribution.differences import Difference
from training.attribution.discontinuity import Jump
from training.attribution.falsification import Check
from training.attribution.local_polynomial import Clusters, covariance
from training.attribution.manipulation import DensityJump

ALARM = 0.05
"""p-value below which a check speaks against the design."""
MIN_NEAR = 50
"""Customers within the bandwidth on each side below which no statement is made."""

REASONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "manipulation": (
            "Scores bunch at the cut: those just above it are not like those just below.",
            "得分在分级线处聚集：线上线下客户不可比。",
        ),
        "few_customers": (
            "Too few customers are near the cut.",
            "分级线附近客户过少。",
        ),
        "imbalance": (
            "What was settled before the grade jumps at the cut as well.",
            "评级之前已确定的指标在分级线处也有跳跃。",
        ),
        "placebo_jumps": (
            "The outcome also jumps at scores where no tier changes.",
            "在等级不变的得分处，结果也有跳跃。",
        ),
        "pre_trend": (
            "Those who rose and their peers were already drifting apart before.",
            "升级客户与对照客户在升级前走势已不同。",
        ),
        "no_growth": (
            "The tier's customers have not grown.",
            "该等级客户没有增长。",
        ),
        "growth_unclear": (
            "The growth of the tier's customers cannot be told from none.",
            "该等级客户的增长与零无法区分。",
        ),
    }
)
"""Why no statement is made: code to text, English and Chinese."""


@dataclass(frozen=True, slots=True)
class Statement:
    """How much of the growth of a tier's customers comes from the tier.

    Attributes
    ----------
    share, lower, upper
        Share from tier service with its interval, 1 is all; NaN when refused. The market's
        share is what is left. Nothing keeps them within 0 to 1 but the data.
    refusals
        Codes of :data:`REASONS`; empty when the statement is made.
    growth
        Mean growth of the tier's customers.
    customers
        How many of them.
    """

    share: float
    lower: float
    upper: float
    refusals: tuple[str, ...]
    growth: float
    customers: int

    @property
    def text_en(self) -> str:
        """The statement or the refusal, in English."""
        if self.refusals:
            return "No statement: " + " ".join(REASONS[code][0] for code in self.refusals)
        return (
            f"{self.share:.0%} of the growth of {self.customers:,} customers comes from tier "
            f"service (95 % interval {self.lower:.0%} to {self.upper:.0%}), "
            f"{1 - self.share:.0%} from the market, if the effect at the cut is that of the "
            "whole tier."
        )

    @property
    def text_zh(self) -> str:
        """The statement or the refusal, in Chinese."""
        if self.refusals:
            return "不作归因结论：" + "".join(REASONS[code][1] for code in self.refusals)
        return (
            f"{self.customers:,}位客户的增长中{self.share:.0%}来自分级服务"
            f"（95%区间{self.lower:.0%}至{self.upper:.0%}），{1 - self.share:.0%}来自市场；"
            "前提是分级线处的效应适用于整个等级。"
        )


def state(
    at_cut: Jump,
    growth: FloatArray,
    core: FloatArray,
    cluster: Clusters,
    *,
    density: DensityJump | None = None,
    balance: Sequence[Check] = (),
    placebos: Sequence[Check] = (),
    difference: Difference | None = None,
    level: float = 0.95,
) -> Statement:
    """Make the statement, or say why it cannot be made.

    Parameters
    ----------
    at_cut
        The jump of growth at the cut, with ``(n,)`` influences.
    growth
        ``(n,)`` spend after the grade less spend before, as in ``at_cut``.
    core
        ``(n,)`` 1 for the customers whose growth is told apart, else 0.
    cluster
        ``(n,)`` codes from 0.
    density, balance, placebos, difference
        Checks of the design; those that are given are heeded.
    """
    inside = core > 0
    mean = float(growth[inside].mean()) if inside.any() else math.nan
    refusals = [
        code
        for code, speaks in {
            "manipulation": density is not None and density.p_value < ALARM,
            "few_customers": min(at_cut.n_left, at_cut.n_right) < MIN_NEAR,
            "imbalance": any(check.holm < ALARM for check in balance),
            "placebo_jumps": any(check.holm < ALARM for check in placebos),
            "pre_trend": difference is not None and difference.pre_trend < ALARM,
            "no_growth": not mean > 0,
        }.items()
        if speaks
    ]
    share, lower, upper = math.nan, math.nan, math.nan
    if mean > 0:
        influence = np.where(inside, growth - mean, 0.0) / np.count_nonzero(inside)
        share = at_cut.estimate / mean
        z = float(norm.ppf((1 + level) / 2))
        found = fieller(
            at_cut.estimate,
            mean,
            covariance(at_cut.influence, at_cut.influence, cluster),
            covariance(at_cut.influence, influence, cluster),
            covariance(influence, influence, cluster),
            z,
        )
        if found is None:
            refusals.append("growth_unclear")
        else:
            lower, upper = found
    if refusals:
        share = lower = upper = math.nan
    customers = int(np.unique(cluster[inside]).size)
    return Statement(share, lower, upper, tuple(refusals), mean, customers)


def fieller(
    top: float, bottom: float, v_top: float, v_both: float, v_bottom: float, z: float
) -> tuple[float, float] | None:
    """Return Fieller's interval of ``top / bottom``; None where it is not bounded.

    Parameters
    ----------
    v_top, v_both, v_bottom
        Variances of both and their covariance.
    z
        Standard errors of a normal interval of that level.
    """
    a = bottom**2 - z**2 * v_bottom
    if a <= 0:
        return None
    b = top * bottom - z**2 * v_both
    c = top**2 - z**2 * v_top
    root = math.sqrt(max(b * b - a * c, 0.0))
    return (b - root) / a, (b + root) / a
