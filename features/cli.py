"""Commands from raw files to published indicators: ``tierwise features ...``.

Expected failures are raised as they are; ``tierwise/cli.py`` tells them to people.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from features.backends import connect
from features.mapping import apply_mapping, read_mapping
from features.parquet import atomic_path
from features.publish import materialise
from features.publish import publish as publish_snapshots
from features.quality import QualityReport, quality
from features.records import read_records
from features.resolve import LOWER, UPPER
from features.resolve import resolve as resolve_customers
from features.schema import CATALOGUE, Indicator
from features.snapshot import Snapshot
from features.sources import SourceReport, open_sources
from features.sources import ingest as ingest_tables
from features.worlds.registry import WORLDS, load

app = typer.Typer(no_args_is_help=True, help="Ingest sources, check them, publish indicators.")

DAY = ["%Y-%m-%d"]
_ARROWS = {1: "↑", 0: "·", -1: "↓"}


class Language(StrEnum):
    """Language of labels."""

    EN = "en"
    ZH = "zh"


SourcesOption = Annotated[Path, typer.Option("--sources", help="Folder written by `ingest`.")]


@app.command()
def ingest(
    out: Annotated[Path, typer.Option(help="Folder to write; replaced as a whole.")],
    world: Annotated[str | None, typer.Option(help=f"A demo world: {', '.join(WORLDS)}.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of your own files.")] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="TOML file that maps them to the contract.")
    ] = None,
) -> None:
    """Take a demo world, or your own files, in at the door: cast, check, quarantine."""
    if (world is None) == (data is None) or (data is None) != (mapping is None):
        raise typer.BadParameter("Give either --world, or --data together with --mapping.")
    console = Console()
    with _bar(console) as progress:
        report = _ingest(out, world, data, mapping, progress)
    console.print(report.to_text(), highlight=False, markup=False)


def _ingest(
    out: Path,
    world: str | None,
    data: Path | None,
    mapping: Path | None,
    progress: Callable[[str, int, int], None],
) -> SourceReport:
    connection = connect()
    if data is not None and mapping is not None:
        read = read_mapping(mapping)
        return ingest_tables(
            apply_mapping(read, data, connection),
            out,
            connection=connection,
            world=read.world,
            currency=read.currency,
            simulated=read.simulated,
            terms=read.terms,
            progress=progress,
        )
    assert world is not None  # the command asked for one of the two
    loaded = load(world, connection)
    return ingest_tables(
        loaded.tables,
        out,
        connection=connection,
        world=world,
        currency=loaded.currency,
        simulated=loaded.simulated,
        terms=loaded.terms,
        progress=progress,
    )


@app.command()
def publish(
    sources: SourcesOption,
    out: Annotated[Path, typer.Option(help="Folder of published snapshots.")],
    as_of: Annotated[
        list[datetime] | None,
        typer.Option(formats=DAY, help="Snapshot day, repeatable; the last day by default."),
    ] = None,
    known_at: Annotated[
        str | None,
        typer.Option(help="Day or instant (UTC) of knowledge; each snapshot's end by default."),
    ] = None,
    horizon: Annotated[
        list[int] | None, typer.Option(help="Outcome horizon in days, repeatable.")
    ] = None,
) -> None:
    """Write the indicators, and the outcomes that are over, of one or more snapshots."""
    console = Console()
    opened = open_sources(sources)
    days = [moment.date() for moment in as_of or ()] or [opened.info.last_day]
    with _bar(console) as progress:
        manifest = publish_snapshots(
            opened, out, days, horizon or (), known_at=_known_at(known_at), progress=progress
        )
    console.print(
        f"{manifest.world}: {len(manifest.entries)} files in {out}, "
        f"fingerprint {manifest.fingerprint()[:12]}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


@app.command()
def check(
    sources: SourcesOption,
    as_of: Annotated[
        datetime | None, typer.Option(formats=DAY, help="Snapshot day; the last day by default.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            help="JSON file to write; reports/quality.json beside the sources by default."
        ),
    ] = None,
) -> None:
    """Report how complete and fresh the sources are."""
    console = Console()
    opened = open_sources(sources)
    snapshot = Snapshot.at(opened.info.last_day if as_of is None else as_of.date())
    found = quality(opened, snapshot, materialise(opened, snapshot))
    target = report or sources.resolve().parent / "reports" / "quality.json"
    with atomic_path(target) as part:
        text = json.dumps(found.to_dict(), ensure_ascii=False, indent=1, sort_keys=True)
        part.write_text(text + "\n", "utf-8")
    for table in (_source_table(found), _indicator_table(found)):
        console.print(table)
    for line in _absences(found):
        console.print(line, highlight=False, markup=False)
    console.print(f"Written to {target}", highlight=False, markup=False, soft_wrap=True)


@app.command()
def resolve(
    customers: Annotated[
        Path, typer.Option(help="Parquet or CSV file, or the folder written by `ingest`.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the results and of the kept ids.")],
    lower: Annotated[float, typer.Option(help="Pairs are reviewed from here on.")] = LOWER,
    upper: Annotated[float, typer.Option(help="Pairs are joined from here on.")] = UPPER,
) -> None:
    """Find the customers that are one company, under master ids that last."""
    found = resolve_customers(read_records(customers), out, lower=lower, upper=upper)
    Console().print(
        f"{found.customers:,} customers are {found.masters:,} companies "
        f"({found.merged_customers:,} share one); {found.review:,} pairs to review. "
        f"{found.new_masters:,} new master ids, {found.retired_masters:,} retired. "
        f"Written to {out}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


@app.command()
def catalogue(
    markdown: Annotated[bool, typer.Option("--markdown", help="Markdown instead.")] = False,
    language: Annotated[Language, typer.Option(help="Language of labels.")] = Language.EN,
) -> None:
    """List the indicators."""
    if markdown:
        head = ("indicator", "dimension", "label", "unit", "window", "better", "no event", "source")
        rows = [_catalogue_row(indicator, language) for indicator in CATALOGUE.values()]
        for line in (head, tuple("---" for _ in head), *rows):
            typer.echo(f"| {' | '.join(line)} |")
        return
    table = Table(title=f"{len(CATALOGUE)} indicators")
    for name, narrow in {"indicator": True, "label": False, "unit": True, "better": True}.items():
        table.add_column(name, no_wrap=narrow)
    for indicator in CATALOGUE.values():
        name, _dimension, label, unit, _window, better, *_ = _catalogue_row(indicator, language)
        table.add_row(name, label, unit, better)
    Console().print(table)


def _catalogue_row(indicator: Indicator, language: Language) -> tuple[str, ...]:
    return (
        indicator.name,
        str(indicator.dimension),
        indicator.label_zh if language is Language.ZH else indicator.label_en,
        indicator.unit,
        indicator.window,
        _ARROWS[int(indicator.direction)],
        indicator.null_policy,
        ", ".join(indicator.source),
    )


def _source_table(report: QualityReport) -> Table:
    origin = "simulated" if report.simulated else "real"
    table = Table(title=f"{report.world} ({origin}) as of {report.as_of:%Y-%m-%d}")
    for name in ("table", "rows", "refused", "from", "to", "days old"):
        table.add_column(name, no_wrap=True)
    for name, found in report.tables.items():
        table.add_row(
            name,
            f"{found.visible:,}",
            f"{sum(found.refused.values()):,}",
            _text(found.first_day),
            _text(found.last_day),
            _text(found.age_days),
        )
    for name in report.absent_tables:
        table.add_row(name, "no source")
    return table


def _indicator_table(report: QualityReport) -> Table:
    table = Table("indicator", "known", title="Customers with a value")
    for name, share in report.completeness.items():
        table.add_row(name, f"{share:.1%}")
    return table


def _absences(report: QualityReport) -> list[str]:
    return [
        f"{name} lacks {', '.join(found.absent)}"
        for name, found in report.tables.items()
        if found.absent
    ]


def _text(value: object | None) -> str:
    return "" if value is None else str(value)


def _known_at(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no ISO 8601 day or instant.") from error
    if len(text) == len("2026-01-31"):  # a day means all of it, as for --as-of
        return datetime.combine(date.fromisoformat(text), time.max)
    return moment


@contextmanager
def _bar(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("starting", total=None)

        def advance(what: str, done: int, total: int) -> None:
            progress.update(task, description=what, completed=done, total=total)

        yield advance
