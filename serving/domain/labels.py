"""What tiers, dimensions and segments were called when a run was graded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TierLabel:
    """A tier of the scheme a run was graded with, best first.

    Attributes
    ----------
    index
        0 is the best tier.
    cut
        Inclusive lower bound in score points (0 to 100); None where scores do not decide.
    """

    index: int
    id: str
    label_en: str
    label_zh: str
    cut: float | None

    def label(self, lang: str) -> str:
        """Return the name of the tier in a language."""
        return self.label_zh if lang == "zh-CN" else self.label_en


@dataclass(frozen=True, slots=True)
class DimensionLabel:
    """A dimension of the scheme; ``weight`` is its share of the score (0 to 1)."""

    id: str
    weight: float
    label_en: str
    label_zh: str

    def label(self, lang: str) -> str:
        """Return the name of the dimension in a language."""
        return self.label_zh if lang == "zh-CN" else self.label_en


@dataclass(frozen=True, slots=True)
class SegmentLabel:
    """A class beside the tier, without an order; its id is unique inside its scheme."""

    id: str
    label_en: str
    label_zh: str

    def label(self, lang: str) -> str:
        """Return the name of the segment in a language."""
        return self.label_zh if lang == "zh-CN" else self.label_en
