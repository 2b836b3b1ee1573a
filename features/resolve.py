"""Entity resolution of customers: the same company under several ids and names.

``resolve`` takes customer records (:mod:`features.records`), scores the pairs that may be one
company (:mod:`features.linkage`), joins the sure ones (:mod:`features.masters`) and writes:

- ``id_map.parquet``: what earlier runs decided, customer by customer; written first. A run that
  finds it keeps every id in it;
- ``masters.parquet``: ``customer_id``, ``master_id``, ``probability`` (the largest with another
  record of the master; 1 for one that is alone);
- ``matches.parquet``: the scored pairs from the lower limit on, with their evidence;
- ``review.parquet``: the pairs a person should decide, most probable first;
- ``resolution.json``: counts and limits.

The same records give the same bytes, whatever their order and however often; only the summary
tells a first run (``new_masters``) from a later one.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import ContractError, DataError
from features.linkage import Pair, score
from features.masters import Identity, cluster, identify
from features.parquet import atomic_path
from features.records import Record

LOWER, UPPER = 0.2, 0.7
"""Limits of probability: joined from the upper one on, reviewed between the two."""

_NOTICED = 1e-5
# Less probable pairs than this are not even taken as a sign that two records are not one.

ID_MAP, MASTERS, MATCHES = "id_map.parquet", "masters.parquet", "matches.parquet"
REVIEW, SUMMARY = "review.parquet", "resolution.json"


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
    new_masters: int
    retired_masters: int
    lower: float
    upper: float


def resolve(
    records: Sequence[Record],
    out: Path,
    *,
    lower: float = LOWER,
    upper: float = UPPER,
    threads: int = 2,
) -> Resolution:
    """Find the customers that are one company, and write the files listed above.

    Parameters
    ----------
    records
        Customers, each once.
    out
        Folder of the results; an id map that it holds is kept to.
    lower, upper
        Limits of probability. Nothing is joined below ``upper``.
    threads
        Worker threads of the engine.

    Raises
    ------
    DataError
        If the limits are not 0 < lower <= upper < 1, or the extra ``resolve`` is missing.
    ContractError
        If a customer id comes twice, or the id map is not one.
    """
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
    ordered = sorted(records, key=lambda record: record.customer_id)
    before = read_id_map(out / ID_MAP)
    known: dict[str, list[int]] = defaultdict(list)
    for number, record in enumerate(ordered):
        if record.customer_id in before:
            known[before[record.customer_id].master].append(number)
    pairs = score(ordered, above=min(lower, _NOTICED), threads=threads)
    clusters = cluster(len(ordered), pairs, known.values(), lower=lower, upper=upper)
    groups = [[ordered[number].customer_id for number in group] for group in clusters.groups]
    after = identify(groups, before)
    matches = [pair for pair in pairs if pair.probability >= lower]
    _write_id_map(out / ID_MAP, after)
    _write(out / MASTERS, _masters(ordered, pairs, after))
    _write(out / MATCHES, _listed(ordered, [(pair, "") for pair in matches], after, MATCHES))
    _write(out / REVIEW, _listed(ordered, clusters.review, after, REVIEW))
    old, new = ({i.master for i in ids.values()} for ids in (before, after))
    reasons = Counter(why for _, why in clusters.review)
    found = Resolution(
        customers=len(ordered),
        masters=len(groups),
        merged_customers=sum(len(group) for group in groups if len(group) > 1),
        matches=len(matches),
        review=len(clusters.review),
        review_reasons=dict(sorted(reasons.items())),
        new_masters=len(new - old),
        retired_masters=len(old - new),
        lower=lower,
        upper=upper,
    )
    with atomic_path(out / SUMMARY) as part:
        part.write_text(json.dumps(asdict(found), indent=1, sort_keys=True) + "\n", "utf-8")
    return found


def read_id_map(path: Path) -> dict[str, Identity]:
    """Read the id map of earlier runs; empty if there is none.

    Raises
    ------
    ContractError
        If the file is damaged or something else.
    """
    if not path.exists():
        return {}
    try:
        rows = pq.read_table(path).select(["customer_id", "issued_id", "master_id", "since"])
    except (pa.ArrowInvalid, KeyError) as error:
        raise ContractError(
            f"{path} is not an id map: {str(error).splitlines()[0]}",
            hint="Restore it from a backup: without it all customers get new master ids.",
            path=str(path),
        ) from error
    return {
        row["customer_id"]: Identity(row["issued_id"], row["master_id"], row["since"])
        for row in rows.to_pylist()
    }


def _masters(
    records: Sequence[Record], pairs: Sequence[Pair], ids: Mapping[str, Identity]
) -> pa.Table:
    best: dict[int, float] = {}
    masters = [ids[record.customer_id].master for record in records]
    for pair in pairs:
        if masters[pair.left] == masters[pair.right]:
            for number in (pair.left, pair.right):
                best[number] = max(best.get(number, 0.0), pair.probability)
    alone = Counter(masters)
    return pa.table(
        {
            "customer_id": [record.customer_id for record in records],
            "master_id": masters,
            "probability": pa.array(
                [
                    1.0 if alone[master] == 1 else best.get(number)
                    for number, master in enumerate(masters)
                ],
                pa.float64(),
            ),
        }
    )


def _listed(
    records: Sequence[Record],
    pairs: Sequence[tuple[Pair, str]],
    ids: Mapping[str, Identity],
    file: str,
) -> pa.Table:
    sides = {
        "left": [records[p.left] for p, _ in pairs],
        "right": [records[p.right] for p, _ in pairs],
    }
    columns: dict[str, pa.Array] = {}
    for side, chosen in sides.items():
        columns[f"customer_id_{side}"] = pa.array([r.customer_id for r in chosen], pa.string())
        columns[f"name_{side}"] = pa.array([r.name for r in chosen], pa.string())
        columns[f"master_id_{side}"] = pa.array(
            [ids[r.customer_id].master for r in chosen], pa.string()
        )
    columns["probability"] = pa.array([p.probability for p, _ in pairs], pa.float64())
    told = ["; ".join(f"{k}: {v}" for k, v in p.evidence.items()) for p, _ in pairs]
    columns["evidence"] = pa.array(told, pa.string())
    if file == REVIEW:
        columns["reason"] = pa.array([why for _, why in pairs], pa.string())
    return pa.table(columns)


def _write_id_map(path: Path, ids: Mapping[str, Identity]) -> None:
    columns = {
        "customer_id": pa.array(list(ids), pa.string()),
        "issued_id": pa.array([i.issued for i in ids.values()], pa.string()),
        "master_id": pa.array([i.master for i in ids.values()], pa.string()),
        "since": pa.array([i.since for i in ids.values()], pa.int64()),
    }
    _write(path, pa.table(columns))


def _write(path: Path, table: pa.Table) -> None:
    with atomic_path(path) as part:
        pq.write_table(table, part)
