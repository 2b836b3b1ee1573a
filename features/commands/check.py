"""`tierwise features check`: how good the sources are."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from features.commands.instants import known_at_instant
from features.commands.terminal import DAY, SourcesOption, bar
from features.errors import DataError
from features.publish import materialise
from features.quality.assess import quality
from features.quality.files import write_report
from features.quality.report import QualityReport, TableQuality
from features.snapshot import Snapshot
from features.sources import open_sources

_WORST = 3


def check(
    sources: SourcesOption,
    as_of: Annotated[
        datetime | None, typer.Option(formats=DAY, help="Snapshot day; the last day by default.")
    ] = None,
    known_at: Annotated[
        str | None,
        typer.Option(help="Day or instant (UTC) of knowledge; the snapshot's end by default."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to; reports beside the sources by default.")
    ] = None,
    fail_under: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Fail if the accuracy is lower, for instance 0.98."),
    ] = None,
) -> None:
    """Report what is refused, missing, stale, orphaned or not to be believed."""
    console = Console()
    opened = open_sources(sources)
    day = opened.info.last_day if as_of is None else as_of.date()
    snapshot = Snapshot.at(day, known_at_instant(known_at))
    with bar(console) as progress:
        progress("indicators", 0, 1)
        frame = materialise(opened, snapshot)
        report = quality(opened, snapshot, frame, folder=sources, progress=progress)
    paths = write_report(report, out or sources.resolve().parent / "reports")
    console.print(_source_table(report))
    for line in (*_told(report), *(f"Written to {path}" for path in paths)):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if fail_under is not None:
        _hold(report, fail_under)


def _source_table(report: QualityReport) -> Table:
    origin = "simulated" if report.simulated else "real"
    table = Table(title=f"{report.world} ({origin}) as of {report.as_of:%Y-%m-%d}")
    for name in ("table", "rows", "refused", "accuracy", "newest", "days old"):
        number = name in ("rows", "refused", "accuracy")
        table.add_column(name, no_wrap=True, justify="right" if number else "left")
    for name, found in report.tables.items():
        table.add_row(
            name,
            f"{found.visible:,}",
            f"{sum(found.refused.values()):,}",
            _share(found.accuracy.share),
            _text(found.freshness.last_day),
            f"{_text(found.freshness.age)}{' (stale)' if found.freshness.stale else ''}",
        )
    for name in report.absent_tables:
        table.add_row(name, "no source")
    return table


def _told(report: QualityReport) -> list[str]:
    who, kpi = report.customers, report.accuracy
    verdict = "reaches" if kpi.passed else "misses"
    flagged = ", ".join(f"{count:,} {flag}" for flag, count in who.flagged.items())
    return [
        *(
            f"{name} lacks {', '.join(found.absent)}"
            for name, found in report.tables.items()
            if found.absent
        ),
        f"Customers: {who.customers:,}; to follow up: {who.to_follow_up:,} ({flagged})",
        f"Accuracy {_share(kpi.share)} {verdict} the target: "
        f"{kpi.faulty:,} of {kpi.rows:,} rows have a fault",
    ]


def _hold(report: QualityReport, limit: float) -> None:
    """Raise if the accuracy is below a limit.

    Raises
    ------
    DataError
        With the KPI and the tables that cost it most.
    """
    kpi = report.accuracy
    if kpi.share is None or kpi.share >= limit:
        return
    worst = sorted(report.tables.items(), key=lambda item: -item[1].accuracy.faulty)[:_WORST]
    named = [f"{name} {_named(table)}" for name, table in worst if table.accuracy.faulty]
    raise DataError(
        f"Accuracy is {_share(kpi.share)}, below {limit:.2%}: {'; '.join(named)}.",
        hint="quality.en.html shows the rows and the reasons.",
        accuracy=kpi.share,
        limit=limit,
        faulty={name: table.accuracy.faulty for name, table in worst},
    )


def _named(table: TableQuality) -> str:
    return f"{_share(table.accuracy.share)} ({table.accuracy.faulty:,} faulty rows)"


def _share(share: float | None) -> str:
    """Return a share cut off, so that only what is whole reads 100 %."""
    return "" if share is None else f"{int(share * 10_000 + 1e-9) / 10_000:.2%}"


def _text(value: object | None) -> str:
    return "" if value is None else str(value)
