"""One table through the door: cast, check, split, write both sides, reconcile them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
from ibis.backends import BaseBackend

from features.contract import SourceTable
from features.door.checks import MASK, NOTE, REASON, ROW, SYSTEM, deduplicated, explained, staged
from features.door.folder import QUARANTINE, sha256
from features.door.reconciliation import Totals, reconcile, source_totals, summed, written_totals
from features.door.refusals import Verdict, examples, judge
from features.door.source_report import mostly_refused, stray_orders
from features.errors import ContractError, EmptySourceError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one table.

    Attributes
    ----------
    rows
        Accepted rows.
    verdict
        What was wrong with the others.
    examples
        The first few raw rows refused for each cause, by its label.
    versioned
        Whether some key has several versions.
    columns
        Given columns that hold information.
    first_day, last_day
        Days of the first and last accepted event; None where no row has a time.
    fingerprint
        SHA-256 of the file of accepted rows.
    totals
        Totals of the source and of both sides.
    notes
        What a person should look at.
    """

    rows: int
    verdict: Verdict
    examples: Mapping[str, tuple[str, ...]]
    versioned: bool
    columns: tuple[str, ...]
    first_day: date | None
    last_day: date | None
    fingerprint: str
    totals: Mapping[str, Totals]
    notes: tuple[str, ...]


def take_in(
    parts: Sequence[ir.Table],
    table: SourceTable,
    folder: Path,
    connection: BaseBackend,
    currency: str,
) -> Outcome:
    """Write the accepted and the refused rows of one table.

    Parameters
    ----------
    parts
        Its raw tables, one of each system.
    table
        The contract to meet.
    folder
        Where ``{table}.parquet`` and ``quarantine/{table}.parquet`` are written.
    connection
        The engine that reads.
    currency
        What all amounts must be in.

    Raises
    ------
    EmptySourceError
        If no row is usable.
    ContractError
        If there is another currency.
    DataError
        If the totals do not agree.
    """
    given = tuple(n for n in table.column_names if any(n in part.columns for part in parts))
    keyed = "recorded_at" in given
    rows, draft = _draft(parts, table, folder, connection, versioned=keyed)
    sound, refused = rows.filter(rows[MASK] == 0), rows.filter(rows[MASK] != 0)
    verdict = judge(rows, table, connection)
    told = examples(refused, table, verdict.causes, connection)
    facts = _facts(sound, table, connection)
    if not facts["rows"] and (verdict.causes or table.name == "orders"):
        raise _nothing_usable(table.name, verdict, told)
    _check_currency(sound, table, connection, currency)
    target = _write(sound, refused, table, folder, connection, currency, given)
    totals = _reconciled(parts, table, given, folder, connection)
    versioned = keyed and _repeats(sound, table.key, connection)
    notes = _stray(sound, connection) if table.name == "orders" else ()
    draft.unlink()
    n_rows = sum(verdict.accepted.values()) + sum(verdict.refused.values())
    return Outcome(
        rows=facts["rows"],
        verdict=verdict,
        examples=told,
        versioned=versioned,
        columns=_informative(given, table, facts),
        first_day=facts["first_day"],
        last_day=facts["last_day"],
        fingerprint=sha256(target),
        totals=totals,
        notes=(*mostly_refused(table.name, n_rows, verdict.causes), *notes),
    )


def _draft(
    parts: Sequence[ir.Table],
    table: SourceTable,
    folder: Path,
    connection: BaseBackend,
    *,
    versioned: bool,
) -> tuple[ir.Table, Path]:
    """Write the rows of all systems with their faults, duplicates marked, and open them."""
    draft = folder / f"{table.name}.draft.parquet"
    united = [staged(part, table) for part in parts]
    connection.to_parquet(united[0] if len(united) == 1 else ibis.union(*united), draft)
    rows = connection.read_parquet(draft)
    sound = rows.filter(rows[MASK] == 0)
    if not _repeats(sound, [*table.key, "recorded_at"] if versioned else table.key, connection):
        return rows, draft
    marked = folder / f"{table.name}.marked.parquet"
    connection.to_parquet(deduplicated(rows, table, versioned=versioned), marked)
    draft.unlink()
    return connection.read_parquet(marked), marked


def _write(
    sound: ir.Table,
    refused: ir.Table,
    table: SourceTable,
    folder: Path,
    connection: BaseBackend,
    currency: str,
    given: Sequence[str],
) -> Path:
    """Write both sides of the door; return the file of the accepted rows."""
    target = folder / f"{table.name}.parquet"
    accepted = sound.select(*table.column_names)
    if "currency" in table.column_names:
        accepted = accepted.mutate(currency=accepted["currency"].fill_null(currency.upper()))
    owner = ("customer_id",) if table.has_customer else ()
    order = dict.fromkeys([*owner, table.event_time, *table.key, "recorded_at"])
    connection.to_parquet(accepted.order_by(list(order)), target, compression="zstd")
    told = explained(refused, table).select(REASON, NOTE, SYSTEM, ROW, *summed(table, given))
    connection.to_parquet(
        told.order_by([REASON, NOTE, SYSTEM, ROW]),
        folder / QUARANTINE / f"{table.name}.parquet",
        compression="zstd",
    )
    return target


def _reconciled(
    parts: Sequence[ir.Table],
    table: SourceTable,
    given: Sequence[str],
    folder: Path,
    connection: BaseBackend,
) -> dict[str, Totals]:
    """Compare the totals of the source with those of the two files written from it."""
    names = summed(table, given)
    accepted = connection.read_parquet(folder / f"{table.name}.parquet")
    refused = connection.read_parquet(folder / QUARANTINE / f"{table.name}.parquet")
    return reconcile(
        table.name,
        source_totals(parts, table, connection),
        written_totals(accepted, names, connection),
        written_totals(refused, names, connection),
    )


def _stray(orders: ir.Table, connection: BaseBackend) -> tuple[str, ...]:
    groups = orders.group_by(day=orders.occurred_at.date()).aggregate(n=orders.count())
    rows = connection.to_pyarrow(groups.order_by("day")).to_pylist()
    return stray_orders([(row["day"], row["n"]) for row in rows])


def _repeats(rows: ir.Table, key: list[str] | tuple[str, ...], connection: BaseBackend) -> bool:
    """Tell whether a key occurs more than once."""
    groups = rows.group_by(list(key)).aggregate(n=rows.count())
    return bool(connection.to_pyarrow(groups.n.max().name("most")).as_py() not in (None, 1))


def _facts(sound: ir.Table, table: SourceTable, connection: BaseBackend) -> dict[str, Any]:
    """Count the sound rows, the filled cells of each column, and the span of days."""
    filled = {name: sound[name].count() for name in table.column_names}
    day = sound[table.event_time].date()
    facts = sound.aggregate(rows=sound.count(), first_day=day.min(), last_day=day.max(), **filled)
    row: dict[str, Any] = connection.to_pyarrow(facts).to_pylist()[0]
    return row


def _informative(
    given: Sequence[str], table: SourceTable, facts: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return the given columns, but for attributes that no row fills.

    An empty time stays: that nothing was ever paid or resolved is information.
    """
    times = table.of_kind("timestamp")
    return tuple(name for name in given if name in times or facts[name] or not facts["rows"])


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
            hint="State what the others are worth: [currency_rates] in the mapping.",
            table=table.name,
            column="currency",
            counts=counts,
        )


def _nothing_usable(
    table: str, verdict: Verdict, told: Mapping[str, tuple[str, ...]]
) -> EmptySourceError:
    if not verdict.causes:
        return EmptySourceError(
            f"{table}: the source has no rows.",
            hint="Check that the right file was exported, and that it is not only a header.",
            table=table,
        )
    causes = [cause for cause in verdict.causes if cause.refused]
    listed = ", ".join(f"{cause.label} {cause.refused:,}" for cause in causes)
    return EmptySourceError(
        f"{table}: none of the {sum(verdict.refused.values()):,} rows is usable ({listed}). "
        f"First rows with {causes[0].label}: {'; '.join(told[causes[0].label])}.",
        hint="Check the mapping of the columns and the formats of times and numbers.",
        table=table,
        counts=verdict.by_reason(),
        examples={label: list(rows) for label, rows in told.items()},
    )
