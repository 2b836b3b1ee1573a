"""Laying an override over a grade."""

from __future__ import annotations

from dataclasses import replace

from serving.domain.grade import Grade
from serving.domain.override import Override, Overruled
from tiering.sheet import DECIMALS


def under(grade: Grade, override: Override | None) -> Grade:
    """Return a grade with the tier that a panel gave; itself where the override means none.

    An override of another customer, or of a tier that the grade's scheme does not have, means
    none. Margins are told from the tier given.
    """
    tiers = grade.basis.tiers
    place = {tier.id: tier.index for tier in tiers}
    if (
        override is None
        or override.customer_id != grade.customer_id
        or override.scheme_id != grade.basis.scheme_id
        or override.tier_id not in place
    ):
        return grade
    given = place[override.tier_id]
    above = tiers[given - 1].cut if given > 0 else None
    below = tiers[given].cut if given < len(tiers) - 1 else None
    return replace(
        grade,
        tier=tiers[given],
        margin_up=None if above is None else round(above - grade.score, DECIMALS),
        margin_down=None if below is None else round(grade.score - below, DECIMALS),
        overruled=Overruled(override, grade.tier),
    )
