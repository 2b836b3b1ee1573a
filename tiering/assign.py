"""From a score to a tier, with the margins to its neighbours (requirements #7, #41, #93)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from tiering.challenge import challenged, jump_ratio
from tiering.composite import DECIMALS, BoolArray, Composite, composite
from tiering.policy import Scheme
from tiering.referral import Language, reason_text, refer
from tiering.scores import Reference


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """Tiers of ``n`` customers.

    Attributes
    ----------
    scheme
        The scheme that decided.
    composite
        The scores behind the decisions.
    tier
        ``(n,)`` index into ``scheme.tiers``; 0 is the best.
    margin_up
        ``(n,)`` points missing to the next better cut, above 0; NaN in the best tier.
    margin_down
        ``(n,)`` points above the own cut, 0 and up; NaN in the lowest tier.
    referred
        ``(n,)`` whether the expert panel must look.
    jump
        ``(n,)`` the larger ratio of a jump in spend (``tiering/challenge.py``), NaN if unknown.
    reasons
        Reason codes of each customer (``tiering/referral.py``).
    """

    scheme: Scheme
    composite: Composite
    tier: npt.NDArray[np.intp]
    margin_up: FloatArray
    margin_down: FloatArray
    referred: BoolArray
    jump: FloatArray
    reasons: list[tuple[str, ...]]

    def reason_texts(self, row: int, language: Language) -> tuple[str, ...]:
        """Return the reasons of one customer in words."""
        tier = int(self.tier[row])
        up, down = float(self.margin_up[row]), float(self.margin_down[row])
        # In the best tier `up` is NaN, and comparing with NaN is false.
        nearest_is_up = tier > 0 and not down <= up
        missing = self.composite.missing_dimension[row]
        labels = [
            d.label_en if language == "en" else d.label_zh
            for d, gone in zip(self.scheme.dimensions, missing, strict=True)
            if gone
        ]
        fields: dict[str, object] = {
            "score": float(self.composite.score[row]),
            "distance": up if nearest_is_up else down,
            "cut": self.scheme.tiers[tier - nearest_is_up].cut,
            "band": self.scheme.referral.band,
            "missing": float(self.composite.missing_weight[row]),
            "limit": self.scheme.referral.max_missing_weight,
            "jump": float(self.jump[row]),
            "jump_limit": self.scheme.referral.max_jump_ratio or 0.0,
            "dimensions": (", " if language == "en" else "、").join(labels),
        }
        return tuple(reason_text(code, language, fields) for code in self.reasons[row])


def assign(scheme: Scheme, score: FloatArray) -> npt.NDArray[np.intp]:
    """Return the tier index of each score, ``(n,)``: tier ``i`` iff cut_i <= score < cut_{i-1}."""
    cuts = np.array([tier.cut for tier in scheme.tiers])
    tier: npt.NDArray[np.intp] = np.sum(score[:, None] < cuts, axis=1, dtype=np.intp)
    return tier


def decide(
    scheme: Scheme,
    reference: Reference,
    values: Mapping[str, FloatArray],
    *,
    flags: Mapping[str, BoolArray] | None = None,
) -> Decisions:
    """Grade customers: score, tier, margins, referral.

    Parameters
    ----------
    values
        Indicator name to ``(n,)`` values, NaN where unknown: those of the scheme, and where
        they are measured those of ``tiering/challenge.py``.
    flags
        What the caller knows beyond the values: flag of ``referral.FLAGS`` to ``(n,)`` mask.

    Raises
    ------
    UngradableError
        If a column is absent or a customer has no data at all.
    PolicyError
        If a flag is unknown or misshapen.
    """
    scored = composite(scheme, reference, values)
    tier = assign(scheme, scored.score)
    cuts = np.array([t.cut for t in scheme.tiers])
    best, worst = tier == 0, tier == len(cuts) - 1
    up, down = cuts[tier - 1] - scored.score, scored.score - cuts[tier]
    margin_up: FloatArray = np.where(best, np.nan, np.round(up, DECIMALS))
    margin_down: FloatArray = np.where(worst, np.nan, np.round(down, DECIMALS))
    referred, reasons = refer(
        scheme.referral,
        distance=np.fmin(margin_up, margin_down),
        missing_weight=scored.missing_weight,
        missing_dimension=scored.missing_dimension,
        challenged=challenged(values, scheme.referral.max_jump_ratio or 0.0, len(tier)),
        flags=flags or {},
    )
    return Decisions(
        scheme=scheme,
        composite=scored,
        tier=tier,
        margin_up=margin_up,
        margin_down=margin_down,
        referred=referred,
        jump=jump_ratio(values, len(tier)),
        reasons=reasons,
    )
