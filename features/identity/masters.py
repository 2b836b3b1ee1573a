"""From probable pairs to masters: which customers are one company.

Pairs are joined from the most probable down. A pair is joined only at or above the upper limit,
and only if its evidence admits it (:func:`admits`); a join that would bring together two records
whose own evidence forbids it is left to a person. What was joined before stays joined. What a
person has answered stands above all of this.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from features.identity.linkage import Pair

_PROOFS: Mapping[str, int] = {"similar": 2, "other script": 2}
# Names that say little: how many other pieces of evidence they need.
_SHORT_NAMES = frozenset({"short form", "alias", "same, few characters"})
_SURE = 0.97  # from here on a name alone is not what joins two records


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
    name = pair.evidence["name"]
    if name == "other" or _excludes(pair):
        return False
    return _proofs(pair) >= _PROOFS.get(name, 0)


def _excludes(pair: Pair) -> bool:
    """Tell whether two records cannot be one company, not even by way of a third."""
    told = pair.evidence
    if told["tax_id"] == "same":
        return False
    return told["tax_id"] == "other" or told["name"] == "same brand, other trade"


def _proofs(pair: Pair) -> int:
    told = pair.evidence
    return (told["phone"] == "same") + (told["email"] in {"same", "same domain"})


def cluster(
    n: int,
    pairs: Sequence[Pair],
    kept: Iterable[Sequence[int]],
    *,
    lower: float,
    upper: float,
    same: Iterable[tuple[int, int]] = (),
    different: Iterable[tuple[int, int]] = (),
) -> Clusters:
    """Join records.

    Parameters
    ----------
    n
        Number of records.
    pairs
        Scored pairs, each once.
    kept
        Groups joined in earlier runs, by position; they stay joined unless they hold two
        records that are different by answer. Such a group falls into the fewest parts that
        its most probable pairs lead to.
    lower, upper
        Limits of probability: from ``upper`` on pairs are joined, from ``lower`` on they are
        reviewed when they are not.
    same, different
        Pairs by answer, without contradiction: joined whatever speaks against it; never in
        one group, not even by way of others.
    """
    joined = _Joined(n, different)
    for left, right in same:
        joined.join(left, right)
    ordered = sorted(pairs, key=lambda p: (-p.probability, p.left, p.right))
    _keep(joined, kept, ordered)
    forbidden: dict[int, set[int]] = defaultdict(set)  # evidence is against it
    apart: dict[int, set[int]] = defaultdict(set)  # or they are just unlikely
    likely: dict[int, set[int]] = defaultdict(set)
    for pair in pairs:
        excluded = _excludes(pair)
        for graph, holds in (
            (forbidden, excluded),
            (likely, not excluded and pair.probability >= upper and admits(pair)),
            (apart, excluded or pair.probability < lower),
        ):
            if holds:
                graph[pair.left].add(pair.right)
                graph[pair.right].add(pair.left)
    left_over: list[tuple[Pair, str]] = []
    for pair in ordered:
        if pair.probability < lower:
            break
        if not joined.may_join(pair.left, pair.right):
            continue
        if not admits(pair):
            left_over.append((pair, _objection(pair)))
        elif pair.probability < upper:
            left_over.append((pair, "uncertain"))
        elif _contested(pair, likely, apart):
            left_over.append((pair, "several companies fit"))
        elif joined.any_between(pair.left, pair.right, forbidden):
            left_over.append((pair, "a joined record objects"))
        else:
            joined.join(pair.left, pair.right)
    review = tuple((p, why) for p, why in left_over if joined.may_join(p.left, p.right))
    return Clusters(joined.groups(), review)


class _Joined:
    """Groups of positions that grow, but never over a pair that is different by answer."""

    def __init__(self, n: int, different: Iterable[tuple[int, int]]) -> None:
        self._owner = list(range(n))
        self.members = {number: [number] for number in range(n)}
        self._different: dict[int, set[int]] = defaultdict(set)
        for left, right in different:
            self._different[left].add(right)
            self._different[right].add(left)

    def of(self, number: int) -> int:
        return self._owner[number]

    def any_between(self, left: int, right: int, graph: Mapping[int, set[int]]) -> bool:
        """Tell whether a graph connects the group of one with the group of the other."""
        first, second = self.members[self.of(left)], self.members[self.of(right)]
        return any(one in graph and not graph[one].isdisjoint(second) for one in first)

    def may_join(self, left: int, right: int) -> bool:
        """Tell whether they are in two groups that no answer keeps apart."""
        return self.of(left) != self.of(right) and not self.any_between(
            left, right, self._different
        )

    def join(self, left: int, right: int) -> None:
        """Join their groups if they may be."""
        if self.may_join(left, right):
            first, second = sorted((self.of(left), self.of(right)))
            moved = self.members.pop(second)
            self.members[first] += moved
            for number in moved:
                self._owner[number] = first

    def whole(self, group: Sequence[int]) -> bool:
        """Tell whether a group and all who belong to it may be one."""
        everybody = {m for number in group for m in self.members[self.of(number)]}
        apart = (self._different[m] for m in everybody if m in self._different)
        return all(others.isdisjoint(everybody) for others in apart)

    def groups(self) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(sorted(group)) for _, group in sorted(self.members.items()))


def _keep(joined: _Joined, kept: Iterable[Sequence[int]], ordered: Sequence[Pair]) -> None:
    """Join the groups of earlier runs; cut those that answers forbid."""
    cut: dict[int, int] = {}
    broken: list[list[int]] = []
    for group in sorted(sorted(group) for group in kept):
        if joined.whole(group):
            for number in group[1:]:
                joined.join(group[0], number)
        else:
            cut |= dict.fromkeys(group, len(broken))
            broken.append(group)
    if not broken:
        return
    for pair in ordered:
        if pair.left in cut and cut[pair.left] == cut.get(pair.right) and not _excludes(pair):
            joined.join(pair.left, pair.right)
    for group in broken:  # what no pair holds goes to the largest part that takes it
        parts = sorted(group, key=lambda m: (-len(joined.members[joined.of(m)]), m))
        for number in reversed(parts):
            for other in parts:
                joined.join(other, number)


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
