"""Entity resolution of customers: the same company under several ids and names.

``resolve`` takes customer records (:mod:`~features.identity.records`), scores the pairs that may
be one company (:mod:`~features.identity.linkage`), joins the sure ones and what reviewers answered
(:mod:`~features.identity.masters`), gives them ids that last (:mod:`~features.identity.identities`)
and writes a folder (:mod:`~features.identity.resolution`). A run that finds its folder keeps every
id and every answer in it.

The same records and answers give the same bytes, whatever their order and however often; only
the summary tells a first run (``new_masters``) from a later one.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from features.errors import ContractError, DataError
from features.identity.answers import Answer, add_answers, constraints, effective, read_answers
from features.identity.identities import identify
from features.identity.linkage import STEPS, score
from features.identity.masters import cluster
from features.identity.records import Record
from features.identity.resolution import (
    ANSWERS,
    ID_MAP,
    RETIRED,
    REVIEW_TEXT,
    SUMMARY,
    read_id_map,
    read_retired,
    write_identities,
    write_masters,
    write_matches,
    write_review,
)
from features.parquet import atomic_path

LOWER, UPPER = 0.2, 0.7
"""Limits of probability: joined from the upper one on, reviewed between the two."""

_NOTICED = 1e-5
# Less probable pairs than this are not even taken as a sign that two records are not one.


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a run found.

    Attributes
    ----------
    customers, masters
        Records read, and companies they are.
    merged_customers
        Records that share their master with another.
    matches, review
        Scored pairs from the lower limit on; those left to a person.
    review_reasons
        Their number by reason.
    answers
        Pairs that a reviewer's answer decides.
    new_masters, retired_masters
        Masters first issued in this run, and those that became aliases in it.
    lower, upper
        The limits.
    """

    customers: int
    masters: int
    merged_customers: int
    matches: int
    review: int
    review_reasons: Mapping[str, int]
    answers: int
    new_masters: int
    retired_masters: int
    lower: float
    upper: float


def resolve(
    records: Sequence[Record],
    out: Path,
    *,
    answers: Sequence[Answer] = (),
    lower: float = LOWER,
    upper: float = UPPER,
    threads: int = 2,
    progress: Callable[[str, int, int], None] | None = None,
) -> Resolution:
    """Find the customers that are one company, and write the folder of the resolution.

    Parameters
    ----------
    records
        Customers, each once.
    out
        Folder of the results; an id map that it holds is kept to, and so are the answers in
        its ledger and in its ``review.csv``.
    answers
        Further answers; they join the ledger.
    lower, upper
        Limits of probability. Below ``upper`` nothing is joined but by answer.
    threads
        Worker threads of the engine.
    progress
        Called with what is being done, steps done and steps in all.

    Raises
    ------
    DataError
        If the limits are not 0 < lower <= upper < 1, or the extra ``resolve`` is missing.
    ContractError
        If a customer id comes twice, the id map is not one, or answers are faulty or
        contradict each other.
    """
    _check(records, lower, upper)
    ordered = sorted(records, key=lambda record: record.customer_id)
    position = {record.customer_id: number for number, record in enumerate(ordered)}
    before, retired = read_id_map(out / ID_MAP), read_retired(out / RETIRED)
    reviewed = read_answers(out / REVIEW_TEXT) if (out / REVIEW_TEXT).exists() else []
    ledger = add_answers(out / ANSWERS, [*reviewed, *answers], before.keys() | position.keys())
    counted = effective(ledger)
    same, different = constraints(counted, position)

    tell, done = progress or (lambda _text, _done, _total: None), iter(range(STEPS + 3))

    def step(what: str) -> None:
        tell(what, next(done), STEPS + 2)

    pairs = score(ordered, above=min(lower, _NOTICED), threads=threads, progress=step)
    step("join the records")
    known: dict[str, list[int]] = defaultdict(list)
    for customer, number in position.items():
        if customer in before:
            known[before[customer].master].append(number)
    clusters = cluster(
        len(ordered),
        pairs,
        known.values(),
        lower=lower,
        upper=upper,
        same=same,
        different=different,
    )
    groups = [[ordered[number].customer_id for number in group] for group in clusters.groups]
    after, gone = identify(groups, before, retired)
    matches = [pair for pair in pairs if pair.probability >= lower]

    step("write the results")
    write_identities(out, after, gone)
    write_masters(out, ordered, pairs, after)
    write_matches(out, ordered, matches, after)
    write_review(out, ordered, clusters.review, after)
    found = Resolution(
        customers=len(ordered),
        masters=len(groups),
        merged_customers=sum(len(group) for group in groups if len(group) > 1),
        matches=len(matches),
        review=len(clusters.review),
        review_reasons=dict(sorted(Counter(why for _, why in clusters.review).items())),
        answers=len(counted),
        new_masters=len({i.master for i in after.values()} - {i.master for i in before.values()}),
        retired_masters=len(gone.keys() - retired.keys()),
        lower=lower,
        upper=upper,
    )
    with atomic_path(out / SUMMARY) as part:
        part.write_text(json.dumps(asdict(found), indent=1, sort_keys=True) + "\n", "utf-8")
    tell("resolved", STEPS + 2, STEPS + 2)
    return found


def _check(records: Sequence[Record], lower: float, upper: float) -> None:
    if not 0 < lower <= upper < 1:
        raise DataError(
            f"The limits {lower} and {upper} are out of order.",
            hint="Give 0 < lower <= upper < 1.",
            lower=lower,
            upper=upper,
        )
    twice = [c for c, n in Counter(r.customer_id for r in records).items() if n > 1]
    if twice:
        raise ContractError(
            f"{len(twice)} customer ids come twice: {', '.join(sorted(twice)[:5])}.",
            hint="Give each customer one record.",
            customers=sorted(twice)[:5],
        )
