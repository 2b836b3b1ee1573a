"""The scale from 0 to 100 with the tiers as rungs and the score as a mark.

Places are percent of the drawing's width, so the drawing fits any screen while its
letters keep their size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from serving.domain.labels import TierLabel
from serving.web.i18n import Language
from serving.web.shell import tone

GAP = 0.3
"""Space between two rungs, percent."""

_LETTER = {Language.EN: 0.75, Language.ZH: 1.5}
# Percent of a wide screen's ladder that a letter takes. A name that does not fit is left
# out (on a narrow screen all are): the sentence under the ladder says it.


@dataclass(frozen=True, slots=True)
class Rung:
    """One tier on the scale; ``name`` is empty where it would not fit."""

    x: float
    width: float
    tone: str
    name: str
    cut: str
    own: bool


@dataclass(frozen=True, slots=True)
class Ladder:
    """The whole scale, lowest tier first; ``mark`` is the score's place."""

    mark: float
    rungs: tuple[Rung, ...]


def ladder(language: Language, score: float, own: TierLabel, tiers: Sequence[TierLabel]) -> Ladder:
    """Place tiers (best first) and score on the scale.

    Where scores do not decide there are no rungs to stand on: the scale is the own tier's.
    """
    rungs = []
    upper = 100.0
    for tier in tiers:
        cut = tier.cut
        if cut is None:
            if tier.index != own.index:
                continue
            cut = 0.0
        width = upper - cut
        name = tier.label(language)
        rungs.append(
            Rung(
                x=round(cut, 2),
                width=round(max(width - GAP, 0.0), 2),
                tone=tone(tier.index),
                name=name if len(name) * _LETTER[language] < width else "",
                cut=f"{cut:g}",
                own=tier.index == own.index,
            )
        )
        upper = cut
    return Ladder(mark=round(min(max(score, 0.0), 100.0), 2), rungs=tuple(reversed(rungs)))
