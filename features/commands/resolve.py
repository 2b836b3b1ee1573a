"""`tierwise features resolve`: which customers are one company."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from features.commands.terminal import bar
from features.identity.answers import read_answers
from features.identity.records import read_records
from features.identity.resolve import LOWER, UPPER
from features.identity.resolve import resolve as resolve_customers


def resolve(
    customers: Annotated[
        Path, typer.Option(help="Parquet or CSV file, or the folder written by `ingest`.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the results and of the kept ids.")],
    answers: Annotated[
        Path | None,
        typer.Option(help="CSV or Parquet: pairs that reviewers found the same or different."),
    ] = None,
    lower: Annotated[float, typer.Option(help="Pairs are reviewed from here on.")] = LOWER,
    upper: Annotated[float, typer.Option(help="Pairs are joined from here on.")] = UPPER,
) -> None:
    """Find the customers that are one company, under master ids that last."""
    console = Console()
    told = read_answers(answers) if answers is not None else []
    with bar(console) as progress:
        found = resolve_customers(
            read_records(customers),
            out,
            answers=told,
            lower=lower,
            upper=upper,
            progress=progress,
        )
    console.print(
        f"{found.customers:,} customers are {found.masters:,} companies "
        f"({found.merged_customers:,} share one); {found.review:,} pairs to review, "
        f"{found.answers:,} answered. "
        f"{found.new_masters:,} new master ids, {found.retired_masters:,} retired. "
        f"Written to {out}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
