"""A grade, what it rests on, and why it came out as it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from serving.domain.basis import Basis as Basis
from serving.domain.basis import LayoutEntry as LayoutEntry
from serving.domain.canary import CANARY, Canary
from serving.domain.labels import TierLabel
from serving.domain.override import Overruled
from serving.domain.tenure import TierTenure
from tiering.packs.pack import EffectivePack, pack_of, risk_flags

Lang = Literal["en", "zh-CN"]
LANGS: tuple[Lang, ...] = ("en", "zh-CN")


@dataclass(frozen=True, slots=True)
class TierSummary:
    """One tier of a finished run, counted while it was graded.

    Attributes
    ----------
    ltv, net_amount_365d
        Sums over the tier's customers in the currency of the run; a null counts 0.
    score_mean, churn_probability_mean
        None for an empty tier.
    """

    tier: TierLabel
    customers: int
    referred: int
    ltv: float
    net_amount_365d: float
    score_mean: float | None
    churn_probability_mean: float | None


@dataclass(frozen=True, slots=True)
class Run:
    """One batch over one snapshot; it exists only once it is finished.

    Attributes
    ----------
    fingerprint
        SHA-256 over data, bundle, snapshot, lifecycle policies and the run before.
    known_at, started_at, finished_at
        Instants, naive UTC.
    manifest_sha256
        Fingerprint of the published manifest; None when a bare frame was graded.
    tiers
        One summary per tier, best first, empty tiers included.
    previous_run_id
        The run whose tiers were held before; None for the first, and before tiers were held.
    columns
        Names in every grade's ``indicators``, in their order.
    explainer
        The algorithm that made the explanations (``training.bundle``): another one may differ
        in the last bit.
    canary
        The second model, which graded a share of the customers; None: there was none. Then
        ``basis``, ``layout``, ``columns`` and ``explainer`` are the champion's: see `graded_by`.
    """

    run_id: str
    basis: Basis
    known_at: datetime
    started_at: datetime
    finished_at: datetime
    actor: str
    fingerprint: str
    frame_sha256: str
    manifest_sha256: str | None
    customers: int
    referred: int
    tiers: tuple[TierSummary, ...]
    layout: tuple[LayoutEntry, ...]
    previous_run_id: str | None = None
    columns: tuple[str, ...] = ()
    explainer: str = "lightgbm"
    canary: Canary | None = None

    def graded_by(self, side: str | None) -> Run | Canary:
        """Return what a grade of a side rests on: basis, layout, columns and explainer."""
        return self if side is None or self.canary is None else self.canary

    def rests(self, grade: Grade) -> Run | Canary:
        """Return what one of its grades rests on."""
        return self.graded_by(CANARY if grade.basis.canary else None)


@dataclass(frozen=True, slots=True)
class Grade:
    """The grade of one customer in one run.

    ``grade_id`` is empty before the store gave it, and of a what-if.

    Attributes
    ----------
    score
        0 to 100.
    tier
        The tier held; ``tier.index`` 0 is the best. Of a what-if, that of the figures alone.
    margin_up
        Points missing to the next better cut; None in the best tier. Below 0 where the score is
        beyond it and the move has yet to take effect.
    margin_down
        Points above the own cut; None in the lowest tier. Below 0 where the tier is held all the
        same.
    churn_probability
        0 to 1, no purchase within ``basis.churn_horizon_days``.
    ltv, ltv_lower, ltv_upper
        Expected net value within ``basis.ltv_horizon_days`` and its interval, money.
    dimension_scores
        By dimension id, 0 to 100; None when the dimension has no data.
    reasons
        Codes of ``tiering.referral.REASONS``; flags may be there without a referral.
    indicators
        Measured indicators by name; None is unknown.
    reason_texts
        The reasons in words with this customer's numbers, by language (`LANGS`), in the
        order of ``reasons``; written while grading.
    stages
        Stage id by the id of its policy in ``basis.lifecycles``.
    confidence
        Share (0 to 1) of a full grade's evidence behind this one (#12); None in grades from
        before it was told.
    segment
        Id of a class in ``basis.segments``; None without data for it, or without segments.
    tenure
        How it came to hold its tier; None in a what-if, and from before tiers were held.
    overruled
        By a panel, whose tier ``tier`` then is; runs compute and store none.
    """

    grade_id: str
    customer_id: str
    basis: Basis
    score: float
    tier: TierLabel
    margin_up: float | None
    margin_down: float | None
    churn_probability: float | None
    ltv: float | None
    ltv_lower: float | None
    ltv_upper: float | None
    dimension_scores: Mapping[str, float | None]
    referred: bool
    reasons: tuple[str, ...]
    indicators: Mapping[str, float | None]
    reason_texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stages: Mapping[str, str] = field(default_factory=dict)
    confidence: float | None = None
    segment: str | None = None
    tenure: TierTenure | None = None
    overruled: Overruled | None = None

    @property
    def pack(self) -> EffectivePack | None:
        """What the customer is promised: its tier's pack under its own risks; None without."""
        packs = self.basis.packs
        asked = packs.indicators
        known = {name: value for name in asked if (value := self.value(name)) is not None}
        return pack_of(packs, self.tier.id, risk_flags(packs, known))

    @property
    def stage(self) -> str | None:
        """The stage of the first lifecycle policy; None in runs from before stages."""
        first = self.basis.lifecycles[:1]
        return self.stages[first[0].id] if first else None

    def value(self, name: str) -> float | None:
        """Return an indicator or a prediction (``ltv``, ``churn_probability``) by name."""
        if name == "ltv":
            return self.ltv
        if name == "churn_probability":
            return self.churn_probability
        return self.indicators.get(name)


class Contribution(NamedTuple):  # made 200 times for an explanation, a third of a dataclass
    """A part of the score that one indicator brings through one channel.

    Attributes
    ----------
    indicator
        Name in ``features.schema.CATALOGUE``; or the name of the prediction itself (what
        its inputs leave unexplained), or ``baseline`` (the purchase-history baseline that
        the LTV model corrects).
    channel
        ``direct`` (the scheme weighs the indicator itself), or the prediction it acts
        through: ``churn_probability`` or ``ltv``.
    dimension
        The dimension in which the points count.
    value
        The indicator's value for this customer; None is unknown.
    points
        Of what the scheme weighs (the indicator, or the prediction of the channel): 0 to
        100; None without data.
    weight
        Effective weight of what the scheme weighs, 0 to 1.
    contribution
        Score points added to (or taken from) the base.
    percentile
        Mid-rank percentile (0 to 100, one decimal) of ``value`` in the population the
        model was fitted on, higher value higher percentile; None without value or knots.
    """

    indicator: str
    channel: str
    dimension: str
    value: float | None
    points: float | None
    weight: float
    contribution: float
    percentile: float | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """An exact account of one score: ``base + sum(contributions) == score`` within 1e-9.

    Attributes
    ----------
    base
        Score of a typical customer weighted by the same data, 0 to 100.
    entries
        In layout order (scheme order, direct before predictions); not sorted by size.
    """

    base: float
    score: float
    entries: tuple[Contribution, ...]

    def by_dimension(self) -> dict[str, float]:
        """Return the summed contributions of each dimension that has an entry."""
        sums: dict[str, float] = {}
        for entry in self.entries:
            sums[entry.dimension] = sums.get(entry.dimension, 0.0) + entry.contribution
        return sums

    def by_indicator(self) -> dict[str, float]:
        """Return the summed contributions of each indicator over its channels."""
        sums: dict[str, float] = {}
        for entry in self.entries:
            sums[entry.indicator] = sums.get(entry.indicator, 0.0) + entry.contribution
        return sums
