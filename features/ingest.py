"""Take raw tables in at the door: cast, check, split, and write a folder of sources.

Nothing is dropped silently: a row is either accepted or written to quarantine with its
reason, and both are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
from ibis.backends import BaseBackend

from features.backends import ENGINE_ERRORS
from features.checks import REASON, ROW, deduplicated, staged
from features.contract import CONTRACT, SourceTable, suggest
from features.errors import ContractError, DataError, EmptySourceError
from features.folder import QUARANTINE, exchange, sha256
from features.source_info import SourceInfo, SourceReport, stray_orders

Progress = Callable[[str, int, int], None]
"""Called with what is being done, steps done, and steps in all."""

_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of one table."""

    rows: int
    refused: Mapping[str, int]
    examples: Mapping[str, tuple[str, ...]]
    versioned: bool
    columns: tuple[str, ...]
    first_day: date | None
    last_day: date | None
    fingerprint: str
    notes: tuple[str, ...]


def ingest(
    raw: Mapping[str, ir.Table | None],
    out_dir: Path,
    *,
    connection: BaseBackend,
    world: str,
    currency: str,
    simulated: bool = False,
    terms: str = "",
    progress: Progress | None = None,
) -> SourceReport:
    """Cast, check and split raw tables, and write them as a folder of sources.

    Parameters
    ----------
    raw
        Tables by contract name, with contract column names and any types; None or absent
        means the source does not exist. Bound to ``connection`` (or memtables).
    out_dir
        Folder to write; replaced as a whole, and only when all is well.
    connection
        See :func:`features.backends.connect`.
    world, currency, simulated, terms
        See :class:`~features.source_info.SourceInfo`.
    progress
        Called before each table and at the end.

    Raises
    ------
    ContractError
        If a required table or column is missing, a name is unknown (all such faults at
        once), or the money is not all in ``currency``.
    EmptySourceError
        If ``orders`` has no usable row, or every row of another table was refused.
    DataError
        If the engine cannot read a source, or ``out_dir`` holds foreign files.
    """
    _check_shape(raw)
    present = {name: t for name in CONTRACT if (t := raw.get(name)) is not None}
    tell = progress or (lambda _text, _done, _total: None)
    with exchange(out_dir) as folder:
        (folder / QUARANTINE).mkdir()
        outcomes = {}
        for done, (name, table) in enumerate(present.items()):
            tell(f"ingest {name}", done, len(present))
            with _engine_trouble(name):
                outcomes[name] = _take_in(table, CONTRACT[name], folder, connection, currency)
        info = _info(outcomes, world, currency.upper(), simulated, terms)
        info.save(folder)
    tell("ingest", len(present), len(present))
    return SourceReport(
        info,
        examples={name: outcome.examples for name, outcome in outcomes.items()},
        notes=outcomes["orders"].notes,
    )


def _check_shape(raw: Mapping[str, ir.Table | None]) -> None:
    """Collect every fault of table and column names, and raise once."""
    faults = [f"unknown table {n!r}{suggest(n, CONTRACT)}" for n in raw if n not in CONTRACT]
    if raw.get("orders") is None:
        faults.append("table 'orders' is missing, and nothing can be graded without it")
    for name, table in raw.items():
        if table is None or name not in CONTRACT:
            continue
        known, given = CONTRACT[name].column_names, table.columns
        unknown = [column for column in given if column not in known]
        faults += [
            f"{name}: required column {column!r} is missing{suggest(column, unknown)}"
            for column in CONTRACT[name].required
            if column not in given
        ]
        faults += [f"{name}: unknown column {c!r}{suggest(c, known)}" for c in unknown]
    if faults:
        raise ContractError(
            f"The sources break the contract in {len(faults)} place(s): {'; '.join(faults)}.",
            hint="docs/how-to-use-your-own-data.md lists the tables and columns.",
            faults=faults,
        )


@contextmanager
def _engine_trouble(table: str) -> Iterator[None]:
    try:
        yield
    except ENGINE_ERRORS as error:
        # The engine says the fault in its first lines and then lists its own options.
        told = "; ".join(line.strip() for line in str(error).splitlines()[:3] if line.strip())
        raise DataError(
            f"{table}: the source cannot be read: {told}.",
            hint="Check that each line of the file has as many fields as its header.",
            table=table,
        ) from error


def _take_in(
    raw: ir.Table, table: SourceTable, folder: Path, connection: BaseBackend, currency: str
) -> _Outcome:
    """Write the accepted and the refused rows of one table."""
    draft = folder / f"{table.name}.draft.parquet"
    connection.to_parquet(staged(raw, table), draft)
    rows = connection.read_parquet(draft)
    sound = rows.filter(rows[REASON].isnull())
    keyed = "recorded_at" in raw.columns
    if _repeats(sound, [*table.key, "recorded_at"] if keyed else table.key, connection):
        marked = folder / f"{table.name}.marked.parquet"
        connection.to_parquet(deduplicated(rows, table, versioned=keyed), marked)
        draft.unlink()
        draft, rows = marked, connection.read_parquet(marked)
        sound = rows.filter(rows[REASON].isnull())

    refused = rows.filter(rows[REASON].notnull())
    counts, examples = _refusals(refused, connection)
    facts = _facts(sound, table, connection)
    if not facts["rows"] and (counts or table.name == "orders"):
        raise _nothing_usable(table.name, counts, examples)
    _check_currency(sound, table, connection, currency)

    target = folder / f"{table.name}.parquet"
    accepted = sound.select(*table.column_names)
    if "currency" in table.column_names:
        accepted = accepted.mutate(currency=accepted["currency"].fill_null(currency.upper()))
    order = dict.fromkeys(["customer_id", table.event_time, *table.key, "recorded_at"])
    connection.to_parquet(accepted.order_by(list(order)), target, compression="zstd")
    connection.to_parquet(
        refused.select(REASON, ROW).order_by([REASON, ROW]),
        folder / QUARANTINE / f"{table.name}.parquet",
        compression="zstd",
    )
    versioned = keyed and _repeats(sound, table.key, connection)
    notes = _stray(sound, connection) if table.name == "orders" else ()
    draft.unlink()
    return _Outcome(
        rows=facts["rows"],
        refused=counts,
        examples=examples,
        versioned=versioned,
        columns=_informative(raw, table, facts),
        first_day=facts["first_day"],
        last_day=facts["last_day"],
        fingerprint=sha256(target),
        notes=notes,
    )


def _stray(orders: ir.Table, connection: BaseBackend) -> tuple[str, ...]:
    groups = orders.group_by(day=orders.occurred_at.date()).aggregate(n=orders.count())
    rows = connection.to_pyarrow(groups.order_by("day")).to_pylist()
    return stray_orders([(row["day"], row["n"]) for row in rows])


def _repeats(rows: ir.Table, key: list[str] | tuple[str, ...], connection: BaseBackend) -> bool:
    """Tell whether a key occurs more than once."""
    groups = rows.group_by(list(key)).aggregate(n=rows.count())
    return bool(connection.to_pyarrow(groups.n.max().name("most")).as_py() not in (None, 1))


def _refusals(
    refused: ir.Table, connection: BaseBackend
) -> tuple[dict[str, int], dict[str, tuple[str, ...]]]:
    """Count the refused rows by reason, largest first, with a few examples of each."""
    groups = refused.group_by(REASON).aggregate(n=refused.count()).order_by(ibis.desc("n"), REASON)
    counts = {row[REASON]: row["n"] for row in connection.to_pyarrow(groups).to_pylist()}
    examples = {}
    for reason in counts:
        some = refused.filter(refused[REASON] == reason).select(ROW).limit(_EXAMPLES)
        examples[reason] = tuple(connection.to_pyarrow(some)[ROW].to_pylist())
    return counts, examples


def _facts(sound: ir.Table, table: SourceTable, connection: BaseBackend) -> dict[str, Any]:
    """Count the sound rows, the filled cells of each column, and the span of days."""
    filled = {name: sound[name].count() for name in table.column_names}
    day = sound[table.event_time].date()
    facts = sound.aggregate(rows=sound.count(), first_day=day.min(), last_day=day.max(), **filled)
    row: dict[str, Any] = connection.to_pyarrow(facts).to_pylist()[0]
    return row


def _informative(raw: ir.Table, table: SourceTable, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the given columns, but for attributes that no row fills.

    An empty time stays: that nothing was ever paid or resolved is information.
    """
    times = table.of_kind("timestamp")
    return tuple(
        name
        for name in table.column_names
        if name in raw.columns and (name in times or facts[name] or not facts["rows"])
    )


def _check_currency(
    sound: ir.Table, table: SourceTable, connection: BaseBackend, currency: str
) -> None:
    if "currency" not in table.column_names:
        return
    stated = sound.filter(sound.currency.notnull())
    groups = stated.group_by("currency").aggregate(n=stated.count()).order_by(ibis.desc("n"))
    counts = {row["currency"]: row["n"] for row in connection.to_pyarrow(groups).to_pylist()}
    if set(counts) - {currency.upper()}:
        listed = ", ".join(f"{code} ({n:,} rows)" for code, n in counts.items())
        raise ContractError(
            f"{table.name}.currency: amounts must all be in {currency.upper()}, found {listed}.",
            hint="Convert the amounts to one currency, or ingest one currency at a time.",
            table=table.name,
            column="currency",
            counts=counts,
        )


def _nothing_usable(
    table: str, counts: Mapping[str, int], examples: Mapping[str, tuple[str, ...]]
) -> EmptySourceError:
    if not counts:
        return EmptySourceError(
            f"{table}: the source has no rows.",
            hint="Check that the right file was exported, and that it is not only a header.",
            table=table,
        )
    reasons = ", ".join(f"{reason} {n:,}" for reason, n in counts.items())
    worst = next(iter(counts))
    return EmptySourceError(
        f"{table}: none of the {sum(counts.values()):,} rows is usable ({reasons}). "
        f"First rows with {worst}: {'; '.join(examples[worst])}.",
        hint="Check the mapping of the columns and the formats of times and numbers.",
        table=table,
        counts=dict(counts),
        examples={reason: list(rows) for reason, rows in examples.items()},
    )


def _info(
    outcomes: Mapping[str, _Outcome], world: str, currency: str, simulated: bool, terms: str
) -> SourceInfo:
    first_day, last_day = outcomes["orders"].first_day, outcomes["orders"].last_day
    assert first_day is not None, "orders are not empty here"
    assert last_day is not None
    return SourceInfo(
        world=world,
        currency=currency,
        simulated=simulated,
        terms=terms,
        fingerprints={name: o.fingerprint for name, o in outcomes.items()},
        rows={name: o.rows for name, o in outcomes.items()},
        quarantined={name: dict(o.refused) for name, o in outcomes.items()},
        versioned={name: o.versioned for name, o in outcomes.items()},
        columns={name: o.columns for name, o in outcomes.items()},
        first_day=first_day,
        last_day=last_day,
    )
