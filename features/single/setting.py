"""The indicators of one customer, made of his rows by the code that makes everybody's.

The rows pass the same door, are folded by the same history and measured by the same
dimensions; only the files in between are left out. What makes this differ from a world with
one customer in it: the tables and columns are those of the world he is to be seen in, so that
what he has none of is 0 where the world counts it, and the world's market is his market.

For so few rows nearly all the time goes into writing SQL, and SQL depends on the shape of a
question alone. So the relations stay, and the next question of that shape fills them anew.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends import BaseBackend

from features.backends import batches, compiled, drop, keep, lay
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
_FOLDS = 4
"""Folds that stay: tables without versions of a row are folded by other SQL than those with."""
_SERIAL = count()


def shape(question: Question) -> Hashable:
    """Return what two questions share that are answered by the same SQL."""
    columns = tuple((name, tuple(each)) for name, each in question.columns.items())
    return question.as_of, question.currency, question.market, columns


@dataclass(frozen=True, slots=True)
class _Door:
    """One table's way in: its relations, and the SQL of what is asked there.

    Attributes
    ----------
    raw, marked
        Relations of the rows as posted, and of what the door makes of them.
    rows, rejected, sound
        SQL of the second relation, of the rows it refuses, and of those it lets through.
    repeats
        SQL of how often the key is there that is there most.
    """

    table: SourceTable
    raw: str
    marked: str
    rows: str
    rejected: str
    sound: str
    repeats: str


class Setting:
    """The relations in which questions of one :func:`shape` are answered.

    Parameters
    ----------
    question
        One of that shape; its rows do not matter.
    connection
        Where the relations are, until :meth:`close`.
    """

    def __init__(self, question: Question, connection: BaseBackend) -> None:
        self._link = connection
        self._prefix = f"single_{next(_SERIAL)}"
        self._currency, self._columns = question.currency, question.columns
        self._made: list[str] = []
        self._market: list[str] = []
        self._market_repeats = ""
        self._doors: dict[str, _Door] = {}
        self._tables: dict[str, ir.Table] = {}
        self._folds: OrderedDict[frozenset[str], tuple[History, str]] = OrderedDict()
        try:
            self._make(question)
        except BaseException:
            self.close()
            raise

    def answer(self, question: Question) -> Told:
        """Return the indicators of a question's customer, and the rows that were refused."""
        rejected: list[Rejected] = []
        repeating = {"market"} if self._market and self._asked(self._market_repeats) else set()
        for name in self._columns:
            table, rows = CONTRACT[name], question.rows.get(name)
            if table.has_customer and rows:
                rejected += self._enter(table, rows)
                if self._asked(self._doors[name].repeats):
                    repeating.add(name)
            elif name in self._doors:
                lay(self._link, self._relation(name), _nothing(table))
        found = batches(self._link, self._folded(question, frozenset(repeating)))
        rows = found.read_all().to_pylist()
        if not rows:
            return Told({}, tuple(rejected))
        lacking = question.missing()
        told = {name: None if name in lacking else rows[0][name] for name in CATALOGUE}
        return Told(told, tuple(rejected))

    def close(self) -> None:
        """Drop the relations."""
        while self._folds:
            self._folds.popitem()[1][0].close()
        drop(self._link, views=self._market, tables=self._made)
        self._made, self._market = [], []

    def _make(self, question: Question) -> None:
        for name in self._columns:
            if CONTRACT[name].has_customer:
                self._made.append(self._relation(name))
                lay(self._link, self._made[-1], _nothing(CONTRACT[name]))
                self._tables[name] = self._link.table(self._made[-1])
        if question.market:
            self._market.append(self._relation("market"))
            rows = self._link.read_parquet(question.market, table_name=self._market[0])
            self._tables["market"] = rows
            self._market_repeats = self._sql(_repeats(rows, CONTRACT["market"]))

    def _enter(self, table: SourceTable, rows: Sequence[Mapping[str, Cell]]) -> Iterator[Rejected]:
        """Let rows of a table in, and yield those that are refused."""
        lay(self._link, f"{self._relation(table.name)}_raw", _raw(rows, table))
        if table.name not in self._doors:
            self._doors[table.name] = self._door(table)
        door = self._doors[table.name]
        keep(self._link, door.marked, door.rows)
        keep(self._link, self._relation(table.name), door.sound)
        for row in batches(self._link, door.rejected).read_all().to_pylist():
            place, reason = int(row[SYSTEM]), row[REASON]
            # The door refuses a whole file of another currency; of single rows it is the row.
            yield (
                Rejected(table.name, place, reason, row[NOTE] or "")
                if reason
                else Rejected(table.name, place, OTHER_CURRENCY, "currency")
            )

    def _door(self, table: SourceTable) -> _Door:
        """Make a door for the rows that stand before it."""
        relation = self._relation(table.name)
        raw, marked = f"{relation}_raw", f"{relation}_marked"
        self._made += [raw, marked]
        versioned = "recorded_at" in self._columns[table.name]
        rows = deduplicated(staged(self._link.table(raw), table), table, versioned=versioned)
        sql = self._sql(rows)
        keep(self._link, marked, sql)
        through = self._link.table(marked)
        sound = _sound(through, self._currency)
        told = explained(through.filter(~sound), table).select(SYSTEM, REASON, NOTE)
        return _Door(
            table,
            raw,
            marked,
            sql,
            self._sql(told.order_by(SYSTEM)),
            self._sql(through.filter(sound).select(*table.column_names)),
            self._sql(_repeats(self._tables[table.name], table)),
        )

    def _folded(self, question: Question, repeating: frozenset[str]) -> str:
        """Fold what came through the doors, and return the SQL of the indicators."""
        if repeating in self._folds:
            self._folds.move_to_end(repeating)
            history, sql = self._folds[repeating]
            history.refold()
            return sql
        snapshot = Snapshot.at(question.as_of)
        sources = Sources(self._link, self._tables, _info(question, repeating))
        history = History(sources, [snapshot]).__enter__()
        try:
            sql = self._sql(indicator_frame(history.at(snapshot), history.codes))
        except BaseException:
            history.close()
            raise
        self._folds[repeating] = history, sql
        while len(self._folds) > _FOLDS:
            self._folds.popitem(last=False)[1][0].close()
        return sql

    def _asked(self, sql: str) -> bool:
        (row,) = batches(self._link, sql).read_all().to_pylist()
        return bool(row["told"])

    def _relation(self, name: str) -> str:
        return f"{self._prefix}_{name}"

    def _sql(self, rows: ir.Table) -> str:
        return compiled(self._link, rows)


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


def _sound(rows: ir.Table, currency: str) -> ir.BooleanValue:
    sound = rows[MASK] == 0
    if "currency" in rows.columns:
        sound &= rows["currency"].fill_null(currency) == currency
    return sound


def _repeats(rows: ir.Table, table: SourceTable) -> ir.Table:
    """Return whether a key is there more than once."""
    groups = rows.group_by(list(table.key)).aggregate(n=rows.count())
    return groups.aggregate(told=(groups.n > 1).any())


def _info(question: Question, repeating: frozenset[str]) -> SourceInfo:
    return SourceInfo(
        world="",
        currency=question.currency,
        simulated=False,
        terms="",
        fingerprints={},
        rows={},
        quarantined={},
        versioned=dict.fromkeys(repeating, True),
        columns={
            name: tuple(columns)
            for name, columns in question.columns.items()
            if name != "market" or question.market
        },
        # A customer who has not bought by then has no indicators, which is no error here.
        first_day=question.as_of,
        last_day=question.as_of,
    )
