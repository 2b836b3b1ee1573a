"""From probable pairs to masters: which customers are one company, under ids that last.

Pairs are joined from the most probable down. A pair is joined only at or above the upper limit,
and only if its evidence admits it (:func:`admits`); a join that would bring together two records
whose own evidence forbids it is left to a person. What was joined before stays joined.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from features.linkage import Pair

_WEAK_NAMES = frozenset({"same brand, other trade", "similar", "other"})
_SHORT_NAMES = frozenset({"short form", "alias", "same, few characters"})
_SURE = 0.97  # from here on a name alone is not what joins two records


@dataclass(frozen=True, slots=True)
class Identity:
    """What is remembered of a customer: one row of the id map.

    Attributes
    ----------
    issued
        The first master id it was given. Where it differs from ``master``, it is an alias of it.
    master
        The master id now.
    since
        Number of the run in which ``master`` was first issued, from 1.
    """

    issued: str
    master: str
    since: int


@dataclass(frozen=True, slots=True)
class Clusters:
    """Groups of records by position, and the pairs left to a person with the reason why."""

    groups: tuple[tuple[int, ...], ...]
    review: tuple[tuple[Pair, str], ...]


def admits(pair: Pair) -> bool:
    """Tell whether the evidence allows two records to be joined without a person.

    Two tax ids that differ by more than a slip are two legal entities. Another name, or the same
    brand in another trade, is what companies of one group have that share a switchboard, a mail
    domain and a city: without the same tax id they are not joined, however probable they look.
    """
    if pair.evidence["tax_id"] == "same":
        return True
    return pair.evidence["tax_id"] != "other" and pair.evidence["name"] not in _WEAK_NAMES


def cluster(
    n: int, pairs: Sequence[Pair], kept: Iterable[Sequence[int]], *, lower: float, upper: float
) -> Clusters:
    """Join records.

    Parameters
    ----------
    n
        Number of records.
    pairs
        Scored pairs, each once.
    kept
        Groups joined in earlier runs, by position; they stay joined.
    lower, upper
        Limits of probability: from ``upper`` on pairs are joined, from ``lower`` on they are
        reviewed when they are not.
    """
    owner = list(range(n))
    members = {number: [number] for number in range(n)}

    def join(left: int, right: int) -> None:
        first, second = sorted((owner[left], owner[right]))
        if first != second:
            moved = members.pop(second)
            members[first] += moved
            for number in moved:
                owner[number] = first

    for group in kept:
        for number in group[1:]:
            join(group[0], number)
    forbidden: dict[int, set[int]] = defaultdict(set)  # evidence is against it
    apart: dict[int, set[int]] = defaultdict(set)  # or they are just unlikely
    likely: dict[int, set[int]] = defaultdict(set)
    for pair in pairs:
        if not admits(pair):
            forbidden[pair.left].add(pair.right)
            forbidden[pair.right].add(pair.left)
        elif pair.probability >= upper:
            likely[pair.left].add(pair.right)
            likely[pair.right].add(pair.left)
        if not admits(pair) or pair.probability < lower:
            apart[pair.left].add(pair.right)
            apart[pair.right].add(pair.left)
    left_over: list[tuple[Pair, str]] = []
    for pair in sorted(pairs, key=lambda p: (-p.probability, p.left, p.right)):
        first, second = owner[pair.left], owner[pair.right]
        if first == second or pair.probability < lower:
            continue
        if not admits(pair):
            left_over.append((pair, _objection(pair)))
        elif pair.probability < upper:
            left_over.append((pair, "uncertain"))
        elif _contested(pair, likely, apart):
            left_over.append((pair, "several companies fit"))
        elif any(not forbidden[one].isdisjoint(members[second]) for one in members[first]):
            left_over.append((pair, "a joined record objects"))
        else:
            join(pair.left, pair.right)
    review = tuple((p, why) for p, why in left_over if owner[p.left] != owner[p.right])
    groups = tuple(tuple(sorted(group)) for _, group in sorted(members.items()))
    return Clusters(groups, review)


def _objection(pair: Pair) -> str:
    return "tax ids differ" if pair.evidence["tax_id"] == "other" else "names differ"


def _contested(pair: Pair, likely: Mapping[int, set[int]], apart: Mapping[int, set[int]]) -> bool:
    """Tell whether a name that is short, or all there is, fits two records that are not one."""
    if pair.evidence["tax_id"] == "same" or (
        pair.evidence["name"] not in _SHORT_NAMES and pair.probability >= _SURE
    ):
        return False
    none: set[int] = set()
    return not (
        likely.get(pair.left, none).isdisjoint(apart.get(pair.right, none))
        and likely.get(pair.right, none).isdisjoint(apart.get(pair.left, none))
    )


def master_id(customer_id: str) -> str:
    """Return the master id that a customer founds."""
    return "M" + sha256(customer_id.encode()).hexdigest()[:16].upper()


def identify(
    groups: Iterable[Sequence[str]], before: Mapping[str, Identity]
) -> dict[str, Identity]:
    """Give each group of customers its master id.

    Parameters
    ----------
    groups
        Customer ids that are one company; each customer once.
    before
        The id map of the last run; empty at first. Customers that are gone keep their row.

    Returns
    -------
    dict
        The new id map by customer id, sorted. A group without a known master gets the id of its
        smallest customer id. Of several known masters the oldest stays (the smaller id among
        those of one run); the others become aliases of it, for absent customers too.
    """
    run = max((known.since for known in before.values()), default=0) + 1
    after = dict(before)
    renamed: dict[str, tuple[str, int]] = {}
    for group in groups:
        masters = sorted({(i.since, i.master) for c in group if (i := before.get(c)) is not None})
        since, master = masters[0] if masters else (run, master_id(min(group)))
        for _, other in masters[1:]:
            renamed[other] = (master, since)
        for customer in group:
            known = before.get(customer)
            after[customer] = Identity(known.issued if known else master, master, since)
    for customer, known in after.items():
        if known.master in renamed:
            master, since = renamed[known.master]
            after[customer] = Identity(known.issued, master, since)
    return dict(sorted(after.items()))
