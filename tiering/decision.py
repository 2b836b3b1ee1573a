"""What is decided of one customer, and its reasons in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from tiering.certification.automation import automation_text
from tiering.certification.certificate import Certificate
from tiering.policy import Scheme
from tiering.referral import REASONS, Language, reason_text
from tiering.sheet import ScoreOfOne


class SureOfOne(NamedTuple):
    """How sure the tier is: ``tiering.certification.automation.Sureness`` of one customer."""

    certificate: Certificate | None
    confidence: float
    likeliest: int


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """The tier of one customer: a row of ``tiering.assign.Decisions``, in plain numbers.

    Attributes
    ----------
    scored
        The scores behind it.
    segment
        -1 where unknown; None where the scheme has none.
    """

    scheme: Scheme
    scored: ScoreOfOne
    tier: int
    margin_up: float
    margin_down: float
    confidence: float
    segment: int | None
    referred: bool
    jump: float
    reasons: tuple[str, ...]
    best: int
    sureness: SureOfOne | None = None

    def reason_texts(self, language: Language) -> tuple[str, ...]:
        """Return the reasons in words."""
        tier, up, down = self.tier, self.margin_up, self.margin_down
        # In the best tier `up` is NaN, and comparing with NaN is false.
        nearest_is_up = tier > 0 and not down <= up
        english = language == "en"
        labels = [
            d.label_en if english else d.label_zh
            for d, gone in zip(self.scheme.dimensions, self.scored.missing_dimension, strict=True)
            if gone
        ]
        best = self.scheme.tiers[self.best]
        fields: dict[str, object] = {
            "score": self.scored.score,
            "distance": up if nearest_is_up else down,
            "cut": self.scheme.tiers[tier - nearest_is_up].cut or 0.0,
            "band": self.scheme.referral.band,
            "missing": self.scored.missing_weight,
            "limit": self.scheme.referral.max_missing_weight,
            "jump": self.jump,
            "jump_limit": self.scheme.referral.max_jump_ratio or 0.0,
            "dimensions": (", " if english else "、").join(labels),
            "best": best.label_en if english else best.label_zh,
        }
        return tuple(
            reason_text(code, language, fields)
            if code in REASONS
            else self._certificate_text(code, language)
            for code in self.reasons
        )

    def _certificate_text(self, code: str, language: Language) -> str:
        sureness = self.sureness
        assert sureness is not None, "only a certificate gives its reasons"
        labels = [t.label_en if language == "en" else t.label_zh for t in self.scheme.tiers]
        return automation_text(
            code,
            language,
            sureness.certificate,
            confidence=sureness.confidence,
            issued=labels[self.tier],
            likeliest=labels[sureness.likeliest],
        )
