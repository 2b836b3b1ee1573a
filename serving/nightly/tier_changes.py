"""Whose tier is another one than in the run that was served before (#90)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from serving.domain.event import Happening
from serving.domain.grade import Basis
from serving.domain.tenure import HeldBefore
from serving.store.followed import Followed

Change = tuple[str, int, int, float]
"""Customer, index of the tier before, index of the tier now, score now."""


def tier_changes(grades: Sequence[Followed], served: HeldBefore, basis: Basis) -> list[Change]:
    """Return the changes among some grades.

    Parameters
    ----------
    served
        The tiers as they are served until this run is. Those of another scheme are nobody's
        (X9): then nothing changed, everything is new, which the run itself tells.
    """
    place = {f"{basis.scheme_id}/{tier.id}": tier.index for tier in basis.tiers}
    found = []
    for grade in grades:
        held = served.tiers.get(grade.customer_id)
        before = None if held is None else place.get(held[0])
        if before is not None and before != grade.tier_index:
            found.append((grade.customer_id, before, grade.tier_index, grade.score))
    return found


def told(changes: Iterable[Change], basis: Basis) -> Iterator[Happening]:
    """Yield what the audit trail and its followers are told of changes."""
    ids = [tier.id for tier in basis.tiers]
    for customer, before, now, score in changes:
        payload = {
            "customer_id": customer,
            "from": ids[before],
            "to": ids[now],
            "direction": "up" if now < before else "down",
            "score": score,
            "as_of": basis.as_of.isoformat(),
            "run_id": basis.run_id,
        }
        yield Happening("tier.changed", f"customer:{customer}", payload)
