"""Sources in which every customer is a company: master ids in the place of customer ids.

``unify`` writes a new folder of sources through the door of ingestion, so that publishing it
needs nothing new. Every table has the master id where it had the customer's; ``customers`` has
one golden record of each company and time (:mod:`features.identity.golden`). Every other row, and
every amount, stays as it was; refused rows are carried over.

Who is whom is taken from the resolution as it is today, for all times: that two ids are one
company is no event of the past, and no indicator. What a snapshot knows *of* the company stays
what was recorded by then.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.contract import CONTRACT
from features.door.folder import QUARANTINE, exchange
from features.door.source_info import SourceInfo
from features.errors import ContractError, DataError
from features.identity.golden import golden_records
from features.identity.identities import master_id
from features.identity.resolution import ID_MAP, read_crosswalk, read_id_map
from features.parquet import atomic_path
from features.sources import Progress, Sources, ingest, open_sources

_CUSTOMERS = "customers"


@dataclass(frozen=True, slots=True)
class Unification:
    """What came of it.

    Attributes
    ----------
    customers, masters
        Ids before and after, in all tables.
    strangers
        Ids that a table names and ``customers`` does not have: each is its own company.
    self_referrals
        Customer versions whose referrer is the same company; their referrer is left out.
    rows
        Rows of each table.
    crosswalk
        The file from customer ids to master ids.
    """

    customers: int
    masters: int
    strangers: int
    self_referrals: int
    rows: Mapping[str, int]
    crosswalk: str


def unify(
    sources: Path, resolution: Path, out: Path, *, progress: Progress | None = None
) -> Unification:
    """Write the sources anew with master ids.

    Parameters
    ----------
    sources
        Folder of ingested sources with a table ``customers``.
    resolution
        Folder written by :func:`features.identity.resolve.resolve` from these sources.
    out
        Folder to write, replaced as a whole. Beside it stand ``{out}.crosswalk.parquet``
        (``customer_id``, ``master_id``, ``is_resolved``) and ``{out}.crosswalk.json``.
    progress
        Called with what is being done, steps done and steps in all.

    Raises
    ------
    SourceNotFoundError
        If the sources or the resolution are not there.
    ContractError
        If the sources have no customers, or customers that the resolution lacks.
    DataError
        If ``out`` is one of the two folders or holds something else, or the door changes
        rows or amounts; then nothing is written.
    """
    if out.resolve() in {sources.resolve(), resolution.resolve()}:
        raise DataError(
            f"{out} would be overwritten with what is made from it.",
            hint="Name another folder for the result.",
            path=str(out),
        )
    opened = open_sources(sources)
    crosswalk = _crosswalk(opened, resolution)
    raw = {
        name: _translated(opened, name, crosswalk) for name in opened.tables if name != _CUSTOMERS
    }
    golden, self_referrals = _golden(opened, crosswalk)
    raw[_CUSTOMERS] = ibis.memtable(golden)
    draft = out.parent / f".{out.name}.unified"
    try:
        ingest(
            raw,
            draft,
            connection=opened.connection,
            world=opened.info.world,
            currency=opened.info.currency,
            simulated=opened.info.simulated,
            terms=opened.info.terms,
            progress=progress,
        )
        info = _checked(opened, draft, golden.num_rows)
        beside = out.with_name(f"{out.name}.crosswalk.parquet")
        with exchange(out) as folder:
            _complete(draft, sources, folder, info)
            with atomic_path(beside) as part:
                pq.write_table(crosswalk, part)
    finally:
        if draft.exists():
            shutil.rmtree(draft)
    found = Unification(
        customers=crosswalk.num_rows,
        masters=len(pc.unique(crosswalk["master_id"])),
        strangers=crosswalk.num_rows - pc.sum(crosswalk["is_resolved"]).as_py(),
        self_referrals=self_referrals,
        rows=dict(info.rows),
        crosswalk=beside.name,
    )
    with atomic_path(out.with_name(f"{out.name}.crosswalk.json")) as part:
        part.write_text(json.dumps(asdict(found), indent=1, sort_keys=True) + "\n", "utf-8")
    return found


def _crosswalk(sources: Sources, resolution: Path) -> pa.Table:
    """Return the master of every id that a table has, strangers included, by customer.

    An id that the customers table no longer has keeps the master of its last resolution.
    """
    if _CUSTOMERS not in sources.tables:
        raise ContractError(
            f"{sources.info.world}: the sources have no customers, there is nothing to unify.",
            hint="Map the customers, ingest again, and resolve them.",
            table=_CUSTOMERS,
        )
    ids = {name: _ids(sources, name, "customer_id") for name in sources.tables}
    resolved = read_crosswalk(resolution)
    now = dict(zip(*(resolved[n].to_pylist() for n in resolved.column_names), strict=True))
    unresolved = sorted(ids[_CUSTOMERS] - now.keys())
    if unresolved:
        raise ContractError(
            f"customers: {len(unresolved):,} customers are not in the resolution, the first: "
            f"{', '.join(unresolved[:5])}.",
            hint="Run `tierwise features resolve` on these sources again.",
            table=_CUSTOMERS,
            column="customer_id",
            customers=unresolved[:5],
        )
    masters = {c: i.master for c, i in read_id_map(resolution / ID_MAP).items()} | now
    ordered = sorted(_ids(sources, _CUSTOMERS, "referrer_id").union(*ids.values()))
    columns = {
        "customer_id": pa.array(ordered, pa.string()),
        "master_id": pa.array([masters.get(c) or master_id(c) for c in ordered], pa.string()),
        "is_resolved": pa.array([c in masters for c in ordered], pa.bool_()),
    }
    return pa.table(columns)


def _ids(sources: Sources, table: str, column: str) -> set[str]:
    if not CONTRACT[table].has_customer:
        return set()
    values = sources.connection.to_pyarrow(sources.tables[table].select(column).distinct())
    return set(values[column].drop_null().to_pylist())


def _translated(sources: Sources, name: str, crosswalk: pa.Table) -> ir.Table:
    """Return the given columns of a table, with master ids.

    Columns that the source never had stay out: what is filled in at the door would count as
    information.
    """
    table, contract = sources.tables[name], CONTRACT[name]
    given = [
        c
        for c in contract.column_names
        if c in sources.info.columns[name] or c in contract.required
    ]
    if not contract.has_customer:
        return table.select(*given)
    keys = ibis.memtable(crosswalk.select(["customer_id", "master_id"]))
    joined = table.select(*given).left_join(keys, "customer_id")
    return joined.select(
        **{c: joined["master_id"] if c == "customer_id" else joined[c] for c in given}
    )


def _golden(sources: Sources, crosswalk: pa.Table) -> tuple[pa.Table, int]:
    """Return the customers table of the companies, and how many referred themselves."""
    table = sources.connection.to_pyarrow(sources.tables[_CUSTOMERS])
    masters = _looked_up(table["customer_id"], crosswalk)
    referrers = _looked_up(table["referrer_id"], crosswalk)
    own = pc.fill_null(pc.equal(referrers, masters), False)
    referrers = pc.if_else(own, pa.scalar(None, pa.string()), referrers)
    place = table.schema.get_field_index("referrer_id")
    table = table.set_column(place, "referrer_id", referrers)
    counts = pc.value_counts(crosswalk["master_id"])
    several = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    shared = pc.is_in(masters, value_set=several)
    place = table.schema.get_field_index("customer_id")
    alone = table.set_column(place, "customer_id", masters).filter(pc.invert(shared))
    versions: dict[str, list[dict[str, Any]]] = {}
    for master, row in zip(
        masters.filter(shared).to_pylist(), table.filter(shared).to_pylist(), strict=True
    ):
        versions.setdefault(master, []).append(row)
    rows = [row for m in sorted(versions) for row in golden_records(m, versions[m])]
    merged = pa.Table.from_pylist(rows, alone.schema)
    golden = pa.concat_tables([alone, merged])
    given = set(sources.info.columns[_CUSTOMERS]) | {"customer_id"}
    given |= {"recorded_at", "created_at"} if merged.num_rows else set()
    given |= {"aliases"} if "name" in given else set()
    kept = [name for name in golden.column_names if name in given]
    return golden.select(kept), int(pc.sum(own).as_py() or 0)


def _looked_up(ids: pa.ChunkedArray, crosswalk: pa.Table) -> pa.ChunkedArray:
    places = pc.index_in(ids, value_set=crosswalk["customer_id"])
    return crosswalk["master_id"].take(places)


def _checked(before: Sources, draft: Path, customers: int) -> SourceInfo:
    """Return what the new folder says, once rows and amounts are those of the old one."""
    after = open_sources(draft)
    faults = []
    for name in before.tables:
        wanted = before.info.rows[name] if name != _CUSTOMERS else customers
        if after.info.rows[name] != wanted:
            faults.append(f"{name}: {wanted:,} rows became {after.info.rows[name]:,}")
        if name != _CUSTOMERS and _totals(before, name) != _totals(after, name):
            faults.append(f"{name}: the amounts have another total")
    if faults:
        raise DataError(
            f"Unifying would change the sources: {'; '.join(faults)}.",
            hint="Ingest the sources again with this version, then resolve and unify them.",
            faults=faults,
        )
    return replace(after.info, quarantined=before.info.quarantined)


def _totals(sources: Sources, name: str) -> dict[str, Decimal | None]:
    table = sources.tables[name]
    sums = {column: table[column].sum() for column in CONTRACT[name].of_kind("money")}
    if not sums:
        return {}
    found: dict[str, Decimal | None] = sources.connection.to_pyarrow(
        table.aggregate(**sums)
    ).to_pylist()[0]
    return found


def _complete(draft: Path, sources: Path, folder: Path, info: SourceInfo) -> None:
    """Fill the folder: the new tables, and the rows that were refused when they were old."""
    (folder / QUARANTINE).mkdir()
    for name in info.rows:
        (draft / f"{name}.parquet").replace(folder / f"{name}.parquet")
        old = sources / QUARANTINE / f"{name}.parquet"
        if old.is_file():
            shutil.copyfile(old, folder / QUARANTINE / f"{name}.parquet")
    info.save(folder)
