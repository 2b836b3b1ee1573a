"""Take raw tables in at the door: cast, check, split, and write a folder of sources.

Nothing is dropped silently: a row is either accepted or written to quarantine with its
reason, both are counted, and their totals must agree with those of the source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import ibis.expr.types as ir
from ibis.backends import BaseBackend

from features.backends import ENGINE_ERRORS
from features.contract import CONTRACT, suggest
from features.door.checks import MARKS, UNNUMBERED
from features.door.folder import QUARANTINE, exchange
from features.door.intake import Outcome, take_in
from features.door.reconciliation import Totals
from features.door.refusals import Verdict
from features.door.source_info import SourceInfo
from features.door.source_report import SourceReport
from features.errors import ContractError, DataError

Progress = Callable[[str, int, int], None]
"""Called with what is being done, steps done, and steps in all."""

Raw = Mapping[str, ir.Table | Sequence[ir.Table] | None]
"""Raw tables by contract name; several of one name come from several systems."""


def ingest(
    raw: Raw,
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
        Tables by contract name, with contract column names, the marks of
        :mod:`features.door.checks`, and any types; None or absent means the source does not
        exist. Several tables of one name are united. Bound to ``connection`` (or memtables).
    out_dir
        Folder to write; replaced as a whole, and only when all is well.
    connection
        See :func:`features.backends.connect`.
    world, currency, simulated, terms
        See :class:`~features.door.source_info.SourceInfo`.
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
        If the engine cannot read a source, the totals do not agree, or ``out_dir`` holds
        foreign files.
    """
    given = {
        name: (some,) if isinstance(some, ir.Table) else tuple(some)
        for name, some in raw.items()
        if some is not None
    }
    _check_shape(given)
    present = {name: given[name] for name in CONTRACT if name in given}
    tell = progress or (lambda _text, _done, _total: None)
    with exchange(out_dir) as folder:
        (folder / QUARANTINE).mkdir()
        outcomes = {}
        for done, (name, parts) in enumerate(present.items()):
            tell(f"ingest {name}", done, len(present))
            with _engine_trouble(name):
                outcomes[name] = take_in(parts, CONTRACT[name], folder, connection, currency)
        info = _info(outcomes, world, currency.upper(), simulated, terms)
        info.save(folder)
    tell("ingest", len(present), len(present))
    return SourceReport(
        info,
        examples={name: outcome.examples for name, outcome in outcomes.items()},
        notes=tuple(note for outcome in outcomes.values() for note in outcome.notes),
    )


def _check_shape(given: Mapping[str, tuple[ir.Table, ...]]) -> None:
    """Collect every fault of table and column names, and raise once."""
    faults = [f"unknown table {n!r}{suggest(n, CONTRACT)}" for n in given if n not in CONTRACT]
    if not given.get("orders"):
        faults.append("table 'orders' is missing, and nothing can be graded without it")
    for name, table in ((n, t) for n, parts in given.items() for t in parts if n in CONTRACT):
        known, columns = CONTRACT[name].column_names, table.columns
        unknown = [column for column in columns if column not in (*known, *MARKS, UNNUMBERED)]
        faults += [
            f"{name}: required column {column!r} is missing{suggest(column, unknown)}"
            for column in CONTRACT[name].required
            if column not in columns
        ]
        faults += [f"{name}: unknown column {c!r}{suggest(c, known)}" for c in unknown]
    if faults:
        raise ContractError(
            f"The sources break the contract in {len(faults)} place(s): {'; '.join(faults)}.",
            hint="docs/source-contract.md lists the tables and columns.",
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


def _info(
    outcomes: Mapping[str, Outcome], world: str, currency: str, simulated: bool, terms: str
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
        quarantined={name: o.verdict.by_reason() for name, o in outcomes.items()},
        versioned={name: o.versioned for name, o in outcomes.items()},
        columns={name: o.columns for name, o in outcomes.items()},
        first_day=first_day,
        last_day=last_day,
        totals={name: o.totals for name, o in outcomes.items()},
        causes={name: o.verdict.causes for name, o in outcomes.items()},
        systems={name: found for name, o in outcomes.items() if (found := _systems(o.verdict))},
    )


def _systems(verdict: Verdict) -> dict[str, Totals]:
    """Return the rows of each named system."""
    names = sorted({*verdict.accepted, *verdict.refused} - {""})
    sides = [
        (name, Decimal(verdict.accepted.get(name, 0)), Decimal(verdict.refused.get(name, 0)))
        for name in names
    ]
    return {name: Totals(ok + bad, ok, bad) for name, ok, bad in sides}
