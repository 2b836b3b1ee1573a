"""The content of a grading scheme: frozen values without rules or files.

Which contents are acceptable is said in ``tiering/validate.py``; how a TOML becomes a
:class:`Scheme`, and a scheme a TOML, in ``tiering/scheme.py``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from tiering.migration.policy import MigrationPolicy
from tiering.packs.pack import Packs

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Alternatives = tuple[tuple[str, ...], ...]
"""Conditions (``tiering/condition.py``): any of the lists, of which every one must hold."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class IndicatorWeight(_Frozen):
    """An indicator's share of its dimension, and how its values become points.

    Attributes
    ----------
    name
        Catalogue or prediction name.
    weight
        Share in (0, 1]; the shares of a dimension sum to 1. 0 only where a lifecycle stage
        gives it more.
    range
        Lower and upper bound in the indicator's unit: min-max between them, clipped; the good
        end is 100 points (#45). None elsewhere.
    steps
        Pairs of value and points, values increasing: linear between them, flat outside.
    scale
        ``percentile`` of the reference population, which is also meant by None; or
        ``value_share``: the share of the population's total that customers up to this value
        hold (Lorenz curve, #51).
    """

    name: str
    weight: Number
    range: tuple[Number, Number] | None = None
    steps: tuple[tuple[Number, Number], ...] | None = None
    scale: Literal["percentile", "value_share"] | None = None

    @property
    def by_percentile(self) -> bool:
        """Whether points are the percentile in the reference population."""
        return self.range is None and self.steps is None and self.scale != "value_share"


class DimensionWeight(_Frozen):
    """A dimension's share of the score and what it is made of (requirement #38).

    Attributes
    ----------
    id
        Unique inside its scheme; one of ``features.schema.Dimension`` or the scheme's own.
    weight
        Share in (0, 1]; the shares of a scheme sum to 1.
    """

    id: str
    weight: Number
    label_en: str = ""
    label_zh: str = ""
    indicators: tuple[IndicatorWeight, ...] = ()


class StageWeights(_Frozen):
    """Weights of customers in one lifecycle stage (requirement #53).

    Attributes
    ----------
    stage
        Id of a stage of the scheme's lifecycle policy.
    dimensions
        Dimension id to share; all of them, or None where they are as everywhere.
    indicators
        Dimension id to the shares of its indicators, all of that dimension.
    """

    stage: str
    dimensions: Mapping[str, Number] | None = None
    indicators: Mapping[str, Mapping[str, Number]] | None = None


class Stages(_Frozen):
    """Weights by lifecycle stage; a stage that is not listed has the scheme's own.

    Attributes
    ----------
    lifecycle
        Name of a packaged lifecycle policy, ``six`` or ``four``.
    """

    lifecycle: str
    weights: tuple[StageWeights, ...]


class Level(_Frozen):
    """One level of an axis, half-open like a tier (X8).

    Attributes
    ----------
    cut
        Lower bound of the dimension's score, inclusive, 0 to 100.
    cut_by_tier
        Bounds that differ inside a tier, by tier id: what is much for a small customer is
        little for a large one (#50). Of segments only.
    """

    id: str
    label_en: str = ""
    label_zh: str = ""
    cut: Number
    cut_by_tier: Mapping[str, Number] | None = None


class Axis(_Frozen):
    """A side of a matrix: a dimension's score in levels, best to worst."""

    dimension: str
    levels: tuple[Level, ...]


class Tier(_Frozen):
    """One class of customers (requirement #41): by score, by rule, or by cells of a matrix.

    Attributes
    ----------
    id
        Unique inside its scheme only; ``Scheme.tier_key`` is unique everywhere (X9).
    cut
        Lower bound of the score, inclusive, 0 to 100; None where scores do not decide.
    to
        The cut above, for those who like to see both ends; checked against it (X8).
    when
        The rule: a customer for whom no better tier holds and this does. The last tier has
        none and takes all the rest; None where rules do not decide.
    cells
        Cells of the matrix: a level of each axis in order, ``*`` for any; None without axes.
    """

    id: str
    label_en: str = ""
    label_zh: str = ""
    cut: Number | None = None
    to: Number | None = None
    when: Alternatives | None = None
    cells: tuple[str, ...] | None = None


class Segment(_Frozen):
    """A class beside the tier, without an order: cells as in :class:`Tier`."""

    id: str
    label_en: str = ""
    label_zh: str = ""
    cells: tuple[str, ...]


class Segments(_Frozen):
    """Classes beside the tiers (#48, #50)."""

    axes: tuple[Axis, ...]
    classes: tuple[Segment, ...]


class Referral(_Frozen):
    """When a decision goes to the expert panel (requirement #93).

    Attributes
    ----------
    band
        Points; a customer nearer than this to another tier is borderline.
    max_missing_weight
        Share (0 to 1) of the weight without data up to which no panel is needed.
    refer_flags
        Flags of the caller that need the panel.
    max_jump_ratio
        A jump in spend (``tiering/challenge.py``) that reaches this ratio and is not explained
        goes to the panel (#7); None or 0 challenges nobody.
    certified
        Whether a grade is issued without the panel only under a certificate
        (``tiering/certification``, ADR 0018): without one, everybody is referred. None: the
        other rules alone decide.
    """

    band: Number
    max_missing_weight: Number
    refer_flags: tuple[str, ...] = ()
    max_jump_ratio: Number | None = None
    certified: bool | None = None


Decider = Literal["score", "rules", "matrix", "combined"]


class Scheme(_Frozen):
    """A versioned grading policy.

    Attributes
    ----------
    source
        Where the policy comes from, for people.
    cadence
        How often customers are assessed by it (#54, #55).
    confidence
        Share (0 to 1) of the evidence of a full grade that the scheme looks at; None is 1.
        Grades by amount alone state less (#12).
    combine
        Where tiers have both cuts and rules: the ``lower`` or the ``higher`` tier of the two
        (X10). None where one of them decides.
    dimensions
        In the order they are shown.
    stages
        Weights by lifecycle stage (#53).
    axes
        Sides of the matrix, where one decides.
    tiers
        Best to worst; by score, tier ``i`` holds ``[cut_i, cut_{i-1})``.
    segments
        Classes beside the tiers.
    migration
        How tiers change from one assessment to the next; None: they follow each raw tier.
    packs
        What each tier is promised (#61, #62).
    """

    id: str
    version: str
    title_en: str = ""
    title_zh: str = ""
    source: str | None = None
    cadence: Literal["month", "quarter", "half_year", "year"] | None = None
    confidence: Number | None = None
    combine: Literal["lower", "higher"] | None = None
    dimensions: tuple[DimensionWeight, ...]
    stages: Stages | None = None
    axes: tuple[Axis, ...] | None = None
    tiers: tuple[Tier, ...]
    segments: Segments | None = None
    migration: MigrationPolicy | None = None
    packs: Packs | None = None
    referral: Referral
    _source: str = PrivateAttr("")
    _source_sha256: str = PrivateAttr("")

    @property
    def decider(self) -> Decider:
        """What the tiers are told by."""
        if self.axes is not None:
            return "matrix"
        if self.combine is not None:
            return "combined"
        return "rules" if any(tier.when is not None for tier in self.tiers) else "score"

    @property
    def cuts(self) -> tuple[float, ...]:
        """Lower bounds of the tiers in score points, best first; empty without cuts."""
        return tuple(tier.cut for tier in self.tiers if tier.cut is not None)

    @property
    def indicators(self) -> tuple[str, ...]:
        """Names of all indicators, ``(k,)``, dimension by dimension."""
        return tuple(i.name for dimension in self.dimensions for i in dimension.indicators)

    @property
    def sha256(self) -> str:
        """Hex digest of the content, labels included; the TOML's layout does not matter."""
        # What a scheme does not say stays out: a new key leaves the hash of older schemes alone.
        said = self.model_dump(mode="json", exclude_none=True)
        content = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()

    def tier_key(self, index: int) -> str:
        """Return a tier id that is unique across schemes, ``five-dimension/core`` (X9)."""
        return f"{self.id}/{self.tiers[index].id}"

    def remember(self, source: str) -> Scheme:
        """Return a copy that knows the text it was read from."""
        scheme = self.model_copy()
        scheme._source = source
        scheme._source_sha256 = self.sha256
        return scheme

    @property
    def remembered(self) -> str | None:
        """The text it was read from, if the content is still the same; else None."""
        return self._source if self._source_sha256 == self.sha256 else None
