"""From scores, rules or cells to a tier, with the margins to its neighbours (#7, #41, #93)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from tiering.certification.automation import Sureness, automate, refer_uncertified
from tiering.challenge import challenged, jump_ratio
from tiering.composite import Composite, composite
from tiering.decision import Decision, SureOfOne
from tiering.matrix import place_by_matrix, segment_of
from tiering.placement import Placement, by_score, combined
from tiering.plan import BoolArray, plan_of
from tiering.policy import Scheme
from tiering.referral import Language, refer
from tiering.rules import place_by_rules
from tiering.scores import Reference
from tiering.sheet import DECIMALS, ScoreOfOne


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
        ``(n,)`` points missing to the next better tier, above 0; NaN in the best tier. Of the
        score where it decides, else of the farthest indicator or dimension asked for.
    margin_down
        ``(n,)`` points above the own tier's border, 0 and up; NaN in the lowest tier.
    confidence
        ``(n,)`` share (0 to 1) of a full grade's evidence behind this one: that of the scheme
        less what is missing for the customer (#12).
    segment
        ``(n,)`` index into the classes of ``scheme.segments``, -1 where unknown; None where
        the scheme has none.
    referred
        ``(n,)`` whether the expert panel must look.
    jump
        ``(n,)`` the larger ratio of a jump in spend (``tiering/challenge.py``), NaN if unknown.
    reasons
        Reason codes of each customer (``tiering/referral.py``).
    best
        ``(n,)`` the tier if what rules or axes ask for and is unknown were the best there is.
    sureness
        The certificate the grades stand under, and how sure they are; None where the scheme
        does not ask for one.
    """

    scheme: Scheme
    composite: Composite
    tier: npt.NDArray[np.intp]
    margin_up: FloatArray
    margin_down: FloatArray
    confidence: FloatArray
    segment: npt.NDArray[np.intp] | None
    referred: BoolArray
    jump: FloatArray
    reasons: list[tuple[str, ...]]
    best: npt.NDArray[np.intp]
    sureness: Sureness | None = None

    def under(self, sureness: Sureness) -> Decisions:
        """Return the same decisions, those without a certificate referred (ADR 0018)."""
        found = automate(sureness.certificate, sureness.confidence, self.tier, sureness.likeliest)
        referred, reasons = refer_uncertified(self.referred, self.reasons, found)
        return replace(self, referred=referred, reasons=reasons, sureness=sureness)

    def of(self, row: int) -> Decision:
        """Return what is decided of one customer."""
        scored, sure = self.composite, self.sureness
        return Decision(
            scheme=self.scheme,
            scored=ScoreOfOne(
                points=scored.points[row].tolist(),
                weight=scored.weight[row].tolist(),
                dimension_score=scored.dimension_score[row].tolist(),
                missing_dimension=scored.missing_dimension[row].tolist(),
                score=float(scored.score[row]),
                missing_weight=float(scored.missing_weight[row]),
            ),
            tier=int(self.tier[row]),
            margin_up=float(self.margin_up[row]),
            margin_down=float(self.margin_down[row]),
            confidence=float(self.confidence[row]),
            segment=None if self.segment is None else int(self.segment[row]),
            referred=bool(self.referred[row]),
            jump=float(self.jump[row]),
            reasons=self.reasons[row],
            best=int(self.best[row]),
            sureness=None
            if sure is None
            else SureOfOne(sure.certificate, float(sure.confidence[row]), int(sure.likeliest[row])),
        )

    def reason_texts(self, row: int, language: Language) -> tuple[str, ...]:
        """Return the reasons of one customer in words."""
        return self.of(row).reason_texts(language)


def assign(scheme: Scheme, score: FloatArray) -> npt.NDArray[np.intp]:
    """Return the tier index of each score, ``(n,)``, of a scheme that decides by score."""
    return by_score(np.array(scheme.cuts), score).tier


def decide(
    scheme: Scheme,
    reference: Reference,
    values: Mapping[str, FloatArray],
    *,
    flags: Mapping[str, BoolArray] | None = None,
    threads: int | None = None,
) -> Decisions:
    """Grade customers: score, tier, margins, segment, referral.

    Parameters
    ----------
    values
        Indicator name to ``(n,)`` values, NaN where unknown: those of the scheme, and where
        they are measured those of ``tiering/challenge.py`` and of the scheme's lifecycle.
    flags
        What the caller knows beyond the values: flag of ``referral.FLAGS`` to ``(n,)`` mask.
    threads
        Threads at most, by default two; they do not show in the result.

    Raises
    ------
    UngradableError
        If a column is absent or a customer has no data at all.
    PolicyError
        If a flag is unknown or misshapen.
    """
    scored = composite(scheme, reference, values, threads=threads)
    placed = _place(scheme, reference, values, scored)
    margin_up, margin_down = (
        np.round(margin, DECIMALS) for margin in (placed.margin_up, placed.margin_down)
    )
    referred, reasons = refer(
        scheme.referral,
        distance=np.fmin(margin_up, margin_down),
        by_score=scheme.decider == "score",
        missing_weight=scored.missing_weight,
        missing_dimension=scored.missing_dimension,
        undecided=placed.best != placed.tier,
        challenged=challenged(values, scheme.referral.max_jump_ratio or 0.0, len(placed.tier)),
        flags=flags or {},
    )
    stated = 1.0 if scheme.confidence is None else scheme.confidence
    return Decisions(
        scheme=scheme,
        composite=scored,
        tier=placed.tier,
        margin_up=margin_up,
        margin_down=margin_down,
        confidence=stated * (1.0 - scored.missing_weight),
        segment=_segment(scheme, scored, placed),
        referred=referred,
        jump=jump_ratio(values, len(placed.tier)),
        reasons=reasons,
        best=placed.best,
    )


def _place(
    scheme: Scheme, reference: Reference, values: Mapping[str, FloatArray], scored: Composite
) -> Placement:
    if scheme.axes is not None:
        columns = [scored.dimensions.index(axis.dimension) for axis in scheme.axes]
        scores = [np.round(scored.dimension_score[:, column], DECIMALS) for column in columns]
        return place_by_matrix(scheme.axes, scheme.tiers, scores)
    if scheme.decider == "score":
        return by_score(plan_of(scheme, reference).cuts, scored.score)
    by_rules = place_by_rules(scheme, reference, values, len(scored.score))
    if scheme.combine is None:
        return by_rules
    return combined(
        by_score(np.array(scheme.cuts), scored.score), by_rules, lower=scheme.combine == "lower"
    )


def _segment(scheme: Scheme, scored: Composite, placed: Placement) -> npt.NDArray[np.intp] | None:
    if scheme.segments is None:
        return None
    rounded = np.round(scored.dimension_score, DECIMALS)
    ids = [tier.id for tier in scheme.tiers]
    return segment_of(scheme.segments, scored.dimensions, rounded, placed.tier, ids)
