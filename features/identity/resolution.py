"""The folder of a resolution: its files, and how they are read and written.

- ``id_map.parquet``: what earlier runs decided, customer by customer;
- ``retired.parquet``: master ids no longer in use, each with its successor;
- ``answers.csv``: the ledger of reviewers' answers (:mod:`features.identity.answers`);
- ``masters.parquet``: ``customer_id``, ``master_id``, ``probability`` (the largest with another
  record of the master; 1 for one that is alone);
- ``matches.parquet``: the scored pairs from the lower limit on, with their evidence;
- ``review.parquet`` and ``review.csv``: the pairs a person should decide, most probable first,
  with room for the answer;
- ``resolution.json``: counts and limits.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import ContractError, SourceNotFoundError
from features.identity.identities import Identity
from features.identity.linkage import Pair
from features.identity.records import Record
from features.parquet import atomic_path

ID_MAP, RETIRED, ANSWERS = "id_map.parquet", "retired.parquet", "answers.csv"
MASTERS, MATCHES = "masters.parquet", "matches.parquet"
REVIEW, REVIEW_TEXT, SUMMARY = "review.parquet", "review.csv", "resolution.json"


def read_id_map(path: Path) -> dict[str, Identity]:
    """Read the id map of earlier runs; empty if there is none.

    Raises
    ------
    ContractError
        If the file is damaged or something else.
    """
    columns = _columns(path, ("customer_id", "issued_id", "master_id", "since"), "an id map")
    return {
        customer: Identity(issued, master, since)
        for customer, issued, master, since in zip(*columns, strict=True)
    }


def read_retired(path: Path) -> dict[str, str]:
    """Read the retired master ids with their successors; empty if there are none.

    Raises
    ------
    ContractError
        If the file is damaged or something else.
    """
    return dict(zip(*_columns(path, ("retired_id", "master_id"), "a list of ids"), strict=True))


def read_crosswalk(folder: Path) -> pa.Table:
    """Return ``customer_id`` and ``master_id`` of each customer of the last run, by customer.

    Raises
    ------
    SourceNotFoundError
        If the folder holds no resolution.
    ContractError
        If the file is damaged or something else.
    """
    path = folder / MASTERS
    if not path.is_file():
        raise SourceNotFoundError(
            f"There is no resolution in {folder}: {MASTERS} is missing.",
            hint="Run `tierwise features resolve` first.",
            path=str(path),
        )
    names = ("customer_id", "master_id")
    columns = [pa.array(c, pa.string()) for c in _columns(path, names, "a resolution")]
    return pa.table(columns, names=list(names)).sort_by("customer_id")


def write_identities(folder: Path, ids: Mapping[str, Identity], retired: Mapping[str, str]) -> None:
    """Write the id map and the retired ids."""
    columns = {
        "customer_id": pa.array(list(ids), pa.string()),
        "issued_id": pa.array([i.issued for i in ids.values()], pa.string()),
        "master_id": pa.array([i.master for i in ids.values()], pa.string()),
        "since": pa.array([i.since for i in ids.values()], pa.int64()),
    }
    gone = {
        "retired_id": pa.array(list(retired), pa.string()),
        "master_id": pa.array(list(retired.values()), pa.string()),
    }
    # The id map last: a run that is killed between the two finds itself as it was before.
    _write(folder / RETIRED, pa.table(gone))
    _write(folder / ID_MAP, pa.table(columns))


def write_masters(
    folder: Path, records: Sequence[Record], pairs: Sequence[Pair], ids: Mapping[str, Identity]
) -> None:
    """Write the master of each record."""
    best: dict[int, float] = {}
    masters = [ids[record.customer_id].master for record in records]
    for pair in pairs:
        if masters[pair.left] == masters[pair.right]:
            for number in (pair.left, pair.right):
                best[number] = max(best.get(number, 0.0), pair.probability)
    alone = Counter(masters)
    probability = [1.0 if alone[m] == 1 else best.get(number) for number, m in enumerate(masters)]
    columns = {
        "customer_id": pa.array([record.customer_id for record in records], pa.string()),
        "master_id": pa.array(masters, pa.string()),
        "probability": pa.array(probability, pa.float64()),
    }
    _write(folder / MASTERS, pa.table(columns))


def write_matches(
    folder: Path, records: Sequence[Record], pairs: Sequence[Pair], ids: Mapping[str, Identity]
) -> None:
    """Write the scored pairs."""
    _write(folder / MATCHES, _listed(records, pairs, ids))


def write_review(
    folder: Path,
    records: Sequence[Record],
    review: Sequence[tuple[Pair, str]],
    ids: Mapping[str, Identity],
) -> None:
    """Write the pairs left to a person, with room for answers, as Parquet and as CSV."""
    table = _listed(records, [pair for pair, _ in review], ids)
    table = table.append_column("reason", pa.array([why for _, why in review], pa.string()))
    for name in ("answer", "who", "when"):
        table = table.append_column(name, pa.nulls(len(review), pa.string()))
    _write(folder / REVIEW, table)
    with (
        atomic_path(folder / REVIEW_TEXT) as part,
        # With the mark that spreadsheets know UTF-8 by.
        part.open("w", encoding="utf-8-sig", newline="") as stream,
    ):
        writer = csv.writer(stream)
        writer.writerow(table.column_names)
        writer.writerows(row.values() for row in table.to_pylist())


def _listed(
    records: Sequence[Record], pairs: Sequence[Pair], ids: Mapping[str, Identity]
) -> pa.Table:
    sides = {"left": [records[p.left] for p in pairs], "right": [records[p.right] for p in pairs]}
    columns: dict[str, pa.Array] = {}
    for side, chosen in sides.items():
        columns[f"customer_id_{side}"] = pa.array([r.customer_id for r in chosen], pa.string())
        columns[f"name_{side}"] = pa.array([r.name for r in chosen], pa.string())
        columns[f"master_id_{side}"] = pa.array(
            [ids[r.customer_id].master for r in chosen], pa.string()
        )
    columns["probability"] = pa.array([p.probability for p in pairs], pa.float64())
    told = ["; ".join(f"{k}: {v}" for k, v in p.evidence.items()) for p in pairs]
    columns["evidence"] = pa.array(told, pa.string())
    return pa.table(columns)


def _columns(path: Path, names: Sequence[str], what: str) -> list[list[str]]:
    if not path.exists():
        return [[] for _ in names]
    try:
        table = pq.read_table(path).select(list(names))
    except (pa.ArrowInvalid, KeyError) as error:
        raise ContractError(
            f"{path} is not {what}: {str(error).splitlines()[0]}",
            hint="Restore it from a backup: without it customers get new master ids.",
            path=str(path),
        ) from error
    return [table[name].to_pylist() for name in names]


def _write(path: Path, table: pa.Table) -> None:
    with atomic_path(path) as part:
        pq.write_table(table, part)
