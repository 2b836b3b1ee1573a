"""Classes beside the tiers, as a run was graded with them (#48, #50)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SegmentLabel:
    """A class beside the tier, without an order; its id is unique inside its scheme."""

    id: str
    label_en: str
    label_zh: str

    def label(self, lang: str) -> str:
        """Return the name of the segment in a language."""
        return self.label_zh if lang == "zh-CN" else self.label_en
