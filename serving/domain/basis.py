"""What grades rest on, and what the numbers of their explanations stand for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from serving.domain.labels import DimensionLabel, SegmentLabel, TierLabel
from serving.domain.lifecycle import LifecycleLabel, StageLabel
from tiering.packs.pack import Packs


@dataclass(frozen=True, slots=True)
class Basis:
    """What grades rest on: data, model and policy.

    The same for all grades of one run, or of one side of it where a canary graded some.

    Attributes
    ----------
    run_id
        None for a what-if that belongs to no run.
    as_of
        Last day of data the indicators looked at.
    model_version
        Registry version of the champion; None when the bundle was never registered.
    bundle_digest, scheme_sha256
        SHA-256 (hex) of the bundle and of the scheme's canonical content.
    simulated
        Whether the input world is simulated, not real.
    lifecycles
        Policies of stages; lists are filtered by the stages of the first. Empty in runs from
        before there were stages.
    segments
        Classes beside the tiers; empty where the scheme has none.
    packs
        What each tier is promised, as the scheme said (#61, #62).
    canary
        Whether the model is the canary's, not the champion's.
    """

    run_id: str | None
    as_of: date
    world: str
    currency: str
    simulated: bool
    model_version: str | None
    bundle_digest: str
    trained_as_of: date | None
    churn_horizon_days: int
    ltv_horizon_days: int
    scheme_id: str
    scheme_version: str
    scheme_sha256: str
    tiers: tuple[TierLabel, ...]
    dimensions: tuple[DimensionLabel, ...]
    lifecycles: tuple[LifecycleLabel, ...] = ()
    segments: tuple[SegmentLabel, ...] = ()
    packs: Packs = field(default_factory=Packs)
    canary: bool = False

    @property
    def stages(self) -> tuple[StageLabel, ...]:
        """The stages lists are filtered by: those of the first policy."""
        return self.lifecycles[0].stages if self.lifecycles else ()


@dataclass(frozen=True, slots=True)
class LayoutEntry:
    """What one contribution of a run's explanations stands for (see `Contribution`)."""

    indicator: str
    channel: str
    dimension: str

    @property
    def weighed(self) -> str:
        """What the scheme weighs here: the indicator itself, or the channel's prediction."""
        return self.indicator if self.channel == "direct" else self.channel
