"""Master ids that last: what each group of customers is called, run after run.

An id is issued once and never again for something else. Of masters that become one, the oldest
stays; of a master that falls apart, the largest part keeps the id. What is retired names its
successor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, count


@dataclass(frozen=True, slots=True)
class Identity:
    """What is remembered of a customer: one row of the id map.

    Attributes
    ----------
    issued
        The first master id it was given.
    master
        The master id now.
    since
        Number of the run in which ``master`` was first issued, from 1.
    """

    issued: str
    master: str
    since: int


def master_id(customer_id: str) -> str:
    """Return the master id that a customer founds."""
    return "M" + sha256(customer_id.encode()).hexdigest()[:16].upper()


def identify(
    groups: Iterable[Sequence[str]],
    before: Mapping[str, Identity],
    retired: Mapping[str, str] | None = None,
) -> tuple[dict[str, Identity], dict[str, str]]:
    """Give each group of customers its master id.

    Parameters
    ----------
    groups
        Customer ids that are one company; each customer once.
    before
        The id map of the last run; empty at first. Customers that are gone keep their row.
    retired
        The retired master ids so far, with their successors.

    Returns
    -------
    tuple
        The new id map by customer id, and the retired ids with their successors now, both
        sorted. A group without a known master gets the id of its smallest customer id. Of
        several known masters the oldest stays (the smaller id among those of one run), for
        absent customers too. A known master whose customers are in several groups stays with
        the one that has most of them; among equals with that of the customer it was named
        after, then with that of the smallest customer id. An id that was retired is not
        issued again.
    """
    parts = [sorted(group) for group in groups]
    run = max((known.since for known in before.values()), default=0) + 1
    owned = _shared_out(parts, before)
    taken = {i for known in before.values() for i in (known.issued, known.master)}
    taken |= set(retired or ())
    after = dict(before)
    renamed: dict[str, tuple[str, int]] = {}
    for number, group in enumerate(parts):
        masters = sorted(owned[number])
        since, master = masters[0] if masters else (run, _founded(group, taken))
        taken.add(master)
        for _, other in masters[1:]:
            renamed[other] = (master, since)
        for customer in group:
            known = before.get(customer)
            after[customer] = Identity(known.issued if known else master, master, since)
    present = {customer for group in parts for customer in group}
    for customer, known in before.items():
        if customer not in present and known.master in renamed:
            after[customer] = Identity(known.issued, *renamed[known.master])
    gone = {old: renamed[now][0] if now in renamed else now for old, now in (retired or {}).items()}
    gone |= {old: master for old, (master, _) in renamed.items()}
    return dict(sorted(after.items())), dict(sorted(gone.items()))


def _shared_out(
    parts: Sequence[Sequence[str]], before: Mapping[str, Identity]
) -> Mapping[int, set[tuple[int, str]]]:
    """Return, by position of a group, the known masters that are its own, with their runs."""
    shares: dict[tuple[int, str], dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for number, group in enumerate(parts):
        for customer in group:
            if (known := before.get(customer)) is not None:
                shares[known.since, known.master][number].append(customer)
    owned: dict[int, set[tuple[int, str]]] = defaultdict(set)
    for (since, master), by_group in shares.items():
        keeper = min(
            by_group,
            key=lambda n: (
                -len(by_group[n]),
                all(master_id(customer) != master for customer in parts[n]),
                by_group[n][0],
            ),
        )
        owned[keeper].add((since, master))
    return owned


def _founded(group: Sequence[str], taken: set[str]) -> str:
    """Return an id that was never issued, after the smallest customer whose own is free."""
    numbered = (f"{group[0]}#{again}" for again in count(2))
    return next(i for text in chain(group, numbered) if (i := master_id(text)) not in taken)
