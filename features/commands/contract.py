"""`tierwise features contract`: the tables and columns that sources are mapped to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from features.commands.catalogue import Language
from features.contract import CONTRACT, REASONS, Column, SourceTable


def contract(
    markdown: Annotated[bool, typer.Option("--markdown", help="Markdown instead.")] = False,
    language: Annotated[Language, typer.Option(help="Language of labels.")] = Language.EN,
) -> None:
    """List the tables and columns that sources are mapped to, and why rows are refused."""
    if markdown:
        for line in _page(language):
            typer.echo(line)
        return
    console = Console()
    for source in CONTRACT.values():
        table = Table("column", "kind", "label", title=_title(source, language))
        for column in source.columns:
            label = column.label_zh if language is Language.ZH else column.label_en
            name = f"{column.name} *" if column.required else column.name
            table.add_row(name, column.kind, label)
        console.print(table)


def _page(language: Language) -> Iterator[str]:
    for source in CONTRACT.values():
        yield f"## `{source.name}`: {_title(source, language).partition(': ')[2]}"
        yield ""
        yield f"A row is identified by {_listed(source.key)} and dated by `{source.event_time}`."
        yield ""
        yield from _rows(("column", "label", "kind", "needed", "remarks"))
        for column in source.columns:
            yield from _rows(_column(column, language), head=False)
        yield ""
    yield "## Why rows are refused"
    yield ""
    yield from _rows(("reason", "meaning"))
    for code, (english, chinese) in REASONS.items():
        meaning = chinese if language is Language.ZH else english
        yield from _rows((f"`{code}`", meaning), head=False)


def _rows(cells: tuple[str, ...], *, head: bool = True) -> Iterator[str]:
    yield f"| {' | '.join(cells)} |"
    if head:
        yield f"| {' | '.join('---' for _ in cells)} |"


def _title(source: SourceTable, language: Language) -> str:
    label = source.label_zh if language is Language.ZH else source.label_en
    return f"{source.name}: {label}"


def _column(column: Column, language: Language) -> tuple[str, ...]:
    remarks = []
    if column.default is not None:
        remarks.append(f"default {str(column.default).lower()}")
    if column.minimum is not None or column.maximum is not None:
        remarks.append(_range(column.minimum, column.maximum))
    if column.known_from is not None:
        remarks.append(f"known from `{column.known_from}` on")
    if column.pii:
        remarks.append("identifies a person")
    label = column.label_zh if language is Language.ZH else column.label_en
    needed = "yes" if column.required else ""
    return f"`{column.name}`", label, column.kind, needed, "; ".join(remarks)


def _range(minimum: float | None, maximum: float | None) -> str:
    if maximum is None:
        return f"{minimum:g} and up"
    return f"up to {maximum:g}" if minimum is None else f"{minimum:g} to {maximum:g}"


def _listed(names: tuple[str, ...]) -> str:
    told = [f"`{name}`" for name in names]
    return " and ".join(filter(None, (", ".join(told[:-1]), told[-1])))
