"""The indicators of one customer, made of his rows by the code that makes everybody's.

The rows pass the same door, are folded by the same history and measured by the same
dimensions; only the files in between are left out. What makes this differ from a world with
one customer in it: the tables and columns are those of the world he is to be seen in, so that
what he has none of is 0 where the world counts it, and the world's market is his market.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends import BaseBackend

from features.backends import drop, keep
from features.contract import CONTRACT, DTYPES, SourceTable
from features.door.checks import MASK, NOTE, REASON, SYSTEM, deduplicated, explained, staged
from features.door.source_info import SourceInfo
from features.frame import indicator_frame
from features.history import History
from features.schema import CATALOGUE
from features.single.question import OTHER_CURRENCY, Cell, Question, Rejected, Told
from features.snapshot import Snapshot
from features.sources import Sources

_CUSTOMER = "customer"
_SERIAL = count()


def answer(question: Question, connection: BaseBackend) -> Told:
    """Return the indicators of a question's customer, and the rows that were refused."""
    prefix = f"single_{next(_SERIAL)}"
    views: list[str] = []
    kept: list[str] = []
    snapshot = Snapshot.at(question.as_of)
    try:
        tables, rejected, versioned = {}, [], {}
        for name, columns in question.columns.items():
            table = CONTRACT[name]
            if not table.has_customer:
                continue
            given = question.rows.get(name)
            raw = ibis.memtable(_raw(given, table) if given else _nothing(table))
            views.append(raw.get_name())
            if not given:
                tables[name] = raw
                continue
            relation = f"{prefix}_{name}"
            kept.append(relation)
            rows = _through_the_door(raw, table, relation, connection, "recorded_at" in columns)
            rejected += _rejected(rows, table, question.currency, connection)
            tables[name] = rows.filter(_sound(rows, question.currency)).select(*table.column_names)
            versioned[name] = _repeats(tables[name], table, connection)
        if question.market:
            views.append(f"{prefix}_market")
            tables["market"] = connection.read_parquet(question.market, table_name=views[-1])
            versioned["market"] = _repeats(tables["market"], CONTRACT["market"], connection)
        sources = Sources(connection, tables, _info(question, versioned))
        return Told(_measured(sources, snapshot, question), tuple(rejected))
    finally:
        # A memtable would stay for as long as some cache knows an expression over it.
        drop(connection, views=views, tables=kept)


def _raw(given: Sequence[Mapping[str, Cell]], table: SourceTable) -> pa.Table:
    """Return the rows as text, as a file would bring them, all of one customer."""
    columns = {
        name: pa.array([_text(row.get(name)) for row in given], pa.string())
        for name in table.column_names
    }
    columns["customer_id"] = pa.array([_CUSTOMER] * len(given), pa.string())
    # The door knows a row by what it says, and by this mark, which it hands through.
    columns[SYSTEM] = pa.array([f"{place:06d}" for place in range(len(given))], pa.string())
    return pa.table(columns)


def _nothing(table: SourceTable) -> pa.Table:
    """Return what the door makes of no rows."""
    schema = ibis.schema({column.name: DTYPES[column.kind] for column in table.columns})
    return schema.to_pyarrow().empty_table()


def _text(cell: Cell) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    return str(cell).lower() if isinstance(cell, bool) else repr(cell)


def _through_the_door(
    raw: ir.Table, table: SourceTable, relation: str, connection: BaseBackend, versioned: bool
) -> ir.Table:
    rows = deduplicated(staged(raw, table), table, versioned=versioned)
    keep(connection, relation, rows)
    return connection.table(relation)


def _sound(rows: ir.Table, currency: str) -> ir.BooleanValue:
    sound = rows[MASK] == 0
    if "currency" in rows.columns:
        sound &= rows["currency"].fill_null(currency) == currency
    return sound


def _rejected(
    rows: ir.Table, table: SourceTable, currency: str, connection: BaseBackend
) -> list[Rejected]:
    refused = explained(rows.filter(~_sound(rows, currency)), table).select(SYSTEM, REASON, NOTE)
    told = connection.to_pyarrow(refused.order_by(SYSTEM)).to_pylist()
    return [
        # The door refuses a whole file of another currency; of single rows it is the row.
        Rejected(table.name, int(row[SYSTEM]), row[REASON], row[NOTE] or "")
        if row[REASON]
        else Rejected(table.name, int(row[SYSTEM]), OTHER_CURRENCY, "currency")
        for row in told
    ]


def _repeats(rows: ir.Table, table: SourceTable, connection: BaseBackend) -> bool:
    groups = rows.group_by(list(table.key)).aggregate(n=rows.count())
    return bool(connection.to_pyarrow(groups.n.max().name("most")).as_py() not in (None, 1))


def _info(question: Question, versioned: Mapping[str, bool]) -> SourceInfo:
    return SourceInfo(
        world="",
        currency=question.currency,
        simulated=False,
        terms="",
        fingerprints={},
        rows={},
        quarantined={},
        versioned=versioned,
        columns={
            name: tuple(columns)
            for name, columns in question.columns.items()
            if name != "market" or question.market
        },
        # A customer who has not bought by then has no indicators, which is no error here.
        first_day=question.as_of,
        last_day=question.as_of,
    )


def _measured(sources: Sources, snapshot: Snapshot, question: Question) -> dict[str, float | None]:
    with History(sources, [snapshot]) as history:
        frame = indicator_frame(history.at(snapshot), history.codes)
        rows = history.run(frame).read_all().to_pylist()
    if not rows:
        return {}
    lacking = question.missing()
    return {name: None if name in lacking else rows[0][name] for name in CATALOGUE}
